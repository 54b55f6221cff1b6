// The API page's "Try it": sends the call that a form describes and shows the answer below it.
"use strict";

(() => {
  const most = 200_000;

  // The call as its address, headers and body; fields left empty are left out.
  const callOf = (form) => {
    const query = [];
    const headers = {};
    let path = form.dataset.path;
    for (const field of form.querySelectorAll("[name]")) {
      const value = field.value.trim();
      if (value === "") continue;
      if (field.dataset.place === "header") headers[field.name] = value;
      else if (field.dataset.place === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(value));
      else query.push(`${encodeURIComponent(field.name)}=${encodeURIComponent(value)}`);
    }
    const body = form.querySelector("[data-body]");
    if (body) headers["Content-Type"] = form.querySelector("[data-media]").value;
    return {
      address: path + (query.length ? `?${query.join("&")}` : ""),
      options: { method: form.dataset.method, headers, body: body ? body.value : undefined },
    };
  };

  // A token that was typed makes the call a program's; else it is the login's, whose own token shows that it was meant.
  const asWhom = (headers) => {
    const who = document.querySelector("[data-who]");
    const token = who?.querySelector("[data-token]")?.value.trim();
    if (token) return { headers: { ...headers, Authorization: `Bearer ${token}` }, credentials: "omit" };
    const csrf = who?.dataset.csrf;
    return { headers: csrf ? { ...headers, "X-CSRF-Token": csrf } : headers, credentials: "same-origin" };
  };

  const pretty = (text, kind) => {
    if (!kind.includes("json")) return text;
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  };

  const fact = (facts, text, wrong) => {
    const span = document.createElement("span");
    span.textContent = text;
    span.classList.toggle("wrong", wrong);
    facts.append(span);
  };

  const send = async (form) => {
    const { address, options } = callOf(form);
    const answer = form.querySelector("[data-answer]");
    const facts = form.querySelector("[data-facts]");
    const shown = form.querySelector("[data-text]");
    form.querySelector("[data-sent]").textContent = `${options.method} ${address}`;
    const began = performance.now();
    facts.replaceChildren();
    try {
      const response = await fetch(address, { ...options, ...asWhom(options.headers) });
      const text = await response.text();
      const kind = response.headers.get("content-type") ?? "";
      fact(facts, `${response.status} ${response.statusText}`.trim(), !response.ok);
      fact(facts, `${(performance.now() - began).toFixed(0)} ms`, false);
      for (const name of ["content-range", "content-type"]) {
        const value = response.headers.get(name);
        if (value) fact(facts, name === "content-range" ? `rows ${value}` : value, false);
      }
      const body = text.length > most ? text : pretty(text, kind);
      shown.textContent = body.length > most ? `${body.slice(0, most)}\n… ${body.length - most} characters more` : body;
    } catch (error) {
      fact(facts, `not answered: ${error.message}`, true);
      shown.textContent = "";
    }
    shown.hidden = shown.textContent === "";
    answer.hidden = false;
  };

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-call]")) return;
    event.preventDefault();
    send(event.target);
  });

  // Another type of body brings its own example, unless something was written.
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-media]")) return;
    const options = [...event.target.options];
    const body = event.target.closest("form").querySelector("[data-body]");
    if (options.some((option) => option.dataset.example === body.value)) {
      body.value = options[event.target.selectedIndex].dataset.example;
    }
  });

  // A link to a call shows it open.
  const openTarget = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.matches("details")) target.open = true;
  };
  addEventListener("hashchange", openTarget);
  openTarget();

  // Opened calls put themselves into the address, so that it can be shared.
  document.addEventListener("toggle", (event) => {
    if (event.target.matches("details.call") && event.target.open) history.replaceState(null, "", `#${event.target.id}`);
  }, true);
})();
