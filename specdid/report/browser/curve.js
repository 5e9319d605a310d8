"use strict";
// The curve and the volcano: colours, what lies how high, and how far the axes reach.

const theme = {};
const COLOURS = ["ink", "quiet", "hair", "off", "paper", "card", "accent", "band", "series-1", "series-2", "series-3",
  "series-4", "series-5", "series-6"];

function readTheme(from = document.documentElement) {
  const style = getComputedStyle(from);
  for (const name of COLOURS) theme[name] = style.getPropertyValue(`--${name}`).trim();
  theme.family = getComputedStyle(document.body).fontFamily;
  theme.font = `12px ${theme.family}`;
}

function blend(colour, share) {
  const part = (hex, k) => parseInt(hex.slice(1 + 2 * k, 3 + 2 * k), 16);
  const mixed = [0, 1, 2].map((k) => Math.round(share * part(colour, k) + (1 - share) * part(theme.paper, k)));
  return `rgb(${mixed.join(",")})`;
}

const placeOfSeries = (code) => series.places[code] ?? code;
const seriesColour = (code) => theme[`series-${1 + (placeOfSeries(code) % 6)}`];
// The twelve marks of the figures, in the same order: corners in half sizes, upwards; the first is a circle.
const MARKS = {
  full: [],
  square: [[-1, -1], [1, -1], [1, 1], [-1, 1]],
  up: [[0, 1.15], [-1.15, -1.15], [1.15, -1.15]],
  down: [[0, -1.15], [-1.15, 1.15], [1.15, 1.15]],
  thin: [[0, 1.56], [0.93, 0], [0, -1.56], [-0.93, 0]],
  tall: [[-0.66, 1.2], [0.66, 1.2], [0.66, -1.2], [-0.66, -1.2]],
  star: Array.from({ length: 10 }, (_, k) => [Math.sin, Math.cos].map((f) => (k % 2 ? 0.81 : 1.5) * f((Math.PI * k) / 5))),
  left: [[-1.15, 0], [1.15, 1.15], [1.15, -1.15]],
  right: [[1.15, 0], [-1.15, 1.15], [-1.15, -1.15]],
  house: [[-0.98, -1.04], [0.98, -1.04], [0.98, 0.12], [0, 1.15], [-0.98, 0.12]],
  wide: [[-1.2, 0.66], [1.2, 0.66], [1.2, -0.66], [-1.2, -0.66]],
  slant: [[-1.4, -0.84], [0.56, -0.84], [1.4, 0.84], [-0.56, 0.84]],
};
function seriesShape(code) {
  const shapes = Object.keys(MARKS);
  const place = placeOfSeries(code);
  return shapes[(place + Math.floor(place / shapes.length)) % shapes.length];
}

// Add a mark to a pen's path.
function addMark(pen, shape, x, y, radius) {
  const corners = MARKS[shape] || [];
  if (!corners.length) {
    pen.moveTo(x + radius, y);
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    return;
  }
  corners.forEach(([right, up], k) => pen[k ? "lineTo" : "moveTo"](x + radius * right, y - radius * up));
  pen.closePath();
}
const narrow = () => chart.clientWidth < 640;
const gutter = () => 226;

function ordinates() {
  const { estimate } = data.columns;
  if (state.view === "curve") return Float64Array.from(rows, (i) => estimate[i]);
  const { p } = measure();
  return Float64Array.from(rows, (i) => -Math.log10(Math.max(p[i], 1e-300)));
}

// What the axes must hold: all, or what is highlighted where they are fitted to it.
function fitted() {
  const wanted = state.fit ? rows.filter((i) => matches[i]) : rows;
  return wanted.length ? wanted : rows;
}

// All estimates, and the intervals but for 2% that would dwarf them: how many reach further is said in the key.
function verticalRange() {
  const shown = fitted();
  if (state.view === "volcano") {
    let top = -1.3 * Math.log10(state.alpha);
    for (const i of shown) {
      const y = plot.heights[placeOf[i]];
      if (y > top) top = y;
    }
    return { min: -0.015 * top, max: 1.07 * top };
  }
  const { estimate } = data.columns;
  let [low, high] = state.fit ? [Infinity, -Infinity] : [0, 0];
  for (const i of shown) {
    low = Math.min(low, estimate[i]);
    high = Math.max(high, estimate[i]);
  }
  const ends = state.intervals && measure().low ? [measure().low, measure().high] : [];
  const [least, greatest] = [low, high];
  ends.forEach((values, upper) => {
    const known = Float64Array.from(shown, (i) => values[i]).filter(Number.isFinite).sort();
    if (!known.length) return;
    const last = known.length - 1;
    const most = known[upper ? last : 0];
    const usual = known[Math.floor(last * (upper ? 0.98 : 0.02))];
    const reach = Math.abs(most - usual) > 0.5 * (greatest - least) ? usual : most;
    if (upper) high = Math.max(high, reach);
    else low = Math.min(low, reach);
  });
  const band = shownBand();
  if (band && !state.fit) {
    low = band[0].reduce((smallest, v) => (v < smallest ? v : smallest), low);
    high = band[2].reduce((most, v) => (v > most ? v : most), high);
  }
  const room = 0.05 * (high - low) || 1;
  return { min: low - room, max: high + room * (1 + (segments.length ? 1 : 0) + (parts.length ? 1 : 0)) };
}

// How many of the intervals on the axis end beyond what it holds.
function cutIntervals() {
  if (state.view !== "curve" || !state.intervals || !measure().low) return 0;
  const { low, high } = measure();
  const { min, max } = plot.y;
  const [from, to] = visible();
  let n = 0;
  for (let k = from; k <= to; k++) if (low[rows[k]] < min || high[rows[k]] > max) n++;
  return n;
}

function shownBand() {
  return state.view === "curve" && state.order === "estimate" && state.null >= 0 ? group().bands[state.null] : null;
}

function horizontalRange() {
  if (state.zoom) return { min: state.zoom[0], max: state.zoom[1] };
  if (state.view === "curve") {
    const [low, high] = [across[0], across[across.length - 1]];
    const room = Math.max(0.6, 0.004 * (high - low));
    return { min: low - room, max: high + room };
  }
  let [low, high] = state.fit ? [Infinity, -Infinity] : [0, 0];
  for (const i of fitted()) {
    low = Math.min(low, data.columns.estimate[i]);
    high = Math.max(high, data.columns.estimate[i]);
  }
  const room = 0.04 * (high - low) || 1;
  return { min: low - room, max: high + room };
}

function effectWords() {
  const { name, scaled } = group();
  return state.view === "volcano" ? "−log10 p" : scaled ? tr`Effect in ${name}` : tr`Effect on ${name}`;
}

// The name of the vertical axis, in the room left of its numbers.
function nameAxis() {
  const note = state.view === "volcano" ? tr`dashed: p = ${state.alpha}` : tr`${whole(group().n)} specifications`;
  const box = byId("axis-name");
  box.replaceChildren(make("strong", effectWords()), make("span", note));
}

// After anything that changes how high things lie or how far the axes reach.
function refreshChart() {
  plot.heights = ordinates();
  plot.x = horizontalRange();
  plot.y = verticalRange();
  nameAxis();
  redraw();
}
