// The plan: what `pcbm edit RUN --plan FILE` reads, with the page's figures in it.

const INTERVAL =
  "95 %: Wilson for shares with the effective sample size, normal for errors; of the drawn rows";

const RECORDED = 100; // groups and classes, the most moved ones

function rounded(value) {
  return value === null ? null : Number(value.toFixed(6));
}

// Return one figure as the plan records it.
function planFigure(of, row, measure) {
  return {
    of,
    name: of === "all" ? null : row.name,
    measure,
    before: rounded(row.before.value),
    after: rounded(row.after.value),
    interval: [rounded(row.after.low), rounded(row.after.high)],
  };
}

// Return classes or groups with those first that most surely moved, then those that are surely worst.
function byChange(rows) {
  const moved = (row) => (row.change ? Number(row.change.value !== 0) : -1);
  const sure = (row) => (moved(row) === 1 ? Math.max(row.change.low, -row.change.high) : 0);
  const best = (row) => row.after?.high ?? 0;
  return [...rows].sort((a, b) => moved(b) - moved(a) || sure(b) - sure(a) || best(a) - best(b));
}

// Return the figures that a plan records: of all rows, of each group, of each class that moved.
function planFigures(model, figures) {
  const regression = model.family === "gaussian";
  const measure = regression ? "rmse" : "accuracy";
  const known = (row) => row.before !== null;
  const moved = (row) => known(row) && row.before.value !== row.after.value;
  const most = (rows) => (rows.length > RECORDED ? byChange(rows).slice(0, RECORDED) : rows);
  return [
    ...figures.overall.map((row) => planFigure("all", row, row.measure)),
    ...most(figures.groups.filter(known)).map((row) => planFigure("group", row, measure)),
    ...most(figures.classes.filter(moved)).map((row) => planFigure("class", row, measure)),
  ];
}

// Return the plan as a JSON value, its keys in the order of pcbm.editing.plan_file.
function planRecord(model, sample, edits, figures, signature) {
  const text = (value) => (value === "" ? null : value);
  const { changed } = figures;
  return {
    schema_version: 1,
    author: text(signature.author),
    reason: text(signature.reason),
    date: text(signature.date),
    edits,
    orthogonalise: false,
    renormalise: false,
    refit: false,
    guards: [],
    balanced: null,
    needs: [],
    guards: [],
    balanced: null,
    needs: [],
    chosen_on: sample.source,
    page: {
      run: model.run,
      sample: sample.n,
      interval: INTERVAL,
      figures: planFigures(model, figures),
      changed: { share: rounded(changed.value), interval: [rounded(changed.low), rounded(changed.high)] },
    },
  };
}

// Return JSON with a blank after each comma and colon, as Python writes it.
function oneLine(value) {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const parts = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${oneLine(item)}`);
  return `{${parts.join(", ")}}`;
}

// Return a plan as text with one edit a line, so that a diff of two plans shows edits.
function planText(record) {
  const lines = Object.entries(record).map(([key, value]) => {
    const listed = key === "edits" && value.length;
    const text = listed ? `[\n${value.map((edit) => `    ${oneLine(edit)}`).join(",\n")}\n  ]` : oneLine(value);
    return `  ${JSON.stringify(key)}: ${text}`;
  });
  return `{\n${lines.join(",\n")}\n}\n`;
}
