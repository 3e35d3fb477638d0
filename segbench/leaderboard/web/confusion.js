// Who is taken for whom: true classes at the left, what they were taken for above.

const MOST_CONFUSED = 30;

const drawConfusion = (panel, board, places) => {
  const view = board.views.confusion;
  const shown = places.filter((place) => place in view.cells);
  panel.append(element("p", { class: "muted small", text: view.about }));
  chooser(panel, "Model", shown.map((place) => [place, board.runs[place].name]), (body, place) => {
    const rows = rowsOf(view, place);
    const weight = new Map();
    for (const row of rows) {
      for (const id of [row.truth_category_id, row.pred_category_id]) weight.set(id, (weight.get(id) ?? 0) + row.amount);
    }
    const order = [...weight.keys()].filter((id) => id !== null).sort((a, b) => weight.get(b) - weight.get(a));
    const kept = new Set(order.slice(0, MOST_CONFUSED));
    kept.add(null);
    const drawn = rows.filter((row) => kept.has(row.truth_category_id) && kept.has(row.pred_category_id));
    const inOrder = (key) => {
      const found = new Set(drawn.map((row) => row[key]));
      const ids = order.filter((id) => found.has(id)).sort((a, b) => a - b);
      return found.has(null) ? [...ids, null] : ids;
    };
    const [truths, preds] = [inOrder("truth_category_id"), inOrder("pred_category_id")];
    const cellOf = new Map(rows.map((row) => [`${row.truth_category_id} ${row.pred_category_id}`, row]));
    const name = (id, length) => {
      const words = classNamed(board, id, "none");
      return element("span", { class: "clamp", dir: "auto", title: words, text: shortened(words, length) });
    };
    const cell = (truth, pred) => {
      if (truth === pred) return element("td", { class: "same", text: "·" });
      const row = cellOf.get(`${truth} ${pred}`);
      if (row === undefined) return element("td", {});
      const words = row.share === null ? row.amount.toLocaleString("en") : valueText(row.share, "share", board);
      const level = Math.min(9, Math.floor(Math.sqrt((row.share ?? 0) / 100) * 12));
      return element("td", { class: `h${level}`, title: row.amount.toLocaleString("en"), text: words });
    };
    const table = element("table", { class: "pairs confusion", "aria-label": "Confusion" });
    table.createTHead().append(element(
      "tr", {}, element("th", { scope: "col", class: "text", text: "Truth, % taken for" }),
      ...preds.map((id) => element("th", { scope: "col" }, name(id, 24))),
    ));
    table.createTBody().append(...truths.map((truth) => element(
      "tr", {}, element("th", { scope: "row", class: "text" }, name(truth, 32)), ...preds.map((pred) => cell(truth, pred)),
    )));
    body.append(element("div", { class: "scroll tall", role: "region", "aria-label": "Confusion", tabindex: 0 }, table));
    if (order.length > MOST_CONFUSED) {
      const words = `The ${MOST_CONFUSED} classes that are confused most, of ${order.length}.`;
      body.append(element("p", { class: "muted small", text: words }));
    }
    body.append(numbersOf(view, board, [place]));
  });
};
