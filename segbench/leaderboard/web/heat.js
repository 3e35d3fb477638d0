// The heat map of a board: a class a line, a run a column.

const HEAT_COLUMNS = 40; // more are a click away

const levelOf = (tenths) => (tenths === null ? "" : `h${Math.min(9, Math.max(0, Math.floor(tenths / 100)))}`);

const setUpHeat = (section, board) => {
  const block = section.querySelector(".classes");
  const region = block.querySelector(".scroll");
  const choice = block.querySelector("select");
  const bounded = block.querySelector(".bounds input");
  const more = block.querySelector("button.more");
  let runs = board().runs.map((_, place) => place);
  let all = false;

  const headings = (places) => [
    element("th", { scope: "col", class: "text" }, element("button", { type: "button", text: "Class" })),
    ...places.map((place) => {
      const { name } = board().runs[place];
      const button = element("button", { type: "button", dir: "auto", title: name, text: shortened(name, 48) });
      return element("th", { scope: "col", "data-number": true }, button);
    }),
  ];

  const ends = (place, row) => {
    const [low, high] = board().bounds[place].slice(2 * row, 2 * row + 2);
    return low === null ? "" : element("small", { text: `${percentText(low)}–${percentText(high)}` });
  };

  const line = ([category, name], row, places, scores, withBounds) => {
    const values = places.map((place) => scores[place][row]);
    const known = values.filter((value) => value !== null);
    const best = new Set(known).size > 1 ? Math.max(...known) : null; // none where all are equal
    const label = element("button", { type: "button", class: "link", dir: "auto", "data-category": category, text: name });
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, label),
      ...values.map((value, i) => {
        const mark = best !== null && value === best ? " best" : "";
        return element("td", {
          class: levelOf(value) + mark, "data-value": value ?? "", "data-run": places[i], "data-category": category,
        }, percentText(value), withBounds ? ends(places[i], row) : "");
      }),
    );
  };

  const draw = () => {
    const { classes, scores } = board();
    const places = all ? runs : runs.slice(0, HEAT_COLUMNS);
    const shown = scores[Number(choice.value)].values;
    bounded.closest("label").hidden = board().bounds.length === 0 || choice.value !== "0";
    const withBounds = bounded.checked && !bounded.closest("label").hidden;
    const table = element("table", { class: "heat", role: "grid", "aria-labelledby": `${section.id}-classes` });
    table.createTHead().append(element("tr", {}, ...headings(places)));
    table.createTBody().append(...classes.map((one, row) => line(one, row, places, shown, withBounds)));
    makeSortable(table);
    makeGrid(table);
    region.replaceChildren(table);
    more.hidden = places.length === runs.length;
    more.textContent = `Show all ${runs.length} runs`;
  };

  const { scores } = board();
  choice.replaceChildren(...scores.map((one, place) => element("option", { value: place, text: one.label })));
  choice.closest("label").hidden = scores.length < 2;
  for (const control of [choice, bounded]) control.addEventListener("input", draw);
  more.addEventListener("click", () => {
    all = true;
    draw();
  });
  draw();
  return (left) => {
    runs = left;
    draw();
  };
};
