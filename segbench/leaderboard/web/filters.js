// Which runs and which columns of a board are shown.

const plainText = (text) => text.normalize("NFKD").toLowerCase();

// Search and choices; `changed` is told the places of the runs that are left, in the order of ranks.
const setUpFilters = (section, changed) => {
  const rows = [...section.querySelector(".ranking").tBodies[0].rows];
  const search = section.querySelector("input[type=search]");
  const selects = [...section.querySelectorAll("select[data-filter]")];
  const count = section.querySelector(".count");
  const apply = () => {
    const words = plainText(search.value).split(/\s+/).filter(Boolean);
    const left = rows.filter((row) => {
      const text = plainText(row.dataset.search);
      const fits = words.every((word) => text.includes(word));
      row.hidden = !(fits && selects.every((one) => !one.value || row.dataset[one.dataset.filter] === one.value));
      return !row.hidden;
    });
    const all = countText(rows.length, "run");
    count.textContent = left.length === rows.length ? all : `${left.length} of ${all}`;
    changed(left.map((row) => Number(row.dataset.run)));
  };
  for (const control of [search, ...selects]) control.addEventListener("input", apply);
  apply();
};

const setUpColumns = (section) => {
  const table = section.querySelector(".ranking");
  const menu = section.querySelector(".menu");
  const heads = [...table.tHead.rows[0].children];
  for (const box of menu.querySelectorAll("input")) {
    const place = heads.findIndex((head) => head.dataset.column === box.value);
    box.addEventListener("change", () => {
      for (const row of table.rows) row.children[place].hidden = !box.checked;
    });
  }
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
};
