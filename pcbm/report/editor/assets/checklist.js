// A long list of checkboxes that is one stop of the Tab key: arrows move inside it.

const SHOWN = 300; // more are found by searching

class Checklist {
  // list: the <ul>; names: what stands in it; changed: called after the set of checked ones changed.
  constructor(list, names, changed) {
    this.list = list;
    this.names = names;
    this.folded = names.map(folded);
    this.changed = changed;
    this.checked = new Set();
    this.shown = [];
    this.items = new Map();
    this.current = null;
    list.addEventListener("keydown", (event) => this.move(event));
    list.addEventListener("change", (event) => {
      const k = Number(event.target.value);
      if (event.target.checked) this.checked.add(k);
      else this.checked.delete(k);
      this.changed();
    });
    list.addEventListener("focusin", (event) => {
      if (event.target.value !== undefined) this.stopAt(Number(event.target.value));
    });
  }

  // Return the positions whose names hold every word of a query.
  found(query) {
    const words = folded(query).split(/\s+/).filter(Boolean);
    return this.names.map((_, k) => k).filter((k) => words.every((word) => this.folded[k].includes(word)));
  }

  // Show these positions, in this order; return how many had no room.
  show(positions) {
    this.shown = positions.slice(0, SHOWN);
    this.list.replaceChildren(...this.shown.map((k) => this.item(k).row));
    this.stopAt(this.shown.includes(this.current) ? this.current : this.shown[0]);
    return positions.length - this.shown.length;
  }

  item(k) {
    if (!this.items.has(k)) {
      const box = element("input", { type: "checkbox", value: String(k), tabindex: "-1" });
      const beside = element("span", { class: "ed-beside" });
      const label = element("label", {}, box, element("span", { class: "ed-name" }, bdi(this.names[k])));
      const row = element("li", {}, label, beside);
      this.items.set(k, { row, box, beside });
    }
    const found = this.items.get(k);
    found.box.checked = this.checked.has(k);
    return found;
  }

  // Check exactly these positions.
  check(positions) {
    this.checked = new Set(positions);
    for (const [k, { box }] of this.items) box.checked = this.checked.has(k);
    this.changed();
  }

  stopAt(k) {
    const old = this.items.get(this.current);
    if (old) old.box.tabIndex = -1;
    this.current = k ?? null;
    const now = this.items.get(this.current);
    if (now) now.box.tabIndex = 0;
  }

  move(event) {
    const at = this.shown.indexOf(this.current);
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: this.shown.length - 1 };
    const to = this.shown[steps[event.key]];
    if (to === undefined) return;
    event.preventDefault();
    this.item(to).box.focus();
  }
}
