"use strict";
// Where the reader is on the curve: the current specification, the kept one, the selection, the zoom.

function setBrush(brush) {
  state.brush = brush;
  placeSelection();
  const last = rows.length - 1;
  byId("from").max = byId("to").max = placeNumber(last);
  byId("from").value = brush ? placeNumber(brush[0]) : 1;
  byId("to").value = placeNumber(brush ? brush[1] : last);
  enable({ zoom: brush, whole: brush || state.zoom }, "from");
  fillTable();
  fillAnswer();
  fillChoices();
  writeAddress();
}

// After a drag between two distances from the axis.
function selected(left, right) {
  const [from, to] = [left, right].map((v) => acrossAt(v + plot.box.left));
  let low = 0;
  let high = rows.length - 1;
  while (low < high && across[low] < from) low++;
  while (high > low && across[high] > to) high--;
  setBrush([low, high]);
}

function hovered(x, y) {
  if (!rows.length) return;
  const place = state.view === "volcano" ? nearest(x, y) : placeNear(acrossAt(x));
  setCurrent(rows[place]);
}

function nearest(x, y) {
  let best = 0;
  let least = Infinity;
  for (let k = 0; k < rows.length; k++) {
    const distance = (xAt(across[k]) - x) ** 2 + (yAt(plot.heights[k]) - y) ** 2;
    if (distance < least) [best, least] = [k, distance];
  }
  return best;
}

function setCurrent(i) {
  state.current = i;
  if (i >= 0) {
    chart.setAttribute("aria-valuenow", String(placeOf[i] + 1));
    chart.setAttribute("aria-valuetext", sentence(i));
  }
  placeMark();
  readAgain();
}

// The mark of the current specification is an element of its own, so that nothing is drawn again.
function placeMark() {
  const place = state.current >= 0 ? placeOf[state.current] : -1;
  const [left, top] = place < 0 ? [0, 0] : [xAt(across[place]), yAt(plot.heights[place])];
  dot.hidden = place < 0 || Number.isNaN(top) || left < plot.box.left - 1 || left > plot.box.left + plot.box.width + 1;
  dot.style.transform = `translate(${left - plot.box.left}px, ${top - plot.box.top}px)`;
  markTiles(dot.hidden ? -1 : place, left);
}

function keep(i) {
  state.kept = i;
  fillDetail(i);
  writeAddress();
  byId("spoken").textContent = i < 0 ? "" : tr`In view below: ${sentence(i)}`;
}

function chartKeys(event) {
  const last = rows.length - 1;
  if (last < 0) return;
  const at = state.current >= 0 ? placeOf[state.current] : -1;
  const tenth = Math.max(1, Math.round(rows.length / 10));
  const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: tenth, PageDown: -tenth };
  let to = -1;
  if (event.key in steps) to = Math.min(last, Math.max(0, at < 0 ? 0 : at + steps[event.key]));
  else if (event.key === "Home") to = 0;
  else if (event.key === "End") to = last;
  else if (event.key.toLowerCase() === "p" && data.preferred >= 0) {
    if (placeOf[data.preferred] < 0) goTo(data.preferred);
    to = placeOf[data.preferred];
  }
  else if (event.key === "Enter" && state.current >= 0) keep(state.current);
  else if (PINS.includes(event.key.toUpperCase()) && state.current >= 0 && !event.ctrlKey && !event.metaKey) {
    pin(state.current, PINS.indexOf(event.key.toUpperCase()));
    byId("spoken").textContent = tr`Pinned as ${event.key.toUpperCase()}: ${sentence(state.current)}`;
  }
  else if (event.key === "Escape") {
    setBrush(null);
    keep(-1);
  } else return;
  event.preventDefault();
  if (to < 0) return;
  if (event.shiftKey) extendBrush(at < 0 ? to : at, to);
  setCurrent(rows[to]);
}

let anchor = -1;
function extendBrush(at, to) {
  if (!state.brush) anchor = at;
  setBrush([Math.min(anchor, to), Math.max(anchor, to)]);
}

function readPlaces() {
  const last = rows.length - 1;
  const ends = ["from", "to"].map((id) => Math.round(Number(byId(id).value)) || 1).sort((a, b) => a - b);
  let [low, high] = [0, last];
  while (low < last && placeNumber(low) < ends[0]) low++;
  while (high > low && placeNumber(high) > ends[1]) high--;
  setBrush(low === 0 && high === rows.length - 1 ? null : [low, high]);
}

function zoomTo([low, high]) {
  const room = state.view === "volcano" ? 0.02 * (across[high] - across[low]) || 1 : 0.6;
  state.zoom = [across[low] - room, across[high] + room];
  state.zoomed = [rows[low], rows[high]];
  byId("whole").disabled = false;
  refreshChart();
  buildKey();
  writeAddress();
}

function wholeCurve() {
  state.zoom = state.zoomed = null;
  setBrush(null);
  refreshChart();
  buildKey();
}
