// What the figures share. `host` is the element with data-live, `data` what Python computed. Nothing here asks for a network.
const body = document.createElement("div");
body.className = "live-body";
const controls = document.createElement("div");
controls.className = "live-controls";
const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
svg.setAttribute("role", "group");
svg.setAttribute("aria-label", data.title);
const words = document.createElement("p");
words.className = "live-words";
words.setAttribute("role", "status");
body.append(controls, svg, words);
host.append(body);
host.classList.add("live-on");
const live = host.live = {ms: []};          // ms: what each drawing took

// An SVG element in another, with attributes and text.
function add(parent, tag, attributes, text) {
  const made = document.createElementNS(svg.namespaceURI, tag);
  for (const name in attributes) if (attributes[name] != null) made.setAttribute(name, attributes[name]);
  if (text != null) made.textContent = text;
  parent.append(made);
  return made;
}
const back = add(svg, "g"), front = add(svg, "g");       // `back` is drawn anew each time; `front` stays, so that what has the focus keeps it

// Text centred at a point, or to one side of it.
function write(x, y, text, attributes = {}) {
  return add(back, "text", {x, y, "text-anchor": "middle", ...attributes}, text);
}
const path = points => "M" + points.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join("L");
function line(points, colour, attributes = {}) {
  return add(back, "path", {d: path(points), fill: "none", stroke: colour, "stroke-width": 2, ...attributes});
}
function dot(x, y, colour, r = 4, attributes = {}) { return add(back, "circle", {cx: x, cy: y, r, fill: colour, ...attributes}); }
const signed = (v, digits = 2) => v.toFixed(digits).replace("-", "−");

// Round numbers from low to high, about `n` of them.
function ticks(low, high, n = 4) {
  const raw = (high - low)/n, ten = 10**Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(v => v*ten).find(v => v >= raw - 1e-12);
  const found = [];
  for (let v = Math.ceil(low/step - 1e-9)*step; v <= high + 1e-9*step; v += step) found.push(+v.toPrecision(12));
  return found;
}

// Axes with ticks and labels in a box of the drawing. -> {X, Y}: from numbers to places.
function axes({x, y, w, h, xlim, ylim, xlabel, ylabel, title, xticks, yticks}) {
  const X = v => x + (v - xlim[0])/(xlim[1] - xlim[0])*w, Y = v => y + h - (v - ylim[0])/(ylim[1] - ylim[0])*h;
  add(back, "path", {d: `M${x},${y}V${y + h}H${x + w}`, fill: "none", stroke: "currentColor", "stroke-width": .8});
  for (const v of xticks ?? ticks(...xlim)) { add(back, "path", {d: `M${X(v)},${y + h}v4`, stroke: "currentColor", "stroke-width": .8}); write(X(v), y + h + 16, signed(v, 6).replace(/\.?0+$/, "")); }
  for (const v of yticks ?? ticks(...ylim)) { add(back, "path", {d: `M${x},${Y(v)}h-4`, stroke: "currentColor", "stroke-width": .8}); write(x - 7, Y(v) + 4, signed(v, 6).replace(/\.?0+$/, ""), {"text-anchor": "end"}); }
  if (xlabel) write(x + w/2, y + h + 32, xlabel);
  if (ylabel) add(back, "text", {transform: `translate(${x - 34},${y + h/2}) rotate(-90)`, "text-anchor": "middle"}, ylabel);
  if (title) write(x, y - 8, title, {"text-anchor": "start", class: "strong"});
  return {X, Y};
}

function labelled(text, control, wide, shown) {
  const label = document.createElement("label");
  if (wide) label.className = "wide";
  label.append(text, control, ...(shown ? [shown] : []));
  controls.append(label);
}
// A slider with its value beside it. -> {value, set}
function slider(text, {min, max, step, value, format = String}, changed) {
  const input = document.createElement("input"), shown = document.createElement("output");
  Object.assign(input, {type: "range", min, max, step});
  const put = v => { input.value = v; shown.textContent = format(+input.value); input.setAttribute("aria-valuetext", shown.textContent); };
  put(value);
  input.addEventListener("input", () => { put(input.value); changed(); });
  labelled(text, input, true, shown);
  return {get value() { return +input.value; }, set(v) { put(v); changed(); }};
}
function menu(text, options, value, changed) {
  const select = document.createElement("select");
  for (const option of options) select.add(new Option(option, option, false, option === value));
  select.addEventListener("change", changed);
  labelled(text, select);
  return select;
}
function button(text, pressed) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", pressed);
  controls.append(made);
  return made;
}
// A button that moves a slider to its end, a step each `wait` milliseconds.
function player(slide, {min, max, wait}) {
  let timer = 0;
  const stop = () => { clearInterval(timer); timer = 0; made.textContent = "Play"; };
  const made = button("Play", () => {
    if (timer) return stop();
    if (slide.value >= max) slide.set(min);
    made.textContent = "Pause";
    timer = setInterval(() => { if (!host.isConnected || slide.value >= max) stop(); else slide.set(slide.value + 1); }, wait);
  });
}

// Something in the drawing that is moved by mouse, finger or arrow keys. `move(x, y)` gets places in the drawing, `step(dx, dy)` arrow keys.
function handle(name, draw, move, step) {
  const made = add(front, "g", {class: "handle", tabindex: 0, role: "slider", "aria-label": name, "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": 0});
  draw(made);
  made.addEventListener("pointerdown", event => {
    made.setPointerCapture(event.pointerId);
    made.focus({preventScroll: true});
    event.preventDefault();
  });
  made.addEventListener("touchstart", event => event.preventDefault(), {passive: false});        // a finger on it moves it, not the page
  made.addEventListener("pointermove", event => { if (made.hasPointerCapture(event.pointerId)) move(...place(event)); });
  const arrows = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
  made.addEventListener("keydown", event => {
    if (!(event.key in arrows)) return;
    event.preventDefault();
    event.stopPropagation();                               // arrow keys turn the site's pages
    step(...arrows[event.key]);
  });
  return made;
}
// Something in the drawing that is chosen by a click, a tap, Enter or space.
function choice(name, draw, chosen) {
  const made = add(front, "g", {class: "choose", tabindex: 0, role: "button", "aria-label": name});
  draw(made);
  made.addEventListener("click", chosen);
  made.addEventListener("keydown", event => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); chosen(); } });
  return made;
}
// Where an event is, in the drawing's own units.
function place(event) {
  const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
  return [(event.clientX - box.left)/box.width*view.width, (event.clientY - box.top)/box.height*view.height];
}

const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
// An image of grey values 0 to 255 as an address; each is made once.
const made = {};
function grey(values, from, size) {
  if (made[from]) return made[from];
  const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
  canvas.width = canvas.height = size;
  const image = context.createImageData(size, size);
  for (let k = 0; k < size*size; k++) image.data.set([values[from + k], values[from + k], values[from + k], 255], 4*k);
  context.putImageData(image, 0, 0);
  return made[from] = canvas.toDataURL();
}

// `paint(width)` fills `back` for a width in pixels and gives {height, says}; drawn at once, and again when asked or when the width changes.
function show(paint) {
  let waiting = false, drawn = 0;
  const width = () => Math.max(280, Math.min(720, body.clientWidth || 640));
  live.draw = () => {
    const start = performance.now();
    back.replaceChildren();
    drawn = width();
    const {height, says} = paint(drawn);
    svg.setAttribute("viewBox", `0 0 ${drawn} ${height}`);
    words.textContent = says;
    live.ms.push(performance.now() - start);
  };
  live.draw();
  new ResizeObserver(() => { if (width() !== drawn) live.draw(); }).observe(body);
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; live.draw(); });
  };
}
