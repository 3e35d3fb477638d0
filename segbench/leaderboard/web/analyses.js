// What each analysis of a board looks like.

const PERCENT = { low: 0, high: 100 };

// How to read a view, and below it what is drawn of `shown` runs: legend, which of them, numbers.
const framed = (panel, view, board, places, draw) => {
  const shown = shownRuns(view, places);
  panel.append(element("p", { class: "muted small", text: view.about }));
  draw(shown);
  if (shown.length > 1) panel.append(plotLegend(shown.map((place) => board.runs[place].name)));
  const note = whichRuns(view, places, shown);
  if (note) panel.append(element("p", { class: "muted small", text: note }));
  panel.append(numbersOf(view, board, shown));
};

const drawCurves = (panel, board, places) => {
  const view = board.views.curves;
  framed(panel, view, board, places, (shown) => {
    const levels = uniqueOf(shown.flatMap((place) => rowsOf(view, place).map((row) => row.iou)));
    chooser(panel, "IoU", levels.map((level) => [level, String(level)]), (body, level) => {
      const [x, y] = [{ ...PERCENT, name: "recall, %" }, { ...PERCENT, name: "precision, %" }];
      const plot = makePlot(body, `Precision against recall of ${countText(shown.length, "run")}`, x, y);
      shown.forEach((place, at) => {
        const rows = rowsOf(view, place).filter((row) => row.iou === Number(level));
        plot.svg.append(lineThrough(at, rows.map((row) => [plot.x(row.recall), plot.y(row.precision)])));
      });
    });
  });
};

const drawCalibration = (panel, board, places) => {
  const view = board.views.calibration;
  framed(panel, view, board, places, (shown) => {
    const [x, y] = [{ ...PERCENT, name: "score, %" }, { ...PERCENT, name: "right, %" }];
    const plot = makePlot(panel, `Share of predictions that are right by their score, of ${countText(shown.length, "run")}`, x, y);
    plot.svg.append(svgElement("line", {
      x1: plot.x(0), y1: plot.y(0), x2: plot.x(100), y2: plot.y(100), stroke: "var(--muted)", "stroke-dasharray": "3 4",
    }));
    shown.forEach((place, at) => {
      const bins = rowsOf(view, place).filter((row) => row.ece === null);
      plot.svg.append(lineThrough(at, bins.map((bin) => [plot.x(bin.score), plot.y(bin.right)])));
      for (const bin of bins) {
        const words = `${board.runs[place].name}: score ${bin.score.toFixed(1)} %, right ${bin.right.toFixed(1)} % of ${bin.predictions}`;
        plot.svg.append(markAt(at, plot.x(bin.score), plot.y(bin.right), words));
      }
    });
    const errors = shown.map((place) => `${board.runs[place].name} ${rowsOf(view, place)[0].ece.toFixed(1)}`);
    panel.append(element("p", { class: "small", text: `ECE, %: ${errors.join("; ")}` }));
  });
};

// A line of dots for each name: the value of every run, with its interval where there is one.
const drawDots = (body, board, shown, names, x, found) => {
  const height = 60 + names.length * Math.max(26, 10 + 9 * shown.length);
  const y = { low: names.length - 0.5, high: -0.5, names };
  const plot = makePlot(body, `${x.name} of ${countText(shown.length, "run")}: ${names.join(", ")}`, x, y, height);
  names.forEach((name, i) => {
    if (i > 0) {
      const at = plot.y(i - 0.5);
      plot.svg.append(svgElement("line", { x1: plot.x(x.low), y1: at, x2: plot.x(x.high), y2: at, stroke: "var(--line)" }));
    }
    shown.forEach((place, at) => {
      const { value, low, high, words } = found(place, name) ?? { value: null };
      if (value === null) return;
      const level = plot.y(i + (at - (shown.length - 1) / 2) * (0.7 / shown.length));
      const [from, to] = [low ?? x.from ?? value, high ?? value];
      plot.svg.append(
        svgElement("line", { x1: plot.x(from), y1: level, x2: plot.x(to), y2: level, stroke: seriesColor(at), "stroke-width": 2 }),
        markAt(at, plot.x(value), level, `${board.runs[place].name}, ${name}: ${value.toFixed(1)}${words ?? ""}`),
      );
    });
  });
};

// An analysis of names and scores: `key` is the column of names, `score` that of scores, `chosen` that of a choice.
const dotsOf = (name, { key, score, label, chosen, choice, counted }) => (panel, board, places) => {
  const view = board.views[name];
  framed(panel, view, board, places, (shown) => {
    const all = shown.flatMap((place) => rowsOf(view, place));
    const named = (value) => (chosen === "category_id" ? classNamed(board, value, "all classes") : value);
    const options = chosen ? uniqueOf(all.map((row) => row[chosen])) : [null];
    chooser(panel, choice, options.map((value, i) => [i, chosen ? named(value) : ""]), (body, i) => {
      const kept = (row) => !chosen || row[chosen] === options[i];
      const rows = all.filter(kept);
      const [low, high] = endsOf(rows.flatMap((row) => [row[score], row.low ?? null, row.high ?? null]), 0, 100);
      const found = (place, one) => {
        const row = rowsOf(view, place).find((each) => kept(each) && each[key] === one);
        return row && { value: row[score], low: row.low, high: row.high, words: ` (${countText(row[counted], counted.replace(/s$/, ""))})` };
      };
      drawDots(body, board, shown, uniqueOf(rows.map((row) => row[key])), { name: label(board), low, high }, found);
    });
  });
};

const scoreName = (board) => `${board.views.pairs?.metric ?? board.imageScore}, %`;

const drawQuality = (panel, board, places) => {
  const view = board.views.quality;
  framed(panel, view, board, places, (shown) => {
    const choices = uniqueOf(shown.flatMap((place) => rowsOf(view, place).map((row) => row.category_id)));
    chooser(panel, "Class", choices.map((id, i) => [i, classNamed(board, id, "all classes")]), (body, i) => {
      const rows = shown.map((place) => rowsOf(view, place).find((row) => row.category_id === choices[i]) ?? null);
      const axis = (key) => {
        const [low, high] = endsOf(rows.map((row) => row?.[key] ?? null), 0, 100);
        return { low, high, name: `${key === "rq" ? "recognition: RQ" : "outlines: SQ"}, %` };
      };
      const [x, y] = [axis("rq"), axis("sq")];
      const plot = makePlot(body, `RQ against SQ of ${countText(shown.length, "run")}`, x, y);
      for (let pq = 5; pq < 100; pq += 5) {
        const points = Array.from({ length: 41 }, (_, k) => x.low + ((x.high - x.low) * k) / 40)
          .map((rq) => [rq, (100 * pq) / rq]).filter(([, sq]) => sq >= y.low && sq <= y.high);
        if (points.length < 2) continue;
        const [rq, sq] = points[0];
        plot.svg.append(
          svgElement("path", {
            d: `M${points.map(([a, b]) => `${plot.x(a).toFixed(1)} ${plot.y(b).toFixed(1)}`).join("L")}`,
            fill: "none", stroke: "var(--muted)", "stroke-dasharray": "2 4",
          }),
          plotText(`PQ ${pq}`, { x: plot.x(rq) + 4, y: Math.max(22, plot.y(sq) + 12), "font-size": 10 }),
        );
      }
      rows.forEach((row, at) => {
        if (row === null) return;
        const words = `${board.runs[shown[at]].name}: PQ ${row.pq.toFixed(1)}, SQ ${row.sq.toFixed(1)}, RQ ${row.rq.toFixed(1)}`;
        plot.svg.append(markAt(at, plot.x(row.rq), plot.y(row.sq), words));
      });
    });
  });
};

const drawErrors = (panel, board, places) => {
  const view = board.views.errors;
  framed(panel, view, board, places, (shown) => {
    const all = shown.flatMap((place) => rowsOf(view, place));
    const choices = uniqueOf(all.map((row) => row.category_id));
    chooser(panel, "Class", choices.map((id, i) => [i, classNamed(board, id, "all classes")]), (body, i) => {
      const rows = all.filter((row) => row.category_id === choices[i]);
      const names = uniqueOf(rows.map((row) => row.error));
      const high = Math.max(1, ...rows.map((row) => row.gain ?? 0));
      const found = (place, name) => {
        const row = rowsOf(view, place).find((one) => one.category_id === choices[i] && one.error === name);
        return row && { value: row.gain, words: ` (${row.count.toLocaleString("en")})` };
      };
      drawDots(body, board, shown, names, { name: "AP50 gained if mended, points", low: 0, high: 1.05 * high, from: 0 }, found);
    });
  });
};
