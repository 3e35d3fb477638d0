// Light, dark, or as the system has it.

const setUpTheme = () => {
  const button = document.getElementById("theme");
  const order = ["auto", "light", "dark"];
  const set = (name) => {
    document.documentElement.dataset.theme = name;
    button.textContent = `Theme: ${name}`;
  };
  set(order.find((name) => name === stored(() => localStorage.getItem("segbench-theme"))) || "auto");
  button.addEventListener("click", () => {
    const next = order[(order.indexOf(document.documentElement.dataset.theme) + 1) % order.length];
    set(next);
    stored(() => localStorage.setItem("segbench-theme", next));
  });
};
