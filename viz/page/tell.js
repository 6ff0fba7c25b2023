// What boxes and arrows are told to be: colours of overlays, legend, tooltip, words for a reader.
const titleOf = what => what.name || (what.lines[0].text);
const rms = v => v && v.norm !== null && !v.nan && !v.inf ? v.norm / Math.sqrt(v.size) : null;
const sum = (list, of) => list.reduce((total, v) => total + (of(v) || 0), 0);
const time = v => v.more.seconds === undefined ? null : v.more.seconds + (v.more.back || 0);
const overlays = {
  role: {says: "role"},
  gradient: {says: OVERLAYS.gradient, log: true, of: v => complete(v) ? rms(v.gradient) : null},
  value: {says: OVERLAYS.value, log: true, of: v => isComputed(v) ? rms(v.value) : null},
  time: {says: OVERLAYS.time, of: time, unit: duration},
  bytes: {says: OVERLAYS.bytes, of: v => v.more.bytes ?? null, unit: amount},
  saved: {says: OVERLAYS.saved, of: v => v.more.held || 0, unit: amount},
};
let overlay = "role", flow = explained, scale = null;

function duration(x) {
  return x < 1e-3 ? short(x * 1e6, 3) + " µs" : short(x * 1e3, 3) + " ms";
}

function amount(x) {
  let i = 0;
  for (; x >= 1000 && i < 4; i++) x /= 1000;
  return short(x, 3) + " " + ["B", "kB", "MB", "GB", "TB"][i];
}

// What the overlay measures of a box; of a closed group, its result's or the sum.
function measure(box) {
  const {of, log} = overlays[overlay];
  if (box.vertex) return of(box.vertex);
  if (log) return box.group.out < 0 ? null : of(data.vertices[box.group.out]);
  return box.group.members.some(v => of(v) !== null) ? sum(box.group.members, of) : null;
}

// The scale spans what the whole graph has, so that colours keep their meaning from step to step.
function rescale() {
  scale = null;
  if (overlay === "role") return;
  const keep = now;
  now = past;
  const {log} = overlays[overlay];
  const all = [...data.vertices.map(vertex => measure({vertex})), ...boxes.map(measure)]
    .filter(x => x !== null && (!log || x > 0));
  now = keep;
  if (all.length) {
    const high = all.reduce((a, b) => Math.max(a, b));
    scale = {low: log ? all.reduce((a, b) => Math.min(a, b)) : 0, high};
  }
}

const portion = (x, low, high) => x > 0 ? Math.log(x / low) / Math.log(high / low) : 0;

function fill(box) {
  if (overlay === "role" || box.frame) return "";
  const x = measure(box);
  if (x === null || !scale) return "var(--bare)";
  const {low, high} = scale, {log} = overlays[overlay];
  const part = high <= low ? 1 : log ? portion(x, low, high) : x / high;
  const i = Math.round(within(part, 0, 1) * 20), step = Math.min(3, Math.floor(i / 5));
  return `color-mix(in srgb,var(--s${step + 1}) ${(i / 5 - step) * 100}%,var(--s${step}))`;
}

const normOf = arrow => Math.hypot(...arrow.edges.map(e => data.edges[e][3] || 0));
const shareOf = arrow => sum(arrow.edges, e => data.edges[e][4]);
const least = norms.reduce((a, b) => Math.min(a, b), Infinity);
const most = norms.reduce((a, b) => Math.max(a, b), 0);

// How wide an arrow is: the norm of what went back along it, on a logarithmic scale.
function breadth(arrow) {
  if (explained) {
    const share = shareOf(arrow);
    return share ? 1.3 + 6 * Math.min(1, Math.abs(share)) : 0;
  }
  const norm = normOf(arrow);
  if (!flow || !norm || backward && !arrow.edges.some(came)) return 0;
  return 1.3 + 5.7 * (most > least ? within(portion(norm, least, most), 0, 1) : 1);
}
const came = e => now === past || steps.some((step, i) => step.edge === e && i < now);

function hot(arrow) {
  const step = current(), change = said(data.edges[arrow.edges[0]][5]);
  const same = change && arrow.edges.every(e => said(data.edges[e][5]) === change);
  return glow(arrow, step) + (same ? " " + change : "");
}

function glow(arrow, step) {
  if (chosen) return reached.has(arrow.source) && reached.has(arrow.target) ? " lit" : " dim";
  if (explained) return shareOf(arrow) ? " told" : " dim";
  if (step && !step.phase && at[step.vertex] === arrow.target) return " lit";
  return flow && breadth(arrow) ? " told" : "";
}

function edgeHint(arrow) {
  const [, target, operand = 0, norm, share] = data.edges[arrow.edges[0]];
  const parts = arrow.edges.length > 1 ? [arrow.edges.length + " arrows"]
    : [`operand ${operand + 1} of ${titleOf(data.vertices[target])}`];
  if (norm !== undefined && norm !== null) parts.push("|gradient| " + short(normOf(arrow)));
  if (share) parts.push("share " + short(100 * shareOf(arrow), 3) + " %");
  return parts.join(", ");
}

// What a reader hears of a box.
function told(box, lines) {
  const {what, vertex, frame} = box;
  const parts = lines.map(({text}) => text.replace(/^= /, "value ").replace(/^∇ /, "gradient "))
    .filter(Boolean);
  if (!vertex) parts.unshift(frame ? "open group" : "closed group of " + what.members.length);
  else parts.unshift(box.kind.says);
  if (!frame && vertex && !isComputed(vertex)) parts.push("not computed yet");
  if (what.origin) parts.push("first value that is not finite");
  if (what.gradientOrigin) parts.push("first gradient that is not finite");
  if (what.change) parts.push(what.change);
  if (!frame) parts.push(ends("from", box.into, "source"), ends("to", box.out, "target"));
  const mark = markAt(box).replace("+∇", "gets a contribution").replace(/[▼▲] /, "");
  return [mark, ...parts].filter(Boolean).join(", ");
}

// Where the arrows of a box come from or go to.
function ends(word, arrows, end) {
  const names = [...new Set(arrows.map(arrow => boxes[arrow[end]]))].map(({what}) =>
    [what.called, titleOf(what)].filter(Boolean).join(" "));
  const more = names.length > 6 ? ` and ${names.length - 5} more` : "";
  return names.length ? word + " " + names.slice(0, more ? 5 : 6).join(" and ") + more : "";
}

function rowsOf(name, v) {
  if (!v) return [];
  const rows = [[name, v.first + (v.size > 4 ? ", …" : "")]];
  if (v.size > 1 && v.mean !== null) {
    rows.push(["  mean, std", short(v.mean) + " ± " + short(v.std)],
      ["  min, max", short(v.min) + " … " + short(v.max)]);
  }
  if (v.size > 1) rows.push(["  NaN", `${v.nan} of ${v.size}`]);
  if (v.inf) rows.push(["  infinite", `${v.inf} of ${v.size}`]);
  return rows;
}

function facts(box) {
  const {what, vertex, group} = box;
  if (!vertex) {
    const list = what.members, many = sum(list, v => v.op ? 1 : 0);
    return [["group", what.kind], ["path", what.name],
      ["boxes", `${list.length}, ${many} operations`],
      ["ms", sum(list, time) ? short(1e3 * sum(list, time), 3) : ""],
      ["kept", sum(list, v => v.more.held) ? amount(sum(list, v => v.more.held)) : ""]];
  }
  const {more} = what, value = isComputed(what) ? what.value : null;
  const first = data.vertices[holder(what.id)];
  const gradient = complete(first) ? first.gradient : null;
  const rows = [[box.kind.says, what.op], ["in", pathOf(what)],
    ["shape", what.lines.filter(line => line.role === "meta").map(line => line.text).join(" · ")],
    ...(value ? rowsOf("value", value) : [["value", isComputed(what) ? "" : "not yet"]]),
    ...(gradient ? rowsOf("gradient", gradient) : [["gradient", complete(first) ? "" : "not yet"]])];
  if (value && gradient && rms(value) && rms(gradient) !== null) {
    rows.push(["|grad| / |value|", short(rms(gradient) / rms(value), 3)]);
  }
  if (more.dead !== undefined) rows.push(["dead units", short(100 * more.dead, 3) + " %"]);
  if (more.bytes) {
    rows.push(["bytes", amount(more.bytes) + (more.held ? `, ${amount(more.held)} kept` : "")]);
  }
  if (what.kept && !more.held) rows.push(["", "kept for the backward pass"]);
  if (more.seconds !== undefined) {
    const back = more.back ? ` forward, ${short(1e3 * more.back, 3)} back` : "";
    rows.push(["ms", short(1e3 * more.seconds, 3) + back]);
  }
  if (what.uses > 1) rows.push(["uses", what.uses]);
  const due = arrives[holder(what.id)];
  rows.push(["steps", [computed[what.id], ...due].filter(Boolean).join(", ")],
    ["called", what.called]);
  if (what.rule >= 0) rows.push(["rule of", titleOf(data.vertices[what.rule])]);
  if (what.origin) rows.push(["!", "first value that is not finite"]);
  if (what.gradientOrigin) rows.push(["!", "first gradient that is not finite"]);
  if (what.change) rows.push(["change", what.change]);
  rows.push(["line", what.line]);
  return rows;
}

// The title of a box, with all of its path where the frame around said a part of it.
function entitled({what, vertex}) {
  const {name} = what, title = vertex ? what.lines[0].text : what.title;
  const first = title.split(/ [·↻]/)[0];
  if (!name || title.startsWith(name)) return title;
  return name.endsWith("." + first) ? name + title.slice(first.length) : name + ": " + title;
}

const tip = find("tip");
function showTip(box, x, y) {
  tip.hidden = !box;
  if (!box) return;
  if (tip.box !== box || tip.step !== now) {
    const table = html("dl");
    for (const [name, words] of facts(box)) {
      if (words || words === 0) table.append(html("dt", {}, name), html("dd", {}, words));
    }
    tip.replaceChildren(html("b", {}, entitled(box)), table);
    Object.assign(tip, {box, step: now});
  }
  const space = room();
  const wide = tip.offsetWidth, high = tip.offsetHeight;
  const beside = x + 16 + wide > space.width ? x - wide - 16 : x + 16;
  tip.style.left = within(beside, 0, Math.max(0, space.width - wide)) + "px";
  tip.style.top = within(y + 12, 0, Math.max(0, space.height - high)) + "px";
}

// The legend: what is drawn, and what it means.
function swatch(sign) {
  const box = svg("svg", {width: 24, height: 16, "aria-hidden": true}), kind = style[sign];
  if (kind) {
    const rx = kind.rounded ? 5 : 0;
    box.append(svg("rect", {class: "body", x: 1.5, y: 1.5, width: 21, height: 12, rx}));
    if (kind.double) box.append(svg("rect", {class: "inner", x: 4, y: 4, width: 16, height: 7}));
    if (kind.stacked) box.append(svg("path", {class: "inner", d: "M5 15.5H19"}));
    set(box, {class: "box " + kind.name});
  } else box.append(svg("text", {x: 12, y: 12, class: sign === "∇" ? "gradient" : "sign"}, sign));
  return box;
}

function legend() {
  const signs = raw.l.map(([sign, words]) => [said(sign), said(words)])
    .filter(([sign]) => overlay === "role" || !style[sign]);
  if (frames.length) signs.push(["frame", "open group"]);
  if (boxes.some(box => box.group)) signs.push(["group", "closed group"]);
  // Always there, or the room would change with the first step.
  if (steps.length) {
    signs.push(["▼", "computed in this step"], ["▲", "its rule runs back"],
      ["+∇", "gets a contribution"]);
  }
  if (flow && !explained && most) {
    const ends = `${short(least, 3)} to ${short(most, 3)}`;
    signs.push(["━", `|gradient| along an arrow, ${ends}, logarithmic`]);
  }
  if (explained) signs.push(["━", "share of the explained gradient"]);
  const key = signs.join() + overlay + (scale ? scale.low + "," + scale.high : "");
  const place = find("legend");
  if (place.key === key) return;
  place.key = key;
  place.replaceChildren();
  if (overlay !== "role") {
    const {says, log, unit = x => short(x, 3)} = overlays[overlay], item = html("span");
    if (scale) {
      item.append(says + ": " + unit(scale.low) + " ", html("i", {class: "ramp"}),
        " " + unit(scale.high) + (log ? ", logarithmic" : "") + "; blank: none");
    } else item.append(says + ": nothing known");
    place.append(item);
  }
  for (const [sign, words] of signs) {
    const item = html("span");
    item.append(swatch(sign), words);
    place.append(item);
  }
}
