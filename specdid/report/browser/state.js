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
    label: tr`p, errors: ${label}`,
    short: label,
    error: data.columns[`std_error:${v}`],
    p: data.columns[`p_value:${v}`],
    low: data.columns[`conf_low:${v}`],
    high: data.columns[`conf_high:${v}`],
    intervals: tr`${100 * (1 - data.alpha)}% intervals (errors: ${label})`,
  })),
  ...data.nulls.flatMap((joint) => [
    { label: tr`p of the ${joint.title}`, short: joint.title, error: null, p: joint.p_null, low: null, high: null, intervals: "" },
    {
      label: tr`adjusted p, ${joint.title}`,
      short: tr`adjusted, ${joint.title}`,
      error: null,
      p: joint.p_adjusted,
      low: joint.banded ? joint.band_low : null,
      high: joint.banded ? joint.band_high : null,
      intervals: tr`simultaneous ${100 * (1 - data.alpha)}% band (errors: ~${joint.cluster})`,
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
  fit: false,
  options: data.dimensions.map(() => new Set()),
  kinds: new Set(),
  terms: data.terms.labels.map(() => ""),
  signs: new Set(),
  current: -1,
  kept: -1,
  pins: [-1, -1],
  brush: null,
  zoom: null,
  zoomed: null,
  family: 0,
};

const total = data.columns.estimate.length;
const matches = new Uint8Array(total).fill(1);
// -1 and 1: significant by that sign; 0: not significant; UNTESTED: there is no p-value, so it is neither.
const UNTESTED = 2;
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
    return !estimator ? estimand : several ? tr`${method}: ${estimand}` : method;
  });
  // As in the figures: an estimator looks as its place among the study's says, where none has several estimands.
  const methodOf = (key) => estimator.places[Math.floor(key / data.estimand.words.length)];
  const alone = estimator && data.groups.every(({ start, stop }) => {
    const pairs = [...new Set(keys.subarray(start, stop))];
    return new Set(pairs.map(methodOf)).size === pairs.length;
  });
  const places = found.map((key, k) => (alone ? methodOf(key) : k));
  return { labels, places, codes: Int16Array.from(keys, (key) => found.indexOf(key)) };
})();

// How many of all specifications each one on the page stands for: 1 where the page holds all of them, else the stretch
// of the curve around it.
const weights = new Float64Array(total).fill(1);
for (const { start, stop, n, kept, breaks } of data.groups) {
  if (kept === n) continue;
  const { position } = data.columns;
  const cut = (i) => breaks.find((b) => position[i - 1] <= b && position[i] > b);
  for (let i = start; i < stop; i++) {
    const low = i === start ? 0 : cut(i) ?? (position[i - 1] + position[i] - 1) / 2;
    const high = i + 1 === stop ? n : cut(i + 1) ?? (position[i] + position[i + 1] - 1) / 2;
    weights[i] = high - low;
  }
}
const thinned = () => group().kept < group().n;

// The kinds on the axis, of which only the first enters the joint tests; the others stand apart from it.
let segments = [];

// What an order by a choice puts together: its option, where it lies, and the median of each estimand in it.
let parts = [];

function arrange() {
  const { start, stop } = group();
  const kinds = data.kind.codes;
  rows = Int32Array.from({ length: stop - start }, (_, k) => start + k);
  if (state.order === "plan") {
    rows.sort((a, b) => kinds[a] - kinds[b] || data.columns.index[a] - data.columns.index[b]);
  } else if (state.order !== "estimate") {
    const { codes } = data.dimensions[Number(state.order)];
    const estimands = data.estimand.codes;
    rows.sort((a, b) => kinds[a] - kinds[b] || codes[a] - codes[b] || estimands[a] - estimands[b]
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
  parts = state.view === "curve" && !["estimate", "plan"].includes(state.order) ? arrangeParts() : [];
}

function arrangeParts() {
  const { codes, words } = data.dimensions[Number(state.order)];
  const option = runsOf((i) => data.kind.codes[i] * words.length + codes[i], 0, rows.length - 1);
  return option.map(({ low, high }) => ({
    words: words[codes[rows[low]]],
    low,
    high,
    medians: runsOf((i) => data.estimand.codes[i], low, high).map((run) => (
      { ...run, median: median(rows.subarray(run.low, run.high + 1)) })),
  }));
}

// The number of a place as the axis counts it: along the whole curve, also where the page holds a part of it.
function placeNumber(k) {
  return state.view === "curve" && state.order === "estimate" ? data.columns.position[rows[k]] : k + 1;
}

// Neighbours with the same key, as first and last places.
function runsOf(key, from, to) {
  const found = [];
  for (let k = from; k <= to; k++) {
    if (k > from && key(rows[k]) === key(rows[k - 1])) found[found.length - 1].high = k;
    else found.push({ low: k, high: k });
  }
  return found;
}

function orderWords(order) {
  if (order === "estimate") return tr`by estimate`;
  return order === "plan" ? tr`as planned` : tr`by ${data.dimensions[Number(order)].heading.toLowerCase()}`;
}

function sign() {
  const { p } = measure();
  const { estimate } = data.columns;
  for (let i = 0; i < total; i++) signs[i] = Number.isNaN(p[i]) ? UNTESTED : p[i] < state.alpha ? (estimate[i] < 0 ? -1 : 1) : 0;
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

// Medians and other quantiles of the estimates of some specifications; on a thinned page of what they stand for.
function quantiles(some, shares) {
  const { estimate } = data.columns;
  const sorted = Array.from(some).sort((a, b) => estimate[a] - estimate[b]);
  if (!sorted.length) return shares.map(() => NaN);
  if (!thinned()) {
    return shares.map((share) => {
      const at = share * (sorted.length - 1);
      const [below, above] = [estimate[sorted[Math.floor(at)]], estimate[sorted[Math.ceil(at)]]];
      return below + (at % 1) * (above - below);
    });
  }
  const all = weightOf(sorted);
  return shares.map((share) => {
    let reached = 0;
    for (const i of sorted) {
      reached += weights[i];
      if (reached >= share * all) return estimate[i];
    }
    return estimate[sorted.at(-1)];
  });
}

const median = (some) => quantiles(some, [0.5])[0];

function weightOf(some) {
  let sum = 0;
  for (const i of some) sum += weights[i];
  return sum;
}

const weighedWords = (n) => `${thinned() ? "≈ " : ""}${whole(Math.round(n))}`;

// So many specifications, in words: on a thinned page those that these stand for.
function manyWords(some) {
  return thinned() ? tr`about ${whole(Math.round(weightOf(some)))}` : whole(some.length);
}

// Places (from 0, in the order drawn) of what the table lists.
function listed(matchingOnly) {
  const [low, high] = state.brush || [0, rows.length - 1];
  const found = [];
  for (let k = low; k <= high; k++) if (!matchingOnly || matches[rows[k]]) found.push(rows[k]);
  return found;
}
