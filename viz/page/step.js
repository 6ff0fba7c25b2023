// Where in the two passes we are: 0 is before the first step, and past the last one is the whole
// picture, without marks.
const steps = data.steps, past = steps.length + 1;
let now = past, playing = 0;
// Per box the step that computes it, and the steps that bring it a contribution.
const computed = data.vertices.map(() => 0), arrives = data.vertices.map(() => []);
const holder = v => data.vertices[v].of < 0 ? v : data.vertices[v].of;
steps.forEach((step, i) => {
  if (step.phase === 0) computed[step.vertex] = i + 1;
  else arrives[holder(step.edge < 0 ? step.vertex : data.edges[step.edge][0])].push(i + 1);
});
const backward = steps.some(step => step.phase);
const current = () => now > 0 && now < past ? steps[now - 1] : null;
const taker = step => step.edge < 0 ? step.vertex : data.edges[step.edge][0];

const isComputed = vertex => computed[vertex.id] <= now;
const arrived = vertex => arrives[holder(vertex.id)].filter(i => i <= now).length;
const complete = vertex => !backward || now === past || (arrives[holder(vertex.id)].length
  ? arrived(vertex) === arrives[holder(vertex.id)].length : vertex.gradient === null);

// What has come so far, at a step that brought some: a row leaves out what the box says at last.
const soFar = (step, final) => step.total || step.nth === 1 && step.sent || final;

// How much of a closed group is done, once something is.
function part(list, sign) {
  const due = list.filter(v => sign === "=" ? computed[v.id] : arrives[v.id].length);
  const done = due.filter(sign === "=" ? isComputed : complete).length;
  return list.length > 1 && done ? ` ${done} of ${due.length} done` : " not yet";
}

// The lines of a box at this step: what is not known yet says so.
function linesAt(box) {
  const {vertex, group, frame, what} = box;
  if (frame) return [what.titled];
  if (now === past && !vertex) return what.lines;
  const list = vertex ? [vertex] : group.members;
  // A closed group has what its result has; without a single one, what all of its boxes have.
  const asked = group && group.out >= 0 ? [data.vertices[group.out]] : list;
  const ready = asked.every(isComputed), whole = asked.every(complete);
  const due = vertex ? arrives[vertex.id] : [];
  const count = due.length ? arrived(vertex) : 0;
  const last = count && steps[due[count - 1] - 1];
  const seen = new Set();
  const lines = what.lines.map(line => {
    const sign = line.text[0], again = seen.has(sign);
    seen.add(sign);
    if (sign === "=" ? ready : sign !== "∇" || whole) return line;
    // A second line of a sign says where a NaN began.
    if (again) return {...line, text: ""};
    const role = sign === "=" ? "value" : "gradient";
    if (!count) return {...line, role, note: true, text: sign + part(list, sign)};
    return {...line, role, text: "∇ " + soFar(last, line.text.slice(2))};
  });
  const of = due.length ? steps[due[0] - 1].count : 1;
  if (of > 1) {
    lines.push({role: "count", high: 14, text: count ? `${last.nth} of ${of} contributions` : ""});
  }
  return lines;
}

// The classes of a box at this step, each with a space before it.
function states(box) {
  const {vertex, frame, what} = box, step = current(), list = vertex ? [vertex] : what.members;
  let classes = "";
  if (!frame && !list.some(isComputed)) classes += " pale";
  if (step && !frame) {
    if (at[step.vertex] === box.index) classes += step.phase ? " now back" : " now";
    if (step.phase && at[taker(step)] === box.index) classes += " now back";
  }
  const began = v => v.origin && isComputed(v) || v.gradientOrigin && complete(v);
  if (!frame && list.some(began)) classes += " broken";
  if (what.change) classes += " " + what.change;
  if (chosen && !frame && !reached.has(box.index)) classes += " dim";
  if (chosen === box.key) classes += " chosen";
  if (hits[hit] === box.key.replace("f", "g")) classes += " hit";
  return classes;
}

// What a step does here, said by a sign, so that colour is not needed; and before it what the words
// of the steps call a box that nobody named.
function markAt(box) {
  const called = current() && box.vertex && box.what.called;
  return [called, tagAt(box)].filter(Boolean).join(" ");
}

function tagAt(box) {
  const step = current();
  if (!step || box.frame) return "";
  if (step.phase === 0) return at[step.vertex] === box.index ? "▼ forward" : "";
  const signs = [];
  if (at[step.vertex] === box.index) signs.push(step.phase === 1 ? "▲ start" : "▲ backward");
  if (step.phase === 2 && at[taker(step)] === box.index) signs.push("+∇");
  return signs.join(" ");
}

// The arrow that carries a contribution is drawn backwards, on top.
function over() {
  const step = current(), parts = [];
  if (step && step.phase === 2) {
    const arrow = arrows.find(one => one.edges.includes(step.edge));
    if (arrow) {
      const points = whole(arrow).reverse();
      parts.push(svg("path", {class: "carry line", d: arrow.way.length > 1
        ? arrow.way.map(path).join("") : path(points)}),
      svg("path", {class: "carry head", d: head(points, 13)}));
    }
  }
  if (tiny && step) {
    for (const v of new Set([step.vertex, taker(step)])) {
      parts.push(svg("path", {class: "mark", d: outline(boxes[at[v]])}));
    }
  }
  layers.over.replaceChildren(...parts);
}

// The two boxes of a step as one, or the one that gets something if they are far apart.
function both(a, b) {
  const x = Math.min(a.x, b.x), y = Math.min(a.y, b.y), {width, height} = room();
  const w = Math.max(a.x + a.w, b.x + b.w) - x, h = Math.max(a.y + a.h, b.y + b.h) - y;
  return w * eye.k < width - 20 && h * eye.k < height - 20 ? {x, y, w, h} : b;
}

function caption() {
  const step = current();
  if (now === 0) return ["Before the first step: only what is given is known.", ""];
  if (!step) return [said(raw.c) || "The whole picture.", ""];
  let more = "";
  if (step.phase) {
    const v = data.vertices[holder(taker(step))];
    const final = (v.lines.find(line => line.text[0] === "∇") || {text: ""}).text.slice(2);
    const of = step.count > 1 ? `${step.nth} of ${step.count} contributions; ` : "";
    const sent = step.sent || final, total = soFar(step, final);
    more = `gradient of ${v.called || titleOf(v)}: ${of}`
      + (step.nth > 1 ? `this one ${sent}, so far ${total}` : sent);
  }
  const [first, last] = run();
  if (last > first) {
    more += `${more && "; "}${now - first + 1} of ${last - first + 1} steps inside `
      + `${titleOf(boxes[at[step.vertex]].what)}, which is closed`;
  }
  return [step.caption, more];
}

// In which closed group all of a step is, and in which pass; 0 for none.
function inside(i) {
  const step = steps[i - 1], box = step && boxes[at[step.vertex]];
  return box && box.group && at[taker(step)] === box.index
    ? (box.index + 1) * (step.phase ? -1 : 1) : 0;
}

// The steps around this one that are inside the same closed group: the first and the last.
function run() {
  let first = now, last = now;
  if (inside(now)) {
    while (inside(first - 1) === inside(now)) first--;
    while (inside(last + 1) === inside(now)) last++;
  }
  return [first, last];
}

// A step on or back; one from picture to picture: what is inside a closed group is one.
function stride(by) {
  let to = now + by;
  while (inside(to) && inside(to) === inside(to + 1)) to += by;
  go(to);
}

// The next step that computes a box or brings it a contribution.
function jump(box) {
  const list = box.vertex ? [box.vertex] : box.what.members;
  const due = list.flatMap(v => [computed[v.id], ...arrives[holder(v.id)]]).filter(Boolean);
  if (!due.length) return;
  go(due.sort((a, b) => a - b).find(i => i > now) || due[0]);
  go(run()[1]);
}

function go(to, quiet) {
  now = within(to, 0, past);
  if (now === past && playing) play(false);
  const step = current(), [first, more] = caption();
  const where = step ? `${now} of ${steps.length} · ${step.phase ? "backward" : "forward"}`
    : now ? "all" : "start";
  find("at").value = now;
  set(find("at"), {"aria-valuetext": where + ". " + first});
  find("count").textContent = where;
  find("says").replaceChildren(html("b", {}, first), html("span", {}, more && " — " + more));
  if (step && !quiet) reveal(both(boxes[at[step.vertex]], boxes[at[taker(step)]]));
  draw();
  legend();
}

function play(on) {
  clearInterval(playing);
  if (on && now >= past) go(0);
  playing = on ? setInterval(() => stride(1), 900) : 0;
  find("play").textContent = on ? "Pause" : "Play";
}
