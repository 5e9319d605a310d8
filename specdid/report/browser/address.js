"use strict";
// What is chosen, in the page's address: a link shows what its sender saw. Names stand in it rather than numbers, so that
// an address of an earlier report means the same in a later one or is said to ask for what that lacks.

const ADDRESS = "#?";
let restoring = false;
let timer = 0;

function addressOf() {
  const found = new URLSearchParams();
  const say = (key, value, usual) => value !== usual && found.append(key, value);
  say("group", group().name, data.groups[0].name);
  say("view", state.view, "curve");
  say("order", orderName(state.order), "estimate");
  say("p", measure().label, MEASURES[0].label);
  say("level", String(state.alpha), String(data.alpha));
  if (state.null >= 0) say("null", data.nulls[state.null].name);
  if (!state.intervals) say("intervals", "no");
  if (state.fit) say("fit", "yes");
  state.options.forEach((chosen, d) => chosen.forEach((c) => say(`is.${data.dimensions[d].name}`, data.dimensions[d].words[c])));
  state.terms.forEach((wanted, t) => wanted && say(wanted, data.terms.labels[t]));
  state.kinds.forEach((k) => say("type", data.kind.words[k]));
  state.signs.forEach((s) => say("sign", SIGNS.find(([value]) => value === s)[1]));
  if (state.zoomed) say("zoom", state.zoomed.map((i) => data.spec_id[i]).join("-"));
  if (state.brush) say("select", state.brush.map((k) => data.spec_id[rows[k]]).join("-"));
  if (state.kept >= 0) say("show", data.spec_id[state.kept]);
  state.pins.forEach((i, which) => i >= 0 && say(PINS[which], data.spec_id[i]));
  return found.toString();
}

const orderName = (order) => (["estimate", "plan"].includes(order) ? order : `by.${data.dimensions[Number(order)].name}`);

function writeAddress() {
  if (restoring) return;
  clearTimeout(timer);
  timer = setTimeout(() => {
    const text = addressOf();
    try {
      if (text || location.hash.startsWith(ADDRESS)) history.replaceState(null, "", text ? ADDRESS + text : location.pathname);
    } catch {
      // A page within another page may have no address of its own.
    }
  }, 150);
}

// Choose what an address asks for. What the report lacks is returned, to be said.
function chooseFrom(text) {
  const lacking = [];
  const later = [];
  const find = (key, value, names, then) => {
    const k = names.indexOf(value);
    if (k < 0) lacking.push(`${key}: ${value}`);
    else then(k);
  };
  const ids = (value, many, then) => {
    const found = value.split("-").map((id) => data.spec_id.indexOf(id));
    if (found.length !== many || found.some((i) => i < 0)) lacking.push(tr`specification ${value}`);
    else later.push(() => then(...found));
  };
  const onCurve = (key, value) => (...found) => {
    const places = found.map((i) => placeOf[i]).sort((a, b) => a - b);
    if (places[0] < 0) lacking.push(`${key}: ${value}`);
    return places[0] < 0 ? null : places;
  };
  const readers = {
    group: (v) => find("curve", v, data.groups.map((g) => g.name), (k) => (state.group = k)),
    view: (v) => find("view", v, ["curve", "volcano"], () => (state.view = v)),
    order: (v) => find("order", v, ["estimate", "plan", ...data.dimensions.map((d) => `by.${d.name}`)],
      (k) => (state.order = k < 2 ? v : String(k - 2))),
    p: (v) => find("p", v, MEASURES.map((m) => m.label), (k) => (state.measure = k)),
    level: (v) => find("level", v, LEVELS.map(String), (k) => (state.alpha = LEVELS[k])),
    null: (v) => find("null", v, data.nulls.map((n) => n.name), (k) => (state.null = k)),
    intervals: (v) => (state.intervals = v !== "no"),
    fit: (v) => (state.fit = v === "yes"),
    with: (v) => find("with", v, data.terms.labels, (t) => (state.terms[t] = "with")),
    without: (v) => find("without", v, data.terms.labels, (t) => (state.terms[t] = "without")),
    type: (v) => find("type", v, data.kind.words, (k) => state.kinds.add(k)),
    sign: (v) => find("sign", v, SIGNS.map(([, words]) => words), (k) => state.signs.add(SIGNS[k][0])),
    zoom: (v) => ids(v, 2, (...found) => {
      const places = onCurve("zoom", v)(...found);
      if (places) zoomTo(places);
    }),
    select: (v) => ids(v, 2, (...found) => {
      const places = onCurve("select", v)(...found);
      if (places) setBrush(places);
    }),
    show: (v) => ids(v, 1, (i) => keep(i)),
    A: (v) => ids(v, 1, (i) => (state.pins[0] = i)),
    B: (v) => ids(v, 1, (i) => (state.pins[1] = i)),
  };
  for (const [key, value] of new URLSearchParams(text)) {
    const name = key.startsWith("is.") ? key.slice(3) : null;
    const d = data.dimensions.findIndex((one) => one.name === name);
    if (d >= 0) find(data.dimensions[d].heading, value, data.dimensions[d].words, (c) => state.options[d].add(c));
    else if (Object.hasOwn(readers, key)) readers[key](value);
    else lacking.push(`${key}: ${value}`);
  }
  return { lacking, later };
}

function readAddress() {
  if (!location.hash.startsWith(ADDRESS)) return;
  restoring = true;
  Object.assign(state, { group: 0, view: "curve", order: "estimate", alpha: data.alpha, measure: 0, null: -1,
    intervals: true, fit: false, kept: -1, pins: [-1, -1] });
  forgetFilters();
  const { lacking, later } = chooseFrom(location.hash.slice(ADDRESS.length));
  buildControls();
  rebuild();
  for (const then of later) then();
  fillPins();
  fillDetail(state.kept);
  readAgain();
  redraw();
  byId("lacking").hidden = !lacking.length;
  byId("lacking").textContent = tr`The address asks for what this report lacks, which is left out: ${lacking.join("; ")}.`;
  restoring = false;
}
