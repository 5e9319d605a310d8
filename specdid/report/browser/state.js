"use strict";
// What is chosen, and what follows from it for every specification. Drawing reads this and changes nothing.

const LEVELS = (() => {
  const found = [];
  for (let k = 1; k <= 9; k++) found.push(k / 1000);
  for (let k = 2; k <= 40; k++) found.push(k / 200);
  if (!found.includes(data.alpha)) found.push(data.alpha);
  return found.sort((a, b) => a - b);
})();

// Everything a p-value and an interval can be read from.
const MEASURES = [
  ...data.vcovs.map((label, v) => ({
    label: `p, errors: ${label}`,
    short: label,
    p: data.columns[`p_value:${v}`],
    low: data.columns[`conf_low:${v}`],
    high: data.columns[`conf_high:${v}`],
    intervals: `${100 * (1 - data.alpha)}% intervals (errors: ${label})`,
  })),
  ...data.nulls.flatMap((joint) => [
    { label: `p of the ${joint.title}`, short: joint.title, p: joint.p_null, low: null, high: null, intervals: "" },
    {
      label: `adjusted p, ${joint.title}`,
      short: `adjusted, ${joint.title}`,
      p: joint.p_adjusted,
      low: joint.banded ? joint.band_low : null,
      high: joint.banded ? joint.band_high : null,
      intervals: `simultaneous ${100 * (1 - data.alpha)}% band (errors: ~${joint.cluster})`,
    },
  ]),
];

const state = {
  group: 0,
  view: "curve",
  order: "estimate",
  alpha: data.alpha,
  measure: 0,
  null: -1,
  intervals: true,
  options: data.dimensions.map(() => new Set()),
  kinds: new Set(),
  terms: data.terms.labels.map(() => ""),
  signs: new Set(),
  current: -1,
  kept: -1,
  brush: null,
  zoom: null,
};

const total = data.columns.estimate.length;
const matches = new Uint8Array(total).fill(1);
const signs = new Int8Array(total);
let rows = new Int32Array(0);
let across = new Float64Array(0);
let placeOf = new Int32Array(total).fill(-1);

const group = () => data.groups[state.group];
const measure = () => MEASURES[state.measure];

// The series of a specification is its estimator and estimand, in the order of the figure.
const series = (() => {
  const estimator = data.dimensions.find((d) => d.name === "estimator");
  const several = data.estimand.words.length > 1;
  const keys = Int32Array.from({ length: total }, (_, i) => (
    (estimator ? estimator.codes[i] : 0) * data.estimand.words.length + data.estimand.codes[i]));
  const found = [...new Set(keys)].sort((a, b) => a - b);
  const labels = found.map((key) => {
    const estimand = data.estimand.words[key % data.estimand.words.length];
    const method = estimator && estimator.words[Math.floor(key / data.estimand.words.length)];
    return !estimator ? estimand : several ? `${method}: ${estimand}` : method;
  });
  return { labels, codes: Int16Array.from(keys, (key) => found.indexOf(key)) };
})();

// The kinds on the axis, of which only the first enters the joint tests; the others stand apart from it.
let segments = [];

function arrange() {
  const { start, stop } = group();
  const kinds = data.kind.codes;
  rows = Int32Array.from({ length: stop - start }, (_, k) => start + k);
  if (state.order === "plan") {
    rows.sort((a, b) => kinds[a] - kinds[b] || data.columns.index[a] - data.columns.index[b]);
  } else if (state.order !== "estimate") {
    const { codes } = data.dimensions[Number(state.order)];
    rows.sort((a, b) => kinds[a] - kinds[b] || codes[a] - codes[b]
      || data.columns.estimate[a] - data.columns.estimate[b] || a - b);
  }
  segments = [];
  if (state.view === "volcano") {
    rows.sort((a, b) => data.columns.estimate[a] - data.columns.estimate[b] || a - b);
    across = Float64Array.from(rows, (i) => data.columns.estimate[i]);
  } else {
    const own = state.order === "estimate";
    const gap = Math.max(1, Math.round(0.03 * group().n));
    const found = [...new Set(Array.from(rows, (i) => kinds[i]))];
    across = Float64Array.from(rows, (i, k) => (own ? data.columns.position[i] : k + 1) + gap * found.indexOf(kinds[i]));
    segments = found.map((code) => {
      const [low, high] = [rows.findIndex((i) => kinds[i] === code), rows.findLastIndex((i) => kinds[i] === code)];
      return { words: data.kind.words[code], low, high, before: across[low] - 1 };
    });
    if (segments.every((s) => s.words === "equivalent")) segments = [];
  }
  placeOf.fill(-1);
  rows.forEach((i, k) => (placeOf[i] = k));
}

function orderWords(order) {
  if (order === "estimate") return "by estimate";
  return order === "plan" ? "as planned" : `by ${data.dimensions[Number(order)].heading.toLowerCase()}`;
}

function sign() {
  const { p } = measure();
  const { estimate } = data.columns;
  for (let i = 0; i < total; i++) signs[i] = p[i] < state.alpha ? (estimate[i] < 0 ? -1 : 1) : 0;
}

function match() {
  matches.fill(1);
  state.options.forEach((chosen, d) => {
    if (!chosen.size) return;
    const { codes } = data.dimensions[d];
    for (let i = 0; i < total; i++) if (!chosen.has(codes[i])) matches[i] = 0;
  });
  const { codes: kinds } = data.kind;
  if (state.kinds.size) for (let i = 0; i < total; i++) if (!state.kinds.has(kinds[i])) matches[i] = 0;
  const controls = data.terms.dimension >= 0 ? data.dimensions[data.terms.dimension].codes : null;
  state.terms.forEach((wanted, t) => {
    if (wanted === "") return;
    const members = data.terms.members[t];
    const has = wanted === "with" ? 1 : 0;
    for (let i = 0; i < total; i++) if (members[controls[i]] !== has) matches[i] = 0;
  });
  if (state.signs.size) for (let i = 0; i < total; i++) if (!state.signs.has(signs[i])) matches[i] = 0;
}

function filtered() {
  return state.signs.size > 0 || state.kinds.size > 0 || state.terms.some((t) => t !== "") || state.options.some((o) => o.size > 0);
}

function median(values) {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// Places (from 0, in the order drawn) of what the table lists.
function listed(matchingOnly) {
  const [low, high] = state.brush || [0, rows.length - 1];
  const found = [];
  for (let k = low; k <= high; k++) if (!matchingOnly || matches[rows[k]]) found.push(rows[k]);
  return found;
}
