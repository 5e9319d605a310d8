"use strict";
// One step from the preferred specification: what differs from it in a single choice.

function fillSteps() {
  const box = byId("steps");
  const { preferred, steps } = data;
  box.hidden = preferred < 0 || !steps.length;
  if (box.hidden) return;
  const { estimate, nobs } = data.columns;
  const { p } = measure();
  const { decimals } = data.groups[groupOf(preferred)];
  // The change to another estimand or scale is no change of one thing.
  const gap = ({ row }) => (row < 0 ? -2 : comparable(row, preferred) ? Math.abs(estimate[row] - estimate[preferred]) : -1);
  const sorted = [...steps].sort((a, b) => gap(b) - gap(a));
  const changeWords = (row) => (comparable(row, preferred) ? signedNumber(estimate[row] - estimate[preferred], decimals) :
    groupOf(row) === groupOf(preferred) ? tr`another estimand` : tr`another scale`);
  const line = ({ choice, from, to, row, why }) => {
    const words = row < 0 ? to : besideWords(preferred, row, to);
    const name = row < 0 ? make("span", to) : make("button", words, { type: "button", class: "option", title: to });
    if (row >= 0) name.addEventListener("click", () => goTo(row));
    const head = [make("th", choice, { scope: "row" }), make("td", from), make("td", "", {}, name)];
    if (row < 0) return make("tr", "", {}, ...head, make("td", why, { colspan: 4, class: "quiet" }));
    const numbers = [fixed(estimate[row], decimals), changeWords(row), pValue(p[row]), whole(nobs[row])];
    return make("tr", "", {}, ...head, ...numbers.map((text) => make("td", text, { class: "number" })));
  };
  const base = make("tr", "", { class: "preferred" }, make("th", tr`the preferred`, { scope: "row" }), make("td", ""), make("td", ""),
    ...[fixed(estimate[preferred], decimals), "", pValue(p[preferred]), whole(nobs[preferred])].map((text) => make("td", text, { class: "number" })));
  const head = [tr`Choice`, tr`Preferred`, tr`Instead`, tr`Estimate`, tr`Change`, `p (${measure().short})`, "N"];
  byId("steps-table").replaceChildren(
    make("caption", tr`Specifications one choice away from the preferred, the largest change first`, { class: "unseen" }),
    make("thead", "", {}, make("tr", "", {}, ...head.map((h, k) => make("th", h, { scope: "col", class: k > 2 ? "number" : "" })))),
    make("tbody", "", {}, base, ...sorted.map(line)));
}

// Read a specification on the curve, on another one if need be.
function goTo(i) {
  if (groupOf(i) !== state.group) {
    state.group = groupOf(i);
    byId("group").value = String(state.group);
    rebuild();
  }
  setCurrent(i);
  keep(i);
  byId("detail").scrollIntoView({ block: "nearest" });
  byId("detail-heading").focus();
}
