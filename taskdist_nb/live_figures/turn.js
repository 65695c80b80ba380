// Ten digits turned by an angle, and the two lengths measured for such tasks.
const {size, angles, dial} = data, images = bytes(data.images), last = dial[dial.length - 1];
let redraw = () => {};
const step = angles[1] - angles[0];
const angle = slider("turned by", {min: 0, max: last, step, value: data.start, format: v => `${v}°`}, () => redraw());

// The mean over seeds at an angle; between two angles that were measured, on the straight line.
function mean(seeds) { return seeds.reduce((a, b) => a + b)/seeds.length; }
function between(values, at) {
  const k = Math.max(1, dial.findIndex(d => d >= at)), t = (at - dial[k - 1])/(dial[k] - dial[k - 1]);
  return (1 - t)*mean(values[k - 1]) + t*mean(values[k]);
}
redraw = show(width => {
  const narrow = width < 500, columns = narrow ? 5 : 10, gap = 6, side = (width - gap*(columns - 1))/columns, k = angles.indexOf(angle.value);
  for (let digit = 0; digit < 10; digit++) {
    const x = (digit % columns)*(side + gap), y = Math.floor(digit/columns)*(side + gap);
    add(back, "image", {x, y, width: side, height: side, href: grey(images, (digit*angles.length + k)*size*size, size), style: "image-rendering: pixelated"});
  }
  const top = (10/columns)*(side + gap) + 26, high = 150, now = {};
  data.readings.forEach(({name, values, still, colour, limit}, n) => {
    const w = narrow ? width - 60 : width/2 - 64, x = 48 + (narrow ? 0 : n*(width/2)), y = top + (narrow ? n*(high + 76) : 0);
    const {X, Y} = axes({x, y, w, h: high, xlim: [0, last], ylim: [0, limit], xticks: dial, xlabel: "turned by (degrees)", ylabel: "length (nats½)", title: name});
    line([[x, Y(still)], [x + w, Y(still)]], "var(--grey)", {"stroke-dasharray": "5 4", "stroke-width": 1.4});
    write(x + w, Y(still) - 5, "nothing moves", {"text-anchor": "end"});
    values.forEach((seeds, i) => seeds.forEach(v => dot(X(dial[i]), Y(v), `var(--${colour})`, 2.5, {opacity: .5})));
    line(values.map((seeds, i) => [X(dial[i]), Y(mean(seeds))]), `var(--${colour})`);
    const read = now[name] = between(values, angle.value);
    line([[X(angle.value), y], [X(angle.value), y + high]], "currentColor", {"stroke-width": .8});
    dot(X(angle.value), Y(read), `var(--${colour})`, 6, {stroke: "currentColor"});
  });
  live.now = now;
  const told = data.readings.map(r => `${r.name} ${now[r.name].toFixed(2)} (${r.still.toFixed(2)} when nothing moves)`).join("; ");
  const rest = dial.includes(angle.value) ? "" : " Between two measured angles: on the line between their means.";
  return {height: top + (narrow ? 2*(high + 76) - 36 : high + 40), says: `Digits turned by ${angle.value}°. Length, ${told}.${rest}`};
});
