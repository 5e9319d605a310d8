"use strict";
// The table of selected specifications: what the chart shows, as text.

const PAGE = 50;
const listing = { rows: [], page: 0, by: "place", down: false };

function tableColumns() {
  const { columns } = data;
  const { decimals } = group();
  const { p, low, high, error } = measure();
  const found = [
    { key: "place", label: tr`Place`, number: true, value: (i) => placeNumber(placeOf[i]), text: (i) => whole(placeNumber(placeOf[i])) },
    number("estimate", tr`Estimate`, columns.estimate, decimals),
    ...(error ? [number("std_error", tr`Std. error`, error, decimals + 1)] : []),
    { key: "p", label: "p", number: true, value: (i) => p[i], text: (i) => pValue(p[i]) },
  ];
  if (low) found.push(number("low", tr`Low`, low, decimals), number("high", tr`High`, high, decimals));
  found.push(count("nobs", "N"), count("n_units", tr`Units`), count("n_clusters:0", tr`Clusters`));
  for (const dimension of data.dimensions) {
    if (dimension.words.length < 2) continue;
    const words = (i) => dimension.words[dimension.codes[i]];
    found.push({ key: dimension.name, label: dimension.heading, choice: true, value: (i) => dimension.codes[i], text: words });
  }
  found.push({ key: "id", label: tr`Id`, id: true, value: (i) => data.spec_id[i], text: (i) => data.spec_id[i] });
  return found;
}

const kind = (column) => (column.number ? "number" : column.id ? "id" : column.choice ? "choice" : "");

function number(key, label, values, decimals) {
  return { key, label, number: true, value: (i) => values[i], text: (i) => fixed(values[i], decimals) };
}

function count(name, label) {
  const values = data.columns[name];
  return { key: name, label, number: true, value: (i) => values[i], text: (i) => whole(values[i]) };
}

function fillTable(page = 0) {
  const only = byId("matching").checked && filtered();
  listing.rows = listed(only);
  const columns = tableColumns();
  const by = columns.find((c) => c.key === listing.by) || columns[0];
  const before = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const turn = listing.down ? -1 : 1;
  listing.rows.sort((a, b) => turn * before(by.value(a), by.value(b)) || placeOf[a] - placeOf[b]);
  listing.page = page;
  const pages = Math.max(1, Math.ceil(listing.rows.length / PAGE));
  byId("page-of").textContent = tr`Page ${page + 1} of ${whole(pages)}`;
  enable({ previous: page > 0, next: page + 1 < pages }, "table-box");
  const n = whole(listing.rows.length);
  const what = thinned() ? (state.brush ? tr`${n} specifications of this page selected` : tr`${n} specifications of this page on the curve`) :
    state.brush ? tr`${n} specifications selected` : tr`${n} specifications on the curve`;
  const words = only ? tr`${what} and highlighted` : what;
  byId("table-status").textContent = tr`${words}.`;
  const shown = listing.rows.slice(page * PAGE, (page + 1) * PAGE);
  const body = make("tbody", "", {}, ...shown.flatMap((i, k) => [tableRow(columns, i, k), spelledRow(columns, i)]));
  const table = make("table", "", {}, make("caption", words, { class: "unseen" }), tableHead(columns), body);
  byId("table-box").replaceChildren(table);
}

function tableHead(columns) {
  const cells = columns.map((column) => {
    const sorted = column.key === listing.by;
    const button = make("button", column.label, { type: "button", "data-key": column.key });
    button.addEventListener("click", () => {
      listing.down = sorted && !listing.down;
      listing.by = column.key;
      fillTable();
      byId("table-box").querySelector(`[data-key="${CSS.escape(column.key)}"]`).focus();
    });
    const cell = make("th", "", { scope: "col", class: kind(column) }, button);
    if (sorted) cell.setAttribute("aria-sort", listing.down ? "descending" : "ascending");
    return cell;
  });
  return make("thead", "", {}, make("tr", "", {}, ...cells));
}

function tableRow(columns, i, k) {
  const cells = columns.map((c) => make("td", c.text(i), { class: kind(c) }));
  const row = make("tr", "", { tabindex: k ? "-1" : "0", "data-row": i }, ...cells);
  if (i === data.preferred) row.classList.add("preferred");
  if (!matches[i]) row.classList.add("faint");
  row.addEventListener("focus", () => setCurrent(i));
  row.addEventListener("click", () => keep(i));
  return row;
}

// On paper a row has its choices below it, since there is no room beside it.
function spelledRow(columns, i) {
  const words = choiceWords(i).map(([heading, label]) => tr`${heading}: ${label}`).join(tr`; `);
  return make("tr", "", { class: "spelled", "aria-hidden": "true" }, make("td", `${words} [${data.spec_id[i]}]`, { colspan: columns.length }));
}

function tableKeys(event) {
  const row = event.target.closest("tr[data-row]");
  if (!row) return;
  const all = [...row.parentElement.querySelectorAll("tr[data-row]")];
  const at = all.indexOf(row);
  const to = { ArrowDown: all[at + 1], ArrowUp: all[at - 1], Home: all[0], End: all.at(-1) }[event.key];
  if (event.key === "Enter" || event.key === " ") keep(Number(row.dataset.row));
  else if (to) {
    row.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  } else return;
  event.preventDefault();
}

// The listed rows as CSV, numbers in full; text that a spreadsheet would run is guarded.
function saveTable() {
  const guard = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
  const cell = (value) => {
    if (typeof value === "number") return Number.isNaN(value) ? "" : String(value);
    const text = guard(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const columns = tableColumns().map((c) => ({ ...c, full: c.number ? c.value : c.text }));
  columns.push({ key: "formula", full: (i) => data.formula.words[data.formula.codes[i]] });
  const lines = [columns.map((c) => cell(c.key)), ...listing.rows.map((i) => columns.map((c) => cell(c.full(i))))];
  offer(new Blob([lines.map((l) => l.join(",") + "\n").join("")], { type: "text/csv" }), "specifications.csv");
}
