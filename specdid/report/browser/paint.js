"use strict";
// What is drawn within the axes, layer by layer, in CSS pixels: on a canvas or into an SVG.

// The places whose points lie within the axis.
function visible() {
  const { min, max } = plot.x;
  let low = 0;
  let high = rows.length - 1;
  while (low <= high && across[low] < min) low++;
  while (high >= low && across[high] > max) high--;
  return [low, high];
}

function paint(pen) {
  const { box } = plot;
  pen.save();
  pen.beginPath();
  pen.rect(box.left, box.top, box.width, box.height);
  pen.clip();
  const paths = bandPaths(xAt, yAt);
  paintBand(pen, paths);
  const shown = visible();
  const n = shown[1] - shown[0] + 1;
  const step = box.width / Math.max(1, n);
  const layers = sortIntoLayers(shown);
  if (state.view === "curve" && state.intervals && measure().low) {
    const width = step < 3 ? step + 0.7 : Math.min(3, 0.35 * step);
    for (const layer of layers) paintIntervals(pen, layer, width);
  }
  paintLines(pen);
  outlineBand(pen, paths);
  const radius = n <= 60 ? 4.5 : n <= 400 ? 3 : n <= 1500 ? 2.1 : 1.4;
  for (const layer of layers) paintPoints(pen, layer, radius, n <= 400);
  nameRuns(pen, segments.map((s) => ({ ...s, words: [`${kindWords(s.words)} (${whole(countOf(s))})`, kindWords(s.words)] })), box.top, true);
  paintParts(pen, box.top + (segments.length ? 18 : 0));
  paintPreferred(pen);
  pen.restore();
  paintPins(pen);
}

// What is not highlighted lies below, then what is not significant, then what has no p-value.
const LAYERS = { 0: 1000, [UNTESTED]: 2000, "-1": 3000, 1: 3000 };

function sortIntoLayers([low, high]) {
  const layers = new Map();
  for (let k = low; k <= high; k++) {
    const i = rows[k];
    const key = matches[i] ? LAYERS[signs[i]] + series.codes[i] : 0;
    if (!layers.has(key)) layers.set(key, []);
    layers.get(key).push(k);
  }
  return [...layers].sort((a, b) => a[0] - b[0]).map(([key, places]) => ({
    places,
    on: key > 0,
    significant: key >= 3000,
    untested: key >= 2000 && key < 3000,
    colour: key ? seriesColour(key % 1000) : theme.off,
    shape: seriesShape(key % 1000),
  }));
}

// Where the shown band's curves run: for each piece of the curve a path per quantile.
function bandPaths(x, y) {
  const band = shownBand();
  if (!band) return [];
  const { start } = group();
  const { position } = data.columns;
  const breaks = group().breaks.map((b) => rows.findIndex((i) => position[i] > b));
  const cuts = [0, ...breaks, ...segments.slice(1).map((s) => s.low), rows.length].sort((a, b) => a - b);
  return cuts.slice(1).map((to, piece) => band.map((values) => {
    const path = [];
    for (let k = cuts[piece]; k < to; k++) {
      if (!Number.isNaN(values[rows[k] - start])) path.push([x(across[k]), y(values[rows[k] - start])]);
    }
    return path;
  }));
}

function paintBand(pen, paths) {
  pen.fillStyle = theme.band;
  for (const [low, , high] of paths) {
    if (!low.length) continue;
    pen.beginPath();
    pen.moveTo(...high[0]);
    for (const [x, y] of high.slice(1)) pen.lineTo(x, y);
    for (const [x, y] of low.toReversed()) pen.lineTo(x, y);
    pen.fill();
  }
}

function outlineBand(pen, paths) {
  for (const curves of paths) {
    curves.forEach((path, quantile) => {
      if (!path.length) return;
      pen.beginPath();
      pen.moveTo(...path[0]);
      for (const [x, y] of path.slice(1)) pen.lineTo(x, y);
      strokeLine(pen, theme.quiet, 1, quantile === 1 ? [6, 3] : [2, 2]);
    });
  }
}

function strokeLine(pen, colour, width = 1, dash = []) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.stroke();
  pen.setLineDash([]);
}

function drawLine(pen, x0, y0, x1, y1, colour, width = 1, dash = []) {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  strokeLine(pen, colour, width, dash);
}

function paintLines(pen) {
  const { left, top, width, height } = plot.box;
  const [right, bottom] = [left + width, top + height];
  if (state.view === "volcano") {
    const level = yAt(-Math.log10(state.alpha));
    drawLine(pen, left, level, right, level, theme.quiet, 1, [4, 3]);
    drawLine(pen, xAt(0), top, xAt(0), bottom, theme.ink);
    return;
  }
  drawLine(pen, left, yAt(0), right, yAt(0), theme.ink);
  if (state.order === "estimate") {
    for (const b of group().breaks) {
      const at = xAt(across[rows.findIndex((i) => data.columns.position[i] > b)] - 0.5);
      drawLine(pen, at, top, at, bottom, theme.quiet);
    }
  }
}

const countOf = ({ low, high }) => high - low + 1;

// Names above runs of specifications, the longest of each that fits, from the right so that a narrow one keeps its name.
function nameRuns(pen, runs, top, lined) {
  const { left, width } = plot.box;
  pen.font = theme.font;
  pen.textBaseline = "top";
  pen.textAlign = "left";
  let limit = left + width;
  for (const { words, low, high } of runs.toReversed()) {
    const [from, to] = [xAt(across[low] - 0.5), xAt(across[high] + 0.5)];
    if (to < left || from > left + width) continue;
    if (lined) drawLine(pen, from, top + 1, to, top + 1, theme.quiet);
    const room = limit - (lined ? Math.max(left, from) : Math.max(left, from) + 4);
    const text = words.find((w) => pen.measureText(w).width <= room) || (lined ? words.at(-1) : "");
    if (!text) continue;
    const wide = pen.measureText(text).width;
    const at = Math.min(Math.max(from + (lined ? 0 : 4), left), limit - wide);
    if (at < left) continue;
    pen.lineWidth = 4;
    pen.strokeStyle = theme.paper;
    pen.strokeText(text, at, top + 4);
    pen.fillStyle = theme.quiet;
    pen.fillText(text, at, top + 4);
    limit = Math.min(at, from) - 6;
  }
}

// What an order by a choice puts together: lines between, names above, a median for each estimand.
function paintParts(pen, top) {
  const { left, width, height } = plot.box;
  const { decimals } = group();
  nameRuns(pen, parts.map(({ words, low, high }) => (
    { low, high, words: [words, shorten(words, 24), shorten(words, 12)] })), top, false);
  for (const { low, medians } of parts) {
    const from = xAt(across[low] - 0.5);
    if (low > 0) drawLine(pen, from, plot.box.top, from, plot.box.top + height, theme.hair);
    for (const run of medians) {
      const [x0, x1] = [xAt(across[run.low] - 0.5), xAt(across[run.high] + 0.5)];
      if (x1 < left || x0 > left + width) continue;
      const y = yAt(run.median);
      drawLine(pen, x0, y, x1, y, theme.paper, 4);
      drawLine(pen, x0, y, x1, y, theme.ink, 2);
      const text = fixed(run.median, decimals);
      if (pen.measureText(text).width > x1 - x0 - 6) continue;
      pen.textBaseline = "bottom";
      pen.fillStyle = theme.ink;
      pen.lineWidth = 3;
      pen.strokeStyle = theme.paper;
      pen.strokeText(text, Math.max(x0, left) + 4, y - 3);
      pen.fillText(text, Math.max(x0, left) + 4, y - 3);
    }
  }
}

function paintIntervals(pen, layer, width) {
  const { low, high } = measure();
  const { top, height } = plot.box;
  const within = (y) => Math.min(top + height + 9, Math.max(top - 9, y));
  pen.beginPath();
  for (const k of layer.places) {
    const i = rows[k];
    if (Number.isNaN(low[i]) || Number.isNaN(high[i])) continue;
    const x = xAt(across[k]);
    pen.moveTo(x, within(yAt(low[i])));
    pen.lineTo(x, within(yAt(high[i])));
  }
  strokeLine(pen, layer.on ? blend(layer.colour, layer.significant ? 0.34 : 0.2) : blend(layer.colour, 0.45), width);
}

function addCross(pen, x, y, reach) {
  pen.moveTo(x - reach, y - reach);
  pen.lineTo(x + reach, y + reach);
  pen.moveTo(x - reach, y + reach);
  pen.lineTo(x + reach, y - reach);
}

function paintPoints(pen, layer, radius, hollow) {
  pen.beginPath();
  for (const k of layer.places) {
    if (Number.isNaN(plot.heights[k])) continue;
    const [x, y] = [xAt(across[k]), yAt(plot.heights[k])];
    if (layer.untested) addCross(pen, x, y, Math.max(2, radius));
    else if (radius > 1.5) addMark(pen, layer.shape, x, y, radius);
    else pen.rect(x - radius, y - radius, 2 * radius, 2 * radius);
  }
  if (layer.untested) {
    strokeLine(pen, layer.colour, 1.4);
    return;
  }
  const open = hollow && layer.on && !layer.significant;
  pen.fillStyle = open ? theme.paper : layer.on && !layer.significant ? blend(layer.colour, 0.5) : layer.colour;
  pen.fill();
  if (open) strokeLine(pen, layer.colour, 1.4);
}

// Hollow like others where p is alpha or more, crossed without a p-value.
function preferredMark() {
  const sign = signs[data.preferred];
  return sign === UNTESTED ? "crossed" : sign ? "diamond" : "open";
}

function paintPreferred(pen) {
  const k = data.preferred >= 0 ? placeOf[data.preferred] : -1;
  if (k < 0 || Number.isNaN(plot.heights[k])) return;
  const [x, y] = [xAt(across[k]), yAt(plot.heights[k])];
  const { low, high } = measure();
  if (state.view === "curve" && state.intervals && low && !Number.isNaN(low[data.preferred])) {
    drawLine(pen, x, yAt(low[data.preferred]), x, yAt(high[data.preferred]), theme.accent, 2);
  }
  pen.beginPath();
  pen.moveTo(x, y - 6.5);
  pen.lineTo(x + 6.5, y);
  pen.lineTo(x, y + 6.5);
  pen.lineTo(x - 6.5, y);
  pen.closePath();
  const mark = preferredMark();
  pen.fillStyle = mark === "diamond" ? theme.accent : theme.paper;
  pen.fill();
  if (mark === "crossed") addCross(pen, x, y, 3.2);
  strokeLine(pen, mark === "diamond" ? theme.paper : theme.accent, mark === "open" ? 2 : 1.5);
}

// A letter above each pinned specification.
function paintPins(pen) {
  state.pins.forEach((i, which) => {
    const k = i >= 0 ? placeOf[i] : -1;
    if (k < 0 || Number.isNaN(plot.heights[k])) return;
    const [x, y] = [xAt(across[k]), yAt(plot.heights[k])];
    if (across[k] < plot.x.min || across[k] > plot.x.max || y < plot.box.top || y > plot.box.top + plot.box.height) return;
    pen.beginPath();
    pen.arc(x, y, 8, 0, 2 * Math.PI);
    pen.fillStyle = theme.ink;
    pen.fill();
    pen.font = `bold 11px ${theme.family}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillStyle = theme.paper;
    pen.fillText("AB"[which], x, y + 0.5);
  });
}
