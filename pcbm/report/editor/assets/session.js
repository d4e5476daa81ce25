// A session of editing: the plan as it is, what it was before, and everything that follows from it.

// Return a session; `changed` is called after every change with the session.
function openSession(data, changed) {
  const model = readModel(data.model);
  const sample = readSample(data.sample, model);
  const sets = domains(model, sample);
  const measure = (head, known) => {
    const logits = logitsOf(model, sample, head, known);
    return { ...head, logits, decided: decide(model, sample, logits) };
  };
  const base = measure(applyEdits(model, []), null);
  const past = [[]]; // plans, oldest first
  let at = 0;
  let sliding = null; // what the last change would be replaced by, while a slider moves
  const session = {
    model,
    sample,
    base,
    now: base,
    figures: null,
    get edits() {
      return past[at];
    },
    get canUndo() {
      return at > 0;
    },
    get canRedo() {
      return at < past.length - 1;
    },
    // Make another plan the present one; what was undone is forgotten.
    put(edits) {
      past.splice(at + 1);
      past.push(edits);
      at += 1;
      sliding = null;
      refresh();
    },
    add(edits) {
      session.put([...session.edits, ...edits]);
    },
    // Add edits, or replace those of the same slider, so that one pull is one step back.
    slide(key, edits) {
      if (sliding === key) {
        past[at] = [...past[at - 1], ...edits];
        refresh();
      } else {
        session.add(edits);
        sliding = key;
      }
    },
    undo() {
      step(-1);
    },
    redo() {
      step(1);
    },
    reset() {
      if (session.edits.length) session.put([]);
    },
    // What argued for the decision on row i; `wanted` is a row of the head, see `contrast`.
    explain(i, wanted = null) {
      return contributions(model, sample, session.now, i, contrast(model, sample, session.now.logits, i, wanted));
    },
    measures: { share, shareChange },
    drop(place) {
      session.put(session.edits.filter((_, j) => j !== place));
    },
  };
  function step(way) {
    if (past[at + way] === undefined) return;
    at += way;
    sliding = null;
    refresh();
  }
  function refresh() {
    session.now = measure(applyEdits(model, session.edits), base);
    session.figures = figuresOf(model, sample, sets, base.decided, session.now.decided);
    changed(session);
  }
  session.figures = figuresOf(model, sample, sets, base.decided, base.decided);
  return session;
}
