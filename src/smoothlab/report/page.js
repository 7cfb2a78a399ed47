// Draws the page's figures. A figure is the JSON beside it: traces, layout, and what a slider and a switch change.
"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const TALLEST = 720;

  // Lays a change over a value, entry by entry; a list is changed by a mapping from its indices.
  const changed = (value, change) => {
    if (change === null || typeof change !== "object" || Array.isArray(change) || value === undefined) return change;
    const copy = Array.isArray(value) ? [...value] : { ...value };
    for (const [key, entry] of Object.entries(change)) copy[key] = changed(copy[key], entry);
    return copy;
  };

  // Replaces each "var(--name)" by the colour that the palette gives it.
  const coloured = (value, palette) => {
    if (typeof value === "string") {
      const name = /^var\((--[\w-]+)\)$/.exec(value);
      return name ? palette.getPropertyValue(name[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map((entry) => coloured(entry, palette));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, coloured(entry, palette)]));
  };

  const save = (text, type, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  // Sliders of one name move together: whoever turns one asks the same question of every figure.
  const followers = [];
  const follow = (leader, name, label) => {
    for (const follower of followers) if (follower.name === name && follower.slider !== leader) follower.move(label);
  };

  const show = (element) => {
    const data = JSON.parse(element.querySelector("script").textContent);
    const box = element.querySelector(".plot");
    const slider = element.querySelector("input[type=range]");
    const tick = element.querySelector("input[type=checkbox]");
    let drawnWidth = 0;

    const picture = (palette) => {
      let now = { traces: data.traces, layout: data.layout };
      if (slider) now = changed(now, data.slider.changes[slider.valueAsNumber]);
      if (tick?.checked) now = changed(now, data.switch);
      const width = Math.floor(box.clientWidth);
      const size = { width, height: Math.round(Math.min(width * data.aspect, TALLEST)) };
      const { traces, layout } = coloured(now, palette);
      const font = { ...layout.font, family: getComputedStyle(document.body).fontFamily };
      return { data: traces, layout: { ...layout, ...size, font } };
    };

    const draw = (duration = 0) => {
      const { data: traces, layout } = picture(getComputedStyle(document.documentElement));
      drawnWidth = layout.width;
      if (duration && !still.matches) layout.transition = { duration, easing: "cubic-in-out" };
      return Plotly.react(box, traces, layout, { displayModeBar: false, typesetMath: false, doubleClick: false });
    };

    const saveSvg = async (name) => {
      const { data: traces, layout } = picture(getComputedStyle(document.querySelector(".print-palette")));
      const title = { text: data.title.replace(/&/g, "&amp;").replace(/</g, "&lt;"), font: { size: 14 }, automargin: true };
      const figure = { data: traces, layout: { ...layout, title, paper_bgcolor: "white" } };
      const uri = await Plotly.toImage(figure, { format: "svg", imageDataOnly: true, width: layout.width, height: layout.height });
      save(uri, "image/svg+xml", `${name}.svg`);
    };

    const moved = () => {
      const label = data.slider.labels[slider.valueAsNumber];
      element.querySelector("output").value = label;
      slider.setAttribute("aria-valuetext", `${data.slider.name} = ${label}`);
      draw(250);
      return label;
    };
    if (slider) {
      slider.addEventListener("input", () => follow(slider, data.slider.name, moved()));
      const move = (label) => {
        const at = data.slider.labels.indexOf(label);
        if (at < 0 || at === slider.valueAsNumber) return;
        slider.value = at;
        moved();
      };
      followers.push({ name: data.slider.name, slider, move });
    }
    tick?.addEventListener("change", () => draw());
    element.querySelector("[data-take=data]").addEventListener("click", (event) =>
      save(JSON.stringify(data, null, 1), "application/json", `${event.target.dataset.name}.json`));
    element.querySelector("[data-take=svg]").addEventListener("click", (event) => saveSvg(event.target.dataset.name));
    dark.addEventListener("change", () => draw());
    new ResizeObserver(() => Math.floor(box.clientWidth) !== drawnWidth && draw()).observe(box);
    return draw();
  };

  // A figure that fails says so, and the others are drawn all the same.
  const attempt = async (figure) => {
    try {
      await show(figure);
    } catch (error) {
      figure.querySelector(".plot").textContent = "This figure could not be drawn.";
      console.error(error);
    }
  };

  Promise.all([...document.querySelectorAll("figure")].map(attempt)).then(() => {
    document.documentElement.dataset.figures = "drawn";
  });
})();
