// Single rows: which were changed, and what moved the decision on a chosen one.

const ROWS_SHOWN = 60;
const BARS = 8;

// Return what a decision on row i says, in words.
function saying(model, sample, decided, i) {
  if (model.family === "multilabel") {
    const there = model.classes.filter((_, c) => decided[c * sample.n + i]);
    return there.length ? there.join("; ") : "none";
  }
  if (model.family !== "gaussian") return model.classes[decided[i]];
  return rowsOf(model, null).map((t) => decimal(decided[t * sample.n + i])).join("; ");
}

function truth(model, sample, i) {
  if (model.family === "gaussian") {
    return rowsOf(model, null).map((t) => decimal(sample.y[i * model.R + t])).join("; ");
  }
  if (model.family !== "multilabel") return model.classes[sample.y[i]];
  const there = model.classes.filter((_, c) => sample.y[i * model.R + c]);
  return there.length ? there.join("; ") : "none";
}

// Return the names of what a contrast argues for and against.
function sides(model, { toward, against }) {
  if (model.family === "binomial") return [model.classes[1], model.classes[0]];
  return [model.rows[toward], against < 0 ? null : model.rows[against]];
}

// Return one bar of an explanation: a name, its bar with the old one behind it, both numbers.
function barRow(name, before, after, longest, kind = "") {
  const moved = Math.abs(before - after) > 1e-9;
  return element(
    "tr",
    { class: kind },
    element("th", { scope: "row" }, name),
    element("td", { class: "track" }, signedBar(after / longest, before / longest)),
    element("td", { class: "num" }, signed(after), moved ? element("span", { class: "ed-interval" }, `was ${signed(before)}`) : null),
  );
}

// Return the bars of a row: the largest concepts, the rest, intercept, residual and their sum.
function bars(model, before, after) {
  const size = (k) => Math.max(Math.abs(before.values[k]), Math.abs(after.values[k]));
  const used = model.concepts.map((_, k) => k).filter((k) => size(k) > 0);
  used.sort((a, b) => size(b) - size(a));
  const [top, rest] = [used.slice(0, BARS), used.slice(BARS)];
  const sum = (part) => rest.reduce((total, k) => total + part.values[k], 0);
  const lines = top.map((k) => [bdi(model.concepts[k]), before.values[k], after.values[k], ""]);
  if (rest.length) lines.push([plural(rest.length, "other concept"), sum(before), sum(after), "rest"]);
  lines.push(["intercept", before.intercept, after.intercept, "rest"]);
  if (before.residual !== 0 || after.residual !== 0) {
    lines.push(["residual model", before.residual, after.residual, "rest"]);
  }
  const longest = Math.max(...lines.flatMap(([, a, b]) => [Math.abs(a), Math.abs(b)]), 1e-12);
  const rows = lines.map(([name, a, b, kind]) => barRow(name, a, b, longest, kind));
  const margin = Math.max(Math.abs(before.margin), Math.abs(after.margin), longest);
  return [...rows, barRow("margin", before.margin, after.margin, margin, "sum")];
}

function decisionLine(model, sample, word, decided, logits, i, contrasted) {
  const said = saying(model, sample, decided, i);
  const line = element("p", {}, `${word}: `, element("strong", {}, bdi(said)));
  if (model.family === "gaussian") return line;
  const shown = model.family === "multilabel" ? contrasted.toward : decided[i];
  const p = percent(probabilities(model, sample, logits, i)[shown]);
  line.append(" ", element("span", { class: "fine" }, model.family === "multilabel" ? `${visible(model.rows[shown])}: ${p}` : p));
  return line;
}

// Return everything about row i: the input, the decisions, what argued for them before and after.
function caseView(model, sample, base, now, i, wanted) {
  const contrasted = contrast(model, sample, now.logits, i, wanted);
  const [before, after] = [base, now].map((head) => contributions(model, sample, head, i, contrasted));
  const [toward, against] = sides(model, contrasted);
  const parts = [];
  const [picture, text] = [sample.pictures[i], sample.texts[i]];
  if (picture) parts.push(element("img", { src: picture, alt: `Input ${visible(sample.ids[i])}` }));
  const about = element("div", {}, element("h4", {}, bdi(sample.ids[i])));
  const label = element("p", { class: "fine" }, "given label: ", bdi(truth(model, sample, i)));
  if (sample.group) label.append(", group: ", bdi(sample.groups[sample.group[i]]));
  about.append(label, decisionLine(model, sample, "before", base.decided, base.logits, i, contrasted));
  about.append(decisionLine(model, sample, "after", now.decided, now.logits, i, contrasted));
  parts.push(about);
  const head = element("div", { class: "ed-case" }, ...parts);
  const quote = text ? element("blockquote", {}, bdi(text)) : null;
  const words = element("caption", {}, "Weight \u00d7 standardised score, after the edit, for ", bdi(toward));
  if (against !== null) words.append(" against ", bdi(against));
  words.append("; the old bar behind it. They add up to the margin.");
  const table = element("table", { class: "bars" }, words, element("tbody", {}, ...bars(model, before, after)));
  return element("div", {}, head, ...(quote ? [quote] : []), table);
}
