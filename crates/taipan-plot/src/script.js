"use strict";
const taipanPlot = svg => {
  if (svg.parentNode.closest("svg")) return;
  const ns = "http://www.w3.org/2000/svg";
  const make = (tag, attributes) => {
    const node = document.createElementNS(ns, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  const number = (node, name) => parseFloat(node.getAttribute(name));
  const words = value => {
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e15)) return value.toExponential(2);
    return String(parseFloat(value.toPrecision(6))).replace("-", "\u2212");
  };

  // Values: the title of what is pointed at, beside the pointer.
  const background = svg.querySelector(":scope > rect").getAttribute("fill");
  const ink = svg.getAttribute("fill");
  const tip = make("g", { "pointer-events": "none", visibility: "hidden" });
  const frame = make("rect", { rx: 4, fill: background, stroke: ink, "stroke-width": 0.7, "fill-opacity": 0.95 });
  const said = make("text", { "font-size": 12, fill: ink });
  tip.append(frame, said);
  svg.append(tip);
  const titles = new Map();
  for (const title of svg.querySelectorAll(".marks title")) {
    titles.set(title.parentNode, title.textContent);
    title.remove();
  }
  const place = event => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const show = (text, at) => {
    said.textContent = text;
    tip.setAttribute("visibility", "visible");
    const box = said.getBBox();
    const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    const x = Math.max(4, Math.min(at.x + 14, width - box.width - 14));
    const y = at.y + 40 > height ? at.y - 18 : at.y + 26;
    said.setAttribute("x", x + 6);
    said.setAttribute("y", y);
    for (const [name, value] of Object.entries({ x, y: y - 14, width: box.width + 12, height: 20 })) frame.setAttribute(name, value);
  };
  svg.addEventListener("pointermove", event => {
    const text = titles.get(event.target);
    if (text) show(text, place(event));
    else tip.setAttribute("visibility", "hidden");
  });
  svg.addEventListener("pointerleave", () => tip.setAttribute("visibility", "hidden"));

  // Legend: a click hides or shows a series. What holds buttons is no single image.
  if (svg.querySelector("[data-toggle]")) svg.setAttribute("role", "group");
  for (const entry of svg.querySelectorAll("[data-toggle]")) {
    entry.style.cursor = "pointer";
    const toggle = () => {
      const off = entry.getAttribute("opacity") !== "0.35";
      off ? entry.setAttribute("opacity", "0.35") : entry.removeAttribute("opacity");
      entry.setAttribute("aria-pressed", String(off));
      for (const mark of svg.querySelectorAll(`[data-series="${entry.dataset.toggle}"]`)) {
        off ? mark.setAttribute("visibility", "hidden") : mark.removeAttribute("visibility");
      }
    };
    entry.addEventListener("click", toggle);
    entry.addEventListener("keydown", event => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); }
    });
  }

  // Zoom: the wheel enlarges about the pointer, dragging moves, a double click resets. Axes follow.
  for (const panel of svg.querySelectorAll(".panel[data-x][data-y]")) {
    const view = panel.querySelector(".view");
    const marks = view.querySelector(".marks");
    const [left, top, width, height] = ["x", "y", "width", "height"].map(name => number(view, name));
    const scale = name => {
      const [spread, lo, hi] = panel.getAttribute(name).split(" ");
      return { spread, lo: parseFloat(lo), hi: parseFloat(hi) };
    };
    const scales = { x: scale("data-x"), y: scale("data-y") };
    const original = [".x-axis", ".y-axis", ".grid"].map(name => panel.querySelector(name)).filter(Boolean).map(node => [node, node.innerHTML]);
    let k = 1, dx = 0, dy = 0;
    const label = node => [...node.querySelectorAll('text[font-size="13"]')];
    const day = 86400, steps = [1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200, day, 2 * day, 7 * day, 14 * day];
    const ticks = (lo, hi, time) => {
      const raw = (hi - lo) / 6;
      if (time && raw > 14 * day) return months(lo, hi, raw);
      const power = 10 ** Math.floor(Math.log10(raw));
      const step = (time && raw > 0.5 ? steps : [1, 2, 5, 10].map(d => d * power)).find(d => d >= raw);
      const all = [];
      for (let t = Math.ceil(lo / step) * step; t <= hi + step * 1e-9; t += step) all.push(Math.abs(t) < step * 1e-9 ? 0 : t);
      return all;
    };
    // The first days of months, so many apart that no more than six or so fit.
    const months = (lo, hi, raw) => {
      const apart = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200].find(m => m * 30.44 * day >= raw) || 12000;
      const first = new Date(lo * 1000), all = [];
      let month = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / apart) * apart;
      for (;; month += apart) {
        const at = Date.UTC(2000, month - 24000, 1) / 1000;
        if (!(at <= hi)) return all;
        if (at >= lo) all.push(at);
      }
    };
    // As much of a time as tells ticks so far apart from each other.
    const moment = (t, apart) => {
      const date = new Date(t * 1000);
      if (isNaN(date)) return words(t);
      const text = date.toISOString().replace("T", " ");
      return apart >= day ? text.slice(0, 10) : apart >= 60 ? text.slice(5, 16) : apart >= 1 ? text.slice(11, 19) : text.slice(11, 23);
    };
    const redraw = () => {
      if (k === 1) { dx = 0; dy = 0; }
      marks.setAttribute("transform", `translate(${dx} ${dy}) scale(${k})`);
      view.setAttribute("overflow", k === 1 ? "visible" : "hidden");
      for (const circle of marks.querySelectorAll("circle")) {
        if (!circle.dataset.r) circle.dataset.r = circle.getAttribute("r");
        circle.setAttribute("r", circle.dataset.r / Math.sqrt(k));
      }
      for (const node of marks.querySelectorAll("path,rect,circle")) node.setAttribute("vector-effect", "non-scaling-stroke");
      for (const [node, html] of original) node.innerHTML = html;
      if (k === 1) return;
      const grid = panel.querySelector(".grid");
      if (grid) grid.replaceChildren();
      for (const axis of ["x", "y"]) {
        const group = panel.querySelector(`.${axis}-axis`), across = axis === "x";
        if (!group) continue;
        const ink = group.querySelector('text[font-size="12"]');
        const { spread, lo, hi } = scales[axis];
        // The pixel that was at p before zooming is at p * k + d.
        const share = p => across ? (p - left) / width : 1 - (p - top) / height;
        const value = p => lo + share((p - (across ? dx : dy)) / k) * (hi - lo);
        const [from, to] = across ? [value(left), value(left + width)] : [value(top + height), value(top)];
        const rest = label(group);
        const base = group.querySelector("line").cloneNode();
        group.replaceChildren(base);
        if (!ink) { group.append(...rest); continue; }
        const all = ticks(from, to, spread === "time"), apart = all.length > 1 ? all[1] - all[0] : to - from;
        for (const t of all) {
          const f = (t - from) / (to - from);
          const said = spread === "log" ? words(10 ** t) : spread === "time" ? moment(t, apart) : words(t);
          const text = make("text", { "font-size": 12, fill: ink.getAttribute("fill"), "text-anchor": across ? "middle" : "end", x: across ? left + f * width : left - 7, y: across ? top + height + 17 : top + (1 - f) * height + 4.4 });
          text.textContent = said;
          group.append(text);
          if (grid) {
            const at = across ? left + f * width : top + (1 - f) * height;
            grid.append(make("line", across ? { x1: at, x2: at, y1: top, y2: top + height, stroke: grid.dataset.ink, "stroke-width": 1 } : { x1: left, x2: left + width, y1: at, y2: at, stroke: grid.dataset.ink, "stroke-width": 1 }));
          }
        }
        group.append(...rest);
      }
    };
    const inside = at => at.x >= left && at.x <= left + width && at.y >= top && at.y <= top + height;
    const limit = () => {
      dx = Math.min(left * (1 - k), Math.max((left + width) * (1 - k), dx));
      dy = Math.min(top * (1 - k), Math.max((top + height) * (1 - k), dy));
    };
    svg.addEventListener("wheel", event => {
      const at = place(event);
      if (!inside(at)) return;
      event.preventDefault();
      const next = Math.min(1000, Math.max(1, k * (event.deltaY < 0 ? 1.25 : 0.8)));
      dx = at.x - (at.x - dx) * next / k;
      dy = at.y - (at.y - dy) * next / k;
      k = next;
      limit();
      redraw();
    }, { passive: false });
    let held = null;
    svg.addEventListener("pointerdown", event => {
      const at = place(event);
      if (k > 1 && inside(at)) held = { at, dx, dy };
    });
    addEventListener("pointerup", () => { held = null; });
    svg.addEventListener("pointermove", event => {
      if (!held) return;
      const at = place(event);
      dx = held.dx + at.x - held.at.x;
      dy = held.dy + at.y - held.at.y;
      limit();
      redraw();
    });
    svg.addEventListener("dblclick", event => {
      if (inside(place(event))) { k = 1; redraw(); }
    });
  }
};
for (const svg of document.querySelectorAll("svg.taipan-plot, .taipan-plot svg")) taipanPlot(svg);
