"use strict";
// One specification in full, and in a sentence.

function rankWords(i) {
  const kind = data.kind.words[data.kind.codes[i]];
  const apart = kind === "equivalent" ? "" : ` (${kindWords(kind)})`;
  return tr`rank ${whole(data.columns.rank[i])} of ${whole(data.columns.of[i])}${apart}`;
}

function numberWords(i) {
  const { decimals } = group();
  const { p, low, high } = measure();
  const interval = low && !Number.isNaN(low[i]) ? tr`, ${fixed(low[i], decimals)} to ${fixed(high[i], decimals)}` : "";
  return tr`${fixed(data.columns.estimate[i], decimals)}${interval}, ${pWords(p[i])}, N ${whole(data.columns.nobs[i])}`;
}

function choiceWords(i) {
  return data.dimensions
    .filter((d) => d.words.length > 1)
    .map((d) => [d.heading, d.words[d.codes[i]]]);
}

function sentence(i) {
  const choices = choiceWords(i).map(([heading, label]) => tr`${heading}: ${label}`);
  const preferred = i === data.preferred ? tr`preferred, ` : "";
  return tr`${preferred}${rankWords(i)}: ${numberWords(i)}. ${choices.join(tr`; `)}.`;
}

// In which choices two specifications differ: heading, option of the one, option of the other. Controls by variable.
function differences(from, to) {
  const { dimension, labels, members } = data.terms;
  return data.dimensions.flatMap((d, k) => {
    const [a, b] = [d.codes[from], d.codes[to]];
    if (a === b) return [];
    if (k !== dimension || !labels.length) return [[d.heading, d.words[a], d.words[b]]];
    return labels.flatMap((label, t) => (members[t][a] === members[t][b] ? [] :
      [[label, ...[a, b].map((c) => (members[t][c] ? "with" : "without"))]]));
  });
}

// An option of the controls as what it has or lacks beside another, where its label is a sum of terms; else its label.
function besideWords(from, to, label) {
  const { dimension, labels } = data.terms;
  const controls = data.dimensions[dimension];
  if (!controls || !labels.length || !label.includes(" + ") || controls.words[controls.codes[to]] !== label) return label;
  const apart = differences(from, to).filter(([heading]) => labels.includes(heading));
  const found = ["without", "with"].map((way) => [way, apart.filter(([, , option]) => option === way).map(([heading]) => heading)])
    .filter(([, headings]) => headings.length).map(([way, headings]) => (way === "with" ? tr`with ${headings.join(", ")}` : tr`without ${headings.join(", ")}`)).join(tr`; `);
  return found && found.length < label.length ? found : label;
}

function differenceWords([heading, , option]) {
  return option === "with" ? tr`with ${heading}` : option === "without" ? tr`without ${heading}` : tr`${heading}: ${option}`;
}

// The reading beside the axis: the current specification, else the one kept, else the preferred.
function fillReading(i) {
  const box = byId("reading");
  if (i < 0) {
    box.replaceChildren();
    return;
  }
  const { decimals } = group();
  const { p, low, high } = measure();
  const { preferred } = data;
  const known = low && !Number.isNaN(low[i]);
  const apart = i === preferred || preferred < 0 ? [] : differences(preferred, i);
  const title = i === preferred ? tr`the preferred specification` : apart.length ? tr`unlike the preferred:` : "";
  const words = preferred < 0 ? choiceWords(i).map(([heading, label]) => tr`${heading}: ${label}`) : apart.map(differenceWords);
  box.replaceChildren(
    make("strong", fixed(data.columns.estimate[i], decimals)),
    ...(known ? [make("p", tr`${fixed(low[i], decimals)} to ${fixed(high[i], decimals)}`)] : []),
    make("p", tr`${pWords(p[i])}, N ${whole(data.columns.nobs[i])}`),
    make("p", rankWords(i)),
    ...(title ? [make("p", title, { class: "lead" })] : []),
    make("ul", "", {}, ...words.map((text) => make("li", text))),
  );
}

function readAgain() {
  const { preferred } = data;
  const shown = preferred >= 0 && placeOf[preferred] >= 0 ? preferred : -1;
  fillReading(state.current >= 0 ? state.current : state.kept >= 0 && placeOf[state.kept] >= 0 ? state.kept : shown);
}

function grid(caption, header, lines) {
  const head = make("tr", "", {}, ...header.map((h, k) => (
    h ? make("th", h, { scope: "col", class: k ? "number" : "" }) : make("td", ""))));
  const body = lines.map((line) => make("tr", "", {}, ...line.map((cell, k) => (
    k ? make("td", cell, { class: "number" }) : make("th", cell, { scope: "row" })))));
  const table = make("table", "", {}, make("caption", caption), make("thead", "", {}, head),
    make("tbody", "", {}, ...body));
  return make("div", "", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table);
}

function fillDetail(i) {
  byId("detail").hidden = i < 0;
  if (i < 0) return;
  const { columns } = data;
  byId("detail-heading").textContent =
    tr`Specification ${whole(columns.index[i])}${i === data.preferred ? tr` (preferred)` : ""}: ${numberWords(i)}`;
  const dropped = data.dropped.codes[i] < 0 ? [] : [[tr`Dropped as collinear`, data.dropped.words[data.dropped.codes[i]]]];
  const choices = [...data.dimensions.map((d) => [d.heading, d.words[d.codes[i]]]), ...dropped,
    [tr`Coefficient of`, data.term.words[data.term.codes[i]]], [tr`Estimand`, data.estimand.words[data.estimand.codes[i]]], [tr`Id`, data.spec_id[i]]];
  byId("detail-body").replaceChildren(
    make("p", tr`${rankWords(i)}.`, { class: "quiet" }),
    make("p", "", { class: "actions" }, ...[0, 1].map((which) => pinButton(i, which)), closeButton()),
    copied(tr`Formula`, data.formula.words[data.formula.codes[i]]),
    ...codeParts(i),
    make("dl", "", { class: "pairs" }, ...choices.flatMap(([term, text]) => [make("dt", term), make("dd", text)])),
    errorGrid(i),
    ...(data.nulls.length ? [nullGrid(i)] : []),
    countGrid(i),
  );
}

function closeButton() {
  const button = make("button", tr`Close`, { type: "button" });
  button.addEventListener("click", () => {
    keep(-1);
    chart.focus();
  });
  return button;
}

function errorGrid(i) {
  const { decimals } = group();
  const { columns } = data;
  return grid(tr`By standard errors`, [tr`Errors`, tr`Estimate`, tr`Std. error`, "p", tr`Low`, tr`High`], data.vcovs.map((label, v) => [
    label, fixed(columns.estimate[i], decimals), fixed(columns[`std_error:${v}`][i], decimals + 1),
    pValue(columns[`p_value:${v}`][i]), fixed(columns[`conf_low:${v}`][i], decimals),
    fixed(columns[`conf_high:${v}`][i], decimals)]));
}

function nullGrid(i) {
  const { decimals } = group();
  return grid(tr`Under the nulls`, [tr`Null`, "p", tr`Adjusted p`, tr`Band low`, tr`Band high`], data.nulls.map((n) => [
    n.title, pValue(n.p_null[i]), pValue(n.p_adjusted[i]), fixed(n.band_low[i], decimals),
    fixed(n.band_high[i], decimals)]));
}

const COUNTS = { nobs: tr`Rows`, n_units: tr`Units`, n_treated: tr`Treated units (not always)`,
  n_always_treated: tr`Always treated units`, n_control: tr`Control units`,
  "n_clusters:0": tr`Clusters`, n_missing: tr`Dropped, missing`, n_log0: tr`Dropped, log of 0`, n_singletons: tr`Singletons` };

function countGrid(i) {
  const known = Object.entries(COUNTS).filter(([name]) => data.columns[name][i] >= 0);
  const header = ["", ...known.map(([, label]) => label), tr`Within R²`,
    data.columns.weighted[i] ? tr`Mean of outcome (unweighted)` : tr`Mean of outcome`];
  const numbers = known.map(([name]) => whole(data.columns[name][i]));
  const mean = data.columns.y_mean[i];
  return grid(tr`Sample`, header, [[tr`this specification`, ...numbers, fixed(data.columns.r2_within[i], 3),
    Number.isNaN(mean) ? "–" : minus(String(Number(mean.toPrecision(4))))]]);
}
