"use strict";
// The chart's ground: scales, axes, cursor and selection. What is drawn within the axes is in paint.js.

const chart = byId("chart");

function acrossWords() {
  if (state.view === "volcano") return group().scaled ? tr`estimate, ${group().name}` : tr`estimate`;
  const order = orderWords(state.order);
  return thinned() && state.order !== "estimate" ? tr`specifications on this page ${order}` : tr`specifications ${order}`;
}

const ground = make("canvas", "");
const selection = make("div", "", { class: "selection", hidden: "" });
const cursor = make("div", "", { class: "cursor", hidden: "" });
const dot = make("div", "", { class: "dot", hidden: "" });
const over = make("div", "", { class: "over" }, selection, cursor, dot);
chart.append(ground, over);

// Everything is in CSS pixels from the chart's upper left corner; only the canvas knows of the screen's.
const plot = {
  x: { min: 0, max: 1 },
  y: { min: 0, max: 1 },
  heights: new Float64Array(0),
  box: { left: 0, top: 0, width: 1, height: 1 },
};

const LEAST_DRAG = 4;

function xAt(value) {
  const { x, box } = plot;
  return box.left + ((value - x.min) / (x.max - x.min)) * box.width;
}

function yAt(value) {
  const { y, box } = plot;
  return box.top + box.height - ((value - y.min) / (y.max - y.min)) * box.height;
}

function acrossAt(left) {
  const { x, box } = plot;
  return x.min + ((left - box.left) / box.width) * (x.max - x.min);
}

// The place whose position is nearest to a value of the horizontal axis.
function placeNear(value) {
  let low = 0;
  let high = across.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (across[middle] < value) low = middle;
    else high = middle;
  }
  return Math.abs(across[high] - value) < Math.abs(across[low] - value) ? high : low;
}

// Round steps between two ends with at least so many pixels for each; counts are whole.
function tickStep(from, to, pixels, least, counts) {
  const rough = Math.max((to - from) * (least / pixels), counts ? 1 : 0) || 1;
  const power = 10 ** Math.floor(Math.log10(rough) + 1e-9);
  return power * ([1, 2, 5, 10].find((m) => m * power >= rough * (1 - 1e-9)));
}

function ticksBetween(from, to, step) {
  const found = [];
  const [first, last] = [Math.ceil(from / step - 1e-9), Math.floor(to / step + 1e-9)];
  for (let k = first; k <= last && found.length < 200; k++) found.push(k * step);
  return found;
}

function tickText(value, step) {
  let decimals = 0;
  while (decimals < 12 && Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) > 1e-6) decimals++;
  return Math.abs(value) < step * 1e-9 ? "0" : fixed(value, decimals);
}

// Places count anew in what stands apart; in the gaps there are none.
function placeTicks() {
  const { x, box } = plot;
  const step = tickStep(x.min, x.max, box.width, 60, true);
  const runs = segments.length ? segments : [{ before: 0, high: across.length - 1 }];
  return runs.flatMap(({ before, high }) => ticksBetween(1, across[high] - before, step)
    .map((place) => ({ at: before + place, words: whole(place) }))).filter(({ at }) => at >= x.min && at <= x.max);
}

function valueTicks(scale, pixels, least) {
  const step = tickStep(scale.min, scale.max, pixels, least, false);
  return ticksBetween(scale.min, scale.max, step).map((at) => ({ at, words: tickText(at, step) }));
}

// The room left of the axis: for its numbers, and where the window is wide for names and the reading.
function layOut(pen) {
  const tall = narrow() ? 280 : 350;
  const top = 8;
  plot.box = { left: 0, top, width: 1, height: tall - top - 40 };
  pen.font = theme.font;
  const widest = Math.max(0, ...valueTicks(plot.y, plot.box.height, 40).map(({ words }) => pen.measureText(words).width));
  const left = Math.ceil(narrow() ? Math.max(40, widest + 12) : Math.max(gutter(), widest + 160));
  plot.box.left = Math.min(left, chart.clientWidth / 2);
  plot.box.width = Math.max(10, chart.clientWidth - plot.box.left - 8);
  return tall;
}

function paintAxes(pen) {
  const { box } = plot;
  const volcano = state.view === "volcano";
  const bottom = box.top + box.height;
  const line = (x0, y0, x1, y1) => {
    pen.beginPath();
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
    pen.stroke();
  };
  pen.font = theme.font;
  pen.fillStyle = theme.quiet;
  pen.strokeStyle = theme.hair;
  pen.lineWidth = 1;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const { at, words } of valueTicks(plot.y, box.height, 40)) {
    const y = Math.round(yAt(at)) + 0.5;
    line(box.left, y, box.left + box.width, y);
    pen.fillText(words, box.left - 8, y);
  }
  pen.textAlign = "center";
  for (const { at, words } of volcano ? valueTicks(plot.x, box.width, 70) : placeTicks()) {
    const x = Math.round(xAt(at)) + 0.5;
    if (volcano) line(x, box.top, x, bottom);
    else line(x, bottom, x, bottom + 4);
    pen.fillText(words, x, bottom + 14);
  }
  pen.fillText(acrossWords(),
    box.left + box.width / 2, bottom + 31);
}

// Draw the chart and the tiles below it now.
function draw() {
  const width = chart.clientWidth;
  const scale = devicePixelRatio || 1;
  const pen = ground.getContext("2d");
  const tall = layOut(pen);
  if (!width) return;
  chart.parentElement.classList.toggle("narrow", narrow());
  ground.width = Math.round(width * scale);
  ground.height = Math.round(tall * scale);
  ground.style.width = `${width}px`;
  ground.style.height = chart.style.height = `${tall}px`;
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  paintAxes(pen);
  paint(pen);
  const { box } = plot;
  for (const side of ["left", "top", "width", "height"]) over.style[side] = `${box[side]}px`;
  paintTiles();
  placeMark();
  placeSelection();
}

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

// Where the selection begins and ends, within the axis.
function brushEdges() {
  const { left, width } = plot.box;
  const half = state.view === "volcano" ? 0 : 0.5;
  return [across[state.brush[0]] - half, across[state.brush[1]] + half].map((v) => (
    Math.min(left + width, Math.max(left, xAt(v)))));
}

function placeSelection() {
  const { brush } = state;
  selection.hidden = !brush;
  if (!brush) return;
  const [low, high] = brushEdges().map((x) => x - plot.box.left);
  selection.style.left = `${low}px`;
  selection.style.width = `${Math.max(2, high - low)}px`;
}

// What the mouse does: it reads, a drag selects, a click keeps, two clicks clear. A finger reads, a tap keeps.
function listenToPointer() {
  let from = null;
  const at = (event) => event.clientX - over.getBoundingClientRect().left;
  over.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch" || event.button !== 0) return;
    from = at(event);
    over.setPointerCapture(event.pointerId);
  });
  over.addEventListener("pointermove", (event) => {
    const box = over.getBoundingClientRect();
    const left = at(event);
    hovered(left + plot.box.left, event.clientY - box.top + plot.box.top);
    cursor.hidden = false;
    cursor.style.left = `${left}px`;
    if (from === null || Math.abs(left - from) < LEAST_DRAG) return;
    selection.hidden = false;
    const ends = [from, left].map((v) => Math.min(box.width, Math.max(0, v))).sort((a, b) => a - b);
    selection.style.left = `${ends[0]}px`;
    selection.style.width = `${ends[1] - ends[0]}px`;
  });
  over.addEventListener("pointerup", (event) => {
    const left = at(event);
    if (from !== null && Math.abs(left - from) >= LEAST_DRAG) selected(...[from, left].sort((a, b) => a - b));
    else if (state.current >= 0) keep(state.current);
    from = null;
  });
  over.addEventListener("pointercancel", () => {
    from = null;
    placeSelection();
  });
  over.addEventListener("dblclick", () => setBrush(null));
  over.addEventListener("pointerleave", () => {
    cursor.hidden = true;
    readAgain();
  });
}
