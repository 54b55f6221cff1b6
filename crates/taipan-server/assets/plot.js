// The page of one plot: puts the picture itself where its image stands, so that `picture.js` can make it interactive.
// Without this script, or if the picture cannot be had, the image stays.
"use strict";
(() => {
  const figure = document.querySelector("[data-plot]");
  if (!figure) return;
  const system = matchMedia("(prefers-color-scheme: dark)");
  let shown = null;
  const show = async () => {
    const theme = document.documentElement.dataset.theme || (system.matches ? "dark" : "light");
    if (theme === shown) return;
    shown = theme;
    try {
      const answer = await fetch(`${figure.dataset.plot}?theme=${theme}&interactive=true`);
      if (!answer.ok) throw new Error(answer.statusText);
      const parsed = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
      if (parsed.querySelector("parsererror") || shown !== theme) return;
      const svg = document.importNode(parsed.documentElement, true);
      figure.replaceChildren(svg);
      taipanPlot(svg);
    } catch {
      shown = null;
    }
  };
  new MutationObserver(show).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  system.addEventListener("change", show);
  show();
})();
