// What else is known of a board: one view at a time, drawn when it is asked for.

// Name in the board's data → title, and what draws it into a panel for the places of runs.
const VIEWS = {
  pairs: ["Pairs of runs", drawPairs],
  errors: ["Errors", drawErrors],
  sizes: ["Sizes", dotsOf("sizes", {
    key: "size", score: "ap", label: () => "AP, %", chosen: "category_id", choice: "Class", counted: "objects",
  })],
  quality: ["Outlines and recognition", drawQuality],
  confusion: ["Confusion", drawConfusion],
  curves: ["Precision and recall", drawCurves],
  calibration: ["Calibration", drawCalibration],
  amount: ["Amount in the image", dotsOf("amount", {
    key: "amount", score: "score", label: scoreName, counted: "images",
  })],
  slices: ["Slices", dotsOf("slices", {
    key: "value", score: "score", label: scoreName, chosen: "attribute", choice: "Attribute", counted: "images",
  })],
};

const setUpViews = (section, board) => {
  const block = section.querySelector(".views");
  const panel = block.querySelector(".panel");
  const known = Object.keys(VIEWS).filter((name) => name in board().views);
  let places = board().runs.map((_, place) => place);
  let current = known[0];
  const draw = () => {
    panel.replaceChildren();
    VIEWS[current][1](panel, board(), places);
  };
  const tabs = known.map((name) => element("button", {
    type: "button", role: "tab", id: `${section.id}-tab-${name}`, "aria-controls": panel.id, text: VIEWS[name][0],
  }));
  const choose = (at) => {
    current = known[at];
    for (const [i, tab] of tabs.entries()) {
      tab.setAttribute("aria-selected", i === at);
      tab.tabIndex = i === at ? 0 : -1;
    }
    panel.setAttribute("aria-labelledby", tabs[at].id);
    draw();
  };
  const list = block.querySelector(".tabs");
  list.append(...tabs);
  list.addEventListener("click", (event) => {
    if (event.target.matches("button")) choose(tabs.indexOf(event.target));
  });
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(event.target);
    const move = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    const next = (move + tabs.length) % tabs.length;
    tabs[next].focus();
    choose(next);
  });
  block.hidden = known.length === 0;
  if (known.length > 0) choose(0);
  return (left) => {
    places = left;
    if (known.length > 0) draw();
  };
};
