// The lists of worst images of a run or of one of its classes.

const shortened = (text, length) => {
  const chars = [...text];
  return chars.length <= length ? text : `${chars.slice(0, length - 1).join("").trimEnd()}…`;
};

const setUpImages = (section, board, view) => {
  const panel = section.querySelector(".worst");
  const [run, category] = panel.querySelectorAll("select");
  const list = panel.querySelector("ol");
  const status = panel.querySelector("[role=status]");
  const back = panel.querySelector("button.back");
  let from = null; // what was clicked to come here
  const { runs, classes } = board();
  const options = (items, length) =>
    items.map(([value, name]) => element("option", { value, text: shortened(name, length), title: name }));
  run.replaceChildren(...options(runs.map(({ name }, place) => [place, name]), 40));
  category.append(...options(classes, 40));

  // [[image, tenths of a percent], …]; the first list is that of all classes
  const found = () => {
    const place = category.value === "" ? 0 : 1 + classes.findIndex(([id]) => id === Number(category.value));
    const flat = board().runs[run.value].worst[place];
    return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]);
  };

  const line = (image, score, pictured) => {
    const frame = element("span", { class: "frame" });
    const name = board().images[image];
    const words = [
      element("span", { class: "number", text: percentText(score) }), " ", element("code", { dir: "auto", text: name }),
    ];
    if (pictured.length === 0) return element("li", {}, ...words);
    if (!pictured.includes(image)) {
      frame.append(element("span", { class: "blank", text: "not on this page" }));
      return element("li", { class: "without" }, element("span", { class: "card" }, frame, ...words));
    }
    const picture = pictureOf(section, image);
    fillFrame(frame, "", picture, picture.runs[run.value]?.prediction ?? picture.truth, "");
    const card = { type: "button", class: "card", onclick: () => look(image) };
    return element("li", {}, element("button", card, frame, ...words));
  };

  const show = () => {
    const listed = found();
    const pictured = listed.map(([image]) => image).filter((image) => board().pictured.includes(image));
    list.classList.toggle("cards", pictured.length > 0);
    list.replaceChildren(...listed.map(([image, score]) => line(image, score, pictured)));
    const what = category.value === "" ? board().imageScore : board().classScore;
    status.textContent = listed.length
      ? `${countText(listed.length, "image")} with the lowest ${what}, in percent.`
      : "No image of this run has a score for this class.";
    panel.querySelector("a").href = `#${section.id}-run-${run.value}`;
  };

  const link = (step, image) => setLink(linkTo(section, board(), run.value, category.value, image), step);

  const look = (image) => {
    const pictured = found().map(([one]) => one).filter((one) => board().pictured.includes(one));
    if (!pictured.includes(image)) return;
    view(section, board, pictured, pictured.indexOf(image), run.value, (shown) => link(false, shown));
  };

  const open = (newRun, newCategory, origin, image) => {
    from = origin;
    back.hidden = origin === null;
    if (newRun !== undefined) run.value = newRun;
    if (newCategory !== undefined) category.value = newCategory;
    show();
    panel.querySelector("h3").focus({ preventScroll: true });
    panel.scrollIntoView({ block: "start" });
    if (origin !== null) link(true);
    if (image !== undefined) look(image);
  };
  const goBack = () => {
    if (from === null) return;
    const target = from.isConnected ? from : section.querySelector(".ranking .link");
    from = null;
    back.hidden = true;
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: "center" });
  };
  back.addEventListener("click", goBack);
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.target.matches("select")) goBack();
  });
  panel.querySelector(".notes").replaceChildren(...board().notes.map((note) => element("p", { text: note })));
  for (const control of [run, category]) {
    control.addEventListener("input", () => {
      show();
      link(false);
    });
  }
  panel.querySelector("a").addEventListener("click", () => {
    document.getElementById(`${section.id}-run-${run.value}`).open = true;
  });
  show();
  return open;
};
