// Sets the page up. A board's own data is parsed when the board comes near the window.

const setUpBoard = (section, view) => {
  const board = () => jsonOf(`${section.id}-data`);
  let left = null;
  let showRuns = () => {};
  let openImages = null;
  const drawn = () => {
    if (openImages !== null) return;
    openImages = setUpImages(section, board, view);
    const shows = [setUpViews(section, board)];
    if (section.querySelector(".classes") !== null) shows.push(setUpHeat(section, board));
    showRuns = (places) => shows.forEach((show) => show(places));
    if (left !== null && left.length < board().runs.length) showRuns(left);
  };
  setUpColumns(section);
  setUpRuns(section, board);
  setUpFilters(section, (places) => {
    left = places;
    showRuns(places);
  });
  section.addEventListener("click", (event) => {
    const target = event.target.closest("[data-run], [data-category]");
    if (target === null || target.matches("tr, details")) return;
    drawn();
    openImages(target.dataset.run, target.dataset.category, target);
  });
  whenNear(section.querySelector(".near"), drawn);
  const follow = () => {
    const said = location.hash.includes("?") ? readLink(section, board) : null;
    if (said === null) return;
    drawn();
    openImages(said.run, said.category, null, said.image < 0 ? undefined : said.image);
  };
  addEventListener("popstate", follow);
  return follow;
};

setUpTheme();
for (const table of document.querySelectorAll("table[data-sortable]")) makeSortable(table);
const view = setUpViewer();
const followed = [...document.querySelectorAll(".board")].map((section) => setUpBoard(section, view));
for (const each of document.querySelectorAll(".needs-script")) each.hidden = false;
for (const follow of followed) follow();
