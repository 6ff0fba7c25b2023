// The eye (pan and zoom), the hand and the keys; then all begins.
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let glide = 0;
function look(to, smooth) {
  cancelAnimationFrame(glide);
  to.k = within(to.k, 0.005, 4);
  if (!smooth || calm.matches) {
    eye = to;
    return draw(true);
  }
  const from = eye, start = performance.now();
  const move = time => {
    const t = within((time - start) / 250, 0, 1), s = t * t * (3 - 2 * t);
    const between = (a, b) => a + s * (b - a);
    eye = {x: between(from.x, to.x), y: between(from.y, to.y), k: between(from.k, to.k)};
    draw(t < 1);
    if (t < 1) glide = requestAnimationFrame(move);
  };
  glide = requestAnimationFrame(move);
}

function zoom(factor, x = room().width / 2, y = room().height / 2) {
  const k = within(eye.k * factor, 0.005, 4), f = k / eye.k;
  look({x: x - f * (x - eye.x), y: y - f * (y - eye.y), k});
}

// The whole graph; `readable`: or, where names could not be read then, its top. It stays so in a
// room that changes, as a notebook's does that is still being filled, until somebody looks elsewhere.
let home = null, how = false;
function fit(readable) {
  const {width, height} = room(), gap = 24;
  const across = (width - 2 * gap) / (size[0] || 1), down = (height - 2 * gap) / (size[1] || 1);
  const all = Math.min(across, down, 1.25), top = readable && all < 0.38 && boxes.length <= MANY;
  const k = top ? within(across, 0.45, 0.9) : Math.max(all, 0.005);
  // What is wider than the room begins with the first box.
  const wide = top && across < k, middle = wide ? boxes[0].x + boxes[0].w / 2 : size[0] / 2;
  look({k, x: width / 2 - k * middle, y: Math.max(gap, (height - k * size[1]) / 2)});
  home = eye;
  how = readable;
}

// Bring a box into sight: at once to the middle, or only as far as it takes.
function reveal(box, middle) {
  if (!box) return;
  const {width, height} = room(), k = middle ? Math.max(eye.k, 0.6) : eye.k, gap = 60;
  const x = eye.x + k * box.x, y = eye.y + k * box.y, w = k * box.w, h = k * box.h;
  if (!middle && x >= 0 && y >= 0 && x + w <= width && y + h <= height) return;
  const near = (at, length, all) =>
    within(at, Math.min(gap, all - length), Math.max(gap, all - length - gap));
  if (middle || w > width) {
    const top = height / 2 - Math.min(h, height - gap) / 2;
    look({k, x: width / 2 - k * (box.x + box.w / 2), y: top - k * box.y}, true);
  } else look({k, x: eye.x + near(x, w, width) - x, y: eye.y + near(y, h, height) - y}, true);
}

// Place anew what is open, and keep `key` where it is on the screen.
function arrange(key) {
  const before = key && item(key), was = chosen;
  place();
  rescale();
  const after = key && item(key);
  if (before && after) {
    const {x, y, k} = eye;
    eye = {k, x: x + k * (before.x - after.x), y: y + k * (before.y - after.y)};
  }
  chosen = "";
  choose(boxes.find(box => box.key === was));
  legend();
}

function toggle(key) {
  const g = +key.slice(1);
  if (opened.has(g)) opened.delete(g);
  else opened.add(g);
  const held = elements.get(key) === document.activeElement;
  focused = (opened.has(g) ? "f" : "g") + g;
  showTip(null);
  arrange(key);
  if (held) focus(item(focused));
}

function foldAll(open) {
  opened.clear();
  if (open) for (const g of data.groups) opened.add(g.id);
  arrange();
  fit();
}

const act = box => box.vertex ? choose(box) : toggle(box.key);

// What is at a place on the screen: a box, or the title of an open group.
function under(event) {
  const {left, top} = room();
  const x = (event.clientX - left - eye.x) / eye.k, y = (event.clientY - top - eye.y) / eye.k;
  const on = (b, h) => x >= b.x && x <= b.x + b.w && y >= b.y && y <= b.y + h;
  return boxes.find(b => on(b, b.h)) ||
    frames.findLast(f => on(f, f.what.th) && x <= f.x + f.what.tw);
}

const hands = new Map();
// How far the hand moved since it came down, and what it tapped last, and when.
let moved = 0, tapped = {};
field.onpointerdown = event => {
  hands.set(event.pointerId, event);
  listHits(false);
  if (hands.size === 1) moved = 0;
};
field.onpointermove = event => {
  const old = hands.get(event.pointerId), {left, top} = room();
  if (!old) {
    const box = under(event);
    field.style.cursor = box ? "pointer" : "";
    return showTip(box && !box.frame && box, event.clientX - left, event.clientY - top);
  }
  const dx = event.clientX - old.clientX, dy = event.clientY - old.clientY;
  const other = [...hands.values()].find(hand => hand.pointerId !== event.pointerId);
  moved += Math.abs(dx) + Math.abs(dy);
  hands.set(event.pointerId, event);
  if (moved < 4) return;
  field.setPointerCapture(event.pointerId);
  showTip(null);
  if (!other) return look({...eye, x: eye.x + dx, y: eye.y + dy});
  const apart = hand => Math.hypot(hand.clientX - other.clientX, hand.clientY - other.clientY) || 1;
  const x = (event.clientX + other.clientX) / 2, y = (event.clientY + other.clientY) / 2;
  zoom(apart(event) / apart(old), x - left, y - top);
};
field.onpointerup = field.onpointercancel = event => {
  const known = hands.delete(event.pointerId), box = under(event);
  if (!known || moved >= 4 || event.type !== "pointerup") return;
  const twice = box && tapped.key === box.key && event.timeStamp - tapped.when < 400;
  tapped = {key: box && box.key, when: event.timeStamp};
  if (!box) choose(null);
  else if (twice && box.vertex) { choose(null); jump(box); }
  else if (event.shiftKey && !box.frame) choose(box);
  else act(box);
  if (event.pointerType !== "touch") return;
  const {left, top} = room();
  showTip(box && box.vertex && chosen ? box : null, event.clientX - left, event.clientY - top);
};
// A finger leaves as soon as it has tapped.
field.onpointerleave = event => { if (event.pointerType !== "touch") showTip(null); };
// A press of the pointer leaves the keys where they were.
field.onmousedown = event => event.preventDefault();
// Inside another page the wheel is that page's, but with Ctrl.
field.addEventListener("wheel", event => {
  if (self !== parent && !event.ctrlKey) return;
  event.preventDefault();
  const {left, top} = room();
  const turn = within(event.deltaY * (event.deltaMode ? 20 : 1), -120, 120);
  zoom(Math.exp(-turn / 300), event.clientX - left, event.clientY - top);
}, {passive: false});

function focus(box) {
  if (!box) return;
  const old = elements.get(focused);
  if (old) old.setAttribute("tabindex", -1);
  focused = box.key;
  reveal(box);
  draw();
  const element = elements.get(focused);
  if (!element) return;
  element.setAttribute("tabindex", 0);
  element.focus({preventScroll: true});
}
graph.addEventListener("focusin", event => {
  const box = item(event.target.dataset.key);
  if (!box || !event.target.matches(":focus-visible")) return;
  const {x, y, k} = eye;
  showTip(box.frame ? null : box, x + k * (box.x + box.w), y + k * box.y);
});
graph.addEventListener("focusout", () => showTip(null));

// The next box from this one: along an arrow up or down, else the nearest that way.
function neighbour(box, dx, dy) {
  const along = !dy || box.frame ? []
    : dy < 0 ? box.into.map(a => boxes[a.source]) : box.out.map(a => boxes[a.target]);
  const middle = b => [b.x + b.w / 2, b.y + (b.frame ? 8 : b.h / 2)], [x, y] = middle(box);
  const far = b => {
    const [bx, by] = middle(b), ahead = (bx - x) * dx + (by - y) * dy;
    const aside = Math.abs((bx - x) * dy) + Math.abs((by - y) * dx);
    return b === box || ahead <= 1 ? Infinity : ahead + 3 * aside;
  };
  const off = b => Math.abs(middle(b)[0] - x);
  if (along.length) return along.reduce((a, b) => off(b) < off(a) ? b : a);
  const best = [...boxes, ...frames].reduce((a, b) => far(b) < far(a) ? b : a, box);
  return best === box ? null : best;
}

const ways = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
const keys = {
  Home: () => go(0), End: () => go(past), ",": () => stride(-1), ".": () => stride(1),
  " ": () => play(!playing), p: () => play(!playing),
  "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: () => fit(),
  "/": () => find("seek").focus(), n: () => visit(hit + 1), N: () => visit(hit - 1),
  e: () => foldAll(true), c: () => foldAll(false), "?": () => help(),
  Escape: () => {
    if (!tip.hidden) showTip(null);
    else if (!find("keys").hidden) help();
    else choose(null);
  },
};
document.addEventListener("keydown", event => {
  const {key, target} = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.id === "seek") {
    if (key === "Enter") visit(hit + (event.shiftKey ? -1 : 1));
    else if (key === "Escape") { target.value = ""; seek(""); target.blur(); }
    else return;
    return event.preventDefault();
  }
  const pressed = key === " " || key === "Enter";
  if (target.matches("select") || pressed && target.matches("button,input[type=checkbox]")) return;
  const box = graph.contains(target) && item(target.dataset.key), way = ways[key];
  if (way && !find("steps").hidden && (!box || event.shiftKey)) stride(way[0] + way[1]);
  else if (way && box) focus(neighbour(box, ...way));
  else if (box && pressed) act(box);
  else if (box && key === "h" && !box.frame) choose(box);
  else if (box && key === "s") jump(box);
  else if (box && key === "x") {
    const g = box.vertex ? box.what.group : box.group ? box.what.parent : box.what.id;
    if (g >= 0) toggle("f" + g);
    focus(item("g" + g));
  } else if (keys[key]) keys[key]();
  else return;
  event.preventDefault();
});

function help() {
  const panel = find("keys");
  panel.hidden = !panel.hidden;
  find("help").setAttribute("aria-expanded", !panel.hidden);
  if (panel.childNodes.length) return;
  const list = html("dl");
  for (const [key, what] of KEYS) list.append(html("dt", {}, key), html("dd", {}, what));
  panel.append(list);
}

const press = (id, what) => { find(id).onclick = what; };
press("first", () => go(0));
press("back", () => stride(-1));
press("play", () => play(!playing));
press("on", () => stride(1));
press("last", () => go(past));
press("unfold", () => foldAll(true));
press("fold", () => foldAll(false));
press("minus", () => zoom(0.8));
press("plus", () => zoom(1.25));
press("fit", () => fit());
press("prior", () => visit(hit - 1));
press("next", () => visit(hit + 1));
press("help", help);
press("theme", () => {
  const root = document.documentElement.style;
  const night = matchMedia("(prefers-color-scheme: dark)").matches;
  root.colorScheme = (root.colorScheme || (night ? "dark" : "light")) === "dark" ? "light" : "dark";
});
// The gradient is computed upwards, so its first NaN is the last in the order of the boxes.
for (const [id, first] of [["nan", data.vertices.find(v => v.origin)],
  ["gnan", data.vertices.findLast(v => v.gradientOrigin)]]) {
  find(id).hidden = !first;
  press(id, () => goTo("v" + first.id));
}
find("fold").hidden = find("unfold").hidden = !data.groups.length;
find("seek").onfocus = () => listHits(hits.length);
find("seek").oninput = event => seek(event.target.value);
find("steps").hidden = !steps.length;
set(graph, {"aria-label": document.title});
find("at").max = past;
find("at").oninput = event => { play(false); go(+event.target.value); };
find("overlay").onchange = event => {
  overlay = event.target.value;
  rescale();
  draw();
  legend();
};
for (const name in overlays) {
  find("overlay").append(html("option", {value: name}, overlays[name].says));
}
find("flow").parentNode.hidden = !most || explained;
find("flow").onchange = event => { flow = event.target.checked; draw(); legend(); };
// On paper is what is in sight of the graph, as large as the paper takes.
onbeforeprint = () => {
  const {width, height} = room(), {x, y, k} = eye, gap = 12;
  const [left, top] = [within(x - gap, 0, width), within(y - gap, 0, height)];
  const right = within(x + k * size[0] + gap, 0, width);
  const bottom = within(y + k * size[1] + gap, 0, height);
  draw();
  set(graph, {viewBox: [left, top, right - left, bottom - top].join(" ")});
};
onafterprint = () => graph.removeAttribute("viewBox");
new ResizeObserver(() => {
  if (graph.hasAttribute("viewBox")) return;
  if (eye === home) fit(how);
  else draw(true);
}).observe(field);
place();
focused = boxes.length ? boxes[0].key : "";
// The legend first: it takes room.
legend();
fit(true);
go(past, true);
graph.dataset.drawn = Math.round(performance.now());
