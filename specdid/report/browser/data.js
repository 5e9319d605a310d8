"use strict";
// The embedded columns, decoded: see specdid/report/_data.py for what they look like.

const TYPES = { i1: Int8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

function decodeNumbers(column) {
  if (column.t === undefined) {
    return new Float64Array(column.n).fill(Number(column.c));
  }
  const text = atob(column.d);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  return new TYPES[column.t](bytes.buffer);
}

function decodeWords(column) {
  return { words: column.words, codes: decodeNumbers(column.codes) };
}

function decode(content) {
  const columns = {};
  for (const [name, column] of Object.entries(content.columns)) columns[name] = decodeNumbers(column);
  for (const name of ["formula", "term", "estimand", "kind", "dropped"]) content[name] = decodeWords(content[name]);
  content.columns = columns;
  content.dimensions = content.dimensions.map((d) => ({ name: d.name, heading: d.heading, brief: d.brief, common: d.common, places: d.places, ...decodeWords(d) }));
  content.terms.members = content.terms.members.map(decodeNumbers);
  let start = 0;
  for (const group of content.groups) {
    group.start = start;
    start += group.kept;
    group.stop = start;
    group.bands = group.bands.map((band) => band && band.map(decodeNumbers));
  }
  for (const joint of content.nulls) {
    for (const name of ["p_null", "p_adjusted", "band_low", "band_high"]) joint[name] = decodeNumbers(joint[name]);
  }
  const known = (v) => (v === null ? NaN : v);
  for (const mine of content.families) {
    mine.rows = decodeNumbers(mine.rows);
    for (const factor of mine.factors) {
      factor.codes = decodeNumbers(factor.codes);
      factor.changes = factor.changes.map(({ mean, low, high, pairs }) => (
        { mean: known(mean), low: known(low), high: known(high), pairs }));
    }
  }
  return content;
}

const data = decode(JSON.parse(document.getElementById("data").textContent));
