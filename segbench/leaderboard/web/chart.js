// Plots, drawn when they are asked for. Colours are variables of the page; runs also differ in dashes and marks.

const svgElement = (tag, attributes = {}, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

const MOST_SERIES = 8;
const DASHES = ["none", "8 3", "2 3", "9 3 2 3", "none", "8 3", "2 3", "9 3 2 3"];
const MARKS = [
  "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", "M-3.5 -3.5h7v7h-7z", "M0 -4.8L4.4 3.2H-4.4z", "M0 -5L5 0L0 5L-5 0z",
];

const seriesColor = (at) => `var(--series-${at % MOST_SERIES})`;

const markAt = (at, x, y, words) => svgElement(
  "path", { d: MARKS[at % MARKS.length], transform: `translate(${x} ${y})`, fill: seriesColor(at) },
  svgElement("title", {}, words),
);

const lineThrough = (at, points) => svgElement("path", {
  d: `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`,
  fill: "none", stroke: seriesColor(at), "stroke-width": 2, "stroke-dasharray": DASHES[at % DASHES.length],
});

// Round values between two, both ends within.
const ticksOf = (low, high, most) => {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
};

// Ends of an axis that holds all values, with room around them.
const endsOf = (values, least, most) => {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return [least, most];
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const room = Math.max(0.06 * (high - low), 0.5);
  return [Math.max(least, low - room), Math.min(most, high + room)];
};

const plotText = (words, attributes) => svgElement("text", { fill: "var(--muted)", "font-size": 12, ...attributes }, words);

// An empty plot with its grid: axes are { name, low, high } and, where values have names, `names`.
const makePlot = (panel, words, x, y, height = 320) => {
  const width = Math.min(620, Math.max(280, panel.clientWidth));
  const left = y.names ? Math.min(0.42 * width, 16 + 7 * Math.max(...y.names.map((name) => [...name].length))) : 48;
  const svg = svgElement("svg", {
    class: "plot", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words,
  });
  const along = (axis, from, to) => (value) => from + ((to - from) * (value - axis.low)) / (axis.high - axis.low);
  const plot = { svg, x: along(x, left, width - 16), y: along(y, height - 44, 10) };
  const grid = (x1, y1, x2, y2) => svgElement("line", { x1, y1, x2, y2, stroke: "var(--line)" });
  for (const value of ticksOf(x.low, x.high, width < 400 ? 4 : 7)) {
    const at = plot.x(value);
    svg.append(grid(at, 10, at, height - 44), plotText(String(value), { x: at, y: height - 28, "text-anchor": "middle" }));
  }
  if (y.names) {
    const most = Math.floor((left - 14) / 7);
    y.names.forEach((name, i) => svg.append(
      plotText(shortened(name, most), { x: left - 8, y: plot.y(i) + 4, "text-anchor": "end", fill: "var(--ink)" }),
    ));
  } else {
    for (const value of ticksOf(y.low, y.high, 6)) {
      const at = plot.y(value);
      svg.append(grid(left, at, width - 16, at), plotText(String(value), { x: left - 8, y: at + 4, "text-anchor": "end" }));
    }
    svg.append(plotText(y.name, { "text-anchor": "middle", transform: `translate(12 ${(height - 34) / 2}) rotate(-90)` }));
  }
  svg.append(plotText(x.name, { x: (left + width - 16) / 2, y: height - 8, "text-anchor": "middle" }));
  panel.append(svg);
  return plot;
};

// Which line is whose.
const plotLegend = (names) => element("ul", { class: "legend" }, ...names.map((name, at) => {
  const sample = svgElement("svg", { width: 34, height: 12, "aria-hidden": "true" });
  sample.append(lineThrough(at, [[0, 6], [34, 6]]), markAt(at, 17, 6, ""));
  return element("li", { dir: "auto", title: name }, sample, ` ${shortened(name, 40)}`);
}));
