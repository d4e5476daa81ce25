// Figures of a weighted sample with 95 % intervals, before and after an edit.
//
// The variance of a weighted mean m of values v is estimated by sum w^2 (v - m)^2 / (sum w)^2 (Taylor
// linearisation). A share with variance V counts as one of p (1 - p) / V rows, n at most (Korn and
// Graubard 1998); where all rows agree V is 0 and Kish's (sum w)^2 / sum w^2 stands in its place.
// Shares have Wilson's interval, changes of shares that of Agresti and Min (2005) for matched pairs,
// errors of regressions a normal one.

const Z = 1.959963984540054; // 97.5 % of the normal distribution
const LEVEL = 0.95;

// Return weighted mean and variance of value(i) over the rows, and how many rows the weights equal.
function moments(weight, rows, value) {
  let total = 0;
  let sum = 0;
  let squares = 0;
  for (const i of rows) {
    total += weight[i];
    sum += weight[i] * value(i);
    squares += weight[i] * weight[i];
  }
  const mean = sum / total;
  let spread = 0;
  for (const i of rows) spread += (weight[i] * (value(i) - mean)) ** 2;
  return { n: rows.length, mean, variance: spread / (total * total), kish: (total * total) / squares };
}

function effective({ n, variance, kish }, spread) {
  return spread > 0 && variance > 0 ? Math.min(n, spread / variance) : kish;
}

// Return a share of the rows with its Wilson interval.
function share(weight, rows, hit) {
  if (!rows.length) return null;
  const found = moments(weight, rows, hit);
  const p = Math.min(1, Math.max(0, found.mean));
  const n = effective(found, p * (1 - p));
  const wider = 1 + (Z * Z) / n;
  const middle = (p + (Z * Z) / (2 * n)) / wider;
  const reach = (Z / wider) * Math.sqrt((p * (1 - p)) / n + (Z * Z) / (4 * n * n));
  // At 0 and 1 the interval ends there, which rounding would miss.
  return { value: p, low: Math.min(p, Math.max(0, middle - reach)), high: Math.max(p, Math.min(1, middle + reach)) };
}

// Return the change of a share with its interval, from two 0/1 values of each row.
function shareChange(weight, rows, before, after) {
  if (!rows.length) return null;
  const gained = moments(weight, rows, (i) => (after(i) > before(i) ? 1 : 0)).mean;
  const lost = moments(weight, rows, (i) => (after(i) < before(i) ? 1 : 0)).mean;
  const found = moments(weight, rows, (i) => after(i) - before(i));
  const n = effective(found, gained + lost - found.mean ** 2);
  const up = (gained * n + 0.5) / (n + 2);
  const down = (lost * n + 0.5) / (n + 2);
  const reach = Z * Math.sqrt((up + down - (up - down) ** 2) / (n + 2));
  const middle = up - down;
  return {
    value: found.mean,
    low: Math.max(-1, middle - reach),
    high: Math.min(1, middle + reach),
  };
}

// Return a root mean squared error with the interval of the mean under the root.
function rootMean(weight, rows, squared) {
  if (!rows.length) return null;
  const { mean, variance } = moments(weight, rows, squared);
  const reach = Z * Math.sqrt(variance);
  return { value: Math.sqrt(mean), low: Math.sqrt(Math.max(0, mean - reach)), high: Math.sqrt(mean + reach) };
}

// Return the change of a root mean squared error (delta method).
function rootMeanChange(weight, rows, before, after) {
  if (!rows.length) return null;
  const root = (squared) => Math.sqrt(moments(weight, rows, squared).mean);
  const a = root(before);
  const b = root(after);
  const part = (squared, i, r) => (r > 0 ? squared(i) / (2 * r) : 0);
  const { variance } = moments(weight, rows, (i) => part(after, i, b) - part(before, i, a));
  const reach = Z * Math.sqrt(variance);
  return { value: b - a, low: b - a - reach, high: b - a + reach };
}

// Return R^2 with a normal interval (delta method); null where the labels do not vary.
function explained(model, sample, rows, squared) {
  const { n, weight, y } = sample;
  const targets = rowsOf(model, null);
  const middle = targets.map((t) => moments(weight, rows, (i) => y[i * model.R + t]).mean);
  const spread = (i) =>
    targets.reduce((sum, t) => sum + (y[i * model.R + t] - middle[t]) ** 2, 0) / model.R;
  const total = moments(weight, rows, spread).mean;
  if (!(total > 0) || n < 2) return null;
  const value = 1 - moments(weight, rows, squared).mean / total;
  const { variance } = moments(weight, rows, (i) => (squared(i) - (1 - value) * spread(i)) / total);
  const reach = Z * Math.sqrt(variance);
  return { value, low: value - reach, high: value + reach };
}

// Return whether a row is right, and (labels) whether it is right for label c.
function hitters(model, sample, decided) {
  const { n, y } = sample;
  const label = (c) => (i) => (decided[c * n + i] === y[i * model.R + c] ? 1 : 0);
  if (model.family !== "multilabel") return { row: (i) => (decided[i] === y[i] ? 1 : 0), label };
  const every = rowsOf(model, null).map(label);
  return { row: (i) => (every.every((one) => one(i)) ? 1 : 0), label };
}

function squaredError(model, sample, decided) {
  const { n, y } = sample;
  return (i) => {
    let sum = 0;
    for (let t = 0; t < model.R; t++) sum += (decided[t * n + i] - y[i * model.R + t]) ** 2;
    return sum / model.R;
  };
}

// Return the rows of each class in each group, where there are some: [class, group] -> positions.
function cells(model, sample) {
  const found = new Map();
  for (let i = 0; i < sample.n; i++) {
    const key = sample.y[i] * sample.groups.length + sample.group[i];
    if (!found.has(key)) found.set(key, { name: [model.classes[sample.y[i]], sample.groups[sample.group[i]]], rows: [] });
    found.get(key).rows.push(i);
  }
  return [...found.values()];
}

// Return the sets of rows that figures are given for: name -> positions.
function domains(model, sample) {
  const all = Array.from({ length: sample.n }, (_, i) => i);
  const parts = (names, of) => {
    const found = names.map((name) => ({ name, rows: [] }));
    for (const i of all) found[of[i]].rows.push(i);
    return found;
  };
  const labels = model.family === "multilabel";
  const classes = labels || model.family === "gaussian" ? [] : parts(model.classes, sample.y);
  return {
    all,
    classes: labels ? model.classes.map((name, c) => ({ name, rows: all, label: c })) : classes,
    groups: sample.group ? parts(sample.groups, sample.group) : [],
    cells: sample.group && !labels && model.family !== "gaussian" ? cells(model, sample) : [],
  };
}

// Return everything that is shown of an edit: decisions before and after are those of `decide`.
function figuresOf(model, sample, sets, before, after) {
  const regression = model.family === "gaussian";
  const { weight, n } = sample;
  const make = regression ? squaredError : hitters;
  const [old, now] = [before, after].map((decided) => make(model, sample, decided));
  const pair = (rows, a, b) => {
    const [one, change] = regression ? [rootMean, rootMeanChange] : [share, shareChange];
    return { before: one(weight, rows, a), after: one(weight, rows, b), change: change(weight, rows, a, b) };
  };
  const row = (set) => {
    const own = (made) => (regression ? made : set.label === undefined ? made.row : made.label(set.label));
    return { name: set.name, n: set.rows.length, ...pair(set.rows, own(old), own(now)) };
  };
  const wide = regression || model.family === "multilabel";
  const moved = (i) => {
    for (let r = 0; r < (wide ? model.R : 1); r++) if (before[r * n + i] !== after[r * n + i]) return 1;
    return 0;
  };
  const of = (test) => sets.all.filter(test);
  const overall = [{ measure: regression ? "rmse" : "accuracy", ...row({ name: "", rows: sets.all }) }];
  if (regression) {
    const [a, b] = [old, now].map((squared) => explained(model, sample, sets.all, squared));
    if (a && b) overall.push({ measure: "r2", name: "", n, before: a, after: b, change: null });
  }
  return {
    overall,
    classes: sets.classes.map(row),
    groups: sets.groups.map(row),
    cells: sets.cells.map(row),
    changed: {
      rows: of(moved),
      ...share(weight, sets.all, moved),
      repaired: regression ? null : of((i) => now.row(i) > old.row(i)).length,
      broken: regression ? null : of((i) => now.row(i) < old.row(i)).length,
    },
    right: regression ? null : Int32Array.from(sets.all, now.row),
  };
}
