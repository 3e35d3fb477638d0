// Tables that are sorted by a click on a heading. The first click sorts the way that is asked for most.

const compareValues = (a, b, numeric, falling) => {
  if (numeric) {
    const [x, y] = [a, b].map((text) => (text === "" || text === NONE ? NaN : Number(text)));
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y); // gaps come last
    return falling ? y - x : x - y;
  }
  const order = a.localeCompare(b, undefined, { numeric: true, sensitivity: "base" });
  return falling ? -order : order;
};

const sortBy = (table, header) => {
  const column = [...header.parentNode.children].indexOf(header);
  const numeric = "number" in header.dataset;
  const first = header.dataset.first || (numeric ? "descending" : "ascending");
  const other = first === "descending" ? "ascending" : "descending";
  const direction = header.getAttribute("aria-sort") === first ? other : first;
  for (const each of header.parentNode.children) each.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", direction);
  const body = table.tBodies[0];
  const value = (row) => row.children[column].dataset.value ?? row.children[column].textContent.trim();
  const rows = [...body.rows].map((row) => [value(row), row]);
  rows.sort((a, b) => compareValues(a[0], b[0], numeric, direction === "descending"));
  body.append(...rows.map(([, row]) => row));
};

const makeSortable = (table) => {
  table.tHead.addEventListener("click", (event) => {
    const header = event.target.closest("th");
    if (header !== null && event.target.closest("button") !== null) sortBy(table, header);
  });
};
