// A recorded walk: images between two tasks, what the network says about them, and how far its predictions have come.
const {taus, names, groups, pairs, size, lengths, accuracy} = data, images = bytes(data.images), last = taus.length - 1;
let redraw = () => {};
const step = slider("τ", {min: 0, max: last, step: 1, value: data.start, format: m => taus[m].toFixed(2)}, () => redraw());
player(step, {min: 0, max: last, wait: 160});
const colours = {source: "var(--blue)", target: "var(--red)", shared: "var(--green)", spare: "var(--grey)"};

// A number on wheels: each digit a wheel that turns as the value grows, as in a car.
function odometer(x, y, value, colour) {
  const high = 26, wide = 19;
  let whole = value*100, carried = 1;
  for (let k = 3; k >= 0; k--) {
    const digit = Math.floor(whole) % 10, part = k === 3 ? whole % 1 : Math.max(0, carried);
    carried = digit === 9 ? part : 0;
    const left = x + wide*k + (k > 1 ? 6 : 0), wheel = add(back, "svg", {x: left, y, width: wide, height: high});
    add(wheel, "rect", {width: wide, height: high, fill: "none", stroke: colour});
    for (const [n, shift] of [[digit, 0], [(digit + 1) % 10, 1]]) add(wheel, "text", {x: wide/2, y: 19 + high*(shift - part), "text-anchor": "middle", "font-size": 17}, n);
    whole = Math.floor(whole/10);
  }
  write(x + 2*wide + 3, y + high - 2, ".", {class: "strong"});
}
redraw = show(width => {
  const m = step.value, n = pairs.length, cell = width/n, side = Math.min(cell - 16, 110), base = side + 22, tall = 62;
  pairs.forEach(({classes, predictions, labels}, k) => {
    const x = cell*k + (cell - side)/2;
    write(cell*(k + .5), 13, classes.join(" → "), {class: "strong"});
    add(back, "image", {x, y: 20, width: side, height: side, href: grey(images, (k*taus.length + m)*size*size, size), style: "image-rendering: pixelated"});
    const bar = (cell - 12)/names.length, left = cell*k + 6;
    line([[left, base + tall + 10], [left + cell - 12, base + tall + 10]], "currentColor", {"stroke-width": .8});
    names.forEach((name, i) => {
      const p = predictions[m][i], y = base + tall + 10;
      add(back, "rect", {x: left + bar*i + 1, y: y - tall*p, width: Math.max(1, bar - 2), height: tall*p, fill: colours[groups[i]]});
      if (labels[m][i] > 0) line([[left + bar*i, y - tall*labels[m][i]], [left + bar*(i + 1), y - tall*labels[m][i]]], "currentColor");
      if (bar > 9) write(left + bar*(i + .5), y + 15, name);
    });
  });
  const top = base + tall + 62, narrow = width < 520, read = Object.entries(lengths);
  const longest = Math.max(...read.map(([, r]) => Math.max(...r.values)));
  const plot = {x: 48, y: top, w: narrow ? width - 60 : width - 250, h: 150};
  const {X, Y} = axes({...plot, xlim: [0, 1], ylim: [0, 1.05*longest], xlabel: "τ: 0 source, 1 target", ylabel: "length so far (nats½)", title: "how far the predictions have come"});
  line([[X(taus[m]), plot.y], [X(taus[m]), plot.y + plot.h]], "currentColor", {"stroke-width": .8});
  read.forEach(([name, {values, colour, words}], k) => {
    line(taus.map((t, i) => [X(t), Y(values[i])]), `var(--${colour})`, {opacity: .35});
    line(taus.slice(0, m + 1).map((t, i) => [X(t), Y(values[i])]), `var(--${colour})`, {"stroke-width": 3});
    dot(X(taus[m]), Y(values[m]), `var(--${colour})`, 5);
    const x = narrow ? 12 + k*(width/2) : width - 165, y = narrow ? top + 206 : top + 10 + 66*k;
    write(x, y - 2, words, {"text-anchor": "start", style: `fill: var(--${colour})`});
    odometer(x, y + 5, values[m], `var(--${colour})`);
  });
  live.now = Object.fromEntries(read.map(([name, r]) => [name, r.values[m]]));
  const right = accuracy[m] == null ? "" : ` Accuracy on the target's test images ${(100*accuracy[m]).toFixed(0)}%.`;
  const says = `τ = ${taus[m].toFixed(2)}: ` + read.map(([, r]) => `${r.words} ${r.values[m].toFixed(2)}`).join(", ") + ` nats½.${right} `
    + `Bars: ${data.source} blue, ${data.target} orange${groups.includes("shared") ? ", both green" : ""}; lines: the label that the moving task gives.`;
  return {height: narrow ? top + 246 : top + 190, says};
});
