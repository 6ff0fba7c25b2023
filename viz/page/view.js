// What of a graph is drawn while some of its groups are open: as viz/view.py, line by line.

// Sort ascending vertices so that every edge points onward; the smallest first (Kahn 1962).
function topological(vertices, edges) {
  if (edges.every(([u, v]) => u < v)) return vertices;
  const waits = new Map(vertices.map(v => [v, 0]));
  const targets = new Map(vertices.map(v => [v, []]));
  for (const [u, v] of edges) {
    targets.get(u).push(v);
    waits.set(v, waits.get(v) + 1);
  }
  // A heap: no number is larger than those at twice its place plus 1 and plus 2. A sorted list is one.
  const ready = vertices.filter(v => !waits.get(v));
  const order = [];
  while (ready.length) {
    const u = ready[0], last = ready.pop();
    if (ready.length) {
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child + 1 < ready.length && ready[child + 1] < ready[child]) child++;
        if (!(ready[child] < last)) break;
        ready[at] = ready[child];
        at = child;
      }
      ready[at] = last;
    }
    order.push(u);
    for (const v of targets.get(u)) {
      waits.set(v, waits.get(v) - 1);
      if (waits.get(v)) continue;
      let at = ready.push(v) - 1;
      while (at && ready[(at - 1) >> 1] > v) {
        ready[at] = ready[(at - 1) >> 1];
        at = (at - 1) >> 1;
      }
      ready[at] = v;
    }
  }
  return order;
}

// data.vertices[i].group and data.groups[g].parent are -1 for none, data.edges[k] is [source, target].
// The result has vertex or group null where a box is the other, and frame and parent -1 for none.
function view(data, opened) {
  const {vertices, edges, groups} = data;
  const inside = groups.map(() => 0);
  for (const vertex of vertices) if (vertex.group >= 0) inside[vertex.group]++;
  for (let g = groups.length - 1; g >= 0; g--) {
    if (groups[g].parent >= 0) inside[groups[g].parent] += inside[g];
  }
  const frames = [];
  // Per group the index of its frame, or -1; and the group whose box it is in, or -1.
  const frame_of = groups.map(() => -1);
  const closed = groups.map(() => -1);
  groups.forEach((group, g) => {
    const around = group.parent;
    if (around >= 0 && closed[around] >= 0) {
      closed[g] = closed[around];
    } else if (opened.has(g) && inside[g]) {
      frame_of[g] = frames.length;
      frames.push({group: g, parent: around < 0 ? -1 : frame_of[around]});
    } else {
      closed[g] = g;
    }
  });

  // A box is known by its first vertex until the order is known.
  const first = groups.map(() => -1);
  const box_of = vertices.map(vertex => vertex.group < 0 ? -1 : closed[vertex.group]);
  const heads = [];
  const head = box_of.map((box, v) => {
    if (box >= 0 && first[box] >= 0) return first[box];
    heads.push(v);
    if (box >= 0) first[box] = v;
    return v;
  });

  const ends = [], stands = [];
  const known = new Map();
  edges.forEach((edge, k) => {
    const u = head[edge[0]], v = head[edge[1]];
    if (u === v) return;
    if (box_of[u] >= 0 || box_of[v] >= 0) {
      const pair = u * vertices.length + v;
      if (known.has(pair)) {
        stands[known.get(pair)].push(k);
        return;
      }
      known.set(pair, ends.length);
    }
    ends.push([u, v]);
    stands.push([k]);
  });

  const order = topological(heads, ends);
  const index = [];
  order.forEach((v, i) => { index[v] = i; });
  const boxes = order.map(v => {
    const g = vertices[v].group;
    if (box_of[v] < 0) return {vertex: v, group: null, frame: g < 0 ? -1 : frame_of[g]};
    const around = groups[box_of[v]].parent;
    return {vertex: null, group: box_of[v], frame: around < 0 ? -1 : frame_of[around]};
  });
  const arrows = ends.map(([u, v], i) => ({source: index[u], target: index[v], edges: stands[i]}));
  return {boxes, edges: arrows, frames};
}
