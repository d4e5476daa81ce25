// Building elements: text from outside goes in through textContent alone.

const MINUS = "\u2212";
const GROUPED = new Intl.NumberFormat("en");
const FOUR_DIGITS = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const SVG = "http://www.w3.org/2000/svg";
// Control characters have no shape of their own; a sign stands in their place.
const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;
const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g;

const byId = (id) => document.getElementById(id);

// Return an element with attributes and children; a child that is a string becomes text.
function element(tag, attributes = {}, ...children) {
  const found = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) found.setAttribute(name, value === true ? "" : value);
  }
  found.append(...children.filter((child) => child !== null));
  return found;
}

function svg(tag, attributes, ...children) {
  const found = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) found.setAttribute(name, value);
  found.append(...children);
  return found;
}

// Return a name from outside, kept apart from the direction of the text around it.
function bdi(name) {
  return element("bdi", {}, visible(name));
}

function visible(name) {
  return String(name).replace(UNSEEN, "\ufffd");
}

// Return a name for places that hold text alone (labels, status lines), isolated by characters.
function isolated(name) {
  return `\u2068${visible(name).replace(DIRECTIONS, "")}\u2069`;
}

// Return a name without what people do not type: case (ß is ss), accents, ligatures.
function folded(name) {
  return String(name).normalize("NFKD").replace(/\p{M}/gu, "").toUpperCase().toLowerCase();
}

function dashed(text) {
  return text.replaceAll("-", MINUS);
}

// Return a share times 100 with halves away from zero, as the report's Python writes it.
function hundredfold(value) {
  const thousandths = Math.round(Number((1000 * Math.abs(value)).toFixed(9)));
  return `${value < 0 ? "-" : ""}${(thousandths / 10).toFixed(1)}`;
}

function percent(value) {
  return dashed(`${hundredfold(value)}%`);
}

function points(value) {
  const text = hundredfold(value);
  return Number(text) === 0 ? "0.0" : dashed(value > 0 ? `+${text}` : text);
}

// Return a number of any size with four digits.
function decimal(value) {
  return dashed(FOUR_DIGITS.format(value));
}

// Return a number with its sign; one too small for its decimals keeps one digit.
function signed(value, digits = 3) {
  if (value === 0) return "0";
  const fixed = value.toFixed(digits);
  const text = Number(fixed) === 0 ? String(Number(value.toPrecision(1))) : fixed;
  return dashed(value > 0 ? `+${text}` : text);
}

function count(number) {
  return GROUPED.format(number);
}

function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

// Return a signed bar around the middle of its track; `share` in [-1, 1] is of half the track.
function signedBar(share, ghost = 0) {
  const bar = (value, kind) => {
    const width = 50 * Math.min(Math.abs(value), 1);
    const x = value < 0 ? 50 - width : 50;
    return svg("rect", { x: `${x}%`, width: `${width}%`, y: kind === "ghost" ? 0 : 2, height: kind === "ghost" ? 12 : 8, class: kind });
  };
  return svg(
    "svg",
    { width: "100%", height: 12, class: "ed-bar", "aria-hidden": "true" },
    svg("rect", { x: "50%", width: 1, height: 12, class: "rail" }),
    bar(ghost, "ghost"),
    bar(share, share < 0 ? "neg" : "pos"),
  );
}

// Return a share before (ring) and after (dot with its interval) on a track from 0 to 1.
function changePlot(before, after) {
  const at = (value) => `${(100 * value).toFixed(2)}%`;
  const line = (x1, x2, kind) => svg("line", { x1: at(x1), x2: at(x2), y1: 8, y2: 8, class: kind });
  const way = after.value > before.value ? "up" : after.value < before.value ? "down" : "same";
  return svg(
    "svg",
    { width: "100%", height: 16, class: "ed-plot", "aria-hidden": "true" },
    line(0, 1, "rail"),
    line(after.low, after.high, "interval"),
    line(before.value, after.value, `way ${way}`),
    svg("circle", { cx: at(before.value), cy: 8, r: 4, class: "before" }),
    svg("circle", { cx: at(after.value), cy: 8, r: 5, class: "after" }),
  );
}

// Return a function that runs `work` once the calls to it have paused.
function whenStill(work, pause = 250) {
  let waiting = 0;
  return (...args) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => work(...args), pause);
  };
}
