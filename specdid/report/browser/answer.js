"use strict";
// What is selected, answered in words: how many, medians, ranges, and which choices are there more often than elsewhere.

const FEW = 5;
const NOTABLE = 1.2;

// The options of every choice that varies on this curve, the controls with and without each variable.
function choiceOptions() {
  const { start, stop } = group();
  const { dimension, labels, members } = data.terms;
  return data.dimensions.flatMap((d, k) => {
    const used = [...new Set(d.codes.subarray(start, stop))];
    if (used.length < 2) return [];
    if (k === dimension && labels.length) {
      return labels.flatMap((label, t) => [1, 0].map((has) => (
        { words: has ? tr`with ${label}` : tr`without ${label}`, has: (i) => members[t][d.codes[i]] === has })));
    }
    return used.map((code) => ({ words: `${d.heading} = ${d.words[code]}`, has: (i) => d.codes[i] === code }));
  });
}

// Options by how much more often they are chosen in the selection than among all that match; those that tell most first:
// share × log of the ratio.
function overrepresented(some, all) {
  const [n, N] = [weightOf(some), weightOf(all)];
  return choiceOptions().map(({ words, has }) => {
    const [here, anywhere] = [weightOf(some.filter(has)) / n, weightOf(all.filter(has)) / N];
    return { words, here, anywhere, ratio: here / anywhere };
  }).filter(({ ratio, here }) => ratio >= NOTABLE && here * n >= 2)
    .sort((a, b) => b.here * Math.log(b.ratio) - a.here * Math.log(a.ratio)).slice(0, FEW);
}

const percent = (share) => `${share > 0 && share < 0.01 ? "< 1" : share < 1 && share > 0.99 ? "> 99" : Math.round(100 * share)}%`;

function timesWords(ratio) {
  return tr`${ratio >= 10 ? Math.round(ratio) : ratio.toFixed(1)} times its share`;
}

function fillAnswer() {
  const box = byId("answer");
  if (!state.brush) {
    box.replaceChildren(make("p", tr`Drag across the curve, or hold Shift with an arrow key: here stands what the selected specifications have in common.`, { class: "help" }));
    return;
  }
  const all = Array.from(rows).filter((i) => matches[i]);
  const some = listed(true);
  const [low, high] = state.brush;
  const head = make("p", "", {}, make("strong", tr`${manyWords(some)} selected`),
    filtered() ? tr` (highlighted ones at places ${whole(placeNumber(low))} to ${whole(placeNumber(high))}).`
      : tr` (at places ${whole(placeNumber(low))} to ${whole(placeNumber(high))}).`);
  if (!some.length) {
    box.replaceChildren(head);
    return;
  }
  const found = overrepresented(some, all);
  const items = found.map(({ words, here, anywhere, ratio }) => make("li", "", {},
    make("strong", words), filtered() ? tr`: ${timesWords(ratio)} (${percent(here)} here, ${percent(anywhere)} of all highlighted)`
      : tr`: ${timesWords(ratio)} (${percent(here)} here, ${percent(anywhere)} of all)`));
  const none = some.length === all.length ? tr`This is all of them.` : tr`No choice is much more frequent here than elsewhere.`;
  box.replaceChildren(head, ...medianLines(some).map((text) => make("p", text)),
    ...(items.length ? [make("p", tr`Chosen here more often than elsewhere:`, { class: "lead" }), make("ul", "", {}, ...items)] :
      [make("p", none, { class: "lead" })]));
}

// Medians by estimand and type of option: medians of different things are not pooled.
function medianLines(some) {
  const { decimals, estimands } = group();
  return estimands.flatMap(({ words }) => data.kind.words.flatMap((kind, k) => {
    const mine = some.filter((i) => data.estimand.words[data.estimand.codes[i]] === words && data.kind.codes[i] === k);
    if (!mine.length) return [];
    const [low, middle, high] = quantiles(mine, [0, 0.5, 1]);
    const what = [...(estimands.length > 1 ? [words] : []), ...(kind === "equivalent" ? [] : [kindWords(kind)])].join("; ");
    const name = what ? tr`${what}: ${manyWords(mine)}, median` : tr`Median`;
    return [tr`${name} ${fixed(middle, decimals)}, ${fixed(low, decimals)} to ${fixed(high, decimals)}.`];
  }));
}
