"use strict";
// Which choices move the estimate: choices by influence, and of each option the estimates and the change it makes.

const MOST_OPTIONS = 12;
const STRIPES = 80;
const dotWide = () => (narrow() ? 130 : 230);
const changeWide = () => (narrow() ? 110 : 150);
const opened = new Set();

const familiesShown = () => data.families.filter((f) => f.group === state.group);
const family = () => familiesShown()[Math.min(state.family, familiesShown().length - 1)];

function buildFamilies() {
  const shown = familiesShown();
  const preferred = shown.findIndex((f) => f.rows.includes(data.preferred));
  const largest = shown.reduce((best, f, k) => (f.n > shown[best]?.n ? k : best), 0);
  state.family = preferred >= 0 ? preferred : largest;
  options(byId("family"), shown.map((f, k) => [k, f.estimand]), state.family);
  byId("family-field").hidden = shown.length < 2;
  byId("choices-panel").hidden = !shown.length;
}

// Highlighting by significance or by place selects on the estimate itself: pairs are of filters of choices alone.
function chosenByChoice() {
  const signs = new Set(state.signs);
  state.signs.clear();
  match();
  const found = Uint8Array.from(matches);
  signs.forEach((s) => state.signs.add(s));
  match();
  return found;
}

// The change of the estimate when an option takes the reference's place and every other choice stays: of each option the
// mean, the middle 90% and the number of pairs. Where the page holds a part of the curve, of all as the run counted them.
function pairedChanges(mine, within) {
  if (thinned() || within.every((v) => v)) return mine.factors.map((f) => f.changes);
  const { estimate } = data.columns;
  const kept = [...mine.rows.keys()].filter((k) => within[mine.rows[k]]);
  const keys = otherChoices(mine, kept);
  return mine.factors.map((factor, f) => {
    const base = new Map();
    for (const k of kept) if (factor.codes[k] === factor.reference) base.set(keys(k, f), estimate[mine.rows[k]]);
    const changes = factor.words.map(() => []);
    for (const k of kept) {
      const before = factor.codes[k] === factor.reference ? undefined : base.get(keys(k, f));
      if (before !== undefined) changes[factor.codes[k]].push(estimate[mine.rows[k]] - before);
    }
    return changes.map((found) => summarised(Float64Array.from(found).sort()));
  });
}

// A key of all choices of a specification but one.
function otherChoices(mine, kept) {
  const strides = [];
  let size = 1;
  for (const { words } of mine.factors) {
    strides.push(size);
    size *= words.length;
  }
  if (size > Number.MAX_SAFE_INTEGER) {
    return (k, f) => mine.factors.map((factor, g) => (g === f ? "" : factor.codes[k])).join(" ");
  }
  const whole = new Map(kept.map((k) => [k, mine.factors.reduce((sum, factor, f) => sum + factor.codes[k] * strides[f], 0)]));
  return (k, f) => whole.get(k) - mine.factors[f].codes[k] * strides[f];
}

function summarised(sorted) {
  const n = sorted.length;
  if (!n) return { mean: NaN, low: NaN, high: NaN, pairs: 0 };
  const at = (share) => {
    const place = share * (n - 1);
    return sorted[Math.floor(place)] + (place % 1) * (sorted[Math.ceil(place)] - sorted[Math.floor(place)]);
  };
  return { mean: sorted.reduce((a, b) => a + b, 0) / n, low: at(0.05), high: at(0.95), pairs: n };
}

function fillChoices() {
  const mine = family();
  if (!mine) return;
  const changes = pairedChanges(mine, chosenByChoice());
  const order = mine.factors.map((_, f) => f).sort((a, b) => mine.shares[b] - mine.shares[a]);
  const scales = { dots: scaleOf(mine), changes: changeScale(changes) };
  const [low, high] = state.brush || [0, rows.length - 1];
  const inBrush = (i) => placeOf[i] >= low && placeOf[i] <= high;
  const lit = Array.from(mine.rows).map((i) => matches[i] === 1 && inBrush(i));
  const focused = document.activeElement?.dataset?.option;
  const bodies = order.map((f) => factorRows(mine, f, changes[f], scales, lit));
  const body = byId("choices-table");
  body.replaceChildren(make("caption", captionWords(mine), { class: "unseen" }), choicesHead(scales), ...bodies);
  if (focused) body.querySelector(`[data-option="${CSS.escape(focused)}"]`)?.focus();
  byId("choices-note").textContent = noteWords(mine, lit);
}

const captionWords = (mine) => tr`Choices by influence on the ${mine.estimand}, with the estimates of each option`;

function noteWords(mine, lit) {
  const n = lit.filter(Boolean).length;
  const shown = state.brush || filtered() ? tr`Coloured: ${manyWords(Array.from(mine.rows).filter((_, k) => lit[k]))} of ${
    whole(mine.n)} specifications. ` : "";
  const held = thinned() ? tr`Changes are of all specifications of the study, whatever is highlighted; estimates are of those on this page. ` :
    filtered() ? tr`Changes are of the pairs that match the choices highlighted; significance and selection leave them as they are, since both select by the estimate. ` : "";
  const rest = mine.factors.length ? tr`Shares of the variance are of all ${whole(mine.n)}; what choices do only together makes ${percent(mine.rest)} of it. ` : "";
  const spread = tr`The middle 90% of changes is how much they vary from pair to pair: no confidence interval. Heights of strips are of each option alone.`;
  const common = commonWords(mine.factors);
  return `${common && `${common} `}${shown}${held}${rest}${spread}${n ? "" : tr` Nothing is highlighted.`}`;
}

function scaleOf(mine) {
  const { estimate } = data.columns;
  let [low, high] = [0, 0];
  for (const i of mine.rows) {
    low = Math.min(low, estimate[i]);
    high = Math.max(high, estimate[i]);
  }
  return { low, high, wide: dotWide() };
}

function changeScale(changes) {
  let reach = 0;
  for (const c of changes.flat()) {
    for (const v of [c.low, c.high, c.mean]) if (Math.abs(v) > reach) reach = Math.abs(v);
  }
  return { low: -(reach || 1), high: reach || 1, wide: changeWide() };
}

const onScale = ({ low, high, wide }, value) => 6 + ((value - low) / (high - low || 1)) * (wide - 12);

function small(wide, tall, paintOn) {
  const made = make("canvas", "", { "aria-hidden": "true" });
  const scale = devicePixelRatio || 1;
  [made.width, made.height] = [wide * scale, tall * scale];
  [made.style.width, made.style.height] = [`${wide}px`, `${tall}px`];
  const pen = made.getContext("2d");
  pen.scale(scale, scale);
  paintOn(pen);
  return made;
}

function axisOf(scale) {
  return small(scale.wide, 16, (pen) => {
    pen.font = `11px ${theme.family}`;
    pen.fillStyle = theme.quiet;
    pen.textBaseline = "top";
    let limit = -Infinity;
    for (const value of valueTicks({ min: scale.low, max: scale.high }, scale.wide, 30)) {
      const x = onScale(scale, value.at);
      const half = pen.measureText(value.words).width / 2;
      if (x - half < limit || x - half < 0 || x + half > scale.wide) continue;
      pen.textAlign = "center";
      pen.fillText(value.words, x, 2);
      limit = x + half + 6;
    }
  });
}

function choicesHead(scales) {
  const cell = (text, kind, ...more) => make("th", "", { scope: "col", class: kind }, text, ...more);
  const cells = [cell(tr`Option`, ""), cell("n", "number"),
    cell(group().scaled ? tr`Estimates, ${group().name}` : tr`Estimates`, "drawn", make("br", ""), axisOf(scales.dots)),
    cell(tr`Median`, "number"), cell(tr`Change from the reference, all else equal`, "drawn", make("br", ""), axisOf(scales.changes)),
    cell(tr`Mean (middle 90%)`, "number"), cell(tr`Pairs`, "number")];
  if (state.brush) cells.push(cell(tr`In selection`, "number"));
  return make("thead", "", {}, make("tr", "", {}, ...cells));
}

function factorRows(mine, f, changes, scales, lit) {
  const factor = mine.factors[f];
  const share = mine.shares[f];
  const levels = factor.words.map((_, level) => level);
  const size = (level) => (level === factor.reference ? Infinity : Number.isNaN(changes[level].mean) ? -1 : Math.abs(changes[level].mean));
  if (levels.length > 2) levels.sort((a, b) => size(b) - size(a));
  else levels.sort((a, b) => (b === factor.reference) - (a === factor.reference));
  const key = `${mine.estimand} ${factor.name}`;
  const shown = opened.has(key) ? levels : levels.slice(0, MOST_OPTIONS);
  const bar = small(62, 8, (pen) => {
    pen.fillStyle = theme.hair;
    pen.fillRect(0, 0, 62, 8);
    pen.fillStyle = theme["series-1"];
    pen.fillRect(0, 0, 62 * share, 8);
  });
  const wide = state.brush ? 8 : 7;
  const head = make("tr", "", { class: "factor" }, make("th", "", { colspan: wide, scope: "rowgroup" },
    factor.heading, make("span", "", { class: "share" }, bar, tr`${percent(share)} of the variance`)));
  const rest = levels.length - shown.length;
  const more = rest > 0 ? [make("tr", "", {}, make("td", "", { colspan: wide }, moreButton(key, rest)))] : [];
  return make("tbody", "", {}, head, ...shown.map((level) => optionRow(mine, factor, level, changes[level], scales, lit)), ...more);
}

function moreButton(key, rest) {
  const button = make("button", tr`${whole(rest)} more options`, { type: "button" });
  button.addEventListener("click", () => {
    opened.add(key);
    fillChoices();
  });
  return button;
}

function optionRow(mine, factor, level, change, scales, lit) {
  const { decimals } = group();
  const own = [];
  const coloured = [];
  mine.rows.forEach((i, k) => {
    if (factor.codes[k] !== level) return;
    own.push(i);
    if (lit[k]) coloured.push(i);
  });
  const narrowed = state.brush || filtered();
  const number = (text) => make("td", text, { class: "number" });
  const reference = level === factor.reference;
  const signed = (v) => signedNumber(v, decimals);
  const cells = [
    make("th", "", { scope: "row" }, highlightButton(mine, factor, level, own[0])),
    number(narrowed ? tr`${weighedWords(weightOf(coloured))} of ${whole(factor.counts[level])}` : whole(factor.counts[level])),
    make("td", "", { class: "drawn" }, small(scales.dots.wide, 20, (pen) => paintEstimates(pen, scales.dots, own, coloured))),
    number(coloured.length ? fixed(median(coloured), decimals) : "–"),
    make("td", "", { class: "drawn" }, small(scales.changes.wide, 20, (pen) => paintChange(pen, scales.changes, change, reference))),
    number(reference ? tr`reference` : !change.pairs ? tr`no pair` :
      tr`${signed(change.mean)} (${signed(change.low)} to ${signed(change.high)})`),
    number(reference ? "" : whole(change.pairs)),
  ];
  if (state.brush) cells.push(number(shareWords(mine, factor, level, coloured, lit)));
  return make("tr", "", {}, ...cells);
}

// An option's share of the selection beside its share of all that match.
function shareWords(mine, factor, level, coloured, lit) {
  const all = [...mine.rows.keys()].filter((k) => matches[mine.rows[k]]);
  const here = weightOf(coloured) / weightOf(all.filter((k) => lit[k]).map((k) => mine.rows[k]));
  const anywhere = weightOf(all.filter((k) => factor.codes[k] === level).map((k) => mine.rows[k])) / weightOf(all.map((k) => mine.rows[k]));
  if (Number.isNaN(here) || !anywhere) return "–";
  return `${percent(here)} (× ${(here / anywhere).toFixed(1)})`;
}

// A stroke for each estimate; where these are many the number in each of equal steps, within the smallest and largest.
function paintEstimates(pen, scale, own, coloured) {
  const { estimate } = data.columns;
  const zero = onScale(scale, 0);
  drawLine(pen, zero, 0, zero, 20, theme.off);
  const narrowed = state.brush || filtered();
  const layers = narrowed ? [[own, theme.off], [coloured, theme["series-1"]]] : [[own, theme["series-1"]]];
  if (own.length <= 60) {
    for (const [some, colour] of layers) {
      for (const i of some) {
        const x = onScale(scale, estimate[i]);
        drawLine(pen, x, 4, x, 16, colour, 1.2);
      }
    }
  } else {
    const counts = layers.map(([some]) => {
      const found = new Float64Array(STRIPES);
      for (const i of some) {
        found[Math.min(STRIPES - 1, Math.floor(((estimate[i] - scale.low) / (scale.high - scale.low || 1)) * STRIPES))] += weights[i];
      }
      return found;
    });
    const most = counts[0].reduce((a, b) => Math.max(a, b), 0);
    counts.forEach((found, layer) => {
      pen.fillStyle = layers[layer][1];
      const step = (scale.wide - 12) / STRIPES;
      found.forEach((n, k) => {
        const tall = n && Math.max(1, (16 * n) / most);
        pen.fillRect(6 + k * step, 18 - tall, step + 0.3, tall);
      });
    });
  }
  if (!coloured.length) return;
  const x = onScale(scale, median(coloured));
  drawLine(pen, x, 0, x, 20, theme.ink, 2);
}

function paintChange(pen, scale, change, reference) {
  const zero = onScale(scale, 0);
  drawLine(pen, zero, 0, zero, 20, theme.off);
  if (reference || !change.pairs) return;
  drawLine(pen, onScale(scale, change.low), 10, onScale(scale, change.high), 10, theme.quiet, 2);
  pen.beginPath();
  pen.arc(onScale(scale, change.mean), 10, 4, 0, 2 * Math.PI);
  pen.fillStyle = theme.ink;
  pen.fill();
}

// A click on an option highlights it; the same again no longer.
// An option's name, shortened where that leaves it unlike the others.
function shortOption(factor, level) {
  const brief = briefWords(factor);
  const short = brief.map((words) => shorten(words, 34));
  return short.filter((words) => words === short[level]).length > 1 ? brief[level] : short[level];
}

function highlightButton(mine, factor, level, row) {
  const name = factor.words[level];
  const sets = highlightSets(factor, level, row);
  if (!sets) return briefWords(factor)[level];
  const on = sets.every(([kind, at, value]) => (kind === "option" ? state.options[at].has(value) : state.terms[at] === value));
  const base = factor.reference >= 0 ? mine.rows[factor.codes.indexOf(factor.reference)] : undefined;
  const words = base === undefined || level === factor.reference ? name : besideWords(base, row, name);
  const button = make("button", words === name ? shortOption(factor, level) : words, { type: "button", class: "option", "aria-pressed": String(on),
    "data-option": `${factor.name} ${level}`, title: tr`Highlight ${name}` });
  button.addEventListener("click", () => {
    for (const [kind, at, value] of sets) {
      if (kind === "term") state.terms[at] = on ? "" : value;
      else if (on) state.options[at].delete(value);
      else state.options[at].add(value);
    }
    buildFilters();
    changedFilters();
  });
  return button;
}

function highlightSets(factor, level, row) {
  if (row === undefined) return null;
  if (factor.terms.length) return factor.terms.map((t) => ["term", t, level ? "with" : "without"]);
  return factor.dimensions.map((d) => ["option", d, data.dimensions[d].codes[row]]);
}
