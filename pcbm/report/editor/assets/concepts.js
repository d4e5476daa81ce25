// The list of concepts, the classes that an edit is for, and groups of concepts.

// Return the rows of the head that weights are shown for: those chosen, or all.
function shownRows(model, classes) {
  return classes === null ? rowsOf(model, null) : rowsOf(model, classes);
}

// Return a concept's coefficient that is largest in size among some rows, and its row.
function largest(model, head, k, rows) {
  let best = rows[0];
  for (const r of rows) {
    if (Math.abs(head.coef[r * model.K + k]) > Math.abs(head.coef[best * model.K + k])) best = r;
  }
  return { value: head.coef[best * model.K + k], row: best };
}

// Return the positions in the wanted order.
function ordered(model, head, positions, order, rows) {
  if (order === "bank") return positions;
  const names = model.concepts;
  if (order === "name") return [...positions].sort((a, b) => names[a].localeCompare(names[b]));
  const size = new Map(positions.map((k) => [k, Math.abs(largest(model, head, k, rows).value)]));
  return [...positions].sort((a, b) => size.get(b) - size.get(a));
}

// Write the weight of each concept that is shown, and what it was before the edits.
function writeWeights(model, list, base, now, rows) {
  let longest = 1e-12;
  for (const r of rows) {
    for (let at = r * model.K; at < (r + 1) * model.K; at++) {
      longest = Math.max(longest, Math.abs(base.coef[at]), Math.abs(now.coef[at]));
    }
  }
  for (const k of list.shown) {
    const after = largest(model, now, k, rows);
    const before = largest(model, base, k, rows);
    const moved = rows.some((r) => base.coef[r * model.K + k] !== now.coef[r * model.K + k]);
    const used = rows.filter((r) => now.coef[r * model.K + k] !== 0).length;
    const parts = [element("span", { class: "ed-weight" }, used ? signed(after.value, 2) : "no weight")];
    if (model.R > 1 && rows.length > 1 && used) {
      const more = used > 1 ? ` and ${used - 1} more` : "";
      parts.push(element("span", { class: "fine" }, "in ", bdi(model.rows[after.row]), more));
    }
    if (moved) parts.push(element("span", { class: "ed-moved" }, `edited, was ${signed(before.value, 2)}`));
    const { beside, row } = list.item(k);
    beside.replaceChildren(signedBar(after.value / longest, before.value / longest), ...parts);
    row.classList.toggle("ed-edited", moved);
  }
}

// Fill the groups: each a button that chooses its concepts, and one that forgets it.
function writeGroups(place, groups, list) {
  const chips = [...groups].map(([name, members]) => {
    const use = element("button", { type: "button" }, bdi(name), ` (${members.length})`);
    use.addEventListener("click", () => list.check(members));
    const forget = element("button", { type: "button", "aria-label": `Forget the group ${isolated(name)}` }, "\u00d7");
    forget.addEventListener("click", () => {
      groups.delete(name);
      writeGroups(place, groups, list);
      byId("ed-group-name").focus();
    });
    return element("li", {}, use, forget);
  });
  place.replaceChildren(...chips);
}
