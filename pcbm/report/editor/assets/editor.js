// The editor: what a person does with the controls, and what is shown of it.

const data = JSON.parse(byId("pcbm-editor").textContent);
const session = openSession(data, () => show());
const { model, sample } = session;
const groups = new Map();
const WARNINGS = 5; // at once
const open = new Set(); // titles of tables that are shown whole
let chosenRow = null;
let pickedRow = false; // whether a person chose the row, or what kind of rows to show
let pickedKind = false;

const concepts = new Checklist(byId("ed-concepts"), model.concepts, () => showChosen());
const classes = new Checklist(byId("ed-classes"), model.rows, () => showWeights());
const everyRow = Array.from({ length: sample.n }, (_, i) => i);
const rowText = everyRow.map((i) => folded(`${sample.ids[i]} ${truth(model, sample, i)} ${sample.texts[i] ?? ""}`));

// What the controls say.

function scope() {
  const some = document.querySelector('input[name="ed-scope"]:checked').value === "some";
  return some ? [...classes.checked].sort((a, b) => a - b).map((r) => model.rows[r]) : null;
}

function tell(text) {
  byId("ed-told").textContent = text;
}

// Return one edit for each chosen concept; none, and a word about it, where something is missing.
function editsOf(op, detail) {
  const wanted = scope();
  tell("");
  if (!concepts.checked.size) {
    tell("Choose at least one concept first.");
    return [];
  }
  if (wanted !== null && !wanted.length) {
    tell("Choose at least one class, or all classes.");
    return [];
  }
  if (Object.values(detail).some((value) => typeof value === "number" && !Number.isFinite(value))) {
    tell("Give a number.");
    return [];
  }
  const chosen = [...concepts.checked].sort((a, b) => a - b);
  return chosen.map((k) => ({ op, concept: model.concepts[k], ...detail, classes: wanted }));
}

function act(op, detail) {
  const edits = editsOf(op, detail);
  if (edits.length) session.add(edits);
}

// An edit's keys stand in the order that Python writes them in.
function zeroEdits() {
  return editsOf("zero", {}).map((edit) => ({ ...edit, at: byId("ed-at").value }));
}

function editText(edit) {
  const words = { zero: "zero ", scale: "scale ", set: "set " };
  const parts = [words[edit.op], bdi(edit.concept)];
  if (edit.op === "scale") parts.push(` by ${edit.factor}`);
  if (edit.op === "set") parts.push(` to ${edit.value}`);
  if (edit.at === "boundary") parts.push(" at the boundary");
  if (edit.classes) {
    edit.classes.forEach((name, j) => parts.push(j ? ", " : " for ", bdi(name)));
  }
  return parts;
}

// What is shown.

function showConcepts() {
  const rows = shownRows(model, scope()?.length ? scope() : null);
  let found = concepts.found(byId("ed-search").value);
  if (byId("ed-used").checked) {
    const used = (k) => [session.base, session.now].some((head) => largest(model, head, k, rows).value !== 0);
    found = found.filter(used);
  }
  const hidden = concepts.show(ordered(model, session.base, found, byId("ed-order").value, rows));
  const more = hidden ? `; the first ${count(SHOWN)} are listed, search for others` : "";
  const out = model.left_out ? `; ${count(model.left_out)} without any weight are not in this page` : "";
  byId("ed-found").textContent = `${plural(found.length, "concept")} found${more}${out}`;
  showWeights();
}

function showWeights() {
  const rows = shownRows(model, scope()?.length ? scope() : null);
  writeWeights(model, concepts, session.base, session.now, rows);
}

function showChosen() {
  byId("ed-chosen").textContent = `${count(concepts.checked.size)} chosen`;
}

function showWarnings() {
  const texts = session.now.warnings.map(({ concept, classes: gone, others }) => {
    const some = others.slice(0, 5).map(isolated).join(", ") + (others.length > 5 ? ", \u2026" : "");
    return (
      `${isolated(concept)} has no weight for ${gone.map(isolated).join(", ")} any more, but ${some} still use it, and ` +
      "softmax compares the classes: it still moves their probabilities. Edit all classes to remove it everywhere."
    );
  });
  texts.push(...session.now.notes.map(({ edit, text }) => `${edit.op} ${isolated(edit.concept)}: ${text}.`));
  if (sample.residual && session.edits.length) {
    texts.unshift("The residual model stays as it was: it reads the raw activations and can restore what the edit removed.");
  }
  if (texts.length > WARNINGS) texts.splice(WARNINGS, texts.length, `and ${count(texts.length - WARNINGS)} more like these.`);
  const list = element("ul", { class: "warnings" }, ...texts.map((text) => element("li", {}, text)));
  byId("ed-warnings").replaceChildren(...(texts.length ? [list] : []));
}

function showFigures() {
  byId("ed-figures").replaceChildren(...figureTables(model, session.figures, open));
}

function toggleTable(event) {
  const title = event.target.dataset.table;
  if (title === undefined) return;
  if (!open.delete(title)) open.add(title);
  showFigures();
  byId("ed-figures").querySelector(`[data-table="${title}"]`).focus();
}

const status = whenStill((text) => {
  byId("ed-status").textContent = text;
});

function rowsToShow() {
  const { figures } = session;
  const which = byId("ed-which").value;
  const lists = {
    changed: () => figures.changed.rows,
    wrong: () => everyRow.filter((i) => !figures.right[i]),
    all: () => everyRow,
  };
  const words = folded(byId("ed-row-search").value).split(/\s+/).filter(Boolean);
  return lists[which]().filter((i) => words.every((word) => rowText[i].includes(word)));
}

function rowItem(i) {
  const [before, after] = [session.base, session.now].map((head) => saying(model, sample, head.decided, i));
  const said = before === after ? [bdi(after)] : [bdi(before), " \u2192 ", bdi(after)];
  const radio = element("input", { type: "radio", name: "ed-row", value: String(i) });
  radio.checked = i === chosenRow;
  const id = element("span", { class: "ed-name" }, bdi(sample.ids[i]));
  return element("li", {}, element("label", {}, radio, id), element("span", { class: "ed-beside fine" }, ...said));
}

function showRows() {
  if (!pickedKind) byId("ed-which").value = session.figures.changed.rows.length ? "changed" : "all";
  const rows = rowsToShow();
  const focused = byId("ed-rows").contains(document.activeElement);
  if (!pickedRow) chosenRow = rows[0] ?? chosenRow ?? 0;
  byId("ed-rows").replaceChildren(...rows.slice(0, ROWS_SHOWN).map(rowItem));
  const more = rows.length > ROWS_SHOWN ? `; the first ${ROWS_SHOWN} are listed` : "";
  const none = !rows.length && byId("ed-which").value === "changed" ? " \u2013 no prediction changed" : "";
  byId("ed-rows-found").textContent = `${plural(rows.length, "row")}${none}${more}`;
  if (focused) byId("ed-rows").querySelector("input:checked")?.focus();
  showCase();
}

function showCase() {
  const wanted = byId("ed-toward")?.value;
  const row = wanted === undefined || wanted === "" ? null : Number(wanted);
  byId("ed-case").replaceChildren(caseView(model, sample, session.base, session.now, chosenRow, row));
}

function plan() {
  const signature = Object.fromEntries(["author", "reason", "date"].map((key) => [key, byId(`ed-${key}`).value]));
  return planText(planRecord(model, sample, session.edits, session.figures, signature));
}

function showPlan() {
  const { edits } = session;
  const items = edits.map((edit, j) => {
    const name = `Take edit ${j + 1} out: ${edit.op} ${isolated(edit.concept)}`;
    const out = element("button", { type: "button", "aria-label": name }, "\u00d7");
    out.addEventListener("click", () => {
      session.drop(j);
      const left = byId("ed-edits").querySelectorAll("button");
      (left[Math.min(j, left.length - 1)] ?? byId("ed-undo")).focus();
    });
    return element("li", {}, element("span", {}, ...editText(edit)), out);
  });
  byId("ed-edits").replaceChildren(...items);
  byId("ed-empty").hidden = edits.length > 0;
  byId("ed-plan").value = edits.length ? plan() : "";
  for (const id of ["ed-save", "ed-copy"]) byId(id).setAttribute("aria-disabled", String(!edits.length));
  byId("ed-copied").textContent = "";
}

function show() {
  showWeights();
  showWarnings();
  showFigures();
  showRows();
  showPlan();
  byId("ed-answer").replaceChildren();
  for (const [id, can] of [["ed-undo", session.canUndo], ["ed-redo", session.canRedo], ["ed-reset", session.edits.length > 0]]) {
    byId(id).setAttribute("aria-disabled", String(!can));
  }
  status(sentence(model, sample, session.figures));
}

// What a person does.

function on(id, kind, work) {
  byId(id).addEventListener(kind, work);
}

function wireConcepts() {
  on("ed-search", "input", showConcepts);
  on("ed-used", "change", showConcepts);
  on("ed-order", "change", showConcepts);
  on("ed-all", "click", () => concepts.check([...concepts.checked, ...concepts.shown]));
  on("ed-none", "click", () => concepts.check([]));
  on("ed-group-keep", "click", () => {
    const name = byId("ed-group-name").value.trim() || `group ${groups.size + 1}`;
    if (!concepts.checked.size) return tell("Choose the concepts of the group first.");
    groups.set(name, [...concepts.checked]);
    byId("ed-group-name").value = "";
    return writeGroups(byId("ed-groups"), groups, concepts);
  });
}

function wireScope() {
  for (const radio of document.querySelectorAll('input[name="ed-scope"]')) {
    radio.addEventListener("change", () => {
      byId("ed-classes-part").hidden = radio.value !== "some";
      showConcepts();
    });
  }
  on("ed-class-search", "input", () => classes.show(classes.found(byId("ed-class-search").value)));
}

function wireActs() {
  on("ed-zero", "click", () => {
    const edits = zeroEdits();
    if (edits.length) session.add(edits);
  });
  on("ed-scale-form", "submit", (event) => {
    event.preventDefault();
    act("scale", { factor: byId("ed-factor").valueAsNumber });
  });
  on("ed-set-form", "submit", (event) => {
    event.preventDefault();
    act("set", { value: byId("ed-value").valueAsNumber });
  });
  on("ed-slide", "input", () => {
    const factor = byId("ed-slide").valueAsNumber;
    byId("ed-factor").value = String(factor);
    const edits = editsOf("scale", { factor });
    const key = JSON.stringify(edits.map(({ concept, classes: own }) => [concept, own]));
    if (edits.length) session.slide(key, edits);
  });
}

function wireHistory() {
  on("ed-figures", "click", toggleTable);
  on("ed-undo", "click", () => session.undo());
  on("ed-redo", "click", () => session.redo());
  on("ed-reset", "click", () => session.reset());
  on("ed", "keydown", (event) => {
    const typing = event.target.matches('input[type="text"], input[type="search"], input[type="number"], textarea');
    if (typing || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    const back = key === "z" && !event.shiftKey;
    if (!back && key !== "y" && key !== "z") return;
    event.preventDefault();
    if (back) session.undo();
    else session.redo();
  });
}

function wireRows() {
  on("ed-which", "change", () => {
    pickedKind = true;
    showRows();
  });
  on("ed-row-search", "input", showRows);
  on("ed-rows", "change", (event) => {
    chosenRow = Number(event.target.value);
    pickedRow = true;
    showCase();
  });
  const kinds = [["changed", "changed by the edit"], ["wrong", "wrong after the edit"], ["all", "all"]];
  const known = model.family === "gaussian" ? kinds.filter(([kind]) => kind !== "wrong") : kinds;
  byId("ed-which").append(...known.map(([value, text]) => element("option", { value }, text)));
  if (model.compared || model.R === 1) return;
  const choices = model.rows.map((name, r) => element("option", { value: String(r) }, isolated(name)));
  const first = model.family === "multilabel" ? "the likeliest label" : "the first target";
  const select = element("select", { id: "ed-toward" }, element("option", { value: "" }, first), ...choices);
  select.addEventListener("change", showCase);
  byId("ed-rows").after(element("div", { class: "ed-row" }, element("label", {}, "Explain ", select)));
}

function wirePlan() {
  for (const key of ["author", "reason", "date"]) on(`ed-${key}`, "input", () => {
    if (session.edits.length) byId("ed-plan").value = plan();
  });
  const today = new Date();
  const two = (number) => String(number).padStart(2, "0");
  byId("ed-date").value = `${today.getFullYear()}-${two(today.getMonth() + 1)}-${two(today.getDate())}`;
  on("ed-save", "click", () => {
    if (!session.edits.length) return;
    const url = URL.createObjectURL(new Blob([plan()], { type: "application/json" }));
    const link = element("a", { href: url, download: "plan.json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  });
  on("ed-copy", "click", async () => {
    if (!session.edits.length) return;
    try {
      await navigator.clipboard.writeText(plan());
      byId("ed-copied").textContent = "Copied.";
    } catch {
      byId("ed-plan").focus();
      byId("ed-plan").select();
      byId("ed-copied").textContent = "The plan is marked: copy it with Control+C.";
    }
  });
  const run = model.name ?? "RUN";
  const quoted = /^[\w./-]+$/.test(run) ? run : `'${run.replaceAll("'", "'\\''")}'`;
  byId("ed-command").textContent = `pcbm edit ${quoted} --plan plan.json --out RUN2 --eval DATA`;
}

function begin() {
  if (model.R === 1) {
    byId("ed-scope-choice").hidden = true;
    const words = model.family === "binomial"
      ? ["One row serves both classes: positive speaks for ", bdi(model.classes[1]), ", negative for ", bdi(model.classes[0]), "."]
      : ["There is one target, so no class to choose."];
    byId("ed-one-row").append(...words);
  } else {
    byId("ed-one-row").remove();
    if (model.family === "gaussian") {
      byId("ed-all-classes").textContent = "all targets";
      byId("ed-some-classes").textContent = "some targets";
    }
    classes.show(classes.found(""));
  }
  byId("ed-interval").textContent = model.family === "gaussian"
    ? "a normal one, with the variance of the weighted sample."
    : "Wilson's for shares, Agresti and Min's for changes, with the effective size of the weighted sample.";
  wireConcepts();
  wireScope();
  wireActs();
  wireHistory();
  wireRows();
  wirePlan();
  byId("ed-off").remove();
  byId("ed").hidden = false;
  showConcepts();
  showChosen();
  show();
  if (data.served) serve(session, plan);
  window.pcbmEditor = session; // for whoever wants to look behind the figures
}

begin();
