"use strict";
// What is drawn within the axes, layer by layer.

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
  const paths = bandPaths(x, y);
  paintBand(ctx, paths);
  const shown = visible(u);
  const step = bbox.width / Math.max(1, shown[1] - shown[0] + 1) / scale;
  const layers = sortIntoLayers(shown);
  if (state.view === "curve" && state.intervals && measure().low) {
    const width = step < 3 ? step + 0.7 : Math.min(3, 0.35 * step);
    for (const layer of layers) paintIntervals(ctx, layer, x, y, width * scale);
  }
  paintLines(ctx, bbox, x, y, scale);
  outlineBand(ctx, paths, scale);
  nameSegments(ctx, bbox, x, scale);
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

function paintBand(ctx, paths) {
  ctx.fillStyle = theme.band;
  for (const [low, , high] of paths) {
    ctx.beginPath();
    for (const [px, py] of high) ctx.lineTo(px, py);
    for (const [px, py] of low.reverse()) ctx.lineTo(px, py);
    ctx.fill();
  }
}

function outlineBand(ctx, paths, scale) {
  ctx.strokeStyle = theme.quiet;
  ctx.lineWidth = scale;
  for (const curves of paths) {
    curves.forEach((path, quantile) => {
      ctx.setLineDash(quantile === 1 ? [6 * scale, 3 * scale] : [2 * scale, 2 * scale]);
      ctx.beginPath();
      for (const [px, py] of path) ctx.lineTo(px, py);
      ctx.stroke();
    });
  }
  ctx.setLineDash([]);
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
    for (const b of group().breaks) {
      const at = across[rows.findIndex((i) => data.columns.position[i] > b)] - 0.5;
      line(x(at), bbox.top, x(at), bottom, theme.quiet, []);
    }
  }
}

// The kinds above what stands together, from the right so that a narrow one keeps its name.
function nameSegments(ctx, bbox, x, scale) {
  ctx.font = theme.font.replace("12px", `${12 * scale}px`);
  ctx.textBaseline = "top";
  ctx.textAlign = "left";
  ctx.fillStyle = ctx.strokeStyle = theme.quiet;
  ctx.lineWidth = scale;
  let limit = bbox.left + bbox.width;
  for (const { words, low, high } of segments.toReversed()) {
    const [from, to] = [x(across[low] - 0.5), x(across[high] + 0.5)];
    const long = `${words} (${whole(high - low + 1)})`;
    const text = ctx.measureText(long).width <= limit - from ? long : words;
    const at = Math.min(Math.max(from, bbox.left), limit - ctx.measureText(text).width);
    ctx.beginPath();
    ctx.moveTo(from, bbox.top + scale);
    ctx.lineTo(to, bbox.top + scale);
    ctx.stroke();
    if (at < bbox.left || to < bbox.left || from > bbox.left + bbox.width) continue;
    ctx.fillText(text, at, bbox.top + 4 * scale);
    limit = at - 8 * scale;
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
