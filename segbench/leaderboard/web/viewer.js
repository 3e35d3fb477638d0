// One image at a time, as large as the window: truth, predictions and mistakes over the picture, two side by side.

const TRUTH = "truth";
const ALONE = "alone";
const KINDS = [["found", "found"], ["missed", "missed"], ["made-up", "made up"]];

const pictureOf = (section, image) => jsonOf(`${section.id}-picture-${image}`);

// A picture with what lies over it; `over` and `label` may be empty.
const fillFrame = (frame, image, picture, over, label) => {
  const size = { width: picture.width, height: picture.height };
  const shown = picture.picture
    ? element("img", { src: picture.picture, alt: image && `Image ${image}`, loading: "lazy", ...size })
    : element("span", { class: "blank", text: picture.missing });
  frame.replaceChildren(shown);
  if (!picture.picture) shown.style.aspectRatio = `${picture.width} / ${picture.height}`;
  if (over) frame.append(element("img", { class: "over", src: over, alt: label, loading: "lazy", ...size }));
};

const setUpViewer = () => {
  const dialog = document.getElementById("viewer");
  const title = dialog.querySelector("h2 bdi");
  const where = dialog.querySelector(".where");
  const panes = [...dialog.querySelectorAll(".pane")];
  const opacity = dialog.querySelector("input[type=range]");
  const legend = dialog.querySelector(".legend");
  const steps = [dialog.querySelector(".previous"), dialog.querySelector(".next")];
  const layers = [...dialog.querySelectorAll("input[type=radio]")];
  let at = null; // { section, board, images, place, shown }

  const layer = () => layers.find((one) => one.checked).value;

  const drawPane = (pane, image, picture) => {
    const choice = pane.querySelector("select").value;
    const run = picture.runs[choice];
    const over = choice === TRUTH ? picture.truth : run?.[layer()];
    const name = at.board().runs[choice]?.name;
    const label = choice === TRUTH ? "Truth" : `${layer() === "mistakes" ? "Mistakes" : "Prediction"} of ${name}`;
    fillFrame(pane.querySelector(".frame"), image, picture, over, label);
    pane.querySelector(".note").textContent = run?.note ?? "";
  };

  const swatch = (name, look) => element("li", { dir: "auto" }, element("span", look), name);

  const drawLegend = (picture) => {
    const { classes, colors, task } = at.board();
    const shown = panes.map((pane) => pane.querySelector("select").value);
    const colored = shown.some((choice) => choice === TRUTH || (choice !== ALONE && layer() === "prediction"));
    const items = (colored ? picture.classes : []).map((id) => {
      const made = swatch(classes.find(([one]) => one === id)?.[1] ?? String(id), { class: "swatch" });
      made.firstChild.style.background = colors[id];
      return made;
    });
    if (layer() === "mistakes") {
      const kinds = task === "semantic" ? [["missed", "another category than the truth"]] : KINDS;
      items.push(...kinds.map(([look, name]) => swatch(name, { class: `swatch ${look}` })));
    }
    legend.replaceChildren(...items);
  };

  const draw = () => {
    const image = at.images[at.place];
    const name = at.board().images[image];
    const picture = pictureOf(at.section, image);
    title.textContent = name;
    where.textContent = `${at.place + 1} of ${at.images.length}`;
    for (const one of steps) one.hidden = at.images.length === 1;
    for (const pane of panes) drawPane(pane, name, picture);
    drawLegend(picture);
    at.shown(image);
  };

  const step = (by) => {
    at.place = (at.place + by + at.images.length) % at.images.length;
    draw();
  };

  const fade = () => {
    for (const pane of panes) pane.style.setProperty("--over", opacity.value / 100);
  };

  for (const pane of panes) pane.querySelector("select").addEventListener("input", draw);
  for (const one of layers) one.addEventListener("input", draw);
  opacity.addEventListener("input", fade);
  steps[0].addEventListener("click", () => step(-1));
  steps[1].addEventListener("click", () => step(1));
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside the box
  });
  dialog.addEventListener("close", () => at.shown(undefined));
  dialog.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select") || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  fade();

  // Show the image of a place in a list of images, truth at the left and the run at the right; `shown` is told
  // each image that is shown, and undefined when the viewer is closed.
  return (section, board, images, place, run, shown) => {
    at = { section, board, images, place, shown };
    const { runs, predicted } = board();
    const options = [
      [TRUTH, "Truth"], ...predicted.map((one) => [one, runs[one].name]), [ALONE, "Picture alone"],
    ];
    for (const pane of panes) {
      const made = options.map(([value, name]) => element("option", { value, text: shortened(name, 40), title: name }));
      pane.querySelector("select").replaceChildren(...made);
    }
    const known = predicted.includes(Number(run));
    panes[0].querySelector("select").value = TRUTH;
    panes[1].querySelector("select").value = known ? run : (predicted[0] ?? ALONE);
    dialog.querySelector(".layers").hidden = predicted.length === 0;
    draw();
    dialog.showModal();
    dialog.querySelector("h2").focus();
  };
};
