"use strict";
// A pen that writes SVG where a canvas would paint, and the picture of what is seen in either.

const inXml = (text) => text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd")
  .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const inTenths = (v) => String(Math.round(v * 100) / 100);

class SvgPen {
  constructor() {
    this.written = [];
    this.kept = [];
    this.measuring = document.createElement("canvas").getContext("2d");
    Object.assign(this, { dx: 0, dy: 0, path: "", dash: [], groups: 0, clips: 0, fillStyle: "#000", strokeStyle: "#000",
      lineWidth: 1, font: theme.font, textAlign: "left", textBaseline: "top" });
  }

  save() {
    const { dx, dy, groups } = this;
    this.kept.push({ dx, dy, groups });
  }

  restore() {
    const before = this.kept.pop();
    this.written.push("</g>".repeat(this.groups - before.groups));
    Object.assign(this, before);
  }

  translate(x, y) {
    this.dx += x;
    this.dy += y;
  }

  at(x, y) {
    return `${inTenths(x + this.dx)} ${inTenths(y + this.dy)}`;
  }

  beginPath() {
    this.path = "";
  }

  moveTo(x, y) {
    this.path += `M${this.at(x, y)}`;
  }

  lineTo(x, y) {
    this.path += `L${this.at(x, y)}`;
  }

  rect(x, y, width, height) {
    this.path += `M${this.at(x, y)}h${inTenths(width)}v${inTenths(height)}h${inTenths(-width)}z`;
  }

  // Whole circles alone are drawn.
  arc(x, y, r) {
    this.path += `M${this.at(x + r, y)}a${r} ${r} 0 1 0 ${-2 * r} 0a${r} ${r} 0 1 0 ${2 * r} 0z`;
  }

  closePath() {
    this.path += "z";
  }

  clip() {
    this.clips += 1;
    this.groups += 1;
    this.written.push(`<clipPath id="clip${this.clips}"><path d="${this.path}"/></clipPath><g clip-path="url(#clip${this.clips})">`);
  }

  setLineDash(dash) {
    this.dash = dash;
  }

  fill() {
    if (this.path) this.written.push(`<path d="${this.path}" fill="${this.fillStyle}"/>`);
  }

  stroke() {
    if (!this.path) return;
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : "";
    this.written.push(`<path d="${this.path}" fill="none" stroke="${this.strokeStyle}" stroke-width="${inTenths(this.lineWidth)}"${dash}/>`);
  }

  fillRect(x, y, width, height) {
    this.beginPath();
    this.rect(x, y, width, height);
    this.fill();
  }

  measureText(text) {
    this.measuring.font = this.font;
    return this.measuring.measureText(text);
  }

  fillText(text, x, y) {
    this.#text(text, x, y, `fill="${this.fillStyle}"`);
  }

  strokeText(text, x, y) {
    this.#text(text, x, y, `fill="none" stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}" stroke-linejoin="round"`);
  }

  #text(text, x, y, paint) {
    const size = Number(/([\d.]+)px/.exec(this.font)[1]);
    const lower = { top: 0.85, middle: 0.35, bottom: -0.2, alphabetic: 0 }[this.textBaseline] * size;
    const [left, top] = this.at(x, y + lower).split(" ");
    const anchor = { left: "start", center: "middle", right: "end" }[this.textAlign];
    const bold = this.font.startsWith("bold") ? ' font-weight="bold"' : "";
    this.written.push(`<text x="${left}" y="${top}" font-size="${size}"${bold} text-anchor="${anchor}" ${paint}>${inXml(text)}</text>`);
  }

  document(width, height) {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      `font-family="${inXml(theme.family)}"><rect width="100%" height="100%" fill="${theme.paper}"/>${this.written.join("\n")}</svg>\n`;
  }
}

// Break a text into lines of at most so many pixels, at spaces where there are some.
function brokenText(pen, text, width) {
  const found = [];
  let line = "";
  for (const word of text.split(/(?<=\s)|(?<=[\u2e80-\uffee])/u)) {
    if (line && pen.measureText(line + word.trimEnd()).width > width) {
      found.push(line.trimEnd());
      line = "";
    }
    line += word;
  }
  return [...found, line.trimEnd()].filter(Boolean);
}

const EDGE = 16;

// Paint what is seen: title, what is shown, key, chart and tiles. Return its height.
function paintPicture(pen) {
  const width = chart.clientWidth;
  const tall = layOut(pen);
  let top = EDGE;
  const say = (text, font, colour, leading) => {
    pen.font = font;
    pen.textAlign = "left";
    pen.textBaseline = "top";
    pen.fillStyle = colour;
    for (const line of brokenText(pen, text, width)) {
      pen.fillText(line, EDGE, top);
      top += leading;
    }
  };
  if (document.querySelector(".strip")) say(document.querySelector(".strip").textContent, `bold 16px ${theme.family}`, "#b00020", 22);
  say(data.title, `bold 16px ${theme.family}`, theme.ink, 21);
  const told = [...byId("status").children, ...(state.brush ? byId("answer").querySelectorAll("p, li") : [])];
  for (const one of told) say(one.textContent, theme.font, theme.quiet, 16);
  top = paintKey(pen, top + 4, width);
  if (narrow()) say(effectWords(), `bold 12px ${theme.family}`, theme.ink, 18);
  pen.save();
  pen.translate(EDGE, top);
  if (!narrow()) {
    pen.font = `bold 12px ${theme.family}`;
    pen.textAlign = "left";
    pen.textBaseline = "top";
    pen.fillStyle = theme.ink;
    brokenText(pen, effectWords(), plot.box.left - 70).forEach((line, k) => pen.fillText(line, 0, plot.box.top + 15 * k));
  }
  paintAxes(pen);
  paint(pen);
  for (const x of state.brush ? brushEdges() : []) {
    drawLine(pen, x, plot.box.top, x, plot.box.top + plot.box.height, theme["series-1"], 1.5);
  }
  pen.restore();
  top += tall;
  if (!panel.hidden) {
    pen.save();
    pen.translate(EDGE, top);
    paintStrips(pen);
    for (const line of lines) {
      pen.font = `${line.heading === undefined ? "" : "bold "}12px ${theme.family}`;
      pen.textAlign = "left";
      pen.textBaseline = "top";
      pen.fillStyle = line.heading === undefined ? theme.quiet : theme.ink;
      pen.fillText(line.element.textContent, line.heading === undefined ? 10 : 0, parseInt(line.element.style.top, 10) + 2);
    }
    pen.restore();
    top += parseInt(panel.style.height, 10);
  }
  return top + EDGE;
}

function paintKey(pen, top, width) {
  let left = EDGE;
  for (const { kind, colour, label } of keyEntries()) {
    pen.font = theme.font;
    const wide = pen.measureText(label).width + (kind ? 17 : 0);
    if (left > EDGE && left + wide > width) {
      left = EDGE;
      top += 18;
    }
    if (kind) paintSwatch(pen, kind, colour, left + 5, top + 7);
    pen.textAlign = "left";
    pen.textBaseline = "top";
    pen.fillStyle = theme.quiet;
    pen.fillText(label, left + (kind ? 17 : 0), top + 1);
    left += wide + 18;
  }
  return top + 24;
}

function paintSwatch(pen, kind, colour, x, y) {
  pen.beginPath();
  if (kind === "bar") pen.rect(x - 1.5, y - 7, 3, 14);
  else if (kind === "band") pen.rect(x - 6, y - 5, 13, 10);
  else if (kind === "cross") {
    addCross(pen, x, y, 4);
    strokeLine(pen, colour, 1.5);
    return;
  } else if (["diamond", "open", "crossed"].includes(kind)) {
    pen.moveTo(x, y - 6);
    pen.lineTo(x + 6, y);
    pen.lineTo(x, y + 6);
    pen.lineTo(x - 6, y);
    pen.closePath();
  } else addMark(pen, kind, x, y, 4.5);
  if (kind === "crossed") addCross(pen, x, y, 3);
  if (["hollow", "open", "crossed"].includes(kind)) {
    strokeLine(pen, colour, 1.5);
    return;
  }
  pen.fillStyle = { bar: blend(theme["series-1"], 0.38), band: theme.band }[kind] || colour;
  pen.fill();
}

// In the colours of paper, whatever the screen's.
function inLight(done) {
  readTheme(byId("light"));
  try {
    return done();
  } finally {
    readTheme();
    layOut(ground.getContext("2d"));
  }
}

function offer(blob, name) {
  const link = make("a", "", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function saveSvg() {
  const text = inLight(() => {
    const pen = new SvgPen();
    const height = paintPicture(pen);
    return pen.document(chart.clientWidth + 2 * EDGE, height);
  });
  offer(new Blob([text], { type: "image/svg+xml" }), `${state.view}.svg`);
}

function savePng() {
  const image = inLight(() => {
    const height = paintPicture(new SvgPen());
    const made = document.createElement("canvas");
    [made.width, made.height] = [2 * (chart.clientWidth + 2 * EDGE), 2 * height];
    const pen = made.getContext("2d");
    pen.scale(2, 2);
    pen.fillStyle = theme.paper;
    pen.fillRect(0, 0, made.width, made.height);
    paintPicture(pen);
    return made;
  });
  image.toBlob((blob) => offer(blob, `${state.view}.png`), "image/png");
}
