// The figures as tables: before, after with its interval, the change with its own.

const AT_ONCE = 12; // lines of a table before "show all"

// Return how a kind of figure is written: values, and changes of values.
function writing(measure) {
  const bare = (value) => percent(value).replace("%", "");
  if (measure === "accuracy") return { value: percent, bare, change: points, unit: "points" };
  return { value: (v) => decimal(v), bare: (v) => decimal(v), change: (v) => (v > 0 ? `+${decimal(v)}` : decimal(v)), unit: "" };
}

function interval(figure, write) {
  return element("span", { class: "ed-interval" }, `${write(figure.low)} to ${write(figure.high)}`);
}

// Return one line of a table; the sign of a good change is turned where errors shrink.
function figureRow(name, row, measure) {
  const write = writing(measure);
  const { before, after, change } = row;
  const rows = row.name === "" ? "" : plural(row.n, "row");
  const head = element("th", { scope: "row" }, element("span", { class: "ed-clamp" }, ...name), element("span", { class: "fine" }, rows));
  if (!before) {
    return element("tr", {}, head, element("td", { colspan: "4", class: "fine" }, "no rows in the sample"));
  }
  const sure = change !== null && (change.low > 0 || change.high < 0); // colour says no more than that
  const better = sure && (measure === "rmse" ? change.value < 0 : change.value > 0);
  const way = !sure ? "same" : better ? "up" : "down";
  const cells = [
    element("td", { class: "plot" }, ...(measure === "accuracy" ? [changePlot(before, after)] : [])),
    element("td", { class: "num before" }, write.value(before.value), interval(before, write.bare)),
    element("td", { class: "num" }, write.value(after.value), interval(after, write.bare)),
  ];
  const moved = change === null ? ["\u2013"] : [write.change(change.value), interval(change, write.change)];
  cells.push(element("td", { class: `num ${way}` }, ...moved));
  return element("tr", {}, head, ...cells);
}

// Return a table of figures under one heading.
function figureTable(title, lines, measure) {
  const unit = writing(measure).unit;
  const head = element(
    "tr",
    {},
    element("th", { scope: "col" }, title),
    element("td", { class: "plot" }),
    element("th", { scope: "col", class: "num" }, "Before"),
    element("th", { scope: "col", class: "num" }, "After"),
    element("th", { scope: "col", class: "num" }, "Change", element("span", { class: "ed-unit" }, unit && `, ${unit}`)),
  );
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}: before and after` },
    element("table", { class: "ed-table" }, element("thead", {}, head), element("tbody", {}, ...lines)),
  );
}

const MEASURES = { accuracy: "Accuracy", rmse: "RMSE", r2: "R\u00b2" };

// Return a table of the most moved lines, and a button that shows all of them where they are many.
function longTable(title, rows, measure, open, name = (row) => [bdi(row.name)]) {
  const sorted = byChange(rows);
  const shown = open.has(title) ? sorted : sorted.slice(0, AT_ONCE);
  const table = figureTable(title, shown.map((row) => figureRow(name(row), row, measure)), measure);
  if (rows.length <= AT_ONCE) return [table];
  const text = open.has(title) ? "Show fewer" : `Show all ${count(rows.length)}`;
  return [table, element("button", { type: "button", "data-table": title, "aria-label": `${text}: ${title}` }, text)];
}

// Return all tables of an edit's figures; `open` holds the titles of those that are shown whole.
function figureTables(model, figures, open) {
  const regression = model.family === "gaussian";
  const measure = regression ? "rmse" : "accuracy";
  const every = model.family === "multilabel" ? ", every label" : "";
  const overall = figures.overall.map((row) => figureRow([MEASURES[row.measure] + every], row, row.measure));
  const parts = [figureTable("All rows", overall, measure)];
  if (figures.groups.length) parts.push(...longTable(regression ? "Group, RMSE" : "Group", figures.groups, measure, open));
  else parts.push(element("p", { class: "fine" }, "The data names no groups."));
  if (figures.classes.length) {
    parts.push(...longTable(model.family === "multilabel" ? "Label" : "Class, recall", figures.classes, measure, open));
  }
  if (figures.cells.length) {
    const both = ({ name: [label, group] }) => [bdi(label), " in ", bdi(group)];
    parts.push(...longTable("Class in group", figures.cells, measure, open, both));
  }
  return parts;
}

// Return in one sentence what an edit did, for the status line.
function sentence(model, sample, figures) {
  const [first] = figures.overall;
  const { value } = writing(first.measure);
  const of = `${count(figures.changed.rows.length)} of ${plural(sample.n, "row")}`;
  const told = figures.changed.repaired === null
    ? "changed"
    : `changed, ${count(figures.changed.repaired)} repaired, ${count(figures.changed.broken)} broken`;
  return `${MEASURES[first.measure]} ${value(first.after.value)}, was ${value(first.before.value)}; ${of} ${told}`;
}
