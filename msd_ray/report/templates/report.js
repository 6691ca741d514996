// Interaction of the page: sorting of tables, theme, figures, current section in the contents.
(() => {
  "use strict";
  const root = document.documentElement;
  const announce = (text) => { document.getElementById("announcements").textContent = text; };

  // --- Tables: each column's heading becomes a button: ascending, descending, then the original order.
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  function compare(a, b, direction) {
    if (a.missing || b.missing) return a.missing - b.missing; // last in both directions
    return direction * (a.number === null || b.number === null ? collator.compare(a.text, b.text) : a.number - b.number);
  }

  function key(row, column) {
    const cell = row.cells[column];
    const number = cell.dataset.sort === "" ? null : Number(cell.dataset.sort);
    return { row, number, text: cell.textContent.trim(), missing: "missing" in cell.dataset };
  }

  function sort(table, heading, order) {
    const direction = heading.ariaSort === "ascending" ? -1 : heading.ariaSort === "descending" ? 0 : 1;
    for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    if (direction) heading.ariaSort = direction > 0 ? "ascending" : "descending";
    for (const [body, rows] of order) {
      const keys = rows.map((row) => key(row, Number(heading.dataset.column)));
      if (direction) keys.sort((a, b) => compare(a, b, direction));
      body.append(...keys.map(({ row }) => row));
    }
    announce(direction ? `Sorted by ${heading.textContent}, ${heading.ariaSort}` : "In the order of the page");
  }

  for (const table of document.querySelectorAll("table")) {
    const order = [...table.tBodies].map((body) => [body, [...body.rows].filter((row) => !row.classList.contains("part"))]);
    if (order.every(([, rows]) => rows.length < 2)) continue;
    for (const heading of table.querySelectorAll("th[data-column]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sort(table, heading, order));
    }
  }

  // --- Theme: the system's until the reader chooses.
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);
  const toggle = document.querySelector("button.theme");

  function themeChanged() {
    toggle.ariaPressed = String(isDark());
    restyle();
  }
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("msd_ray-theme", root.dataset.theme);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error; // no access to storage: the choice is lost with the page
    }
    themeChanged();
  });
  systemDark.addEventListener("change", themeChanged);

  // --- Figures, in the colours of the page.
  const probe = document.createElement("i");
  probe.hidden = true;
  document.body.append(probe);

  function colour(name) {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  }

  function pageTemplate() {
    const [text, quiet, line, grid, ground, accent] = ["text", "quiet", "line", "grid", "ground", "accent"].map(colour);
    const axis = {
      automargin: true, color: quiet, gridcolor: grid, linecolor: line, zerolinecolor: line, tickcolor: line,
      title: { font: { color: quiet, size: 13 } },
    };
    const colorbar = { outlinewidth: 0, thickness: 12, tickfont: { color: quiet }, title: { font: { color: quiet } } };
    const sequential = [[0, ground], [1, accent]];
    return {
      layout: {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: text, family: getComputedStyle(document.body).fontFamily, size: 13 },
        colorscale: { sequential },
        coloraxis: { colorscale: sequential, colorbar },
        xaxis: axis, yaxis: axis,
        legend: { bgcolor: "rgba(0,0,0,0)", font: { color: text } },
        hoverlabel: { bgcolor: ground, bordercolor: line, font: { color: text } },
        modebar: { bgcolor: "rgba(0,0,0,0)", color: quiet, activecolor: accent },
        annotationdefaults: { font: { color: text }, arrowcolor: quiet },
        shapedefaults: { line: { color: quiet } },
      },
      data: {
        heatmap: [{ colorscale: sequential, colorbar }],
        bar: [{ marker: { colorscale: sequential, colorbar, line: { width: 0 } } }],
        scatter: [{ marker: { colorscale: sequential, colorbar } }],
      },
    };
  }

  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

  function merged(base, over) {
    const result = { ...base };
    for (const [name, value] of Object.entries(over)) {
      result[name] = isObject(value) ? merged(isObject(base?.[name]) ? base[name] : {}, value) : value;
    }
    return result;
  }

  const NARROW = 560; // CSS pixels; on narrower screens the legend is below the plot
  const PAPER = 640; // CSS pixels, printable width of A4 and Letter
  const coarse = matchMedia("(hover: none)").matches;
  let printing = false;
  const figures = [...document.querySelectorAll(".drawing")].map((place) => ({
    place, source: JSON.parse(document.getElementById(place.dataset.figure).textContent), room: null,
  }));

  // The width class of a figure, which determines its arrangement. layout.meta may hold changes for wide containers.
  function roomOf({ place, source }) {
    const width = printing ? PAPER : place.clientWidth;
    if (width < NARROW) return "narrow";
    return width >= (source.layout.meta?.wide_from ?? Infinity) ? "wide" : "normal";
  }

  function set(layout, path, value) {
    const keys = path.match(/[^.[\]]+/g); // xaxis2.domain, annotations[1].x
    const last = keys.pop();
    keys.reduce((inner, key) => (inner[key] ??= {}), layout)[last] = value;
  }

  function layoutOf({ source, room }, template) {
    const layout = structuredClone(source.layout);
    if (room === "wide") for (const [path, value] of Object.entries(layout.meta.wide)) set(layout, path, value);
    layout.template = merged(layout.template ?? {}, template);
    if (printing) layout.width = PAPER;
    else layout.autosize = true;
    if (coarse) layout.dragmode = false; // touching a figure scrolls the page
    if (room === "narrow" && layout.legend?.orientation !== "h") {
      layout.legend = { ...layout.legend, orientation: "h", x: 0, xanchor: "left", y: -0.2, yanchor: "top" };
    }
    return layout;
  }

  const CONFIG = {
    responsive: true, displaylogo: false, displayModeBar: coarse ? false : "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };

  function draw(figure, template) {
    figure.room = roomOf(figure);
    const layout = layoutOf(figure, template);
    if (layout.height) figure.place.style.height = `${layout.height}px`;
    // plotly.js modifies its argument, so it gets a copy.
    return Plotly.react(figure.place, structuredClone(figure.source.data), layout, CONFIG);
  }

  function restyle() {
    const template = pageTemplate();
    for (const figure of figures) if (figure.room !== null) draw(figure, template);
  }

  // Draw the figures one by one, yielding to input in between; data-figures marks the end.
  async function drawAll() {
    root.dataset.figures = "drawing";
    for (const figure of figures) {
      await new Promise((resume) => setTimeout(resume));
      await draw(figure, pageTemplate());
    }
    root.dataset.figures = "drawn";
    const widths = new ResizeObserver(() => {
      for (const figure of figures) if (figure.room !== roomOf(figure)) draw(figure, pageTemplate());
    });
    for (const { place } of figures) widths.observe(place);
  }

  // Print in the light theme and with the width of paper.
  let chosen;
  addEventListener("beforeprint", () => {
    chosen = root.dataset.theme;
    root.dataset.theme = "light";
    printing = true;
    restyle();
  });
  addEventListener("afterprint", () => {
    if (chosen === undefined) delete root.dataset.theme;
    else root.dataset.theme = chosen;
    printing = false;
    restyle();
  });

  // --- Contents: collapsed on narrow screens; the visible section is marked.
  const contents = document.querySelector("nav details");
  if (matchMedia("(max-width: 68rem)").matches) contents.open = false;
  const links = new Map([...contents.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
  const sections = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(target.id).setAttribute("aria-current", "location");
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  for (const section of document.querySelectorAll("main > section")) sections.observe(section);

  themeChanged();
  drawAll();
})();
