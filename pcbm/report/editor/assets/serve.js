// A served page alone: the server's figures on all rows beside those of the sample.

function answerTable(answer) {
  const line = ({ of, name, measure, page, interval: ends, all, inside }) => {
    const write = writing(measure);
    const label = of === "all" ? MEASURES[measure] : bdi(name);
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, label),
      element("td", { class: "num" }, write.value(page), interval({ low: ends[0], high: ends[1] }, write.bare)),
      element("td", { class: "num" }, write.value(all)),
      element("td", { class: inside ? "same" : "down" }, inside ? "within" : "outside"),
    );
  };
  const heads = ["", "This page", `All ${plural(answer.n, "row")}`, "Interval"];
  const head = element("tr", {}, ...heads.map((text, j) => element("th", { scope: "col", class: j && j < 3 ? "num" : null }, text || "Figure")));
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Figures on all rows" },
    element("table", { class: "ed-table" }, element("thead", {}, head), element("tbody", {}, ...answer.figures.map(line))),
  );
}

function answerView(answer) {
  const told = element(
    "p",
    {},
    `Evaluated by Python on all ${plural(answer.n, "row")}: ${count(answer.changed.n)} predictions changed` +
      (answer.changed.repaired === null ? "." : `, ${count(answer.changed.repaired)} repaired, ${count(answer.changed.broken)} broken.`),
  );
  const warned = answer.warnings.map((text) => element("li", {}, bdi(text)));
  return [told, answerTable(answer), ...(warned.length ? [element("ul", { class: "warnings" }, ...warned)] : [])];
}

// Offer the evaluation on all rows; the token of the page's own address goes with each question.
function serve(session, plan) {
  const token = new URLSearchParams(location.search).get("token") ?? "";
  byId("ed-server").hidden = false;
  byId("ed-ask").addEventListener("click", async () => {
    const place = byId("ed-answer");
    if (!session.edits.length) return place.replaceChildren("Make an edit first.");
    place.replaceChildren("Evaluating \u2026");
    try {
      const headers = { "Content-Type": "application/json", "X-Pcbm-Token": token };
      const response = await fetch("evaluate", { method: "POST", headers, body: plan() });
      const answer = await response.json();
      return place.replaceChildren(...(response.ok ? answerView(answer) : [answer.error]));
    } catch {
      return place.replaceChildren("The server does not answer: is pcbm report --serve still running?");
    }
  });
}
