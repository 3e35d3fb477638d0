// What the other parts share. Every text goes in by textContent or as an attribute's value, never as markup.

const element = (tag, properties = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
};

// A part that scrolls by itself, with the keyboard too.
const scrolling = (labelId, child) => element("div", {
  class: "scroll tall", role: "region", "aria-labelledby": labelId, tabindex: 0,
}, child);

const cachedJson = new Map();

// The JSON of a script element, parsed when it is first asked for.
const jsonOf = (id) => {
  if (!cachedJson.has(id)) {
    const source = document.getElementById(id);
    cachedJson.set(id, source === null ? null : JSON.parse(source.textContent));
  }
  return cachedJson.get(id);
};

const stored = (action) => {
  try {
    return action();
  } catch {
    return null; // a page from a file may have no storage
  }
};

// Call `draw` once, when the element comes near the window, or when the page is printed.
const whenNear = (target, draw) => {
  const once = () => {
    watcher.disconnect();
    removeEventListener("beforeprint", once);
    draw();
  };
  const watcher = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) once();
  }, { rootMargin: "600px" });
  watcher.observe(target);
  addEventListener("beforeprint", once);
};

const NONE = "–";

// Tenths of a percent as text.
const percentText = (tenths) => (tenths === null || tenths === undefined ? NONE : (tenths / 10).toFixed(1));

const countText = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
