// What the admin site gains from a script: the theme switch, keys, row clicks, copying. Pages work without it.
// Loaded in the head without `defer`, so that a chosen theme is there before the first paint.
(() => {
  "use strict";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  root.classList.add("js");

  // Theme: "light", "dark" or "system"; kept for the next page.
  const chosen = () => {
    try { return localStorage.getItem("theme") || "system"; } catch { return "system"; }
  };
  const applyTheme = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
    const dark = theme === "dark" || (theme !== "light" && system.matches);
    for (const source of document.querySelectorAll("picture > source")) {
      const media = theme === "system" ? "(prefers-color-scheme: dark)" : dark ? "all" : "not all";
      if (source.media !== media) source.media = media;
    }
    for (const button of document.querySelectorAll("[data-set-theme]")) {
      button.setAttribute("aria-pressed", String(button.dataset.setTheme === theme));
    }
  };
  applyTheme(chosen());

  const notice = (text) => {
    const box = document.getElementById("notice");
    box.textContent = text;
    clearTimeout(notice.timer);
    notice.timer = setTimeout(() => { box.textContent = ""; }, 2000);
  };

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      notice("Copied");
    } catch {
      notice("The browser did not allow copying");
    }
  };

  // A row without an address of its own is shown whole in a sheet.
  const openRow = (row) => {
    if (row.dataset.href) { location.assign(row.dataset.href); return; }
    const sheet = document.getElementById("record");
    if (!sheet || !row.closest(".rows")) return;
    const names = [...row.closest("table").querySelectorAll("thead th")].map((head) => head.textContent.trim());
    sheet.querySelector("dl").replaceChildren(...[...row.cells].map((cell, at) => {
      const pair = document.createElement("div");
      const name = document.createElement("dt");
      const value = document.createElement("dd");
      name.textContent = names[at];
      value.textContent = cell.textContent;
      value.className = [...cell.classList].filter((kind) => kind === "null" || kind === "code").join(" ");
      pair.append(name, value);
      return pair;
    }));
    sheet.showModal();
  };

  document.addEventListener("DOMContentLoaded", () => {
    applyTheme(chosen());
    for (const table of document.querySelectorAll(".grid tbody")) {
      for (const row of table.rows) {
        if (row.dataset.href || row.closest(".rows")) row.tabIndex = row.querySelector("a") ? -1 : 0;
      }
    }
    const wrong = document.querySelector(".drop[open] [aria-invalid]");
    if (wrong) wrong.focus();
  });

  document.addEventListener("click", (event) => {
    const at = event.target.closest("[data-set-theme], [data-copy], [data-open], tbody tr, a, button, summary");
    for (const drop of document.querySelectorAll(".drop[open]")) {
      if (!drop.contains(event.target)) drop.open = false;
    }
    if (event.target instanceof HTMLDialogElement) event.target.close();
    if (!at) return;
    if (at.dataset.setTheme) {
      try { localStorage.setItem("theme", at.dataset.setTheme); } catch { /* it holds for this page */ }
      applyTheme(at.dataset.setTheme);
    } else if (at.dataset.copy) {
      copy("asIs" in at.dataset ? at.dataset.copy : new URL(at.dataset.copy, location.href).href);
    } else if (at.dataset.open) {
      document.getElementById(at.dataset.open).showModal();
    } else if (at.matches("tbody tr") && !getSelection().toString()) {
      if (at.dataset.href && (event.ctrlKey || event.metaKey)) open(at.dataset.href);
      else openRow(at);
    }
  });

  const rows = () => [...document.querySelectorAll(".grid tbody tr")].map((row) => row.querySelector("a") || row);
  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    const now = all.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
    const next = all[now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, now + by))];
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };
  const follow = (selector) => document.querySelector(selector)?.click();

  // Forms: a word before what cannot be undone, one before what was typed is lost, and keys to save and to run.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.confirm && !confirm(form.dataset.confirm)) { event.preventDefault(); return; }
    delete form.dataset.changed;
    const cancel = form.querySelector("[data-cancel]");
    if (cancel) cancel.hidden = false;
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-guard]");
    if (form) form.dataset.changed = "";
    const box = event.target.closest(".with-null")?.querySelector("[name=_null]");
    if (box && box !== event.target) box.checked = false;
  });
  addEventListener("beforeunload", (event) => {
    if (document.querySelector("form[data-changed]")) event.preventDefault();
  });

  document.addEventListener("keydown", (event) => {
    const form = event.target.closest?.("form.sql") || document.querySelector("form[data-guard]");
    const wanted = form?.matches(".sql") ? "Enter" : "s";
    if (form && (event.ctrlKey || event.metaKey) && event.key === wanted) {
      event.preventDefault();
      form.requestSubmit();
      return;
    }
    const typing = event.target.matches?.("input, select, textarea");
    if (event.key === "Escape") {
      const drop = document.querySelector(".drop[open]");
      if (drop) { drop.open = false; drop.querySelector("summary").focus(); } else if (typing) event.target.blur();
      return;
    }
    if (event.key === "Enter" && event.target.matches?.("tbody tr")) { openRow(event.target); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const keys = {
      "/": () => { const box = document.querySelector("[data-search]"); box?.focus(); box?.select(); },
      "?": () => document.getElementById("shortcuts").showModal(),
      f: () => { const drop = document.getElementById("filter"); if (drop) { drop.open = true; drop.querySelector("select").focus(); } },
      j: () => step(1),
      k: () => step(-1),
      n: () => follow("a[rel=next]"),
      p: () => follow("a[rel=prev]"),
      e: () => follow("[data-key=e]"),
      v: () => follow("[data-key=v]"),
    };
    if (Object.hasOwn(keys, event.key)) { event.preventDefault(); keys[event.key](); }
  });

  // What the server tells of is shown as it happens: the part of the page is read again.
  document.addEventListener("DOMContentLoaded", () => {
    const part = document.querySelector("[data-live]");
    if (!part) return;
    let pending;
    const renew = async () => {
      pending = undefined;
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok || part.contains(document.activeElement)) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const now = page.getElementById(part.id);
      if (now) part.replaceChildren(...now.childNodes);
    };
    const news = new EventSource(part.dataset.live);
    news.addEventListener("job", () => { pending ??= setTimeout(renew, 200); });
    addEventListener("pagehide", () => news.close());
  });

  // A page that takes longer than a moment shows that it is coming.
  let waiting;
  const leave = () => { clearTimeout(waiting); waiting = setTimeout(() => root.classList.add("busy"), 300); };
  addEventListener("beforeunload", leave);
  addEventListener("pageshow", () => { clearTimeout(waiting); root.classList.remove("busy"); });
  system.addEventListener("change", () => applyTheme(chosen()));
})();
