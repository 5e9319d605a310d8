"use strict";
// Filters: ticked options keep their colour on the curve.

const SIGNS = [[-1, "negative"], [0, "not significant"], [1, "positive"], [UNTESTED, "no p-value"]];
const signWords = (sign) => (sign < 0 ? tr`negative` : sign === UNTESTED ? tr`no p-value` : sign > 0 ? tr`positive` : tr`not significant`);
const kindWords = (kind) => (kind === "uncertain" ? tr`uncertain` : kind === "nonequivalent" ? tr`nonequivalent` : tr`equivalent`);

function tick(label, count, checked, changed) {
  const box = make("input", "", { type: "checkbox" });
  box.checked = checked;
  box.addEventListener("change", () => changed(box.checked));
  const words = make("span", label, { class: "words", title: label });
  return make("label", "", { class: "check" }, box, words, make("span", weighedWords(count), { class: "count" }));
}

function fieldset(heading, children) {
  return make("fieldset", "", {}, make("legend", heading), make("div", "", { class: "options" }, ...children));
}

function buildFilters() {
  const { start, stop } = group();
  const sets = [];
  data.dimensions.forEach((dimension, d) => {
    const counts = new Map();
    for (let i = start; i < stop; i++) counts.set(dimension.codes[i], (counts.get(dimension.codes[i]) || 0) + weights[i]);
    if (counts.size < 2) return;
    if (d === data.terms.dimension && data.terms.labels.length) {
      sets.push(fieldset(dimension.heading, data.terms.labels.map((label, t) => termField(label, t))));
      return;
    }
    const codes = [...counts.keys()].sort((a, b) => a - b);
    sets.push(fieldset(dimension.heading, codes.map((code) => optionField(dimension, d, code, counts.get(code)))));
  });
  sets.push(...kindFields(start, stop));
  sets.push(fieldset(tr`Significance`, SIGNS.map(
    ([value]) => signField(value, signWords(value)))));
  byId("filters").replaceChildren(...sets);
  countSigns();
}

function toggle(set, value, on) {
  if (on) set.add(value);
  else set.delete(value);
  changedFilters();
}

// Highlight an option, or a control with or without, from elsewhere on the page.
function highlightOption(d, code, on) {
  if (on) state.options[d].add(code);
  else state.options[d].delete(code);
  buildFilters();
  changedFilters();
}

function highlightTerm(t, value) {
  state.terms[t] = value;
  buildFilters();
  changedFilters();
}

function optionField(dimension, d, code, count) {
  const set = state.options[d];
  return tick(dimension.words[code], count, set.has(code), (on) => toggle(set, code, on));
}

// What enters the joint tests, and what does not, where there are both.
function kindFields(start, stop) {
  const { words, codes } = data.kind;
  const counts = words.map((_, code) => codes.subarray(start, stop).reduce((n, c, k) => n + (c === code) * weights[start + k], 0));
  const found = words.map((_, code) => code).filter((code) => counts[code]);
  if (found.length < 2) return [];
  return [fieldset(tr`Type of options`, found.map((code) => tick(
    code ? tr`${kindWords(words[code])}, not tested` : kindWords(words[code]), counts[code], state.kinds.has(code),
    (on) => toggle(state.kinds, code, on))))];
}

function signField(value, label) {
  const field = tick(label, 0, state.signs.has(value), (on) => toggle(state.signs, value, on));
  field.dataset.sign = value;
  return field;
}

function termField(label, t) {
  const select = make("select", "", { "aria-label": label });
  for (const [value, words] of [["", tr`any`], ["with", tr`with`], ["without", tr`without`]]) {
    const option = make("option", words, { value });
    option.selected = state.terms[t] === value;
    select.append(option);
  }
  select.addEventListener("change", () => {
    state.terms[t] = select.value;
    changedFilters();
  });
  return make("label", "", { class: "check" }, make("span", label, { class: "words", title: label }), select);
}

function countSigns() {
  const counts = Object.fromEntries(SIGNS.map(([value]) => [value, 0]));
  for (const i of rows) counts[signs[i]] += weights[i];
  for (const field of byId("filters").querySelectorAll("[data-sign]")) {
    field.querySelector(".count").textContent = weighedWords(counts[field.dataset.sign]);
    field.hidden = Number(field.dataset.sign) === UNTESTED && !counts[UNTESTED] && !state.signs.has(UNTESTED);
  }
}

function forgetFilters() {
  state.options.forEach((o) => o.clear());
  state.terms.fill("");
  state.signs.clear();
  state.kinds.clear();
}

function clearFilters() {
  forgetFilters();
  buildFilters();
  changedFilters();
}
