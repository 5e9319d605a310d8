"use strict";
// The panel under the curve: which choices made each specification, aligned with the curve above.

const panel = byId("panel");
const canvas = make("canvas", "");
const ruler = make("div", "", { class: "ruler", hidden: "" });
let lines = [];

const STRIP = { wide: 13, narrow: 8 };

// A line per option of every dimension that varies; for controls a line per term.
function panelLines() {
  const { start, stop } = group();
  const found = [];
  data.dimensions.forEach((dimension, d) => {
    const used = new Set(dimension.codes.subarray(start, stop));
    if (used.size < 2) return;
    found.push({ heading: dimension.heading });
    if (d === data.terms.dimension && data.terms.labels.length) {
      data.terms.labels.forEach((label, t) => {
        const members = data.terms.members[t];
        found.push({ label, has: (i) => members[dimension.codes[i]] === 1 });
      });
      return;
    }
    [...used].sort((a, b) => a - b).forEach((code) => {
      found.push({ label: dimension.words[code], has: (i) => dimension.codes[i] === code });
    });
  });
  return found;
}

function buildPanel() {
  panel.replaceChildren(canvas, ruler);
  lines = panelLines();
  const tight = narrow();
  let top = 4;
  for (const line of lines) {
    if (line.heading !== undefined) {
      top += 6;
      line.element = make("div", line.heading, { class: "heading" });
      line.element.style.top = `${top}px`;
      top += 18;
    } else {
      line.element = make("div", shorten(line.label, tight ? 46 : 25), { class: "label", title: line.label });
      line.element.style.top = `${top}px`;
      line.strip = tight ? top + 18 : top + 2;
      top += tight ? 29 : 17;
    }
    line.element.style.width = tight ? "100%" : `${gutter() - 12}px`;
    panel.append(line.element);
  }
  panel.style.height = `${top + 4}px`;
  panel.hidden = state.view === "volcano" || !lines.length;
}

function paintPanel(u) {
  if (panel.hidden) return;
  const scale = devicePixelRatio || 1;
  const width = chart.clientWidth;
  const tall = parseInt(panel.style.height, 10);
  canvas.width = width * scale;
  canvas.height = tall * scale;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${tall}px`;
  const ctx = canvas.getContext("2d");
  ctx.scale(scale, scale);
  const tiles = tilesOf(u);
  const grounds = groundsOf(u);
  const strip = STRIP[narrow() ? "narrow" : "wide"];
  for (const line of lines) {
    if (line.strip === undefined) continue;
    ctx.fillStyle = blend(theme.hair, 0.45);
    for (const [from, to] of grounds) ctx.fillRect(from, line.strip, to - from, strip);
    paintStrip(ctx, line, tiles, strip);
  }
}

// Where the strips lie: the whole width, but for the gaps before what stands apart.
function groundsOf(u) {
  const scale = devicePixelRatio || 1;
  const x = toPixels(u, "x");
  const [left, right] = [u.bbox.left / scale, (u.bbox.left + u.bbox.width) / scale];
  return (segments.length ? segments : [{ low: 0, high: rows.length - 1 }]).map(({ low, high }, k, all) => [
    Math.min(right, Math.max(left, k ? x(across[low] - 0.5) / scale : left)),
    Math.max(left, Math.min(right, k + 1 < all.length ? x(across[high] + 0.5) / scale : right)),
  ]);
}

// Runs of neighbours as wide as a few pixels: where they lie and which places they hold.
function tilesOf(u) {
  const scale = devicePixelRatio || 1;
  const x = toPixels(u, "x");
  const [low, high] = visible(u);
  const step = (u.bbox.width / scale) / Math.max(1, high - low + 1);
  const each = Math.max(1, Math.ceil((step < 3 ? 4 : 1) / step));
  const tiles = [];
  const left = u.bbox.left / scale;
  const right = left + u.bbox.width / scale;
  const [starts, stops] = [segments.map((s) => s.low), segments.map((s) => s.high)];
  for (let k = low; k <= high;) {
    const last = Math.min(high, k + each - 1, ...stops.filter((s) => s >= k));
    const before = starts.includes(k) ? x(across[k] - 0.5) / scale : k > 0 ? (x(across[k - 1]) + x(across[k])) / 2 / scale : left;
    const after = stops.includes(last) ? x(across[last] + 0.5) / scale :
      last < rows.length - 1 ? (x(across[last]) + x(across[last + 1])) / 2 / scale : right;
    tiles.push({ from: k, to: last, left: Math.max(left, before), right: Math.min(right, after) });
    k = last + 1;
  }
  return tiles;
}

function paintStrip(ctx, line, tiles, strip) {
  const highlighting = filtered();
  for (const tile of tiles) {
    let chosen = 0;
    let lit = 0;
    for (let k = tile.from; k <= tile.to; k++) {
      if (!line.has(rows[k])) continue;
      chosen++;
      if (matches[rows[k]]) lit++;
    }
    const size = tile.to - tile.from + 1;
    const gap = tile.right - tile.left > 6 ? 1 : 0;
    if (!chosen) continue;
    const colour = highlighting && lit ? theme["series-1"] : theme.ink;
    const share = highlighting ? (lit ? lit / size : 0.22 * (chosen / size)) : 0.78 * (chosen / size);
    ctx.fillStyle = blend(colour, Math.max(0.12, share));
    ctx.fillRect(tile.left, line.strip, tile.right - tile.left - gap, strip);
  }
}

// Mark the current specification's options and where it stands.
function markPanel(place, left) {
  ruler.hidden = place < 0;
  if (place >= 0) ruler.style.left = `${left}px`;
  for (const line of lines) {
    if (line.has) line.element.classList.toggle("on", place >= 0 && line.has(rows[place]));
  }
}
