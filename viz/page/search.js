// Search by name, op or path; what is chosen, and all that it depends on and that depends on it.
let hits = [], hit = -1, chosen = "", reached = new Set(), focused = "";
let things = null;
const listed = () => things ||= [
  ...data.groups.map(g => ({key: "g" + g.id, title: g.title, group: g.parent})),
  ...data.vertices.map(v => ({key: "v" + v.id, title: titleOf(v), group: v.group, vertex: v}))];

// The groups around a box or group, the outermost first.
function around({group}) {
  const list = [];
  for (let g = group; g >= 0; g = data.groups[g].parent) list.unshift(data.groups[g]);
  return list;
}
const pathOf = thing => around(thing).map(group => group.title).join(" › ");

function textOf(thing) {
  const v = thing.vertex;
  if (thing.text === undefined) {
    const g = v ? null : data.groups[thing.key.slice(1)];
    const own = v ? [v.lines[0].text, v.called, v.op, v.kind.says] : [g.kind, g.name];
    const names = around(thing).map(group => group.name);
    thing.text = [thing.title, ...own, pathOf(thing), ...names].join("\n").toLowerCase();
  }
  return thing.text;
}

function seek(words) {
  const wanted = words.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const found = wanted.length
    ? listed().filter(thing => wanted.every(word => textOf(thing).includes(word))) : [];
  hits = found.map(thing => thing.key);
  hit = -1;
  const list = find("list");
  listHits(found.length);
  list.replaceChildren(...found.slice(0, 50).map((thing, i) => {
    const item = html("div", {role: "option", id: "hit" + i, "aria-selected": false}, thing.title);
    const where = pathOf(thing);
    if (where) item.append(html("small", {}, " " + where));
    item.onclick = () => visit(i);
    return item;
  }));
  if (found.length > 50) list.append(html("small", {}, `and ${found.length - 50} more`));
  find("hits").textContent = wanted.length ? (found.length ? "–/" + found.length : "no hit") : "";
  draw();
}

function listHits(on) {
  find("list").hidden = !on;
  set(find("seek"), {"aria-expanded": !!on, "aria-activedescendant": ""});
}

function visit(i) {
  if (!hits.length) return;
  hit = (i + hits.length) % hits.length;
  find("hits").textContent = hit + 1 + "/" + hits.length;
  [...find("list").children].forEach((item, k) => item.setAttribute("aria-selected", k === hit));
  const item = find("hit" + hit);
  if (item) {
    item.scrollIntoView({block: "nearest"});
    set(find("seek"), {"aria-activedescendant": item.id});
  }
  goTo(hits[hit]);
}

// Open what is around a box or group, and show it in the middle.
function goTo(key) {
  const thing = (key[0] === "v" ? data.vertices : data.groups)[key.slice(1)];
  const before = opened.size;
  showTip(null);
  let g = key[0] === "v" ? thing.group : thing.parent;
  for (; g >= 0; g = data.groups[g].parent) opened.add(g);
  if (opened.size !== before) arrange();
  focused = key;
  const box = item(key);
  if (box) reveal(box, true);
  draw();
}
// The box of a key; a group is a box or an open frame.
const item = key => key && (boxes.find(box => box.key === key) ||
  frames.find(frame => key[0] !== "v" && frame.key.slice(1) === key.slice(1)));

// Choose a box: what it comes from and what comes of it stay bright.
function choose(box) {
  chosen = box && chosen !== box.key ? box.key : "";
  reached = new Set();
  if (chosen) {
    for (const [ways, end] of [["into", "source"], ["out", "target"]]) {
      const stack = [box.index], seen = new Set(stack);
      while (stack.length) {
        for (const arrow of boxes[stack.pop()][ways]) {
          if (!seen.has(arrow[end])) {
            seen.add(arrow[end]);
            stack.push(arrow[end]);
          }
        }
      }
      for (const index of seen) reached.add(index);
    }
  }
  draw();
}
