"use strict";
// Two specifications side by side.

const PINS = ["A", "B"];

function pinButton(i, which) {
  const on = state.pins[which] === i;
  const button = make("button", on ? tr`Unpin ${PINS[which]}` : tr`Pin as ${PINS[which]}`, { type: "button", "data-pin": PINS[which] });
  button.addEventListener("click", () => {
    pin(on ? -1 : i, which);
    fillDetail(state.kept);
    byId("detail-body").querySelector(`[data-pin="${PINS[which]}"]`)?.focus();
  });
  return button;
}

function pin(i, which) {
  if (i >= 0 && state.pins[1 - which] === i) state.pins[1 - which] = -1;
  state.pins[which] = i;
  fillPins();
  redraw();
  writeAddress();
}

// Of which curve a specification is.
const groupOf = (i) => data.groups.findIndex((g) => i >= g.start && i < g.stop);

function fillPins() {
  const box = byId("pins");
  const [a, b] = state.pins;
  box.hidden = a < 0 && b < 0;
  if (box.hidden) return;
  const body = byId("pins-body");
  if (a < 0 || b < 0) {
    const [known, which] = a < 0 ? [b, "B"] : [a, "A"];
    body.replaceChildren(make("p", tr`${which} is specification ${whole(data.columns.index[known])}: ${
      sentence(known)} Pin another as ${which === "A" ? "B" : "A"} to compare.`), clearPins());
    return;
  }
  body.replaceChildren(...apartWords(a, b), pinGrid(a, b), clearPins());
}

function clearPins() {
  const button = make("button", tr`Unpin`, { type: "button" });
  button.addEventListener("click", () => {
    state.pins = [-1, -1];
    fillPins();
    if (state.kept >= 0) fillDetail(state.kept);
    redraw();
    writeAddress();
    chart.focus();
  });
  return make("p", "", {}, button);
}

// Whether the two estimates measure the same thing, so that their difference means something.
function comparable(a, b) {
  return groupOf(a) === groupOf(b) && data.estimand.codes[a] === data.estimand.codes[b];
}

function apartWords(a, b) {
  const found = differences(a, b);
  const differ = !found.length ? tr`They have the same choices.` :
    found.length === 1 ? tr`They differ in one choice.` : tr`They differ in ${whole(found.length)} choices.`;
  const same = comparable(a, b) ? tr`Both use much the same data, so the difference has no interval here.` :
    tr`They are on different scales or of different estimands: no difference is taken.`;
  return [make("p", tr`${differ} ${same}`)];
}

function pinGrid(a, b) {
  const { columns } = data;
  const { p, low, high, short, error } = measure();
  const decimals = Math.max(data.groups[groupOf(a)].decimals, data.groups[groupOf(b)].decimals);
  const both = (label, words) => [label, words(a), words(b), ""];
  const gap = comparable(a, b) ? fixed(columns.estimate[b] - columns.estimate[a], decimals) : "–";
  const numbers = [
    [tr`Estimate`, fixed(columns.estimate[a], decimals), fixed(columns.estimate[b], decimals), gap],
    ...(error ? [both(tr`Std. error (${short})`, (i) => fixed(error[i], decimals + 1))] : []),
    ...(low ? [both(tr`Interval`, (i) => tr`${fixed(low[i], decimals)} to ${fixed(high[i], decimals)}`)] : []),
    both(`p (${short})`, (i) => pValue(p[i])),
    ["N", whole(columns.nobs[a]), whole(columns.nobs[b]), differenceOf("nobs", a, b)],
    [tr`Units`, whole(columns.n_units[a]), whole(columns.n_units[b]), differenceOf("n_units", a, b)],
  ];
  const choices = differences(a, b).map((line) => [...line, ""]);
  const same = (name) => [name, data[name].words[data[name].codes[a]], data[name].words[data[name].codes[b]]];
  const [, first, second] = same("estimand");
  if (first !== second) choices.push([tr`Estimand`, first, second, ""]);
  const head = PINS.map((name, k) => tr`${name}: specification ${whole(columns.index[[a, b][k]])}`);
  return grid(tr`A and B: numbers, then the choices in which they differ`, ["", ...head, "B − A"], [...numbers, ...choices]);
}

function differenceOf(name, a, b) {
  const gap = data.columns[name][b] - data.columns[name][a];
  if (data.columns[name][a] < 0 || data.columns[name][b] < 0) return "";
  return gap < 0 ? `−${whole(-gap)}` : whole(gap);
}
