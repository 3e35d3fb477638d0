// A table as one stop of the Tab key: arrows, Home and End move between its cells and headings.

const makeGrid = (table) => {
  const target = (cell) => cell?.querySelector("button") ?? cell;
  const rows = () => [...table.rows];
  let current = null;
  const choose = (cell, focus) => {
    if (!cell) return;
    if (current) target(current).tabIndex = -1;
    current = cell;
    target(cell).tabIndex = 0;
    if (focus) target(cell).focus();
  };
  for (const row of table.rows) for (const cell of row.cells) target(cell).tabIndex = -1;
  choose(table.tBodies[0].rows[0]?.cells[0] ?? table.rows[0].cells[0], false);
  table.addEventListener("focusin", (event) => choose(event.target.closest("td, th"), false));
  table.addEventListener("keydown", (event) => {
    if (current === null || event.altKey || event.metaKey) return;
    const all = rows();
    const [y, x] = [all.indexOf(current.parentNode), current.cellIndex];
    const last = current.parentNode.cells.length - 1;
    const moves = {
      ArrowUp: [y - 1, x], ArrowDown: [y + 1, x], ArrowLeft: [y, x - 1], ArrowRight: [y, x + 1],
      Home: [event.ctrlKey ? 0 : y, 0], End: [event.ctrlKey ? all.length - 1 : y, last],
    };
    if (event.key in moves) {
      const [newY, newX] = moves[event.key];
      event.preventDefault();
      choose(all[newY]?.cells[newX], true);
    } else if ((event.key === "Enter" || event.key === " ") && event.target === current) {
      event.preventDefault();
      current.click();
    }
  });
};
