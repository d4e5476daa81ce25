// A linear head on standardised concept scores: reading it, editing it, deciding with it.
// The arithmetic is that of pcbm.editing.apply, in the same order, so that coefficients agree bit for
// bit. "logits" hold one row of the head after the other, each over all samples: [r * n + i].

const COMPARED = ["multinomial", "grouped"]; // families whose rows softmax compares

// Return the numbers behind base64 text; every platform that runs browsers is little-endian.
function numbers(text, Kind) {
  if (text === null) return null;
  const raw = atob(text);
  const found = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i);
  return new Kind(found.buffer);
}

// Return the model of a page's data; coef has shape (R, K), row after row.
function readModel(record) {
  const R = record.rows.length;
  const K = record.concepts.length;
  const coef = new Float64Array(R * K);
  const values = numbers(record.coef, Float64Array);
  numbers(record.place, Uint32Array).forEach((place, j) => {
    coef[place] = values[j];
  });
  return {
    ...record,
    R,
    K,
    coef,
    intercept: numbers(record.intercept, Float64Array),
    mean: numbers(record.mean, Float64Array),
    scale: numbers(record.scale, Float64Array),
    column: new Map(record.concepts.map((name, k) => [name, k])),
    row: new Map(record.rows.map((name, r) => [name, r])),
    compared: COMPARED.includes(record.family),
  };
}

// Return the sample of a page's data; scores come column after column, (K, n).
function readSample(record, model) {
  const { n } = record;
  const given = numbers(record.scores, Float32Array);
  const scores = new Float32Array(given.length);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < model.K; k++) scores[k * n + i] = given[i * model.K + k];
  }
  const residual = numbers(record.residual, Float32Array);
  let extra = null;
  if (residual) {
    extra = new Float32Array(residual.length);
    for (let i = 0; i < n; i++) {
      for (let r = 0; r < model.R; r++) extra[r * n + i] = residual[i * model.R + r];
    }
  }
  return {
    ...record,
    scores,
    residual: extra,
    weight: numbers(record.weight, Float64Array),
    y: numbers(record.y, model.family === "gaussian" ? Float64Array : Int32Array),
    group: numbers(record.group, Int32Array),
  };
}

// Return the rows of the head that an edit changes: those of its classes, or all.
function rowsOf(model, classes) {
  if (classes === null) return Array.from({ length: model.R }, (_, r) => r);
  return classes.map((name) => model.row.get(name));
}

function newValue(edit, old) {
  if (edit.op === "zero") return 0;
  return edit.op === "scale" ? edit.factor * old : edit.value;
}

// Apply edits in order to the model as it was loaded; return the new head, notes and warnings.
function applyEdits(model, edits) {
  const coef = model.coef.slice();
  const intercept = model.intercept.slice();
  const notes = [];
  const places = [];
  for (const edit of edits) {
    const k = model.column.get(edit.concept);
    const rows = rowsOf(model, edit.classes);
    if (edit.op !== "set" && rows.every((r) => coef[r * model.K + k] === 0)) {
      notes.push({ edit, text: "the coefficient is 0 already, so nothing changes" });
    }
    for (const r of rows) {
      const old = coef[r * model.K + k];
      coef[r * model.K + k] = newValue(edit, old);
      if (edit.at === "boundary") intercept[r] += old * (-model.mean[k] / model.scale[k]);
    }
    places.push({ edit, k, rows });
  }
  return { coef, intercept, notes, warnings: stillUsed(model, coef, places) };
}

// Say which removals for some classes leave the concept at work in rows that softmax compares.
function stillUsed(model, coef, places) {
  const found = [];
  if (!model.compared) return found;
  const said = new Set();
  for (const { edit, k, rows } of places) {
    const used = (r) => coef[r * model.K + k] !== 0;
    const others = rowsOf(model, null).filter(used);
    if (edit.classes === null || rows.some(used) || !others.length || said.has(k)) continue;
    said.add(k);
    found.push({
      concept: edit.concept,
      classes: rows.map((r) => model.rows[r]),
      others: others.map((r) => model.rows[r]),
    });
  }
  return found;
}

// Write one row of the logits: intercept, concepts, residual.
function fillRow(model, sample, head, r, logits) {
  const { n } = sample;
  const out = logits.subarray(r * n, (r + 1) * n);
  out.fill(head.intercept[r]);
  for (let k = 0; k < model.K; k++) {
    const w = head.coef[r * model.K + k];
    if (w === 0) continue;
    const column = sample.scores.subarray(k * n, (k + 1) * n);
    for (let i = 0; i < n; i++) out[i] += w * column[i];
  }
  if (sample.residual) {
    for (let i = 0; i < n; i++) out[i] += sample.residual[r * n + i];
  }
}

// Return the logits of a head; rows that equal those of `known` are taken from there.
function logitsOf(model, sample, head, known) {
  const logits = known ? known.logits.slice() : new Float64Array(model.R * sample.n);
  for (let r = 0; r < model.R; r++) {
    if (!known || !sameRow(model, head, known, r)) fillRow(model, sample, head, r, logits);
  }
  return logits;
}

function sameRow(model, a, b, r) {
  if (a.intercept[r] !== b.intercept[r]) return false;
  for (let at = r * model.K; at < (r + 1) * model.K; at++) {
    if (a.coef[at] !== b.coef[at]) return false;
  }
  return true;
}

// Return what logits decide: positions of classes (n), 0 or 1 for each label (R, n), or numbers.
function decide(model, sample, logits) {
  const { n } = sample;
  if (model.family === "gaussian") return logits;
  if (!model.compared) return Int32Array.from(logits, (value) => (value > 0 ? 1 : 0));
  const best = logits.slice(0, n);
  const label = new Int32Array(n);
  for (let r = 1; r < model.R; r++) {
    for (let i = 0; i < n; i++) {
      if (logits[r * n + i] > best[i]) {
        best[i] = logits[r * n + i];
        label[i] = r;
      }
    }
  }
  return label;
}

// Return the probabilities of one sample's classes, in their order; none for numbers.
function probabilities(model, sample, logits, i) {
  const own = rowsOf(model, null).map((r) => logits[r * sample.n + i]);
  if (model.family === "gaussian") return [];
  if (!model.compared) {
    const one = own.map((value) => 1 / (1 + Math.exp(-value)));
    return model.family === "binomial" ? [1 - one[0], one[0]] : one;
  }
  const top = Math.max(...own);
  const parts = own.map((value) => Math.exp(value - top));
  const total = parts.reduce((a, b) => a + b, 0);
  return parts.map((part) => part / total);
}

// Return what a sample's explanation compares: rows of the head, -1 for the absence of a label.
// As in pcbm.model.contributions: the predicted class and the runner-up; a binary row always argues
// for the second class; of several labels or targets `wanted`, else the likeliest or the first.
function contrast(model, sample, logits, i, wanted = null) {
  const at = (r) => logits[r * sample.n + i];
  if (model.family === "binomial") return { toward: 0, against: -1 };
  let toward = 0;
  for (let r = 1; r < model.R; r++) if (at(r) > at(toward)) toward = r;
  if (!model.compared) {
    const first = model.family === "gaussian" ? 0 : toward;
    return { toward: wanted ?? first, against: -1 };
  }
  let against = toward === 0 ? 1 : 0;
  for (let r = 0; r < model.R; r++) if (r !== toward && at(r) > at(against)) against = r;
  return { toward, against };
}

// Split a sample's margin between two rows of the head into concepts, intercept and residual.
function contributions(model, sample, head, i, { toward, against }) {
  const { n } = sample;
  const minus = (read) => read(toward) - (against < 0 ? 0 : read(against));
  const values = new Float64Array(model.K);
  let margin = 0;
  for (let k = 0; k < model.K; k++) {
    values[k] = minus((r) => head.coef[r * model.K + k]) * sample.scores[k * n + i];
    margin += values[k];
  }
  const intercept = minus((r) => head.intercept[r]);
  const residual = sample.residual ? minus((r) => sample.residual[r * n + i]) : 0;
  return { values, intercept, residual, margin: margin + intercept + residual };
}
