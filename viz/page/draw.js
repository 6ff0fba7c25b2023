// The scene: what is open is placed, and of that, what is in sight is drawn.
const field = find("view"), graph = find("graph"), scene = find("scene");
const layers = {};
for (const name of ["frames", "edges", "boxes", "over"]) {
  layers[name] = scene.appendChild(svg("g", {class: name}));
}
// A reader hears of each box where its arrows come from and go to.
set(layers.edges, {"aria-hidden": true});
const style = Object.fromEntries(KINDS.map(kind => [kind.name, kind]));
const opened = new Set(raw.o);
// What is placed: boxes and frames, arrows with their ways, and where each vertex is.
const MANY = 600, FAR = 0.55;
let boxes = [], frames = [], arrows = [], at = [], size = [0, 0];
// What is drawn lies still while the eye moves over it: the browser then moves a picture.
let eye = {x: 0, y: 0, k: 1}, drawn = null, tiny = false;
// A frame out of sight has no size yet: it is drawn for the usual one, and fitted once it is seen.
const room = () => {
  const place = field.getBoundingClientRect();
  return place.width * place.height ? place : new DOMRect(0, 0, 900, 500);
};
const elements = new Map();

function place() {
  const shown = view(data, opened);
  const what = shown.boxes.map(
    b => b.vertex === null ? data.groups[b.group] : data.vertices[b.vertex]);
  const plan = layered(
    what.map(w => [w.w, w.h]),
    shown.edges.map(e => [e.source, e.target]),
    shown.boxes.map(b => b.frame),
    shown.frames.map(f => [f.parent, data.groups[f.group].tw, data.groups[f.group].th]),
  );
  boxes = shown.boxes.map((b, i) => {
    const w = what[i], [x, y] = plan.centres[i], vertex = b.vertex === null ? null : w;
    return {key: (vertex ? "v" : "g") + w.id, what: w, vertex, group: vertex ? null : w,
      x: x - w.w / 2, y: y - w.h / 2, w: w.w, h: w.h,
      kind: vertex ? w.kind : style.group, into: [], out: [], index: i};
  });
  frames = shown.frames.map((f, i) => {
    const [x, y, w, h] = plan.frames[i], g = data.groups[f.group];
    return {key: "f" + g.id, what: g, frame: g, x, y, w, h, kind: style.frame};
  });
  arrows = shown.edges.map((e, i) => {
    const arrow = {...e, way: plan.routes[i], index: i};
    let [left, top, right, bottom] = [1e9, 1e9, -1e9, -1e9];
    for (const piece of arrow.way) for (const [x, y] of piece) {
      left = Math.min(left, x); right = Math.max(right, x);
      top = Math.min(top, y); bottom = Math.max(bottom, y);
    }
    Object.assign(arrow, {x: left, y: top, w: right - left, h: bottom - top});
    boxes[e.source].out.push(arrow);
    boxes[e.target].into.push(arrow);
    return arrow;
  });
  size = [plan.width, plan.height];
  const closed = new Map(boxes.filter(b => b.group).map(b => [b.group.id, b.index]));
  const own = new Map(boxes.filter(b => b.vertex).map(b => [b.vertex.id, b.index]));
  at = data.vertices.map(vertex => {
    for (let g = vertex.group; g >= 0; g = data.groups[g].parent) {
      if (closed.has(g)) return closed.get(g);
    }
    return own.get(vertex.id);
  });
  numbered();
  for (const element of elements.values()) element.remove();
  elements.clear();
  drawn = null;
}

// The arrows into a box that come in another order than its operands are numbered.
function numbered() {
  for (const box of boxes) {
    if (!box.vertex || !box.vertex.ordered) continue;
    const ends = box.into.map(arrow => {
      const piece = arrow.way.at(-1), [x, y] = piece.at(-1);
      return {arrow, x, y, aside: piece.at(-2)[0] > x + 1 ? -9.5 : 4.5,
        operand: data.edges[arrow.edges[0]][2] || 0};
    }).sort((a, b) => a.x - b.x);
    if (ends.some((end, i) => i && end.operand < ends[i - 1].operand)) {
      for (const end of ends) end.arrow.number = end;
    }
  }
}

const point = ([x, y]) => n1(x) + " " + n1(y);
function path(points) {
  let d = "M" + point(points[0]);
  for (let i = 1; i < points.length; i += 3) d += "C" + points.slice(i, i + 3).map(point).join(" ");
  return d;
}

// A triangle whose tip is the end of the way.
function head(points, long = 8) {
  const [x, y] = points.at(-1), [px, py] = points.at(-2);
  const length = Math.hypot(x - px, y - py) || 1, dx = (x - px) / length, dy = (y - py) / length;
  const bx = x - long * dx, by = y - long * dy, half = 0.425 * long;
  return "M" + [[x, y], [bx - half * dy, by + half * dx], [bx + half * dy, by - half * dx]]
    .map(point).join("L") + "Z";
}

// The whole way from box to box: arrows from one box share a trunk, which is in one's way.
function whole(arrow) {
  const points = arrow.way.flat(), box = boxes[arrow.source];
  if (arrow.way.length > 1 || points[0][1] < box.y + box.h + 1) return points;
  const same = (p, q) => Math.abs(p[0] - q[0]) + Math.abs(p[1] - q[1]) < 0.01;
  for (const other of box.out) {
    if (other === arrow || other.way.length > 1 || other.y > arrow.y - 1) continue;
    const trunk = whole(other);
    for (let i = 0; i < trunk.length; i += 3) {
      if (same(trunk[i], points[0])) return [...trunk.slice(0, i), ...points];
      // Or it leaves where the other one runs straight on.
      const [x, y] = trunk[i], [at, from] = points[0], next = trunk[i + 3];
      if (next && y < from && from < next[1] && Math.abs(x - at) + Math.abs(next[0] - at) < 0.01) {
        const third = (from - y) / 3;
        return [...trunk.slice(0, i + 1), [x, y + third], [x, from - third], ...points];
      }
    }
  }
  return points;
}

const outline = b => `M${n1(b.x)} ${n1(b.y)}h${n1(b.w)}v${n1(b.h)}h${-n1(b.w)}z`;
const visible = (b, r) => b.x < r.x + r.w && b.x + b.w > r.x && b.y < r.y + r.h && b.y + b.h > r.y;

function sight(margin) {
  const {width, height} = room(), {x, y, k} = eye;
  const w = width / k, h = height / k;
  return {x: -x / k - margin * w, y: -y / k - margin * h, w: w * (1 + 2 * margin),
    h: h * (1 + 2 * margin)};
}

// Draw what is in sight and around it. `fresh`: only if the eye left what was drawn.
function draw(fresh) {
  const now = sight(0), same = fresh && drawn && drawn.eye.k === eye.k && drawn.x <= now.x &&
    drawn.y <= now.y && drawn.x + drawn.w >= now.x + now.w && drawn.y + drawn.h >= now.y + now.h;
  const base = same ? drawn.eye : eye;
  graph.style.transform = `translate(${eye.x - base.x}px,${eye.y - base.y}px)`;
  if (same) return;
  scene.setAttribute("transform", `translate(${n1(eye.x)} ${n1(eye.y)}) scale(${eye.k})`);
  graph.classList.toggle("small", eye.k < FAR);
  graph.classList.toggle("far", eye.k < 0.15);
  const region = {...sight(0.5), eye};
  const near = boxes.filter(box => visible(box, region));
  tiny = near.length > MANY;
  drawn = region;
  const close = arrows.filter(arrow => visible(arrow, region));
  const around = frames.filter(frame => visible(frame, region));
  if (tiny) return drawTiny(near, close, around);
  layers.edges.replaceChildren(...close.map(edge));
  const keep = new Set();
  for (const [layer, list] of [[layers.frames, around], [layers.boxes, near]]) {
    for (const b of list) {
      keep.add(b.key);
      let element = elements.get(b.key);
      if (!element) {
        element = svg("g", {role: "button", tabindex: b.key === focused ? 0 : -1,
          transform: `translate(${n1(b.x)} ${n1(b.y)})`, "data-key": b.key});
        elements.set(b.key, element);
      }
      if (!element.parentNode) layer.append(element);
      paint(b, element);
    }
  }
  for (const [key, element] of elements) {
    if (!keep.has(key) && element !== document.activeElement) element.remove();
  }
  for (const old of [...layers.boxes.children]) if (!old.dataset.key) old.remove();
  for (const old of [...layers.frames.children]) if (!old.dataset.key) old.remove();
  over();
}

// Too many to read: one path for all that look alike.
function drawTiny(near, close, around) {
  for (const element of elements.values()) element.remove();
  const alike = new Map();
  for (const box of near) {
    const key = [box.kind.name, states(box), fill(box)].join("|");
    alike.set(key, (alike.get(key) || "") + outline(box));
  }
  layers.boxes.replaceChildren(...[...alike].map(([key, d]) => {
    const [kind, state, colour] = key.split("|");
    return svg("path", {d, class: "body " + kind + state, style: colour && "fill:" + colour});
  }));
  const d = around.map(outline).join("");
  layers.frames.replaceChildren(svg("path", {class: "body frame", d}));
  const ways = {};
  for (const arrow of close) {
    const name = "edge" + hot(arrow);
    ways[name] = (ways[name] || "") + arrow.way.map(path).join("");
  }
  layers.edges.replaceChildren(...Object.entries(ways).map(([name, d]) =>
    svg("path", {class: name + " line", d})));
  over();
}

function edge(arrow) {
  const group = svg("g", {class: "edge" + hot(arrow)}), [, ...rest] = arrow.way;
  const wide = breadth(arrow);
  if (wide) group.style.strokeWidth = wide;
  const d = arrow.way.map(path).join("");
  const line = svg("path", {class: rest.length ? "line long" : "line", d});
  line.append(svg("title", {}, edgeHint(arrow)));
  group.append(line, svg("path", {class: "head", d: head(arrow.way.at(-1), 6.7 + (wide || 1.3))}));
  if (arrow.number) {
    const {x, y, aside, operand} = arrow.number;
    group.append(svg("text", {x: n1(x + aside), y: n1(y - 4)}, operand + 1));
  }
  return group;
}

// The box as it is at this step; what did not change is left alone.
function paint(box, element) {
  const {what, kind, w, h, frame} = box, lines = linesAt(box), colour = fill(box);
  const name = "box " + kind.name + states(box) + (colour || what.change ? " filled" : "");
  const label = told(box, lines);
  const far = !frame && eye.k < FAR, looks = name + colour + label + far;
  if (element.looks === looks) return;
  element.looks = looks;
  set(element, {class: name, "aria-label": label});
  if (frame || box.group) element.setAttribute("aria-expanded", !!frame);
  const r = kind.rounded ? Math.min(9, 0.4 * h) : 0;
  const body = svg("rect", {class: "body", width: n1(w), height: n1(h), rx: r});
  if (colour) body.style.fill = colour;
  const ring = {class: "ring", x: -5, y: -5, width: n1(w + 10), height: n1(h + 10), rx: 12};
  const parts = [svg("rect", ring), body];
  if (kind.double) {
    parts.push(svg("rect", {class: "inner", x: 3, y: 3, width: n1(w - 6), height: n1(h - 6)}));
  }
  if (kind.stacked) {
    parts.push(svg("path", {class: "inner", d: [2.6, 5.2].map(d =>
      `M${n1(d + 5)} ${n1(h + d)}H${n1(w - d - 5)}`).join("")}));
  }
  if (what.kept) parts.push(svg("circle", {class: "kept", cx: n1(w - 9), cy: 9, r: 3}));
  // From afar a box is its name alone, as large as there is room.
  if (far) {
    const title = lines[0].text;
    const large = within((w - 12) / (0.72 * title.length), 13, Math.min(30, 0.6 * h));
    parts.push(svg("text", {class: "label", x: n1(w / 2), y: n1(h / 2 + 0.36 * large),
      style: `font-size:${n1(large)}px`}, title));
  }
  let y = 1;
  for (const {role, text, note, high} of far ? [] : lines) {
    y += high;
    const fixed = role !== "label" && role !== "meta" && role !== "count";
    const x = frame ? 20 : fixed ? 10 : w / 2;
    parts.push(svg("text", {class: role + (note ? " note" : ""), x: n1(x), y: n1(y)},
      frame ? "− " + text : text));
  }
  if (what.change) {
    parts.push(svg("circle", {class: "sign", r: 7}),
      svg("text", {class: "signed", y: 4}, SIGNS[what.change]));
  }
  const tag = markAt(box);
  if (tag) {
    const width = n1(tag.length * 6.4 + 9), busy = tagAt(box);
    const group = svg("g", {transform: `scale(${far ? 1.8 : 1})`});
    if (busy) group.append(svg("rect", {class: "tab", x: -7, y: -12, width, height: 14, rx: 4}));
    group.append(svg("text", {class: busy ? "tag" : "called", x: -2, y: -1.5}, tag));
    parts.push(group);
  }
  element.replaceChildren(...parts);
}
