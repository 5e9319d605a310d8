"use strict";
// The curve and the volcano: uPlot gives axes, scales, cursor and selection; what is drawn within is here.

const chart = byId("chart");
const theme = {};
let plot = null;

const COLOURS = ["ink", "quiet", "hair", "off", "paper", "accent", "band", "series-1", "series-2", "series-3",
  "series-4", "series-5", "series-6"];

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  for (const name of COLOURS) theme[name] = style.getPropertyValue(`--${name}`).trim();
  theme.font = `12px ${getComputedStyle(document.body).fontFamily}`;
}

function blend(colour, share) {
  const part = (hex, k) => parseInt(hex.slice(1 + 2 * k, 3 + 2 * k), 16);
  const mixed = [0, 1, 2].map((k) => Math.round(share * part(colour, k) + (1 - share) * part(theme.paper, k)));
  return `rgb(${mixed.join(",")})`;
}

const seriesColour = (code) => theme[`series-${1 + (code % 6)}`];
const narrow = () => chart.clientWidth < 640;
const gutter = () => (narrow() ? 46 : 196);
const height = () => (narrow() ? 280 : 400);

function ordinates() {
  const { estimate } = data.columns;
  if (state.view === "curve") return Float64Array.from(rows, (i) => estimate[i]);
  const { p } = measure();
  return Float64Array.from(rows, (i) => -Math.log10(Math.max(p[i], 1e-300)));
}

// The range of the vertical axis: all estimates, and the intervals but for the longest 2%.
function verticalRange() {
  if (state.view === "volcano") {
    let top = -1.3 * Math.log10(state.alpha);
    for (const y of plot ? plot.data[1] : ordinates()) if (y > top) top = y;
    return [-0.015 * top, 1.07 * top];
  }
  const { estimate } = data.columns;
  let low = 0;
  let high = 0;
  for (const i of rows) {
    low = Math.min(low, estimate[i]);
    high = Math.max(high, estimate[i]);
  }
  const shown = state.intervals && measure().low ? [measure().low, measure().high] : [];
  shown.forEach((ends, upper) => {
    const known = Float64Array.from(rows, (i) => ends[i]).filter(Number.isFinite).sort();
    if (!known.length) return;
    const at = Math.floor((known.length - 1) * (upper ? 0.98 : 0.02));
    if (upper) high = Math.max(high, known[known.length > 100 ? at : known.length - 1]);
    else low = Math.min(low, known[known.length > 100 ? at : 0]);
  });
  const band = shownBand();
  if (band) {
    low = Math.min(low, ...[band[0][0], band[0][band[0].length - 1]]);
    high = Math.max(high, ...[band[2][0], band[2][band[2].length - 1]]);
  }
  const room = 0.05 * (high - low) || 1;
  return [low - room, high + room];
}

function shownBand() {
  return state.view === "curve" && state.order === "estimate" && state.null >= 0 ? group().bands[state.null] : null;
}

function horizontalRange() {
  const low = across[0];
  const high = across[across.length - 1];
  if (state.zoom) return state.zoom;
  const room = state.view === "volcano" ? 0.04 * (high - low) || 1 : Math.max(0.6, 0.004 * (high - low));
  return [Math.min(low, state.view === "volcano" ? 0 : low) - room,
    Math.max(high, state.view === "volcano" ? 0 : high) + room];
}

function tickText(values, increment) {
  const decimals = Math.min(8, Math.max(0, Math.ceil(-Math.log10(increment) - 1e-9)));
  return values.map((v) => (v === 0 ? "0" : fixed(v, decimals)));
}

function axis(more) {
  return {
    stroke: () => theme.quiet,
    font: theme.font,
    ticks: { show: false },
    grid: { stroke: () => theme.hair, width: 1 },
    values: (u, values, k, space, increment) => tickText(values, increment),
    ...more,
  };
}

function buildChart() {
  if (plot) plot.destroy();
  plot = null;
  const volcano = state.view === "volcano";
  const ranked = volcano ? {} : { incrs: [1, 2, 5].flatMap((m) => [m, 10 * m, 100 * m, 1e3 * m, 1e4 * m, 1e5 * m])
    .sort((a, b) => a - b), grid: { show: false } };
  plot = new uPlot(
    {
      width: chart.clientWidth,
      height: height(),
      padding: [10, 8, 0, 0],
      legend: { show: false },
      scales: { x: { time: false, range: horizontalRange }, y: { range: verticalRange } },
      series: [{}, { paths: () => null, points: { show: false } }],
      axes: [axis({ size: 30, space: 60, ...ranked }), axis({ size: gutter(), space: 40 })],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        bind: { dblclick: () => () => setBrush(null) },
      },
      hooks: { draw: [paint], setCursor: [hovered], setSelect: [selected] },
    },
    [across, ordinates()],
    chart,
  );
  plot.over.append(make("div", "", { class: "dot", hidden: "" }));
  plot.over.addEventListener("click", () => {
    if (state.current >= 0 && plot.select.width < 4) keep(state.current);
  });
  plot.over.addEventListener("mouseleave", () => hideTip());
  listenToTouch(plot.over);
}

// A finger that moves along the curve reads it; uPlot itself listens to the mouse alone.
function listenToTouch(over) {
  over.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") return;
    const box = over.getBoundingClientRect();
    plot.setCursor({ left: event.clientX - box.left, top: event.clientY - box.top });
  });
}

function refreshChart() {
  if (state.view === "volcano") plot.setData([across, ordinates()], false);
  plot.batch(() => {
    const [low, high] = horizontalRange();
    plot.setScale("x", { min: low, max: high });
    plot.redraw(false, true);
  });
}

function toPixels(u, scale) {
  const { min, max } = u.scales[scale];
  const at = u.valToPos(min, scale, true);
  const slope = (u.valToPos(max, scale, true) - at) / (max - min);
  return (value) => at + slope * (value - min);
}

// The places whose points lie within the axis.
function visible(u) {
  const { min, max } = u.scales.x;
  let low = 0;
  let high = rows.length - 1;
  while (low <= high && across[low] < min) low++;
  while (high >= low && across[high] > max) high--;
  return [low, high];
}

function paint(u) {
  const { ctx, bbox } = u;
  const x = toPixels(u, "x");
  const y = toPixels(u, "y");
  const scale = devicePixelRatio || 1;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  paintBand(ctx, x, y, scale);
  paintLines(ctx, bbox, x, y, scale);
  const shown = visible(u);
  const step = bbox.width / Math.max(1, shown[1] - shown[0] + 1) / scale;
  const layers = sortIntoLayers(shown);
  if (state.view === "curve" && state.intervals && measure().low) {
    const width = step < 3 ? step + 0.7 : Math.min(3, 0.35 * step);
    for (const layer of layers) paintIntervals(ctx, layer, x, y, width * scale);
  }
  const n = shown[1] - shown[0] + 1;
  const radius = n <= 60 ? 4.5 : n <= 400 ? 3 : n <= 1500 ? 2.1 : 1.4;
  for (const layer of layers) paintPoints(ctx, layer, u.data[1], x, y, radius * scale, n <= 400, scale);
  paintPreferred(ctx, u.data[1], x, y, scale);
  ctx.restore();
  paintPanel(u);
  placeMark();
}

// What is not highlighted lies below, then what is not significant.
function sortIntoLayers([low, high]) {
  const layers = new Map();
  for (let k = low; k <= high; k++) {
    const i = rows[k];
    const key = matches[i] ? (signs[i] ? 200 : 100) + series.codes[i] : 0;
    if (!layers.has(key)) layers.set(key, []);
    layers.get(key).push(k);
  }
  return [...layers].sort((a, b) => a[0] - b[0]).map(([key, places]) => ({
    places,
    on: key > 0,
    significant: key >= 200,
    colour: key ? seriesColour(key % 100) : theme.off,
  }));
}

function paintBand(ctx, x, y, scale) {
  const band = shownBand();
  if (!band) return;
  const { start } = group();
  const at = (values, k) => y(values[rows[k] - start]);
  const pieces = [0, ...group().breaks.map((b) => across.findIndex((v) => v > b)), rows.length];
  for (let piece = 0; piece + 1 < pieces.length; piece++) {
    const [from, to] = [pieces[piece], pieces[piece + 1]];
    ctx.beginPath();
    for (let k = from; k < to; k++) ctx.lineTo(x(across[k]), at(band[2], k));
    for (let k = to - 1; k >= from; k--) ctx.lineTo(x(across[k]), at(band[0], k));
    ctx.fillStyle = theme.band;
    ctx.fill();
    ctx.beginPath();
    for (let k = from; k < to; k++) ctx.lineTo(x(across[k]), at(band[1], k));
    ctx.strokeStyle = theme.quiet;
    ctx.lineWidth = scale;
    ctx.setLineDash([5 * scale, 3 * scale]);
    ctx.stroke();
    ctx.setLineDash([]);
  }
}

function paintLines(ctx, bbox, x, y, scale) {
  const line = (x0, y0, x1, y1, colour, dash) => {
    ctx.beginPath();
    ctx.moveTo(x0, y0);
    ctx.lineTo(x1, y1);
    ctx.strokeStyle = colour;
    ctx.lineWidth = scale;
    ctx.setLineDash(dash);
    ctx.stroke();
    ctx.setLineDash([]);
  };
  const right = bbox.left + bbox.width;
  const bottom = bbox.top + bbox.height;
  if (state.view === "volcano") {
    const level = y(-Math.log10(state.alpha));
    line(bbox.left, level, right, level, theme.quiet, [4 * scale, 3 * scale]);
    line(x(0), bbox.top, x(0), bottom, theme.ink, []);
    return;
  }
  line(bbox.left, y(0), right, y(0), theme.ink, []);
  if (state.order === "estimate") {
    for (const b of group().breaks) line(x(b + 0.5), bbox.top, x(b + 0.5), bottom, theme.quiet, []);
  }
}

function paintIntervals(ctx, layer, x, y, width) {
  const { low, high } = measure();
  ctx.beginPath();
  for (const k of layer.places) {
    const i = rows[k];
    if (Number.isNaN(low[i]) || Number.isNaN(high[i])) continue;
    ctx.moveTo(x(across[k]), y(low[i]));
    ctx.lineTo(x(across[k]), y(high[i]));
  }
  ctx.strokeStyle = layer.on ? blend(layer.colour, layer.significant ? 0.34 : 0.2) : blend(layer.colour, 0.45);
  ctx.lineWidth = width;
  ctx.stroke();
}

function paintPoints(ctx, layer, ordinate, x, y, radius, hollow, scale) {
  ctx.beginPath();
  for (const k of layer.places) {
    if (Number.isNaN(ordinate[k])) continue;
    const [px, py] = [x(across[k]), y(ordinate[k])];
    if (radius > 1.5 * scale) {
      ctx.moveTo(px + radius, py);
      ctx.arc(px, py, radius, 0, 2 * Math.PI);
    } else {
      ctx.rect(px - radius, py - radius, 2 * radius, 2 * radius);
    }
  }
  const open = hollow && layer.on && !layer.significant;
  ctx.fillStyle = open ? theme.paper : layer.on && !layer.significant ? blend(layer.colour, 0.5) : layer.colour;
  ctx.fill();
  if (open) {
    ctx.strokeStyle = layer.colour;
    ctx.lineWidth = 1.4 * scale;
    ctx.stroke();
  }
}

function paintPreferred(ctx, ordinate, x, y, scale) {
  const k = data.preferred >= 0 ? placeOf[data.preferred] : -1;
  if (k < 0 || Number.isNaN(ordinate[k])) return;
  const [px, py] = [x(across[k]), y(ordinate[k])];
  const { low, high } = measure();
  if (state.view === "curve" && state.intervals && low && !Number.isNaN(low[data.preferred])) {
    ctx.beginPath();
    ctx.moveTo(px, y(low[data.preferred]));
    ctx.lineTo(px, y(high[data.preferred]));
    ctx.strokeStyle = theme.accent;
    ctx.lineWidth = 2 * scale;
    ctx.stroke();
  }
  const r = 6.5 * scale;
  ctx.beginPath();
  ctx.moveTo(px, py - r);
  ctx.lineTo(px + r, py);
  ctx.lineTo(px, py + r);
  ctx.lineTo(px - r, py);
  ctx.closePath();
  ctx.fillStyle = theme.accent;
  ctx.strokeStyle = theme.paper;
  ctx.lineWidth = 1.5 * scale;
  ctx.fill();
  ctx.stroke();
}
