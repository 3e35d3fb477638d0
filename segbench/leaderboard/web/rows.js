// The rows of an analysis, as objects by the names of columns; shares are percentages, differences are points.

const SHARES = ["share", "difference"];

const rowsOf = ({ columns, cells, texts }, run) => {
  const flat = cells[run] ?? [];
  return Array.from({ length: flat.length / columns.length }, (_, i) => Object.fromEntries(
    columns.map(([name, kind], k) => {
      const value = flat[i * columns.length + k];
      if (value === null) return [name, null];
      return [name, SHARES.includes(kind) ? value / 100 : kind === "text" ? texts[value] : value];
    }),
  ));
};

const classNamed = ({ classes }, id, none) => (id === null ? none : classes.find(([one]) => one === id)?.[1] ?? String(id));

const uniqueOf = (values) => [...new Set(values)];

// The runs that a plot shows: the first of those that filters leave and that have rows.
const shownRuns = (view, places) => places.filter((place) => place in view.cells).slice(0, MOST_SERIES);

const whichRuns = (view, places, shown) => {
  const known = places.filter((place) => place in view.cells).length;
  const parts = [];
  if (shown.length < known) parts.push(`The first ${shown.length} of ${known} runs are drawn: search or filter for others.`);
  const kept = Object.keys(view.cells).length;
  if (kept < view.runs) parts.push(`This page holds the first ${kept} of ${view.runs} runs.`);
  return parts.join(" ");
};

const valueText = (value, kind, board) => {
  if (kind === "category") return classNamed(board, value, "all");
  if (value === null) return NONE;
  if (SHARES.includes(kind)) return value.toFixed(Math.abs(value) < 1 && value !== 0 ? 2 : 1);
  return typeof value === "number" ? value.toLocaleString("en", { maximumFractionDigits: 4 }) : value;
};

const headText = (name, kind) => {
  const words = name.replace(/_category_id$|_id$/, "").replaceAll("_", " ");
  return `${words[0].toUpperCase()}${words.slice(1)}${kind === "share" ? ", %" : kind === "difference" ? ", points" : ""}`;
};

// All rows of some runs as a table that is made when it is opened.
const numbersOf = (view, board, places) => {
  const block = element("details", { class: "numbers" }, element("summary", { text: "Numbers" }));
  const heads = [["model", "text"], ...view.columns];
  const made = () => {
    const table = element("table", { "aria-label": "Numbers" });
    table.createTHead().append(element("tr", {}, ...heads.map(([name, kind]) => {
      const number = !["text", "category"].includes(kind);
      const button = element("button", { type: "button", text: headText(name, kind) });
      return element("th", { scope: "col", class: number ? null : "text", "data-number": number }, button);
    })));
    const line = (place, row) => element("tr", {}, ...heads.map(([name, kind]) => {
      const value = name === "model" ? board.runs[place].name : row[name];
      const number = !["text", "category"].includes(kind);
      const shown = valueText(value, kind, board);
      return element("td", { class: number ? null : "text", dir: number ? null : "auto", "data-value": number ? value ?? "" : null, text: shown });
    }));
    table.createTBody().append(...places.flatMap((place) => rowsOf(view, place).map((row) => line(place, row))));
    makeSortable(table);
    return table;
  };
  block.addEventListener("toggle", () => {
    if (!block.open || block.children.length > 1) return;
    block.append(element("div", { class: "scroll tall", role: "region", "aria-label": "Numbers", tabindex: 0 }, made()));
  });
  return block;
};

// A choice above a plot; nothing where there is nothing to choose.
const chooser = (panel, label, options, draw) => {
  const select = element("select", { dir: "auto" }, ...options.map(([value, name]) => (
    element("option", { value, text: shortened(name, 40), title: name })
  )));
  const body = element("div");
  if (options.length > 1) {
    panel.append(element("div", { class: "tools" }, element("label", { text: `${label} ` }, select)));
  }
  panel.append(body);
  const redraw = () => {
    body.replaceChildren();
    draw(body, select.value);
  };
  select.addEventListener("input", redraw);
  redraw();
};
