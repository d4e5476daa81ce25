// The figures as tables: before, after with its interval, the change with its own.

const AT_ONCE = 12; // classes in the table before "show all"

// Return how a kind of figure is written: values, and changes of values.
function writing(measure) {
  if (measure === "accuracy") return { value: percent, change: points, unit: "points" };
  return { value: (v) => decimal(v), change: (v) => signed(v), unit: "" };
}

function interval(figure, write) {
  return element("span", { class: "ed-interval" }, `${write(figure.low)} to ${write(figure.high)}`);
}

// Return one line of a table; the sign of a good change is turned where errors shrink.
function figureRow(name, row, measure) {
  const write = writing(measure);
  const { before, after, change } = row;
  const rows = row.name === "" ? "" : plural(row.n, "row");
  const head = element("th", { scope: "row" }, name, " ", element("span", { class: "fine" }, rows));
  if (!before) {
    return element("tr", {}, head, element("td", { colspan: "4", class: "fine" }, "no rows in the sample"));
  }
  const better = change === null ? 0 : measure === "rmse" ? -change.value : change.value;
  const way = Math.abs(better) < 5e-4 ? "same" : better > 0 ? "up" : "down";
  const cells = [
    element("td", { class: "plot" }, ...(measure === "accuracy" ? [changePlot(before, after)] : [])),
    element("td", { class: "num" }, write.value(before.value)),
    element("td", { class: "num" }, write.value(after.value), interval(after, write.value)),
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
    element("th", { scope: "col", class: "num" }, unit ? `Change, ${unit}` : "Change"),
  );
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}: before and after` },
    element("table", { class: "ed-table" }, element("thead", {}, head), element("tbody", {}, ...lines)),
  );
}

// Return classes with the most moved first, then the worst ones.
function byChange(rows) {
  const moved = (row) => Math.abs(row.change?.value ?? 0);
  const value = (row) => row.after?.value ?? 2;
  return [...rows].sort((a, b) => moved(b) - moved(a) || value(a) - value(b));
}

const MEASURES = { accuracy: "Accuracy", rmse: "RMSE", r2: "R\u00b2" };

// Return all tables of an edit's figures. `all`: whether every class is shown; `toggle`: what shows them.
function figureTables(model, figures, all, toggle) {
  const regression = model.family === "gaussian";
  const measure = regression ? "rmse" : "accuracy";
  const overall = figures.overall.map((row) => figureRow(MEASURES[row.measure], row, row.measure));
  const parts = [figureTable("All rows", overall, measure)];
  if (figures.groups.length) {
    const lines = byChange(figures.groups).map((row) => figureRow(bdi(row.name), row, measure));
    parts.push(figureTable(regression ? "Group, RMSE" : "Group", lines, measure));
  } else {
    parts.push(element("p", { class: "fine" }, "The data names no groups."));
  }
  if (figures.classes.length) {
    const rows = byChange(figures.classes);
    const lines = (all ? rows : rows.slice(0, AT_ONCE)).map((row) => figureRow(bdi(row.name), row, measure));
    parts.push(figureTable(model.family === "multilabel" ? "Label" : "Class, recall", lines, measure));
    if (rows.length > AT_ONCE) {
      const button = element("button", { type: "button", id: "ed-more" }, all ? "Show fewer" : `Show all ${count(rows.length)}`);
      button.addEventListener("click", toggle);
      parts.push(button);
    }
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
