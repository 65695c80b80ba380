// The exact toy: logistic regression on two Gaussians that move. All of it is computed here, without sampling.
let redraw = () => {}, solved = {};
const kind = menu("interpolation", ["displacement", "mixture"], data.kind, () => solve());
const shift = slider("shift c", {min: 0, max: 3, step: .1, value: data.shift, format: v => v.toFixed(1)}, () => solve());
const width_ = slider("width of class 0", {min: .5, max: 2, step: .1, value: data.width, format: v => v.toFixed(1)}, () => solve());
const speed = slider("learning speed κ", {min: 0, max: 4, step: .1, value: Math.log10(data.speed), format: v => (10**v).toPrecision(3).replace(/\.0+$/, "")}, () => solve());
const at = slider("τ", {min: 0, max: data.steps, step: 1, value: data.steps/2, format: m => (m/data.steps).toFixed(2)}, () => redraw());

const density = v => Math.exp(-v*v/2)/Math.sqrt(2*Math.PI);
// Nodes and masses of the trapezoidal rule for a Gaussian. Few are plenty for the learner's flow; sqrt(KL) has a kink and wants more.
function rule(n) {
  const z = [...Array(n).keys()].map(k => -7 + 14*k/(n - 1)), whole = z.reduce((sum, v) => sum + density(v), 0);
  return {z, mass: z.map(v => density(v)/whole/2)};
}
const FEW = rule(47), MANY = rule(141);
const sigmoid = u => 1/(1 + Math.exp(-u)), softplus = u => Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u)));

// The task at tau: points x with masses m; the first half of the points of each pair of classes is class 0.
function points(tau, task, {z, mass}) {
  const x = [], m = [], y = [];
  for (const label of [0, 1]) {
    const mean = label ? 1 : -1, wide = label ? 1 : task.width;
    for (let k = 0; k < z.length; k++) {
      const from = mean + z[k], to = mean + task.shift + wide*z[k];
      if (task.kind === "displacement") { x.push((1 - tau)*from + tau*to); m.push(mass[k]); y.push(label); }
      else { x.push(from, to); m.push((1 - tau)*mass[k], tau*mass[k]); y.push(label, label); }
    }
  }
  return {x, m, y};
}
// Gradient of the cross-entropy in slope and bias, and its second derivatives.
function derivatives([a, b], {x, m, y}) {
  let g0 = 0, g1 = 0, h0 = 0, h1 = 0, h2 = 0;
  for (let k = 0; k < x.length; k++) {
    const p = sigmoid(a*x[k] + b), r = m[k]*(p - y[k]), h = m[k]*p*(1 - p);
    g0 += r*x[k]; g1 += r; h0 += h*x[k]*x[k]; h1 += h*x[k]; h2 += h;
  }
  return [g0, g1, h0, h1, h2];
}
// w + c·gradient(w) = v, by Newton's method: c = 0 is excluded, c = Infinity is the best classifier.
function settle(w, v, c, task) {
  for (let turn = 0; turn < 30; turn++) {
    const [g0, g1, h0, h1, h2] = derivatives(w, task), one = c === Infinity ? 0 : 1/c;
    const f0 = one*(w[0] - v[0]) + g0, f1 = one*(w[1] - v[1]) + g1, det = (h0 + one)*(h2 + one) - h1*h1;
    const d0 = ((h2 + one)*f0 - h1*f1)/det, d1 = ((h0 + one)*f1 - h1*f0)/det;
    w = [w[0] - d0, w[1] - d1];
    if (Math.abs(d0) + Math.abs(d1) < 1e-7) break;
  }
  return w;
}
function loss([a, b], {x, m, y}) { return x.reduce((sum, v, k) => sum + m[k]*(softplus(a*v + b) - y[k]*(a*v + b)), 0); }
// Gradient flow by the backward formula of second order (BDF2), `fine` steps between checkpoints.
function flow(task, kappa, steps, fine) {
  const h = 1/(steps*fine), path = [[2, 0]];
  let before = [2, 0], w = settle(before, before, h*kappa, points(h, task, FEW));
  if (fine === 1) path.push(w);
  for (let k = 2; k <= steps*fine; k++) {
    const v = [0, 1].map(i => (4*w[i] - before[i])/3), guess = [0, 1].map(i => 2*w[i] - before[i]);
    [before, w] = [w, settle(guess, v, 2*h*kappa/3, points(k*h, task, FEW))];
    if (k % fine === 0) path.push(w);
  }
  return path;
}
// Lengths B and A so far, from sqrt(2 KL) at the inputs where each step begins.
function lengths(path, tasks) {
  const so = [[0, 0]];
  for (let k = 1; k < path.length; k++) {
    const {x, m} = tasks[k - 1], [[a, b], [c, d]] = [path[k - 1], path[k]];
    let B = 0, A = 0;
    for (let i = 0; i < x.length; i++) {
      const u = a*x[i] + b, v = c*x[i] + d, kl = Math.max(0, softplus(v) - softplus(u) + sigmoid(u)*(u - v));
      B += m[i]*Math.sqrt(2*kl); A += m[i]*2*kl;
    }
    so.push([so[k - 1][0] + B, so[k - 1][1] + Math.sqrt(A)]);
  }
  return so;
}
live.solve = (task, kappa) => {
  const tasks = [...Array(data.steps + 1).keys()].map(k => points(k/data.steps, task, MANY)), best = [];
  for (const now of tasks) best.push(settle(best[best.length - 1] ?? [2, 0], [0, 0], Infinity, now));
  const learner = flow(task, kappa, data.steps, 8), excess = learner.map((w, k) => loss(w, tasks[k]) - loss(best[k], tasks[k]));
  return {best, learner, excess, best_lengths: lengths(best, tasks), lengths: lengths(learner, tasks)};
};
const task = () => ({shift: shift.value, width: width_.value, kind: kind.value});
live.frame = () => { live.solve(task(), 10**speed.value); live.draw(); };      // all that a move of a slider costs
function solve() {
  solved = live.solve(task(), 10**speed.value);
  redraw();
}
function classes(box, m) {
  const tau = m/data.steps, xs = [...Array(111).keys()].map(k => -4.5 + .1*k), mixed = kind.value === "mixture", c = shift.value, s = width_.value;
  const {X, Y} = axes({...box, xlim: [-4.5, 6.5], ylim: [0, 1.02], xlabel: "x", title: "the task, and p(1|x)"});
  [["blue", -1, s], ["red", 1, 1]].forEach(([colour, mean, wide]) => {
    const at_ = (v, mu, w) => density((v - mu)/w)/w;
    const f = v => mixed ? (1 - tau)*at_(v, mean, 1) + tau*at_(v, mean + c, wide) : at_(v, mean + tau*c, 1 + tau*(wide - 1));
    const shape = [[X(-4.5), Y(0)], ...xs.map(v => [X(v), Y(f(v))]), [X(6.5), Y(0)]];
    line(shape, `var(--${colour})`, {fill: `var(--${colour})`, "fill-opacity": .3, "stroke-width": 1});
  });
  const says = ([a, b]) => xs.map(v => [X(v), Y(sigmoid(a*v + b))]);
  line(says(solved.best[m]), "currentColor", {"stroke-dasharray": "5 4", "stroke-width": 1.4});
  line(says(solved.learner[m]), "var(--green)");
}
function weights(box, m) {
  const {X, Y} = axes({...box, xlim: [-.6, 3.4], ylim: [0, 4], xlabel: "decision boundary −b/a", title: "slope a"}), put = ([a, b]) => [X(-b/a), Y(a)];
  line(solved.best.map(put), "currentColor", {"stroke-dasharray": "5 4", "stroke-width": 1.4});
  line(solved.learner.map(put), "var(--green)");
  dot(...put(solved.best[m]), "currentColor");
  dot(...put(solved.learner[m]), "var(--green)", 5);
}
function ways(box, m) {
  const top = 1.05*Math.max(1.4, ...[...solved.lengths, ...solved.best_lengths].flat());
  const {X, Y} = axes({...box, xlim: [0, 1], ylim: [0, top], xlabel: "τ", title: "length so far (nats½)"});
  ["blue", "red"].forEach((colour, k) => {
    const put = values => values.map((row, i) => [X(i/data.steps), Y(row[k])]);
    line(put(solved.best_lengths), `var(--${colour})`, {"stroke-dasharray": "5 4", "stroke-width": 1.4});
    line(put(solved.lengths), `var(--${colour})`);
    dot(X(m/data.steps), Y(solved.lengths[m][k]), `var(--${colour})`, 4.5);
  });
}
solved = live.solve({shift: data.shift, width: data.width, kind: data.kind}, data.speed);
redraw = show(width => {
  const narrow = width < 560, m = at.value, w = narrow ? width - 40 : (width - 130)/3, h = 150;
  [classes, weights, ways].forEach((draw, k) => draw({x: narrow ? 30 : 30 + k*(w + 44), y: 26 + (narrow ? k*(h + 68) : 0), w, h}, m));
  const [B, A] = solved.lengths[data.steps], [best] = solved.best_lengths[data.steps], last = data.steps;
  live.now = {B, A, best, excess: solved.excess[last]};
  const way = best > 1e-6 ? `, ${Math.abs(100*(1 - B/best)).toFixed(0)}% ${B < best ? "less" : "more"} than the best classifier's (dashed)` : "";
  const says = `At τ = ${(m/last).toFixed(2)} the learner (green) has come B (blue) = ${solved.lengths[m][0].toFixed(3)}, A (orange) = ${solved.lengths[m][1].toFixed(3)} nats½. `
    + `The whole way is B = ${B.toFixed(3)}${way}; the excess loss at its end is ${solved.excess[last].toPrecision(2)} nats.`;
  return {height: narrow ? 26 + 3*(h + 68) - 24 : h + 66, says};
});
