// Sorting, filtering, columns, and the lists of worst images. Works on what the page already shows; every
// text goes in by textContent.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);

  // ------------------------------------------------------------------------------------------- tables

  const compare = (a, b, numeric, falling) => {
    if (numeric) {
      const [x, y] = [a, b].map((text) => (text === "" ? NaN : Number(text)));
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
    rows.sort((a, b) => compare(a[0], b[0], numeric, direction === "descending"));
    body.append(...rows.map(([, row]) => row));
  };

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    for (const header of table.tHead.rows[0].children) {
      header.querySelector("button").addEventListener("click", () => sortBy(table, header));
    }
  }

  // ------------------------------------------------------------------------------------------- filters

  const plain = (text) => text.normalize("NFKD").toLowerCase();

  const setUpFilters = (section) => {
    const table = section.querySelector(".ranking");
    const search = section.querySelector("input[type=search]");
    const selects = [...section.querySelectorAll("select[data-filter]")];
    const count = section.querySelector(".count");
    const apply = () => {
      const words = plain(search.value).split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        const text = plain(row.dataset.search);
        const fits = words.every((word) => text.includes(word));
        row.hidden = !(fits && selects.every((one) => !one.value || row.dataset[one.dataset.filter] === one.value));
        shown += !row.hidden;
      }
      const all = table.tBodies[0].rows.length;
      count.textContent = shown === all ? `${all} ${all === 1 ? "run" : "runs"}` : `${shown} of ${all} runs`;
    };
    for (const control of [search, ...selects]) control.addEventListener("input", apply);
    apply();
  };

  const setUpColumns = (section) => {
    const table = section.querySelector(".ranking");
    const menu = section.querySelector(".menu");
    for (const box of menu.querySelectorAll("input")) {
      box.addEventListener("change", () => {
        for (const cell of table.querySelectorAll(`[data-column="${box.value}"]`)) cell.hidden = !box.checked;
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

  // ------------------------------------------------------------------------------------------- worst images

  const element = (tag, text) => {
    const made = document.createElement(tag);
    made.textContent = text;
    return made;
  };

  const setUpWorst = (section, board) => {
    const panel = section.querySelector(".worst");
    const [run, category] = panel.querySelectorAll("select");
    const list = panel.querySelector("ol");
    const status = panel.querySelector("[role=status]");
    const show = () => {
      const found = board.runs[run.value].worst[category.value] || [];
      list.replaceChildren(
        ...found.map(([image, score]) => {
          const item = document.createElement("li");
          const id = element("code", board.images[image]);
          id.dir = "auto";
          item.append(element("span", (100 * score).toFixed(1)), id);
          return item;
        }),
      );
      const what = category.value === "" ? board.imageScore : board.classScore;
      status.textContent = found.length
        ? `${found.length} images with the lowest ${what}, in percent.`
        : "No image of this run has a score for this class.";
      panel.querySelector("a").href = `#${section.id}-run-${run.value}`;
    };
    const open = (newRun, newCategory) => {
      if (newRun !== undefined) run.value = newRun;
      if (newCategory !== undefined) category.value = newCategory;
      show();
      panel.querySelector("h3").focus({ preventScroll: true });
      panel.scrollIntoView({ block: "start" });
    };
    section.addEventListener("click", (event) => {
      const target = event.target.closest("[data-run], [data-category]");
      if (target) open(target.dataset.run, target.dataset.category);
    });
    for (const control of [run, category]) control.addEventListener("input", show);
    panel.querySelector("a").addEventListener("click", () => {
      document.getElementById(`${section.id}-run-${run.value}`).open = true;
    });
    show();
  };

  document.querySelectorAll(".board").forEach((section, place) => {
    setUpFilters(section);
    setUpColumns(section);
    setUpWorst(section, data.boards[place]);
  });
  for (const each of document.querySelectorAll(".needs-script")) each.hidden = false;

  // ------------------------------------------------------------------------------------------- theme

  const theme = document.getElementById("theme");
  const order = ["auto", "light", "dark"];
  const setTheme = (name) => {
    document.documentElement.dataset.theme = name;
    theme.textContent = `Theme: ${name}`;
  };
  const stored = (action) => {
    try {
      return action();
    } catch {
      return null; // a page from a file may have no storage
    }
  };
  setTheme(order.find((name) => name === stored(() => localStorage.getItem("segbench-theme"))) || "auto");
  theme.addEventListener("click", () => {
    const next = order[(order.indexOf(document.documentElement.dataset.theme) + 1) % order.length];
    setTheme(next);
    stored(() => localStorage.setItem("segbench-theme", next));
  });
})();
