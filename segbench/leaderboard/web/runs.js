// Where each run comes from: filled in when its line is opened.

const setUpRuns = (section, board) => {
  const fill = (line) => {
    const { facts, runs } = board();
    const { about } = runs[line.dataset.run];
    const list = element("dl");
    for (let i = 0; i < about.length; i += 2) {
      list.append(element("dt", { text: facts[about[i]] }), element("dd", { dir: "auto", text: facts[about[i + 1]] }));
    }
    line.append(list);
  };
  section.addEventListener(
    "toggle",
    (event) => {
      const line = event.target.closest(".run");
      if (line !== null && line.open && line.querySelector("dl") === null) fill(line);
    },
    true, // toggle does not bubble
  );
};
