// The graph as it travelled, in rows, made into objects; helpers that make elements.
const find = id => document.getElementById(id);
const raw = JSON.parse(find("data").textContent);
const said = t => typeof t === "number" ? raw.s[t] : t || "";

function linesOf(row, value, gradient) {
  const lines = [{role: "label", high: raw.r.find(r => r[0] === "label")[1], text: said(row[0])}];
  for (let i = 1; i < row.length; i += 2) {
    const [role, high] = raw.r[row[i] % 20];
    const text = said(row[i + 1]), from = text === "=" ? value : text === "∇" ? gradient : null;
    lines.push({role: said(role), high, note: row[i] >= 20,
      text: from ? text + " " + figures(from) : text});
  }
  return lines;
}

const figures = row => Array.isArray(row)
  ? `${short(row[2], 3)} ±${short(row[3], 2)} [${short(row[4], 3)}, ${short(row[5], 3)}]`
  : said(row);

// What is known of an array: from its row, once it is asked for.
function statistics(row) {
  if (row === undefined || row === 0) return null;
  if (!Array.isArray(row)) {
    const first = said(row), x = Number(first);
    return {first, size: 1, norm: Number.isFinite(x) ? Math.abs(x) : null, nan: +(first === "NaN")};
  }
  const [first, size, mean = null, std = 0, min, max, nan = 0, inf = 0] = row;
  const norm = mean === null ? null : Math.sqrt((size - nan - inf) * (mean * mean + std * std));
  return {first: said(first), size, mean, std, min, max, nan, inf, norm};
}

// The name of a leaf whose box stands in the frame of its module: the label, below that path.
function named(vertex) {
  let g = vertex.group;
  while (!data.groups[g].name) g = data.groups[g].parent;
  return data.groups[g].name + "." + vertex.lines[0].text.replace(/ ↻\d+$/, "");
}

// What steps call the boxes that nobody named.
const called = said(raw.n).split(" ");

const data = {
  vertices: raw.v.map(([kind, group, w, h, lines, flags = 0, op, value, gradient, more = {}], id) =>
    ({id, kind: KINDS[kind], group: group - 1, w, h, kept: flags & 1,
      origin: flags & 2, gradientOrigin: flags & 4, ordered: flags & 8, op: said(op),
      get lines() { return this.made ||= linesOf(lines, value, gradient); },
      get value() { return statistics(value); },
      get gradient() { return statistics(gradient); },
      called: called[id] || "", uses: more.uses || 1, of: (more.of || 0) - 1, rule: (more.rule || 0) - 1,
      get name() { return said(more.name) || (flags & 16 ? named(this) : ""); },
      line: said(more.line), change: said(more.change), more})),
  edges: raw.e,
  groups: raw.g.map(([parent, kind, w, h, title, tw, th, lines, name, change, out = 0], id) =>
    ({id, parent: parent - 1, kind: said(kind), w, h, title: said(title), tw, th, out: out - 1,
      titled: {role: "meta", high: 14, text: said(title)}, lines: linesOf(lines), name: said(name),
      change: said(change), members: []})),
  steps: raw.t.map(([phase, vertex, caption, edge = 0, nth, count, sent, total]) =>
    ({phase, vertex, caption: said(caption), edge: edge - 1, nth: nth || 1, count: count || 1,
      sent: said(sent), total: said(total)})),
};
for (const vertex of data.vertices) {
  for (let g = vertex.group; g >= 0; g = data.groups[g].parent) data.groups[g].members.push(vertex);
}
const norms = data.edges.map(edge => edge[3]).filter(norm => norm > 0);
const explained = data.edges.some(edge => edge[4] > 0);

function set(element, attributes, text) {
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  if (text !== undefined) element.textContent = text;
  return element;
}
const svg = (tag, attributes, text) =>
  set(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, text);
const html = (tag, attributes, text) => set(document.createElement(tag), attributes, text);
const within = (x, low, high) => Math.max(low, Math.min(high, x));
const n1 = x => Math.round(x * 10) / 10;
// A number in few characters, as Python's drawings write it.
function short(x, digits = 4) {
  const [mantissa, e] = x.toExponential(digits - 1).split("e"), exponent = +e;
  const long = exponent < -4 || exponent >= digits;
  const text = long ? mantissa : x.toFixed(digits - 1 - exponent);
  return (text.includes(".") ? text.replace(/\.?0+$/, "") : text) + (long ? "e" + exponent : "");
}
