// Where the reader is, in the page's address: a link leads to the same list of images, or to the same picture.

const linkTo = (section, board, run, category, image) => {
  const words = new URLSearchParams({ model: board.runs[run].name });
  if (category !== "") words.set("class", board.classes.find(([id]) => id === Number(category))[1]);
  if (image !== undefined) words.set("image", board.images[image]);
  return `#${section.id}?${words}`;
};

// A step is one that the browser's Back button takes back.
const setLink = (link, step) => {
  if (link !== location.hash) stored(() => history[step ? "pushState" : "replaceState"](null, "", link));
};

// What the address says of a board: places of run, class and image, or null where there is no such board or run.
const readLink = (section, board) => {
  const [id, words] = location.hash.slice(1).split(/\?(.*)/s);
  if (id !== section.id || !words) return null;
  const said = new URLSearchParams(words);
  const run = board().runs.findIndex(({ name }) => name === said.get("model"));
  if (run < 0) return null;
  const category = board().classes.find(([, name]) => name === said.get("class"))?.[0] ?? "";
  return { run, category, image: board().images.indexOf(said.get("image")) };
};
