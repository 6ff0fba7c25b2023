// Where boxes and edges go: viz/layout of the library, function by function, so that the page lays
// itself out anew when a frame opens or closes. Both give the same numbers: the same operations on
// the same floats in the same order, and sorts that are stable. The comments are there.
const PORT = -1, MANY_DUMMIES = 20000, LONG = 32, MUCH_WORK = 200000, STARTS = 8;
const EXCHANGED = 8000, EXCHANGES = 8, MUCH_GAIN = 400;
const BETWEEN_BOXES = 26, BETWEEN_LINES = 14;
const WEAK = 1e-5, BENDS = 1e-3, CHAIN = 1e8, STIFF = 1e4, FIXED = 1e12, HAIR = 0.01;
const BETWEEN_ROWS = 32, STEEPNESS = 0.07, AT_MOST = 100, AT_BORDER = 16, PAD = 16, BESIDE = 10;
const TIP = 11;
const {min, max, abs, ceil, sqrt} = Math;
const fill = (n, x) => Array(n).fill(x);
const lists = (n) => Array.from({length: n}, () => []);
// Of any length, where a call with so many arguments could fail.
const most = (list, least) => list.reduce((a, b) => max(a, b), least);
const least = (list) => list.reduce((a, b) => min(a, b), Infinity);

// levels.py
function link(level, value, start, end, boxes) {
  let number = level.number.get(value);
  if (number === undefined) {
    number = level.values.length;
    level.number.set(value, number);
    level.values.push(value);
    level.starts.push(start);
  }
  if (!(0 <= end && end < boxes)) {
    const key = `${number},${end}`;
    if (level.shared.has(key)) return level.shared.get(key);
    level.shared.set(key, level.links.length);
  }
  level.links.push([number, end]);
  return level.links.length - 1;
}

function sort(level) {
  const parents = new Map(level.units.map((unit) => [unit, []]));
  for (const [number, end] of level.links) {
    const start = level.starts[number];
    if (end !== PORT && start !== PORT) parents.get(end).push(start);
  }
  const done = new Map(), order = [];
  for (const unit of level.units) {
    const stack = [unit];
    while (stack.length) {
      const top = stack.at(-1);
      if (done.get(top)) stack.pop();
      else if (done.has(top)) {
        done.set(top, true);
        order.push(stack.pop());
      } else {
        done.set(top, false);
        for (const parent of parents.get(top)) {
          if (done.get(parent) === false) throw new Error("frames above each other");
          if (!done.has(parent)) stack.push(parent);
        }
      }
    }
  }
  level.units = order;
}

function reading(n, edges) {
  const into = lists(n), result = fill(n, true), read = [], seen = fill(n, false), stack = [];
  edges.forEach(([u, v], k) => {
    into[v].push(k);
    result[u] = false;
  });
  for (let v = n - 1; v >= 0; v--) if (result[v]) stack.push(...into[v].slice().reverse());
  while (stack.length) {
    const k = stack.pop(), u = edges[k][0];
    read.push(k);
    if (seen[u]) continue;
    seen[u] = true;
    for (const next of into[u].slice().reverse()) stack.push(next);
  }
  return read;
}

function levels(n, edges, homes, parents) {
  const plan = Array.from({length: parents.length + 1}, () => (
    {units: [], values: [], starts: [], links: [], number: new Map(), shared: new Map()}));
  const up = [0, ...parents.map((parent) => parent + 1)];
  const depth = fill(plan.length, 0), placed = fill(plan.length, false);
  placed[0] = true;
  for (let i = 1; i < plan.length; i++) depth[i] = depth[up[i]] + 1;
  const climb = (level) => {
    while (!placed[level]) {
      placed[level] = true;
      plan[up[level]].units.push(n + level - 1);
      level = up[level];
    }
  };
  homes.forEach((home, i) => {
    plan[home + 1].units.push(i);
    climb(home + 1);
  });
  parents.forEach((_, f) => climb(f + 1));
  const ways = edges.map(([u, v]) => {
    let a = homes[u] + 1, b = homes[v] + 1, start = u;
    const way = [], falls = [v];
    while (a !== b) {
      if (depth[a] >= depth[b]) {
        way.push([a, link(plan[a], u, start, PORT, n)]);
        start = n + a - 1;
        a = up[a];
      } else {
        falls.push(n + b - 1);
        b = up[b];
      }
    }
    for (const end of falls.reverse()) {
      way.push([a, link(plan[a], u, start, end, n)]);
      start = PORT;
      a = end - n + 1;
    }
    return way;
  });
  plan.forEach(sort);
  return [plan, ways];
}

// net.py
function network(ins, sizes, outs) {
  const n = ins + sizes.length + outs;
  const measure = (k) => [...fill(ins, 0), ...sizes.map((size) => size[k]), ...fill(outs, 0)];
  return {
    width: measure(0), height: measure(1), ins, boxes: ins + sizes.length, outs,
    row: fill(n, 0), rows: [], above: lists(n), below: lists(n),
    aboveAside: lists(n), belowAside: lists(n),
    aboveLean: fill(n, 0), belowLean: fill(n, 0), abovePorts: lists(n), belowPorts: lists(n),
    start: [], startAt: [], links: [], endAt: [], computed: [], state: [],
    side: fill(n, false), gathered: fill(n, false), frame: fill(n, false), paths: [],
  };
}

function dummy(net, row) {
  net.width.push(0);
  net.row.push(row);
  for (const key of ["above", "below", "aboveAside", "belowAside", "abovePorts", "belowPorts"])
    net[key].push([]);
  net.aboveLean.push(0);
  net.belowLean.push(0);
  return net.row.length - 1;
}

function join(net, u, v, leave, enter) {
  net.above[v].push(u);
  net.below[u].push(v);
  net.aboveAside[v].push(leave - enter);
  net.belowAside[u].push(enter - leave);
  const out = leave / (net.width[u] || 1), into = enter / (net.width[v] || 1);
  net.aboveLean[v] += out;
  net.belowLean[u] += into;
  net.abovePorts[v].push(out);
  net.belowPorts[u].push([out, into]);
}

function ends(net, u, place) {
  const below = net.below[u], ports = net.belowPorts[u];
  if (below.length === 1) return [place[below[0]] + ports[0][1]];
  return below.map((v, i) => [ports[i][0], place[v] + ports[i][1]])
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((pair) => pair[1]);
}

function thread(net) {
  const reach = fill(net.start.length, 0);
  for (const [value, v] of net.links)
    reach[value] = max(reach[value], net.row[v] - net.row[net.start[value]] - 1);
  const longest = longestOf(reach, MANY_DUMMIES + 2 * net.row.length);
  const trunks = net.start.map((v) => [v]), drawn = fill(net.start.length, 0);
  const gather = new Map();
  net.links.forEach(([value, v], k) => {
    const trunk = trunks[value], origin = net.start[value], top = net.row[origin];
    const span = net.row[v] - top, leave = net.startAt[value];
    if (span - 1 > longest) {
      net.paths.push([]);
      return;
    }
    if (net.gathered[origin]) {
      if (!gather.has(v)) gather.set(v, [v]);
      net.paths.push(gatherTo(net, origin, gather.get(v)));
      return;
    }
    while (trunk.length < span) {
      trunk.push(dummy(net, top + trunk.length));
      join(net, trunk.at(-2), trunk.at(-1), trunk.length === 2 ? leave : 0, 0);
    }
    join(net, trunk[span - 1], v, span === 1 ? leave : 0, net.endAt[k]);
    const start = min(drawn[value], span - 1);
    drawn[value] = max(drawn[value], span - 1);
    net.paths.push([...trunk.slice(start, span), v]);
  });
  for (const line of gather.values()) {
    for (let i = 1; i < line.length; i++) {
      const above = net.above[line[i - 1]];
      above.splice(above.indexOf(line[i]), 1);
      above.splice(above.length >> 1, 0, line[i]);
    }
  }
}

function gatherTo(net, u, line) {
  while (net.row[line.at(-1)] > net.row[u] + 1) {
    line.push(dummy(net, net.row[line.at(-1)] - 1));
    join(net, line.at(-1), line.at(-2), 0, 0);
  }
  const into = net.row[line[0]] - net.row[u] - 1;
  join(net, u, line[into], 0, 0);
  return [u, ...line.slice(0, into + 1).reverse()];
}

function longestOf(reach, left) {
  let longest = most(reach, 0);
  if (reach.reduce((a, b) => a + b, 0) <= left) return longest;
  const end = longest;
  longest = 0;
  let passing = reach.length;
  while (longest < end && left >= passing) {
    left -= passing;
    longest++;
    passing = reach.filter((length) => length > longest).length;
  }
  return longest;
}

// rows.py
function assign(net, framed) {
  const row = net.row, n = row.length, parents = lists(n), children = lists(n);
  for (const [value, v] of net.links) {
    parents[v].push(net.start[value]);
    children[net.start[value]].push(v);
  }
  const [late, last] = wrap(net, parents, children);
  const loose = row.map((_, v) => v >= net.ins);
  const reach = fill(n, 0), holding = lists(n);
  let bottom = 0;
  for (let v = net.ins; v < net.boxes; v++) {
    row[v] = framed ? 1 : 0;
    for (const u of parents[v]) {
      row[v] = max(row[v], row[u] + 1);
      const alone = loose[u] && (!parents[u].length || children[u][0] === children[u].at(-1));
      loose[v] = loose[v] && alone;
      if (!alone) holding[v].push(u);
    }
    row[v] += late[v];
    bottom = max(bottom, row[v]);
  }
  for (let v = net.boxes; v < n; v++) row[v] = bottom + 1;
  const early = row.map((_, v) => v < net.ins && !net.computed[v]);
  for (let v = net.ins; v < net.boxes; v++) early[v] = parents[v].every((u) => early[u]);
  for (let v = net.boxes - 1; v >= net.ins; v--) {
    if (!early[v] || !parents[v].length || !children[v].length) continue;
    const use = children[v][0];
    if (use === children[v].at(-1)) net.side[v] = net.side[use]
      || parents[use].some((u) => u !== v && (!early[u] || row[u] > row[v]));
  }
  const low = row.slice();
  for (let v = net.boxes - 1; v >= net.ins; v--) if (children[v].length)
    low[v] = max(low[v], least(children[v].map((child) => low[child])) - 1 - (last[v] - late[v]));
  children.forEach((below, u) => {
    const two = [...new Set(below)].map((v) => low[v]).sort((a, b) => b - a)[1] ?? 0;
    reach[u] = most(below.map((v) => row[v]), two);
  });
  for (let v = net.boxes - 1; v >= net.ins; v--) {
    if (children[v].length) {
      let use = least(children[v].map((child) => row[child])) - (last[v] - late[v]);
      if (last[v] && holding[v].length) use = 0;
      row[v] = max(row[v], min(use - 1, least(holding[v].map((u) => reach[u]))));
    }
    for (const u of parents[v]) reach[u] = max(reach[u], row[v]);
  }
}

function wrap(net, parents, children) {
  const late = fill(net.row.length, 0), last = fill(net.row.length, 0), groups = new Map();
  const own = parents.map((up, v) => !up.length && children[v].length === 1);
  for (let v = net.ins; v < net.boxes; v++) {
    const above = new Set(parents[v].filter((u) => !own[u] || u < net.ins));
    const below = new Set(children[v]);
    if (net.frame[v] || above.size > 1 || below.size > 1) continue;
    const use = most([...below], -1);
    if (use < net.boxes && !(use >= 0 && net.frame[use])) {
      const key = `${most([...above], -1)},${use}`;
      if (!groups.has(key)) groups.set(key, [use, []]);
      groups.get(key)[1].push(v);
    }
  }
  for (const [use, group] of groups.values()) {
    if (group.length <= LONG) continue;
    const long = max(LONG, ceil(sqrt(group.length)));
    const step = group.some((v) => parents[v].some((u) => own[u])) ? 2 : 1;
    group.forEach((v, i) => {
      late[v] = step * Math.floor(i / long);
      last[v] = step * Math.floor((group.length - 1) / long);
      net.gathered[v] = use >= 0;
    });
  }
  return [late, last];
}

// order.py
function order(net, nets) {
  const size = max(1, net.below.reduce((total, below) => total + below.length, net.row.length));
  let [best, fewest] = sweep(net, 0, size);
  const starts = min(STARTS, max(2, Math.floor(800 / nets)), Math.floor(MUCH_WORK / (20 * size)));
  for (let start = 1; start < starts && fewest; start++) {
    const [rows, crossings] = sweep(net, start, size);
    if (crossings < fewest) [best, fewest] = [rows, crossings];
  }
  net.rows = best;
}

function sweep(net, start, size) {
  const rows = net.rows = first(net, start), place = fill(net.row.length, 0);
  for (const line of rows) line.forEach((v, i) => place[v] = i);
  const copy = () => rows.map((line) => line.slice());
  let best = copy(), fewest = crossings(net, place), stale = 0;
  const turns = min(12, max(1, Math.floor(MUCH_WORK / size)));
  for (let turn = 0; turn < turns && fewest && stale < 3; turn++) {
    const flip = turn % 2 === 1;
    for (let r = 1; r < rows.length; r++)
      barycentre(rows[r], net.above, net.aboveLean, place, flip);
    for (let r = rows.length - 2; r >= 0; r--)
      barycentre(rows[r], net.below, net.belowLean, place, flip);
    const count = crossings(net, place);
    stale++;
    if (count < fewest) [best, fewest, stale] = [copy(), count, 0];
  }
  if (fewest && size <= EXCHANGED) {
    net.rows = best;
    fewest = exchange(net);
  }
  return [best, fewest];
}

function exchange(net) {
  const place = fill(net.row.length, 0);
  for (const line of net.rows) line.forEach((v, i) => place[v] = i);
  const over = (v) => net.above[v].map((u, i) => place[u] + net.abovePorts[v][i]);
  const under = (u) => net.below[u].map((v, i) => place[v] + net.belowPorts[u][i][1]);
  for (let pass = 0; pass < EXCHANGES; pass++) {
    let better = 0;
    for (const line of net.rows) {
      for (let i = 0; i < line.length - 1; i++) {
        const u = line[i], v = line[i + 1];
        if (gain(over(u), over(v)) + gain(under(u), under(v)) > 0) {
          [line[i], line[i + 1]] = [v, u];
          place[u] = i + 1;
          place[v] = i;
          better++;
        }
      }
    }
    if (!better) break;
  }
  return crossings(net, place);
}

function gain(left, right) {
  let total = 0;
  if (left.length * right.length > MUCH_GAIN) return 0;
  for (const a of left) for (const b of right) total += (a > b) - (a < b);
  return total;
}

function first(net, start) {
  const rows = lists(most(net.row, 0) + 1), seen = fill(net.row.length, false), sinks = [];
  for (let v = net.boxes; v < net.boxes + net.outs; v++) sinks.push(v);
  for (let v = 0; v < net.boxes; v++) sinks.push(v);
  for (const sink of sinks) {
    const stack = net.below[sink].length ? [] : [sink];
    while (stack.length) {
      const v = stack.pop();
      if (seen[v]) continue;
      seen[v] = true;
      rows[net.row[v]].push(v);
      const above = net.above[v].slice();
      if (!start || (v + 1) * (104729 + 7919 * start) % 1021 % 2 === 0) above.reverse();
      for (const u of above) stack.push(u);
    }
  }
  return rows;
}

function barycentre(line, near, lean, place, flip) {
  const movable = line.filter((v) => near[v].length), key = new Map();
  for (const v of movable) {
    let total = 0;
    for (const u of near[v]) total += place[u];
    key.set(v, (total + lean[v]) / near[v].length);
  }
  if (flip) movable.reverse();
  movable.sort((a, b) => key.get(a) - key.get(b));
  let next = 0;
  line.forEach((v, i) => {
    if (near[v].length) v = line[i] = movable[next++];
    place[v] = i;
  });
}

function crossings(net, place) {
  const state = net.state.map((v, i) => [place[v], place[net.boxes + i]]);
  state.sort((a, b) => a[0] - b[0]);
  let total = inversions(state.map((pair) => pair[1]));
  for (const line of net.rows) total += inversions(line.flatMap((v) => ends(net, v, place)));
  return total;
}

function inversions(ends) {
  let total = 0;
  const sorted = [];
  for (const end of ends) {
    let low = 0, high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (end < sorted[middle]) high = middle;
      else low = middle + 1;
    }
    total += sorted.length - low;
    sorted.splice(low, 0, end);
  }
  return total;
}

// columns.py
function columns(net) {
  const n = net.row.length, {above: over, below: under, boxes, outs, width} = net;
  const line = net.row.map((_, v) => !(net.ins <= v && v < boxes));
  const source = net.row.map((_, v) => !line[v] && (!over[v].length || net.side[v]));
  const dummies = net.row.map((_, v) => {
    const up = most(over[v], -1);
    return v >= boxes + outs && (up >= net.ins || under[up].length > 1 || least(under[v]) >= boxes);
  });
  const weights = [CHAIN, BENDS, STIFF];
  const pulls = (near, aside) => near.map((around, v) => around.map((u, i) => [
    u, source[u] || source[v] ? WEAK : weights[dummies[v] + dummies[u]], aside[v][i]]));
  const above = pulls(over, net.aboveAside), below = pulls(under, net.belowAside);
  const gaps = net.rows.map((row) => row.slice(1).map((v, i) => 0.5 * (width[row[i]] + width[v])
    + (line[row[i]] || line[v] ? BETWEEN_LINES : BETWEEN_BOXES)));
  const x = fill(n, 0);
  const rows = net.rows.map((row, r) => [row, gaps[r]]).filter(([row]) => row.length);
  for (const [row, gap] of rows) {
    let at = 0;
    for (const step of gap) at -= 0.5 * step;
    row.forEach((v, i) => {
      x[v] = at;
      at += gap[i];
    });
  }
  const turns = n < 3000 ? 9 : n < 20000 ? 5 : 3, reversed = rows.slice().reverse();
  for (let turn = 0; turn <= turns; turn++) {
    if (turn === turns) {
      straighten(net, gaps, dummies, x);
      align(net, rows, x);
    }
    const up = turn % 2 === 1;
    if (turn === max(1, turns - 4)) {
      for (let v = boxes + outs; v < n; v++) {
        if (!dummies[v]) continue;
        const before = most(over[v], -1), after = most(under[v], -1);
        if (!dummies[before] && dummies[after]) above[v] = [[after, STIFF, 0]];
        else if (dummies[before] && !dummies[after]) below[v] = [[before, STIFF, 0]];
      }
    }
    for (const [row, gap] of up ? reversed : rows) {
      const wish = [], weight = [];
      for (const v of row) {
        const near = up ? below[v] : above[v];
        if (!near.length || (turn === turns && !source[v])) {
          wish.push(x[v]);
          weight.push(turn < turns ? 1e-3 * WEAK : FIXED);
        } else if (near.length === 1) {
          wish.push(x[near[0][0]] + near[0][2]);
          weight.push(near[0][1]);
        } else {
          let pull = 0, total = 0;
          for (const [u, w, shift] of near) {
            pull += w * (x[u] + shift);
            total += w;
          }
          wish.push(pull / total);
          weight.push(total);
        }
      }
      isotonic(wish, weight, gap).forEach((at, i) => x[row[i]] = at);
    }
  }
  return x;
}

function align(net, rows, x) {
  if (!net.state.length) return;
  const [row, gap] = rows[0], leave = [];
  for (let v = net.boxes; v < net.boxes + net.outs; v++) leave.push(v);
  leave.sort((a, b) => x[a] - x[b]);
  const state = new Set(net.state), weight = row.map((v) => state.has(v) ? 1 : WEAK);
  let next = 0;
  const wish = row.map((v) => x[state.has(v) ? leave[next++] : v]);
  isotonic(wish, weight, gap).forEach((at, i) => x[row[i]] = at);
}

function straighten(net, gaps, dummies, x) {
  const left = [], right = [], chains = [];
  net.rows.forEach((row, r) => gaps[r].forEach((between, i) => {
    left[row[i + 1]] = [row[i], between];
    right[row[i]] = [row[i + 1], between];
  }));
  for (let v = net.boxes + net.outs; v < x.length; v++) {
    if (!dummies[v] || dummies[most(net.above[v], -1)]) continue;
    const chain = [v];
    let after = most(net.below[v], -1);
    while (dummies[after]) {
      chain.push(after);
      after = most(net.below[after], -1);
    }
    chains.push(chain);
  }
  for (const way of [chains, chains.slice().reverse()]) {
    for (const chain of way) {
      let low = -Infinity, high = Infinity;
      for (const v of chain) {
        if (left[v]) low = max(low, x[left[v][0]] + left[v][1]);
        if (right[v]) high = min(high, x[right[v][0]] - right[v][1]);
      }
      if (low <= high + HAIR) {
        const start = x[most(net.above[chain[0]], -1)], end = x[most(net.below[chain.at(-1)], -1)];
        const wish = [start, end].find((at) => low <= at && at <= high) ?? 0.5 * (start + end);
        for (const v of chain) x[v] = max(low, min(high, wish));
      }
    }
  }
}

function isotonic(wish, weight, gap) {
  if (wish.length === 1) return wish;
  const blocks = [], offsets = [], result = [];
  let offset = 0;
  for (let i = 0; i < wish.length; i++) {
    offset += i ? gap[i - 1] : 0;
    offsets.push(offset);
    let mean = wish[i] - offset, mass = weight[i], length = 1;
    while (blocks.length && blocks.at(-1)[0] >= mean) {
      const [before, heavy, count] = blocks.pop();
      mean = (mean * mass + before * heavy) / (mass + heavy);
      mass += heavy;
      length += count;
    }
    blocks.push([mean, mass, length]);
  }
  for (const [mean, , length] of blocks)
    for (let i = 0; i < length; i++) result.push(mean + offsets[result.length]);
  return result;
}

// place.py
function place(net, x, title) {
  const count = net.rows.length, tall = fill(count, 0), low = fill(count, 0);
  const wide = fill(count, 0), top = [0], y = fill(net.width.length, 0);
  for (let v = net.ins; v < net.boxes; v++) {
    const r = net.row[v];
    tall[r] = max(tall[r], net.height[v]);
    if (!net.frame[v]) low[r] = max(low[r], net.height[v]);
  }
  net.above.forEach((above, v) => above.forEach((u, i) => {
    const r = net.row[u];
    wide[r] = max(wide[r], abs(x[u] + net.aboveAside[v][i] - x[v]));
  }));
  if (title) tall[0] = title[1];
  for (let r = 0; r < count; r++) {
    let room = BETWEEN_ROWS;
    if (title) {
      if (r === 0) room = net.ins ? min(room, AT_BORDER + 0.5 * wide[0]) : PAD;
      else if (net.outs && r === count - 2) room = min(room, AT_BORDER + 0.5 * wide[r]);
    }
    top.push(top[r] + tall[r] + min(room + STEEPNESS * wide[r], AT_MOST));
  }
  let height = top[count - 1] + tall[count - 1], left = 0, right = 0;
  x.forEach((at, v) => {
    const low = at - 0.5 * net.width[v], high = at + 0.5 * net.width[v];
    left = v ? min(left, low) : low;
    right = v ? max(right, high) : high;
  });
  if (title) {
    left -= PAD;
    right += PAD;
    const beside = title[0] + BESIDE, first = least(x.slice(0, net.ins));
    if (first === Infinity) {
      const spare = 0.5 * max(0, beside - (right - left));
      left -= spare;
      right += spare;
    } else if (first - beside < left) [left, right] = [first - beside, max(right, first + beside)];
    if (!net.outs) height += PAD;
  }
  for (let v = net.ins; v < net.boxes; v++) {
    const r = net.row[v], band = net.frame[v] ? tall[r] : low[r];
    y[v] = top[r] + 0.5 * band;
    const aside = !net.above[v].length || net.side[v];
    if (band < tall[r] && !net.frame[v] && aside) y[v] += tall[r] - band;
  }
  return {
    net, x: x.map((at) => at - left), top, tall, y, width: right - left, height,
    enter: new Map(), leave: new Map(),
  };
}

function cut(level, sizes, placed, depth) {
  const n = sizes.length, {units, values, starts, links} = level;
  const inner = (unit) => unit >= n ? placed[unit - n] : null;
  const entering = values.filter((_, i) => starts[i] === PORT);
  const outs = links.filter(([, end]) => end === PORT).length;
  const net = network(entering.length, units.map((unit) => {
    const frame = inner(unit);
    return frame ? [frame.width, frame.height] : sizes[unit];
  }), outs);
  const deep = entering.map((u, v) => [depth[u], v]).sort((a, b) => b[0] - a[0]);
  net.computed = entering.map((u) => depth[u] > 0);
  const last = deep[outs - 1]?.[0];
  if (last && !(deep[outs]?.[0] >= last))
    net.state = deep.slice(0, outs).map(([, v]) => v).sort((a, b) => a - b);
  const vertex = new Map(units.map((unit, i) => [unit, net.ins + i]));
  for (const unit of units) if (unit >= n) net.frame[vertex.get(unit)] = true;
  let port = 0;
  starts.forEach((start, i) => {
    net.start.push(start === PORT ? port++ : vertex.get(start));
    net.startAt.push(inner(start)?.leave.get(values[i]) ?? 0);
  });
  port = net.boxes;
  for (const [number, end] of links) {
    net.links.push([number, end === PORT ? port++ : vertex.get(end)]);
    net.endAt.push(inner(end)?.enter.get(values[number]) ?? 0);
  }
  return net;
}

function ports(level, placed) {
  const {net, x} = placed, middle = 0.5 * placed.width;
  level.starts.forEach((start, i) => {
    if (start === PORT) placed.enter.set(level.values[i], x[net.start[i]] - middle);
  });
  level.links.forEach(([number, end], k) => {
    if (end === PORT) placed.leave.set(level.values[number], x[net.links[k][1]] - middle);
  });
}

// routes.py
function draw(placed, [left, upper]) {
  const net = placed.net, x = placed.x.map((at) => left + at);
  const top = placed.top.map((at) => upper + at);
  const floors = placed.tall.map((height, r) => top[r] + height), into = entries(placed);
  return net.links.map(([value, v], k) => {
    const u = net.start[value], path = net.paths[k], end = left + into[k];
    const bend = x[u] + net.startAt[value];
    const foot = upper + placed.y[u] + 0.5 * net.height[u];
    const head = v >= net.boxes ? upper + placed.height
      : upper + placed.y[v] - 0.5 * net.height[v];
    if (!path.length) return [
      straight([bend, foot], foot + TIP), straight([end, head - 1.6 * TIP], head)];
    const way = [path[0] === u ? [bend, foot] : [x[path[0]], floors[net.row[path[0]]]]];
    for (let i = 1; i < path.length; i++) {
      const a = path[i - 1], b = path[i], floor = floors[net.row[a]], to = b !== v ? x[b] : end;
      if (abs(to - way.at(-1)[0]) < 1e-6) continue;
      if (floor - way.at(-1)[1] > 1e-6) way.push(...straight(way.at(-1), floor).slice(1));
      way.push(...curve(way.at(-1), [to, top[net.row[b]] - TIP]));
    }
    way.push(...straight(way.at(-1), head).slice(1));
    return [way];
  });
}

function entries(placed) {
  const {net, x} = placed, entering = lists(net.boxes), at = fill(net.links.length, 0);
  net.links.forEach(([, v], k) => {
    if (v >= net.boxes || net.frame[v]) at[k] = x[v] + net.endAt[k];
    else entering[v].push(k);
  });
  const gathered = (k) => net.gathered[net.start[net.links[k][0]]];
  entering.forEach((all, v) => {
    if (!all.length) return;
    const joint = all.filter(gathered);
    const into = [...all.filter((k) => !gathered(k)), ...joint.slice(0, 1)];
    const origin = new Map(into.map((k) => [k, originOf(placed, k)]));
    into.sort((a, b) => origin.get(a) - origin.get(b));
    const half = max(0, 0.5 * net.width[v] - 12), many = into.length - 1;
    const step = min(16, 2 * half / max(1, many));
    const wish = into.map((k) => origin.get(k) - x[v]);
    isotonic(wish, fill(into.length, 1), fill(many, step)).forEach((free, i) => {
      at[into[i]] = x[v] + max(-half + i * step, min(half - (many - i) * step, free));
    });
    for (const k of joint) at[k] = at[joint[0]];
  });
  return at;
}

function originOf({net, x}, k) {
  const path = net.paths[k], [value, v] = net.links[k], u = path.at(-2);
  return path.length ? x[u] + (u === net.start[value] ? net.startAt[value] : 0) : x[v];
}

function straight([x, y], to) {
  const third = (to - y) / 3;
  return [[x, y], [x, y + third], [x, to - third], [x, to]];
}

function curve([x, y], end) {
  const bend = 0.5 * (end[1] - y);
  return [[x, y + bend], [end[0], end[1] - bend], end];
}

function joined(ways, drawn) {
  const taken = drawn.map(() => new Set());
  return ways.map((way) => {
    let route = [];
    for (const [level, k] of way) {
      if (taken[level].has(k)) continue;
      taken[level].add(k);
      const pieces = drawn[level][k];
      if (route.length) {
        route.push(route.pop().concat(pieces[0].slice(1)), ...pieces.slice(1));
      } else route = pieces.slice();
    }
    return route;
  });
}

// __init__.py
function layered(sizes, given, inside = null, frames = []) {
  const n = sizes.length, homes = inside ?? fill(n, -1), depth = fill(n, 0);
  const read = reading(n, given), edges = read.map((k) => given[k]), routes = [];
  const [plan, ways] = levels(n, edges, homes, frames.map(([parent]) => parent));
  for (const [u, v] of edges.slice().sort((a, b) => a[1] - b[1]))
    depth[v] = max(depth[v], depth[u] + 1);
  const placed = [];
  let page;
  for (let f = frames.length - 1; f >= -1; f--) {
    const level = plan[f + 1], net = cut(level, sizes, placed, depth);
    assign(net, f >= 0);
    thread(net);
    order(net, plan.length);
    const done = place(net, columns(net), f >= 0 ? frames[f].slice(1) : null);
    ports(level, done);
    if (f >= 0) placed[f] = done;
    else page = done;
  }
  const corners = [], centres = [];
  const drawn = plan.map((level, i) => {
    const here = i ? placed[i - 1] : page, corner = i ? corners[i - 1] : [0, 0];
    level.units.forEach((unit, k) => {
      const v = here.net.ins + k, x = corner[0] + here.x[v], y = corner[1] + here.y[v];
      if (unit < n) centres[unit] = [x, y];
      else {
        const inner = placed[unit - n];
        corners[unit - n] = [x - 0.5 * inner.width, y - 0.5 * inner.height];
      }
    });
    return draw(here, corner);
  });
  joined(ways, drawn).forEach((route, i) => routes[read[i]] = route);
  return {
    centres, routes, width: page.width, height: page.height,
    frames: placed.map(({width, height}, f) => [...corners[f], width, height]),
  };
}
