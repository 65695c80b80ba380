// Two predictions over three classes: KL divergence, one step, the geodesic and the straight line.
const LEAST = .005, corners = [[-Math.sqrt(3)/2, .5], [Math.sqrt(3)/2, .5], [0, -1]];      // on the screen y points down
const state = live.state = {p: data.p, q: data.q};
let scale = 150, middle = [0, 0], redraw = () => {};
const steps = slider("straight line read in", {min: 1, max: 40, step: 1, value: data.steps, format: v => `${v} step${v > 1 ? "s" : ""}`}, () => redraw());

const sum = values => values.reduce((a, b) => a + b, 0);
const flat = p => [0, 1].map(i => middle[i] + scale*sum(p.map((v, k) => v*corners[k][i])));
function inside(x, y) {
  const [u, v] = [(x - middle[0])/scale, (y - middle[1])/scale];
  const third = (.5 - v)/1.5, first = (1 - third)/2 - u/Math.sqrt(3);
  const p = [first, 1 - third - first, third].map(w => Math.max(LEAST, w));
  return p.map(w => w/sum(p));
}
const mix = (p, q, t) => p.map((v, k) => (1 - t)*v + t*q[k]);
const kl = (p, q) => sum(p.map((v, k) => v*Math.log(v/q[k])));
function distance(p, q) { return 4*Math.asin(Math.min(1, Math.sqrt(sum(p.map((v, k) => (Math.sqrt(v) - Math.sqrt(q[k]))**2)))/2)); }
function geodesic(p, q, t) {
  const angle = distance(p, q)/2;
  if (angle < 1e-9) return p;
  const root = p.map((v, k) => (Math.sin((1 - t)*angle)*Math.sqrt(v) + Math.sin(t*angle)*Math.sqrt(q[k]))/Math.sin(angle));
  return root.map(v => v*v);
}
function ring(p, radius) {
  const root = p.map(Math.sqrt), pole = root.map((v, k) => +(k === root.indexOf(Math.min(...root))));
  const along = sum(root.map((v, k) => v*pole[k])), one = pole.map((v, k) => v - along*root[k]), length = Math.hypot(...one), u = one.map(v => v/length);
  const w = [0, 1, 2].map(k => root[(k + 1) % 3]*u[(k + 2) % 3] - root[(k + 2) % 3]*u[(k + 1) % 3]);
  let pieces = "", down = false;
  for (let n = 0; n <= 120; n++) {
    const a = n*Math.PI/60, r = root.map((v, k) => Math.cos(radius/2)*v + Math.sin(radius/2)*(Math.cos(a)*u[k] + Math.sin(a)*w[k]));
    if (Math.min(...r) < 0) { down = false; continue; }
    pieces += (down ? "L" : "M") + flat(r.map(v => v*v)).map(v => v.toFixed(1));
    down = true;
  }
  return pieces;
}
live.measure = (p, q, n) => {
  const points = [...Array(n + 1).keys()].map(k => mix(p, q, k/n));
  const read = sum(points.slice(1).map((b, k) => Math.sqrt(2*Math.max(0, kl(points[k], b)))));
  return {kl: kl(p, q), step: Math.sqrt(2*kl(p, q)), geodesic: distance(p, q), read};
};
const triple = p => "(" + p.map(v => v.toFixed(2)).join(", ") + ")";
const handles = {};
for (const name of ["p", "q"]) {
  const draw = group => {
    add(group, "circle", {r: 22, fill: "transparent"});
    add(group, "circle", {class: "ring", r: 11, fill: "currentColor", stroke: "transparent"});
    add(group, "text", {y: 4, "text-anchor": "middle", style: "fill: var(--color-background-primary, var(--jp-layout-color0, #fff)); font-weight: 700"}, name);
  };
  const move = (x, y) => { state[name] = inside(x, y); redraw(); };
  handles[name] = handle(`prediction ${name}`, draw, move, (dx, dy) => { const [x, y] = flat(state[name]); move(x + .02*scale*dx, y + .02*scale*dy); });
}
function bars(x, y, w) {
  "pq".split("").forEach((name, row) => {
    write(x, y + 62*row + 4, name, {"text-anchor": "start", class: "strong", "font-style": "italic"});
    state[name].forEach((v, k) => {
      const top = y - 9 + 62*row + 18*k;
      add(back, "rect", {x: x + 74, y: top + 1, width: Math.max(.5, (w - 116)*v), height: 13, fill: `var(--${["blue", "red", "green"][k]})`});
      write(x + 68, top + 12, `class ${k + 1}`, {"text-anchor": "end"});
      write(x + 80 + (w - 116)*v, top + 12, v.toFixed(2), {"text-anchor": "start"});
    });
  });
}
redraw = show(width => {
  const narrow = width < 520, w = narrow ? width : width - 250;
  scale = Math.min(w/1.95, 210);
  middle = [w/2, scale + 24];
  const {p, q} = state, times = [...Array(61).keys()].map(k => k/60);
  for (let radius = .5; radius < 3.1; radius += .5) add(back, "path", {d: ring(p, radius), fill: "none", stroke: "var(--faint)", "stroke-width": 1});
  line([...corners, corners[0]].map(([x, y]) => [middle[0] + scale*x, middle[1] + scale*y]), "currentColor", {"stroke-width": 1});
  corners.forEach(([x, y], k) => write(middle[0] + scale*x + [24, -24, 0][k], middle[1] + scale*y + [18, 18, -8][k], `class ${k + 1}`));
  line(times.map(t => flat(geodesic(p, q, t))), "var(--green)", {"stroke-width": 3});
  line([flat(p), flat(q)], "var(--red)", {"stroke-dasharray": "6 4"});
  for (let k = 1; k < steps.value; k++) dot(...flat(mix(p, q, k/steps.value)), "var(--red)", 2.6);
  for (const name of ["p", "q"]) {
    handles[name].setAttribute("transform", `translate(${flat(state[name])})`);
    handles[name].setAttribute("aria-valuetext", `${name} = ${triple(state[name])}`);
    handles[name].setAttribute("aria-valuenow", state[name][0].toFixed(2));
  }
  const found = live.now = live.measure(p, q, steps.value), x = narrow ? 12 : w + 14, y = narrow ? 1.5*scale + 74 : 40;
  bars(x, y, narrow ? width - 24 : 236);
  const rows = [["KL(p‖q)", found.kl, "", "currentColor"], ["one step √(2 KL)", found.step, "", "currentColor"], ["geodesic", found.geodesic, "", "var(--green)"],
    [`line in ${steps.value} step${steps.value > 1 ? "s" : ""}`, found.read, "", "var(--red)"]];
  rows.forEach(([name, value, , colour], k) => {
    write(x, y + 148 + 22*k, name, {"text-anchor": "start", style: `fill: ${colour}`});
    write(x + (narrow ? 190 : 200), y + 148 + 22*k, value.toFixed(3), {"text-anchor": "end", class: "strong"});
  });
  const says = `p = ${triple(p)}, q = ${triple(q)}: KL ${found.kl.toFixed(3)} nats, one step ${found.step.toFixed(3)}, geodesic ${found.geodesic.toFixed(3)}, `
    + `straight line in ${steps.value} step${steps.value > 1 ? "s" : ""} ${found.read.toFixed(3)} nats½. Grey: equal distances from p, 0.5 apart.`;
  return {height: narrow ? y + 222 : Math.max(1.5*scale + 60, 270), says};
});
