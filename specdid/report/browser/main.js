"use strict";
// Controls, keys and the order in which things are brought up to date.

function options(select, choices, chosen) {
  select.replaceChildren(...choices.map(([value, label]) => make("option", label, { value })));
  select.value = String(chosen);
}

function buildControls() {
  options(byId("group"), data.groups.map((g, k) => [k, g.name]), state.group);
  byId("group-field").hidden = data.groups.length < 2;
  const varying = data.dimensions.map((d, k) => [k, d]).filter(([, d]) => d.words.length > 1);
  options(byId("order"), [["estimate", "by estimate"], ["plan", "as planned"],
    ...varying.map(([k, d]) => [k, `by ${d.heading.toLowerCase()}`])], state.order);
  options(byId("measure"), MEASURES.map((m, k) => [k, m.label]), state.measure);
  options(byId("null"), [[-1, "none"], ...data.nulls.map((n, k) => [k, n.title])], state.null);
  byId("alpha").max = LEVELS.length - 1;
  byId("alpha").value = LEVELS.indexOf(state.alpha);
}

function describeLevel() {
  byId("alpha-value").textContent = String(state.alpha);
  byId("alpha").setAttribute("aria-valuetext", `p below ${state.alpha}`);
}

// Medians and shares of what matches, estimand by estimand: medians of different things are not added up.
function describeStatus() {
  const lit = rows.filter((i) => matches[i]);
  const of = filtered() ? `${whole(lit.length)} of ${whole(rows.length)} specifications match.` :
    `${whole(rows.length)} specifications.`;
  const { estimands } = group();
  const parts = estimands.flatMap((estimand) => {
    const mine = lit.filter((i) => data.estimand.words[data.estimand.codes[i]] === estimand.words);
    if (!mine.length) return [];
    const head = estimands.length > 1 ? `${estimand.words}, ${whole(mine.length)}: ` : "";
    return [make("span", `${head}${summaryWords(mine)}`)];
  });
  byId("status").replaceChildren(make("span", of), ...parts);
}

function summaryWords(mine) {
  const { decimals } = group();
  const own = Float64Array.from(mine, (i) => data.columns.estimate[i]).sort();
  const share = (sign) => percent(mine.reduce((n, i) => n + (signs[i] === sign), 0) / mine.length);
  return `median ${fixed(median(own), decimals)}, ${fixed(own[0], decimals)} to ${fixed(own[own.length - 1], decimals)}; ` +
    `p < ${state.alpha} (${measure().short}): ${share(-1)} negative, ${share(1)} positive.`;
}

function buildKey() {
  const used = [...new Set(Array.from(rows, (i) => series.codes[i]))].sort((a, b) => a - b);
  const entry = (kind, colour, label) => {
    const swatch = make("span", "", { class: `swatch ${kind}` });
    if (colour) swatch.style.setProperty("--own", colour);
    return make("span", "", { class: "entry" }, swatch, label);
  };
  const entries = used.map((code) => entry("full", seriesColour(code), series.labels[code]));
  entries.push(entry("hollow", seriesColour(used[0] || 0), `paler or hollow: p ≥ ${state.alpha}`));
  if (state.view === "curve" && state.intervals && measure().low) entries.push(entry("bar", "", measure().intervals));
  if (shownBand()) entries.push(entry("band", "", `95% and median of curves under the null`));
  if (data.preferred >= 0 && placeOf[data.preferred] >= 0) entries.push(entry("diamond", theme.accent, "preferred"));
  if (filtered()) entries.push(entry("full", theme.off, "does not match"));
  byId("key").replaceChildren(...entries);
}

function describeChart() {
  const what = state.view === "volcano" ? "Specifications by estimate, against p" : "Specifications along the curve";
  const { name, scaled } = group();
  chart.setAttribute("aria-label", `${what}; effect ${scaled ? "in" : "on"} ${name}`);
  chart.setAttribute("aria-valuemin", "1");
  chart.setAttribute("aria-valuemax", String(rows.length));
  byId("null").disabled = state.view === "volcano" || state.order !== "estimate";
  byId("order").disabled = state.view === "volcano";
}

// After a change of what is drawn where.
function rebuild() {
  state.zoom = null;
  arrange();
  sign();
  match();
  state.brush = null;
  buildFilters();
  buildPanel();
  buildChart();
  setBrush(null);
  setCurrent(-1);
  refreshWords();
}

function refreshWords() {
  describeLevel();
  describeChart();
  describeStatus();
  buildKey();
  countSigns();
  fillTable();
}

// After a change of colours alone.
function changedFilters() {
  sign();
  match();
  plot.redraw(false, false);
  refreshWords();
}

function changedMeasure() {
  sign();
  match();
  refreshChart();
  refreshWords();
  if (state.kept >= 0) fillDetail(state.kept);
}

function setBrush(brush) {
  state.brush = brush;
  if (plot) {
    const [low, high] = brush ? brushEdges(brush) : [0, 0];
    plot.setSelect({ left: low, top: 0, width: high - low, height: plot.over.clientHeight }, false);
  }
  byId("from").max = byId("to").max = rows.length;
  byId("from").value = brush ? brush[0] + 1 : 1;
  byId("to").value = brush ? brush[1] + 1 : rows.length;
  byId("zoom").disabled = !brush;
  byId("whole").disabled = !brush && !state.zoom;
  fillTable();
}

function brushEdges([low, high]) {
  const half = state.view === "volcano" ? 0 : 0.5;
  return [plot.valToPos(across[low] - half, "x"), plot.valToPos(across[high] + half, "x")];
}

function selected(u) {
  if (u.select.width < 4) return;
  const from = u.posToVal(u.select.left, "x");
  const to = u.posToVal(u.select.left + u.select.width, "x");
  let low = 0;
  let high = rows.length - 1;
  while (low < high && across[low] < from) low++;
  while (high > low && across[high] > to) high--;
  setBrush([low, high]);
}

function hovered(u) {
  const { left, top } = u.cursor;
  if (left === undefined || left < 0 || !rows.length) return;
  const place = state.view === "volcano" ? nearest(u, left, top) : u.posToIdx(left);
  setCurrent(rows[place], true);
}

function nearest(u, left, top) {
  const [x, y] = [toPixels(u, "x"), toPixels(u, "y")];
  const scale = devicePixelRatio || 1;
  const [px, py] = [left * scale + u.bbox.left, top * scale + u.bbox.top];
  let best = 0;
  let least = Infinity;
  for (let k = 0; k < rows.length; k++) {
    const distance = (x(across[k]) - px) ** 2 + (y(u.data[1][k]) - py) ** 2;
    if (distance < least) [best, least] = [k, distance];
  }
  return best;
}

function setCurrent(i, withTip = false) {
  state.current = i;
  if (i >= 0) {
    chart.setAttribute("aria-valuenow", String(placeOf[i] + 1));
    chart.setAttribute("aria-valuetext", sentence(i));
  }
  placeMark();
  if (withTip && i >= 0) showTip(i);
  else hideTip();
}

// The mark of the current specification is an element of its own, so that nothing is drawn again.
function placeMark() {
  const dot = plot && plot.over.querySelector(".dot");
  if (!dot) return;
  const place = state.current >= 0 ? placeOf[state.current] : -1;
  dot.hidden = place < 0;
  const left = place < 0 ? 0 : plot.valToPos(across[place], "x");
  if (place >= 0) dot.style.transform = `translate(${left}px, ${plot.valToPos(plot.data[1][place], "y") || 0}px)`;
  markPanel(place, left + plot.over.offsetLeft);
}

function showTip(i) {
  fillTip(i);
  tip.hidden = false;
  const place = placeOf[i];
  const left = plot.over.offsetLeft + plot.valToPos(across[place], "x");
  const half = left > chart.clientWidth / 2;
  tip.style.left = half ? "" : `${Math.min(left + 14, chart.clientWidth - tip.offsetWidth)}px`;
  tip.style.right = half ? `${Math.min(chart.clientWidth - left + 14, chart.clientWidth - tip.offsetWidth)}px` : "";
}

function hideTip() {
  tip.hidden = true;
}

function keep(i) {
  state.kept = i;
  fillDetail(i);
  byId("spoken").textContent = i < 0 ? "" : `In view below: ${sentence(i)}`;
}

function chartKeys(event) {
  const last = rows.length - 1;
  if (last < 0) return;
  const at = state.current >= 0 ? placeOf[state.current] : -1;
  const tenth = Math.max(1, Math.round(rows.length / 10));
  const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: tenth, PageDown: -tenth };
  let to = -1;
  if (event.key in steps) to = Math.min(last, Math.max(0, at < 0 ? 0 : at + steps[event.key]));
  else if (event.key === "Home") to = 0;
  else if (event.key === "End") to = last;
  else if (event.key.toLowerCase() === "p" && data.preferred >= 0) to = placeOf[data.preferred];
  else if (event.key === "Enter" && state.current >= 0) keep(state.current);
  else if (event.key === "Escape") {
    setBrush(null);
    keep(-1);
    hideTip();
  } else return;
  event.preventDefault();
  if (to < 0) return;
  if (event.shiftKey) extendBrush(at < 0 ? to : at, to);
  setCurrent(rows[to], true);
}

let anchor = -1;
function extendBrush(at, to) {
  if (!state.brush) anchor = at;
  setBrush([Math.min(anchor, to), Math.max(anchor, to)]);
}

function readPlaces() {
  const read = (id) => Math.min(rows.length, Math.max(1, Math.round(Number(byId(id).value)) || 1)) - 1;
  const [low, high] = [read("from"), read("to")].sort((a, b) => a - b);
  setBrush(low === 0 && high === rows.length - 1 ? null : [low, high]);
}

function zoom() {
  const [low, high] = state.brush;
  const room = state.view === "volcano" ? 0.02 * (across[high] - across[low]) || 1 : 0.6;
  state.zoom = [across[low] - room, across[high] + room];
  refreshChart();
  const { brush } = state;
  setTimeout(() => setBrush(brush), 0);
}

function wholeCurve() {
  state.zoom = null;
  setBrush(null);
  refreshChart();
}

function resized() {
  buildPanel();
  buildChart();
  if (state.brush) setBrush(state.brush);
}

function listen() {
  const on = (id, name, done) => byId(id).addEventListener(name, done);
  const chooses = (id, key, then, number) => on(id, "change", (event) => {
    state[key] = number ? Number(event.target.value) : event.target.value;
    then();
  });
  chooses("group", "group", rebuild, true);
  chooses("view", "view", rebuild);
  chooses("order", "order", rebuild);
  chooses("measure", "measure", changedMeasure, true);
  chooses("null", "null", () => { refreshChart(); buildKey(); }, true);
  on("alpha", "input", (event) => { state.alpha = LEVELS[event.target.value]; changedFilters(); });
  on("intervals", "change", (event) => { state.intervals = event.target.checked; refreshChart(); buildKey(); });
  on("matching", "change", () => fillTable());
  on("clear-filters", "click", clearFilters);
  on("previous", "click", () => fillTable(listing.page - 1));
  on("next", "click", () => fillTable(listing.page + 1));
  on("from", "change", readPlaces);
  on("to", "change", readPlaces);
  on("zoom", "click", zoom);
  on("whole", "click", wholeCurve);
  on("save", "click", saveTable);
  on("table-box", "keydown", tableKeys);
  chart.addEventListener("keydown", chartKeys);
  chart.addEventListener("focus", () => { if (state.current < 0 && rows.length) setCurrent(rows[0]); });
  chart.addEventListener("blur", hideTip);
  watchWindow();
}

function watchWindow() {
  let width = chart.clientWidth;
  const redraw = () => { readTheme(); resized(); buildKey(); };
  new ResizeObserver(() => {
    if (chart.clientWidth === width) return;
    width = chart.clientWidth;
    redraw();
  }).observe(chart);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  matchMedia("print").addEventListener("change", redraw);
  if (matchMedia("(max-width: 899px)").matches) byId("filters-fold").open = false;
}

if (total) {
  readTheme();
  buildControls();
  rebuild();
  listen();
} else {
  byId("curve").hidden = true;
  byId("specifications").hidden = true;
}
