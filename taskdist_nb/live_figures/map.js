// A map of tasks: choose a distance and a target, see how far each source is and where fine-tuning paid.
const {names, distances, gain} = data, state = live.state = {target: data.target};
let redraw = () => {}, moving = 0;
const which = menu("distance", Object.keys(distances), data.distance, () => glide());
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
let points = distances[data.distance].points;
const brief = (name, most) => name.length > most ? name.slice(0, most - 1) + "…" : name;

// Move the tasks from where they are to where another distance has them.
function glide() {
  const from = points, to = distances[which.value].points, start = performance.now(), turn = ++moving;
  if (calm) { points = to; return redraw(); }
  const tick = now => {
    if (turn !== moving) return;
    const t = Math.min(1, Math.max(0, (now - start)/400)), s = t*t*(3 - 2*t);
    points = from.map((p, k) => p.map((v, i) => (1 - s)*v + s*to[k][i]));
    live.draw();
    if (t < 1) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}
const spots = names.map((name, k) => choice(`choose ${name} as the target`, group => {
  add(group, "circle", {r: 16, fill: "transparent"});
  add(group, "circle", {class: "ring", r: 6, fill: "var(--blue)"});
}, () => { state.target = name; redraw(); }));

redraw = show(width => {
  const narrow = width < 560, w = narrow ? width : width - 270, h = Math.min(w, 400), {matrix, unit} = distances[which.value], t = names.indexOf(state.target);
  const middle = [0, 1].map(i => (Math.max(...points.map(p => p[i])) + Math.min(...points.map(p => p[i])))/2);
  const reach = Math.max(...points.map(p => Math.max(Math.abs(p[0] - middle[0])/(w/2 - 60), Math.abs(p[1] - middle[1])/(h/2 - 24))));
  const at = points.map(p => [w/2 + (p[0] - middle[0])/reach, h/2 - (p[1] - middle[1])/reach]);
  const order = names.map((_, k) => k).filter(k => k !== t).sort((i, j) => matrix[i][t] - matrix[j][t]), near = order[0], far = matrix[order[order.length - 1]][t];
  order.slice(0, 5).forEach((k, rank) => line([at[k], at[t]], "var(--red)", {"stroke-width": rank ? 1 : 3, "stroke-dasharray": rank ? "3 4" : null}));
  names.forEach((name, k) => {
    spots[k].setAttribute("transform", `translate(${at[k]})`);
    spots[k].setAttribute("aria-pressed", k === t);
    spots[k].querySelector(".ring").setAttribute("fill", k === t ? "var(--red)" : "var(--blue)");
  });
  const taken = at.map(([x, y]) => [x - 7, y - 7, x + 7, y + 7]);
  for (const k of [t, ...order]) {                                       // the chosen one and the nearest get a label first
    const [x, y] = at[k];
    for (const name of [names[k], brief(names[k], 16), brief(names[k], 8)]) {  // shortened where there is no room
      const long = 6.6*name.length;
      const sides = [[x + 9, y + 4, "start", x + 9], [x - 9, y + 4, "end", x - 9 - long], [x, y - 10, "middle", x - long/2], [x, y + 20, "middle", x - long/2]];
      const free = sides.find(([, v, , left]) => left > 0 && left + long < w && !taken.some(([l, o, r, u]) => left < r && left + long > l && v - 10 < u && v + 2 > o));
      if (!free) continue;
      taken.push([free[3], free[1] - 10, free[3] + long, free[1] + 2]);
      write(free[0], free[1], name, {"text-anchor": free[2], class: k === t ? "over strong" : "over", style: k === t ? "fill: var(--red)" : null});
      break;
    }
  }
  const shown = order.slice(0, 8), x = narrow ? 0 : w + 10, top = narrow ? h + 40 : 40, room = 118, bar = 80;
  write(x, top - 18, `nearest sources to ${state.target}`, {"text-anchor": "start", class: "strong"});
  shown.forEach((k, row) => {
    const y = top + 24*row;
    write(x + room - 6, y + 12, brief(names[k], 14), {"text-anchor": "end"});
    add(back, "rect", {x: x + room, y, width: bar*matrix[k][t]/far, height: 16, fill: row ? "var(--blue)" : "var(--red)", "fill-opacity": .8});
    write(x + room + bar*matrix[k][t]/far + 4, y + 12, +matrix[k][t].toPrecision(3), {"text-anchor": "start"});
    if (gain) write(x + (narrow ? width - 4 : 258), y + 12, gain[k][t] == null ? "–" : (gain[k][t] > 0 ? "+" : "") + signed(gain[k][t], 1), {"text-anchor": "end"});
  });
  const end = top + 24*shown.length;
  write(x + room, end + 16, unit, {"text-anchor": "start"});
  if (gain) write(x + (narrow ? width - 4 : 258), end + 16, "gain", {"text-anchor": "end"});
  live.now = {target: state.target, nearest: names[near], distance: matrix[near][t]};
  const paid = !gain || gain[near][t] == null ? "" : ` Fine-tuning from it: ${gain[near][t] > 0 ? "+" : ""}${signed(gain[near][t], 1)} points of accuracy against the mean over sources;`
    + ` the best source was ${names[order.reduce((i, j) => (gain[j][t] ?? -1e9) > (gain[i][t] ?? -1e9) ? j : i)]}.`;
  return {height: narrow ? end + 26 : Math.max(h, end + 30), says: `By ${which.value}, the nearest source to ${state.target} is ${names[near]} (${+matrix[near][t].toPrecision(3)}).${paid}`};
});
