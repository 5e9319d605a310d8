"use strict";
// The tiles under the curve: which choices made each specification, aligned with the curve above.

const panel = byId("panel");
const canvas = make("canvas", "");
const ruler = make("div", "", { class: "ruler", hidden: "" });
let lines = [];

const STRIP = { wide: 13, narrow: 8 };

// A line per option of every dimension that varies; for controls a line per term.
function tileLines() {
  const { start, stop } = group();
  const found = [];
  data.dimensions.forEach((dimension, d) => {
    const used = new Set(dimension.codes.subarray(start, stop));
    if (used.size < 2) return;
    found.push({ heading: dimension.heading });
    if (d === data.terms.dimension && data.terms.labels.length) {
      data.terms.labels.forEach((label, t) => {
        const members = data.terms.members[t];
        const has = (i) => members[dimension.codes[i]] === 1;
        found.push({ label, has, toggle: () => highlightTerm(t, state.terms[t] === "with" ? "" : "with") });
      });
      return;
    }
    [...used].sort((a, b) => a - b).forEach((code) => {
      const has = (i) => dimension.codes[i] === code;
      found.push({ label: briefWords(dimension)[code], whole: dimension.words[code], has, toggle: () => highlightOption(d, code, !state.options[d].has(code)) });
    });
  });
  return found;
}

function buildTiles() {
  panel.replaceChildren(canvas, ruler);
  lines = tileLines();
  const tight = narrow();
  let top = 4;
  for (const line of lines) {
    if (line.heading !== undefined) {
      top += 6;
      line.element = make("div", line.heading, { class: "heading" });
      line.element.style.top = `${top}px`;
      top += 18;
    } else {
      line.element = make("div", shorten(line.label, tight ? 46 : 29), { class: "label", title: line.whole || line.label });
      line.element.style.top = `${top}px`;
      line.top = top;
      line.strip = tight ? top + 18 : top + 2;
      line.tall = tight ? 29 : 17;
      top += line.tall;
    }
    line.element.style.width = tight ? "100%" : `${gutter() - 46}px`;
    panel.append(line.element);
  }
  panel.style.height = `${top + 4}px`;
  panel.hidden = state.view === "volcano" || !lines.length;
  const note = byId("panel-note");
  note.textContent = commonWords(data.dimensions.filter(({ heading }) => lines.some((line) => line.heading === heading)));
  note.hidden = panel.hidden || !note.textContent;
}

// Draw the tiles on their canvas.
function paintTiles() {
  if (panel.hidden) return;
  const scale = devicePixelRatio || 1;
  const width = chart.clientWidth;
  const tall = parseInt(panel.style.height, 10);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(tall * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${tall}px`;
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  paintStrips(pen);
}

function paintStrips(pen) {
  const tiles = tilesOf();
  const grounds = groundsOf();
  const strip = STRIP[narrow() ? "narrow" : "wide"];
  for (const line of lines) {
    if (line.strip === undefined) continue;
    pen.fillStyle = blend(theme.hair, 0.45);
    for (const [from, to] of grounds) pen.fillRect(from, line.strip, to - from, strip);
    paintStrip(pen, line, tiles, strip);
  }
}

// Where the strips lie: the whole width, but for the gaps before what stands apart.
function groundsOf() {
  const { left, width } = plot.box;
  const right = left + width;
  return (segments.length ? segments : [{ low: 0, high: rows.length - 1 }]).map(({ low, high }, k, all) => [
    Math.min(right, Math.max(left, k ? xAt(across[low] - 0.5) : left)),
    Math.max(left, Math.min(right, k + 1 < all.length ? xAt(across[high] + 0.5) : right)),
  ]);
}

// Runs of neighbours as wide as a few pixels: where they lie and which places they hold.
function tilesOf() {
  const { left, width } = plot.box;
  const right = left + width;
  const [low, high] = visible();
  const step = width / Math.max(1, high - low + 1);
  const each = Math.max(1, Math.ceil((step < 3 ? 4 : 1) / step));
  const tiles = [];
  const [starts, stops] = [segments.map((s) => s.low), segments.map((s) => s.high)];
  for (let k = low; k <= high;) {
    const last = Math.min(high, k + each - 1, ...stops.filter((s) => s >= k));
    const before = starts.includes(k) ? xAt(across[k] - 0.5) : k > 0 ? (xAt(across[k - 1]) + xAt(across[k])) / 2 : left;
    const after = stops.includes(last) ? xAt(across[last] + 0.5) :
      last < rows.length - 1 ? (xAt(across[last]) + xAt(across[last + 1])) / 2 : right;
    tiles.push({ from: k, to: last, left: Math.max(left, before), right: Math.min(right, after) });
    k = last + 1;
  }
  return tiles;
}

function paintStrip(pen, line, tiles, strip) {
  const highlighting = filtered();
  for (const tile of tiles) {
    let chosen = 0;
    let lit = 0;
    for (let k = tile.from; k <= tile.to; k++) {
      if (!line.has(rows[k])) continue;
      chosen++;
      if (matches[rows[k]]) lit++;
    }
    if (!chosen) continue;
    const size = tile.to - tile.from + 1;
    const gap = tile.right - tile.left > 6 ? 1 : 0;
    const colour = highlighting && lit ? theme["series-1"] : theme.ink;
    const share = highlighting ? (lit ? lit / size : 0.22 * (chosen / size)) : 0.78 * (chosen / size);
    pen.fillStyle = blend(colour, Math.max(0.12, share));
    pen.fillRect(tile.left, line.strip, tile.right - tile.left - gap, strip);
  }
}

// Mark the current specification's options and where it stands.
function markTiles(place, left) {
  ruler.hidden = place < 0;
  if (place >= 0) ruler.style.left = `${left}px`;
  for (const line of lines) {
    if (line.has) line.element.classList.toggle("on", place >= 0 && line.has(rows[place]));
  }
}

// A click on a tile selects its specifications and reads the first that has the option; on a name it highlights.
function tileClicked(event) {
  const box = panel.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  const line = lines.find((l) => l.strip !== undefined && y >= l.top && y < l.top + l.tall);
  if (!line) return;
  if (narrow() ? y < line.strip : x < plot.box.left) {
    line.toggle();
    return;
  }
  const tile = tilesOf().find((t) => x >= t.left && x < t.right);
  if (!tile) return;
  const chosen = Array.from({ length: tile.to - tile.from + 1 }, (_, k) => tile.from + k).find((k) => line.has(rows[k]));
  if (chosen === undefined) return;
  setBrush([tile.from, tile.to]);
  setCurrent(rows[chosen]);
  keep(rows[chosen]);
}
