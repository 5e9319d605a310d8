"use strict";
// Controls, keys and the order in which things are brought up to date.

function options(select, choices, chosen) {
  select.replaceChildren(...choices.map(([value, label]) => make("option", label, { value })));
  select.value = String(chosen);
}

function buildControls() {
  options(byId("group"), data.groups.map((g, k) => [k, g.name]), state.group);
  byId("group-field").hidden = data.groups.length < 2;
  const varying = data.dimensions.map((d, k) => k).filter((k) => data.dimensions[k].words.length > 1);
  const orders = ["estimate", "plan", ...varying];
  options(byId("order"), orders.map((order) => [order, orderWords(order)]), state.order);
  options(byId("measure"), MEASURES.map((m, k) => [k, m.label]), state.measure);
  options(byId("null"), [[-1, "none"], ...data.nulls.map((n, k) => [k, n.title])], state.null);
  byId("alpha").max = LEVELS.length - 1;
  byId("alpha").value = LEVELS.indexOf(state.alpha);
}

function describeLevel() {
  byId("alpha-value").textContent = String(state.alpha);
  byId("alpha").setAttribute("aria-valuetext", `p below ${state.alpha}`);
}

// Medians of what matches, estimand by estimand: medians of different things are not added up. Shares
// significant stand above, beside those of the null; of what is filtered no null is known.
function describeStatus() {
  const lit = rows.filter((i) => matches[i]);
  const of = filtered() ? `${whole(lit.length)} of ${whole(rows.length)} specifications match` :
    `${whole(rows.length)} specifications`;
  const head = make("span", `${of}; significant: p < ${state.alpha} (${measure().short}).`);
  const { estimands } = group();
  const parts = estimands.flatMap((estimand) => {
    const mine = lit.filter((i) => data.estimand.words[data.estimand.codes[i]] === estimand.words);
    const name = estimands.length > 1 ? `${estimand.words}: ${whole(mine.length)}, median` : "Median";
    return mine.length ? [make("span", `${name} ${summaryWords(mine)}`)] : [];
  });
  byId("status").replaceChildren(head, " ", ...parts);
  byId("status").classList.toggle("several", estimands.length > 1);
}

function summaryWords(mine) {
  const { decimals } = group();
  const own = Float64Array.from(mine, (i) => data.columns.estimate[i]).sort();
  return `${fixed(median(own), decimals)}, ${fixed(own[0], decimals)} to ${fixed(own[own.length - 1], decimals)}.`;
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
  if (shownBand()) entries.push(entry("band", "", "95% and median of the curve under the null"));
  if (segments.length) entries.push(make("span", "uncertain, nonequivalent: in no joint test", { class: "entry" }));
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
  nameAxis();
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
