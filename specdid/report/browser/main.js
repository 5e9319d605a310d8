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
  options(byId("null"), [[-1, tr`none`], ...data.nulls.map((n, k) => [k, n.title])], state.null);
  byId("view").value = state.view;
  byId("intervals").checked = state.intervals;
  byId("fit").checked = state.fit;
  byId("alpha").max = LEVELS.length - 1;
  byId("alpha").value = LEVELS.indexOf(state.alpha);
}

function describeLevel() {
  byId("alpha-value").textContent = String(state.alpha);
  byId("alpha").setAttribute("aria-valuetext", tr`p below ${state.alpha}`);
}

// Medians of what matches, estimand by estimand. Shares significant stand above, beside those of the null; of what is
// filtered no null is known.
function describeStatus() {
  const lit = Array.from(rows).filter((i) => matches[i]);
  const of = filtered() ? tr`${manyWords(lit)} of ${whole(group().n)} specifications match` : tr`${whole(group().n)} specifications`;
  const held = thinned() ? tr`, ${whole(lit.length)} of them on this page` : "";
  const head = make("span", tr`${of}${held}; significant: p < ${state.alpha} (${measure().short}).`);
  byId("status").replaceChildren(head, " ", ...medianLines(lit).flatMap((text) => [make("span", text), " "]));
}

// What the marks mean, for the page and for a saved picture.
function keyEntries() {
  const used = [...new Set(Array.from(rows, (i) => series.codes[i]))].sort((a, b) => a - b);
  const found = used.map((code) => ({ kind: seriesShape(code), colour: seriesColour(code), label: series.labels[code] }));
  const add = (kind, colour, label) => found.push({ kind, colour, label });
  add("hollow", seriesColour(used[0] || 0), tr`paler or hollow: p ≥ ${state.alpha}`);
  const without = rows.filter((i) => signs[i] === UNTESTED);
  if (without.length && state.view === "curve") add("cross", theme.ink, tr`no p-value`);
  else if (without.length) add("", "", tr`no p-value: ${manyWords(without)}, not drawn`);
  if (state.view === "curve" && state.intervals && measure().low) add("bar", "", measure().intervals);
  const cut = cutIntervals();
  if (cut) add("", "", cut === 1 ? tr`${whole(cut)} interval reaches beyond the axis` : tr`${whole(cut)} intervals reach beyond the axis`);
  if (shownBand()) add("band", "", tr`95% and median of the curve under the null`);
  if (segments.length) add("", "", tr`uncertain, nonequivalent: in no joint test`);
  if (parts.length) add("", "", tr`line: median of the estimates it spans`);
  if (data.preferred >= 0 && placeOf[data.preferred] >= 0) add(preferredMark(), theme.accent, tr`preferred`);
  if (filtered()) add("full", theme.off, tr`does not match`);
  return found;
}

function buildKey() {
  byId("key").replaceChildren(...keyEntries().map(({ kind, colour, label }) => {
    const entry = make("span", "", { class: "entry" });
    if (kind) {
      const swatch = make("span", "", { class: `swatch ${kind}` });
      if (colour) swatch.style.setProperty("--own", colour);
      const corners = MARKS[kind] || [];
      if (corners.length) swatch.style.clipPath = `polygon(${corners.map(([x, y]) => `${50 + 32 * x}% ${50 - 32 * y}%`)})`;
      entry.append(swatch);
    }
    entry.append(label);
    return entry;
  }));
}

function describeChart() {
  const what = state.view === "volcano" ? tr`Specifications by estimate, against p` : tr`Specifications along the curve`;
  const { name, scaled } = group();
  chart.setAttribute("aria-label", scaled ? tr`${what}; effect in ${name}` : tr`${what}; effect on ${name}`);
  chart.setAttribute("aria-valuemin", "1");
  chart.setAttribute("aria-valuemax", String(rows.length));
  byId("null").disabled = state.view === "volcano" || state.order !== "estimate";
  byId("order").disabled = state.view === "volcano";
}

// After a change of what is drawn where.
function rebuild() {
  state.zoom = state.zoomed = null;
  state.brush = null;
  state.current = -1;
  arrange();
  sign();
  match();
  buildFilters();
  buildTiles();
  buildFamilies();
  refreshChart();
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
  fillSteps();
  writeAddress();
}

// After a change of what is highlighted.
function changedFilters() {
  sign();
  match();
  refreshChart();
  refreshWords();
  fillTable();
  fillAnswer();
  fillChoices();
}

function changedMeasure() {
  changedFilters();
  if (state.kept >= 0) fillDetail(state.kept);
  fillPins();
  readAgain();
}

function resized() {
  buildTiles();
  refreshChart();
  buildKey();
  fillChoices();
  draw();
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
  chooses("null", "null", () => { refreshChart(); buildKey(); writeAddress(); }, true);
  on("alpha", "input", (event) => { state.alpha = LEVELS[event.target.value]; changedFilters(); });
  on("intervals", "change", (event) => { state.intervals = event.target.checked; refreshChart(); buildKey(); writeAddress(); });
  on("fit", "change", (event) => { state.fit = event.target.checked; refreshChart(); buildKey(); writeAddress(); });
  chooses("family", "family", fillChoices, true);
  on("matching", "change", () => fillTable());
  on("clear-filters", "click", clearFilters);
  on("previous", "click", () => fillTable(listing.page - 1));
  on("next", "click", () => fillTable(listing.page + 1));
  on("from", "change", readPlaces);
  on("to", "change", readPlaces);
  on("zoom", "click", () => zoomTo(state.brush));
  on("whole", "click", wholeCurve);
  on("save", "click", saveTable);
  on("save-png", "click", savePng);
  on("save-svg", "click", saveSvg);
  on("table-box", "keydown", tableKeys);
  chart.addEventListener("keydown", chartKeys);
  chart.addEventListener("focus", () => { if (state.current < 0 && rows.length) setCurrent(rows[0]); });
  panel.addEventListener("click", tileClicked);
  listenToPointer();
  addEventListener("hashchange", readAddress);
  watchWindow();
}

function watchWindow() {
  let width = chart.clientWidth;
  const again = () => { readTheme(); resized(); };
  new ResizeObserver(() => {
    if (chart.clientWidth === width) return;
    width = chart.clientWidth;
    again();
  }).observe(chart);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  matchMedia("print").addEventListener("change", again);
  if (matchMedia("(max-width: 899px)").matches) byId("filters-fold").open = false;
}

if (total) {
  readTheme();
  buildControls();
  restoring = true;
  rebuild();
  restoring = false;
  listen();
  readAddress();
} else {
  byId("curve").hidden = true;
  byId("moves").hidden = true;
  byId("specifications").hidden = true;
}
