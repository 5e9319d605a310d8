"use strict";
// Numbers and elements as they are written. Data only ever enter the page as text nodes.

// A text in the language of the page: the words of a template are looked up with {0}, {1}, … in place of its values.
function tr(parts, ...values) {
  const english = parts.reduce((text, part, k) => `${text}{${k - 1}}${part}`);
  return (data.words?.[english] ?? english).replace(/\{(\d+)\}/g, (_, k) => values[k]);
}

const byId = (id) => document.getElementById(id);

function make(tag, text, attributes = {}, ...children) {
  const element = document.createElement(tag);
  if (text !== "") element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Which controls can be used; one that no longer can, and had the focus, hands it to one beside it.
function enable(which, otherwise) {
  const had = document.activeElement;
  for (const [id, on] of Object.entries(which)) byId(id).disabled = !on;
  if (had.disabled) byId(Object.keys(which).find((id) => which[id]) || otherwise).focus();
}

const minus = (text) => text.replace("-", "−");

function whole(n) {
  return n < 0 ? "" : String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

function fixed(value, decimals) {
  if (Number.isNaN(value)) return "–";
  const [before, after] = Math.abs(value).toFixed(decimals).split(".");
  const grouped = before.replace(/\B(?=(\d{3})+$)/g, ",");
  const negative = value < 0 && Number(value.toFixed(decimals)) !== 0;
  return `${negative ? "−" : ""}${grouped}${after === undefined ? "" : "." + after}`;
}

function signedNumber(value, decimals) {
  const text = fixed(value, decimals);
  return value > 0 && Number(value.toFixed(decimals)) !== 0 ? `+${text}` : text;
}

// Three decimals, or as many more as tell a p-value from a level that rounding would make it; as p_digits in Python.
function digitsOf(p) {
  let digits = 3;
  while (digits < 6 && [0.01, 0.05, 0.1].some((a) => Number(p.toFixed(digits)) === a && Math.abs(p - a) > 1e-9)) digits += 1;
  return p.toFixed(digits);
}

function pValue(p) {
  if (Number.isNaN(p)) return "–";
  return p < 0.001 ? "< 0.001" : digitsOf(p);
}

function pWords(p) {
  if (Number.isNaN(p)) return tr`no p-value`;
  return p < 0.001 ? "p < 0.001" : `p = ${digitsOf(p)}`;
}

// Cut a long label after its first letters: labels often differ at their ends. Chinese characters take two.
// Options of a choice without the words that all long ones begin with; what […] stands for is said once, beside them.
const briefWords = (choice) => choice.brief || choice.words;
const commonWords = (choices) => [...new Set(choices.flatMap((choice) => choice.common || []))].join(" ");

function shorten(text, most) {
  const wide = (letter) => (letter.codePointAt(0) > 0x2e7f ? 2 : 1);
  const letters = Array.from(text);
  const take = (from, room) => {
    let n = 0;
    for (let used = 0; n < from.length && used + wide(from[n]) <= room; n++) used += wide(from[n]);
    return from.slice(0, n);
  };
  if (take(letters, most).length === letters.length) return text;
  const tail = take([...letters].reverse(), Math.floor((2 * most) / 3)).reverse();
  return `${take(letters, most - Math.floor((2 * most) / 3) - 3).join("")} … ${tail.join("")}`;
}
