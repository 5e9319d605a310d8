"use strict";
// Numbers and elements as they are written. Data only ever enter the page as text nodes.

const byId = (id) => document.getElementById(id);

function make(tag, text, attributes = {}, ...children) {
  const element = document.createElement(tag);
  if (text !== "") element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
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

function percent(share) {
  return Number.isNaN(share) ? "–" : `${(100 * share).toFixed(1)}%`;
}

function pValue(p) {
  if (Number.isNaN(p)) return "–";
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}

function pWords(p) {
  if (Number.isNaN(p)) return "no p-value";
  return p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`;
}

function shorten(text, most) {
  const letters = Array.from(text);
  if (letters.length <= most) return text;
  const tail = Math.floor((2 * most) / 3);
  return `${letters.slice(0, most - tail - 2).join("")} … ${letters.slice(-tail).join("")}`;
}
