// The Mantel test by hand: relabel the tasks of one matrix in every order, and count how often it fits the other as well.
const {names, a, b, alternative} = data, n = names.length;
let redraw = () => {};

// All orders of the numbers from 0 to n - 1; the first leaves all as it is.
function orders(left) {
  return left.length ? left.flatMap((v, k) => orders([...left.slice(0, k), ...left.slice(k + 1)]).map(rest => [v, ...rest])) : [[]];
}
const all = orders([...Array(n).keys()]), places = [];
for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) if (i !== j && (!data.symmetric || i < j)) places.push([i, j]);
function standard(matrix) {
  const values = places.map(([i, j]) => matrix[i][j]), mean = values.reduce((u, v) => u + v)/values.length;
  const length = Math.hypot(...values.map(v => v - mean));
  return matrix.map(row => row.map(v => (v - mean)/length));
}
const u = standard(a), v = standard(b);
const null_ = live.null = all.map(order => places.reduce((sum, [i, j]) => sum + u[i][j]*v[order[i]][order[j]], 0));
const r = null_[0], TIE = 1e-10;
const extreme = alternative === "greater" ? w => w >= r - TIE : alternative === "less" ? w => w <= r + TIE : w => Math.abs(w) >= Math.abs(r) - TIE;

const step = slider("relabelling", {min: 1, max: all.length, step: 1, value: 1, format: k => `${k} of ${all.length}`}, () => redraw());
player(step, {min: 1, max: all.length, wait: 60});
const shade = (matrix, value) => {
  const seen = places.map(([i, j]) => matrix[i][j]), low = Math.min(...seen), high = Math.max(...seen);
  return .12 + .78*(value - low)/(high - low);
};
function heat(x, y, side, matrix, order, title, moved) {
  const cell = side/n;
  write(x, y - 10, title, {"text-anchor": "start", class: "strong"});
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      if (i === j) continue;
      add(back, "rect", {x: x + cell*j + .5, y: y + cell*i + .5, width: cell - 1, height: cell - 1, fill: "var(--blue)", "fill-opacity": shade(matrix, matrix[order[i]][order[j]]).toFixed(3)});
    }
    const changed = moved && order[i] !== i;
    write(x - 5, y + cell*(i + .5) + 4, names[order[i]], {"text-anchor": "end", style: changed ? "fill: var(--red)" : null, class: changed ? "strong" : null});
  }
}
redraw = show(width => {
  const narrow = width < 560, k = step.value - 1, order = all[k], room = 8 + 6.3*Math.max(...names.map(name => name.length));
  const side = Math.min(150, narrow ? width/2 - room - 8 : width/3 - room - 8);
  const wide = narrow && side < 70;                                      // one below the other on a phone
  const big = wide ? Math.min(180, width - room) : side, rows = wide ? 2 : 1;
  heat(room, 26, big, a, all[0], data.first);
  heat(wide ? room : room*2 + big + 14, wide ? big + 66 : 26, big, b, order, data.second, true);
  // All pairs of tasks, one distance against the other.
  const below = rows*(big + 40) + 34, plot = narrow ? {x: 48, y: below, w: width - 64, h: 130} : {x: width - side - 20, y: 26, w: side + 10, h: side};
  const ends = matrix => { const seen = places.map(([i, j]) => matrix[i][j]), gap = .08*(Math.max(...seen) - Math.min(...seen)); return [Math.min(...seen) - gap, Math.max(...seen) + gap]; };
  const one = axes({...plot, xlim: ends(a), ylim: ends(b), xlabel: data.first, ylabel: data.second, xticks: ticks(...ends(a), 3), title: `r = ${signed(null_[k])}`});
  for (const [i, j] of places) dot(one.X(a[i][j]), one.Y(b[order[i]][order[j]]), "var(--blue)", 3.5);
  // What r has been so far.
  const top = narrow ? below + 204 : side + 96, high = 120, bins = 25, low = -1, stack = Array(bins).fill(0);
  const bin = w => Math.min(bins - 1, Math.floor((w - low)/2*bins));
  const most = Math.max(...null_.reduce((count, w) => { count[bin(w)]++; return count; }, Array(bins).fill(0)));
  const two = axes({x: 48, y: top, w: width - 64, h: high, xlim: [-1, 1], ylim: [0, most + .5], xlabel: "r of the relabelled matrices", title: "so far", yticks: ticks(0, most, 3).filter(Number.isInteger)});
  const block = (width - 64)/bins, count = {as: 0};
  null_.slice(0, k + 1).forEach((w, i) => {
    const at = bin(w), level = stack[at]++;
    if (extreme(w)) count.as++;
    add(back, "rect", {x: two.X(low + 2*at/bins) + .5, y: two.Y(level + 1) + .5, width: block - 1, height: two.Y(level) - two.Y(level + 1) - 1,
      fill: extreme(w) ? "var(--red)" : "var(--grey)", "fill-opacity": extreme(w) ? 1 : .5, stroke: i === k ? "currentColor" : null, "stroke-width": 2});
  });
  line([[two.X(r), top - 4], [two.X(r), top + high]], "currentColor", {"stroke-dasharray": "4 3", "stroke-width": 1.2});
  live.now = {r: null_[k], count: count.as, p: count.as/(k + 1)};
  const whose = order.map((from, to) => from === to ? "" : `${names[to]} is called ${names[from]}`).filter(Boolean).join(", ");
  const done = k + 1 === all.length ? `All ${all.length}: p = ${count.as}/${all.length} = ${(count.as/all.length).toFixed(3)}.` : `${count.as} of ${k + 1} so far ${count.as === 1 ? "is" : "are"} at least as extreme (orange).`;
  return {height: top + high + 40, says: `${k ? `Relabelled: ${whose}` : "As measured"}; r = ${signed(null_[k])}. ${done}`};
});
