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

// The range of the vertical axis: all estimates, and the intervals but for 2% that would dwarf them.
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
    const last = known.length - 1;
    const most = known[upper ? last : 0];
    const usual = known[Math.floor(last * (upper ? 0.98 : 0.02))];
    const reach = Math.abs(most - usual) > 0.5 * (high - low) ? usual : most;
    if (upper) high = Math.max(high, reach);
    else low = Math.min(low, reach);
  });
  const band = shownBand();
  if (band) {
    low = band[0].reduce((least, v) => (v < least ? v : least), low);
    high = band[2].reduce((most, v) => (v > most ? v : most), high);
  }
  const room = 0.05 * (high - low) || 1;
  return [low - room, high + room * (segments.length ? 2 : 1)];
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
  let decimals = 0;
  while (decimals < 8 && Math.abs(increment * 10 ** decimals - Math.round(increment * 10 ** decimals)) > 1e-6) decimals++;
  return values.map((v) => (v === 0 ? "0" : fixed(v, decimals)));
}

// Places count anew in what stands apart; in the gaps there are none.
function placeSplits(low, high, increment) {
  return segments.flatMap(({ before, high: last }) => {
    const found = [];
    for (let at = before + increment; at <= across[last]; at += increment) if (at >= low && at <= high) found.push(at);
    return found;
  });
}

function placeText(value) {
  const own = segments.findLast((s) => value > s.before);
  return String(own ? value - own.before : value);
}

// Steps of the ticks of an axis that counts.
const WHOLE = [1, 10, 100, 1e3, 1e4, 1e5].flatMap((m) => [m, 2 * m, 5 * m]);

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
  const ranked = volcano ? {} : { incrs: WHOLE, grid: { show: false } };
  if (segments.length) {
    ranked.splits = (u, k, low, high, increment) => placeSplits(low, high, increment);
    ranked.values = (u, values) => values.map(placeText);
  }
  const label = volcano ? `estimate${group().scaled ? `, ${group().name}` : ""}` : `specifications ${orderWords(state.order)}`;
  plot = new uPlot(
    {
      width: chart.clientWidth,
      height: height(),
      padding: [10, 8, 0, 0],
      legend: { show: false },
      scales: { x: { time: false, range: horizontalRange }, y: { range: verticalRange } },
      series: [{}, { paths: () => null, points: { show: false } }],
      axes: [axis({ size: 28, space: 60, label, labelSize: 20, labelGap: 0, labelFont: theme.font, ...ranked }), axis({ size: gutter(), space: 40 })],
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
  nameAxis();
}

// The name of the vertical axis, in the room left of its numbers.
function nameAxis() {
  const { name, scaled, n } = group();
  const effect = state.view === "volcano" ? "−log10 p" : `Effect ${scaled ? "in" : "on"} ${name}`;
  const note = state.view === "volcano" ? `dashed: p = ${state.alpha}` : `${whole(n)} specifications`;
  const box = byId("axis-name");
  box.replaceChildren(make("strong", effect), make("span", note));
  box.style.maxWidth = narrow() ? "" : `${gutter() - 52}px`;
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
  nameAxis();
  if (state.view === "volcano") plot.setData([across, ordinates()], false);
  plot.batch(() => {
    const [low, high] = horizontalRange();
    plot.setScale("x", { min: low, max: high });
    plot.redraw(false, true);
  });
}
