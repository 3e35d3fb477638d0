// Each run beside each other: the difference of their scores, and whether it could be chance.

const MOST_PAIRED = 20;
const SURE = 50; // thousandths: 5 %

const chanceText = (thousandths) => (thousandths < 1 ? "p < 0.001" : `p = ${(thousandths / 1000).toFixed(3)}`);

const drawPairs = (panel, { runs, views }, places) => {
  const { values, p, digits, metric } = views.pairs;
  const shown = places.slice(0, MOST_PAIRED);
  const cell = (row, column) => {
    if (row === column) return element("td", {});
    const apart = (values[row] - values[column]) / 100;
    const chance = p[Math.max(row, column)][Math.min(row, column)];
    const sure = chance < SURE ? (apart > 0 ? "better" : "worse") : "even";
    const shownApart = `${apart > 0 ? "+" : apart < 0 ? "−" : ""}${Math.abs(apart).toFixed(digits)}`;
    return element("td", { class: sure }, shownApart, element("small", { text: chanceText(chance) }));
  };
  const name = (place, length) => element("span", {
    class: "clamp", dir: "auto", title: runs[place].name, text: shortened(runs[place].name, length),
  });
  const words = element("p", {
    class: "muted small",
    id: `${panel.id}-words`,
    text: `${metric} of the run at the left less that of the run above, in points; p after Holm’s correction. `
      + "Coloured: significant at 5 %."
      + (shown.length < places.length ? ` The first ${shown.length} of the ${places.length} runs above.` : ""),
  });
  const table = element("table", { class: "pairs", "aria-labelledby": words.id });
  table.createTHead().append(element("tr", {}, element("th", { scope: "col", class: "text", text: "Model" }), ...shown.map(
    (place) => element("th", { scope: "col" }, name(place, 32)),
  )));
  table.createTBody().append(...shown.map((row) => element(
    "tr", {}, element("th", { scope: "row", class: "text" }, name(row, 48)), ...shown.map((column) => cell(row, column)),
  )));
  panel.append(words, scrolling(words.id, table));
};
