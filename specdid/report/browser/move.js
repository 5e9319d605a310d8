"use strict";
// Where the reader is on the curve: the current specification, the kept one, the selection, the zoom.

function setBrush(brush) {
  state.brush = brush;
  if (plot) {
    const [low, high] = brush ? brushEdges(brush) : [0, 0];
    plot.setSelect({ left: low, top: 0, width: high - low, height: plot.over.clientHeight }, false);
  }
  byId("from").max = byId("to").max = rows.length;
  byId("from").value = brush ? brush[0] + 1 : 1;
  byId("to").value = brush ? brush[1] + 1 : rows.length;
  byId("zoom").disabled = !brush;
  byId("whole").disabled = !brush && !state.zoom;
  fillTable();
}

function brushEdges([low, high]) {
  const half = state.view === "volcano" ? 0 : 0.5;
  return [plot.valToPos(across[low] - half, "x"), plot.valToPos(across[high] + half, "x")];
}

function selected(u) {
  if (u.select.width < 4) return;
  const from = u.posToVal(u.select.left, "x");
  const to = u.posToVal(u.select.left + u.select.width, "x");
  let low = 0;
  let high = rows.length - 1;
  while (low < high && across[low] < from) low++;
  while (high > low && across[high] > to) high--;
  setBrush([low, high]);
}

function hovered(u) {
  const { left, top } = u.cursor;
  if (left === undefined || left < 0 || !rows.length) return;
  const place = state.view === "volcano" ? nearest(u, left, top) : u.posToIdx(left);
  setCurrent(rows[place], true);
}

function nearest(u, left, top) {
  const [x, y] = [toPixels(u, "x"), toPixels(u, "y")];
  const scale = devicePixelRatio || 1;
  const [px, py] = [left * scale + u.bbox.left, top * scale + u.bbox.top];
  let best = 0;
  let least = Infinity;
  for (let k = 0; k < rows.length; k++) {
    const distance = (x(across[k]) - px) ** 2 + (y(u.data[1][k]) - py) ** 2;
    if (distance < least) [best, least] = [k, distance];
  }
  return best;
}

function setCurrent(i, withTip = false) {
  state.current = i;
  if (i >= 0) {
    chart.setAttribute("aria-valuenow", String(placeOf[i] + 1));
    chart.setAttribute("aria-valuetext", sentence(i));
  }
  placeMark();
  if (withTip && i >= 0) showTip(i);
  else hideTip();
}

// The mark of the current specification is an element of its own, so that nothing is drawn again.
function placeMark() {
  const dot = plot && plot.over.querySelector(".dot");
  if (!dot) return;
  const place = state.current >= 0 ? placeOf[state.current] : -1;
  dot.hidden = place < 0;
  const left = place < 0 ? 0 : plot.valToPos(across[place], "x");
  if (place >= 0) dot.style.transform = `translate(${left}px, ${plot.valToPos(plot.data[1][place], "y") || 0}px)`;
  markPanel(place, left + plot.over.offsetLeft);
}

function showTip(i) {
  fillTip(i);
  tip.hidden = false;
  const place = placeOf[i];
  const left = plot.over.offsetLeft + plot.valToPos(across[place], "x");
  const half = left > chart.clientWidth / 2;
  tip.style.left = half ? "" : `${Math.min(left + 14, chart.clientWidth - tip.offsetWidth)}px`;
  tip.style.right = half ? `${Math.min(chart.clientWidth - left + 14, chart.clientWidth - tip.offsetWidth)}px` : "";
}

function hideTip() {
  tip.hidden = true;
}

function keep(i) {
  state.kept = i;
  fillDetail(i);
  byId("spoken").textContent = i < 0 ? "" : `In view below: ${sentence(i)}`;
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
  else if (event.key.toLowerCase() === "p" && data.preferred >= 0) to = placeOf[data.preferred];
  else if (event.key === "Enter" && state.current >= 0) keep(state.current);
  else if (event.key === "Escape") {
    setBrush(null);
    keep(-1);
    hideTip();
  } else return;
  event.preventDefault();
  if (to < 0) return;
  if (event.shiftKey) extendBrush(at < 0 ? to : at, to);
  setCurrent(rows[to], true);
}

let anchor = -1;
function extendBrush(at, to) {
  if (!state.brush) anchor = at;
  setBrush([Math.min(anchor, to), Math.max(anchor, to)]);
}

function readPlaces() {
  const read = (id) => Math.min(rows.length, Math.max(1, Math.round(Number(byId(id).value)) || 1)) - 1;
  const [low, high] = [read("from"), read("to")].sort((a, b) => a - b);
  setBrush(low === 0 && high === rows.length - 1 ? null : [low, high]);
}

function zoom() {
  const [low, high] = state.brush;
  const room = state.view === "volcano" ? 0.02 * (across[high] - across[low]) || 1 : 0.6;
  state.zoom = [across[low] - room, across[high] + room];
  refreshChart();
  const { brush } = state;
  setTimeout(() => setBrush(brush), 0);
}

function wholeCurve() {
  state.zoom = null;
  setBrush(null);
  refreshChart();
}
