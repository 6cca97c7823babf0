// One poll a page: it asks at its own address, every few seconds, for what has changed since. What comes is merged
// into what is there, so that focus, selection, typing, open menus and the scroll position stay.
"use strict";
{
  const PARTS = ["side", "gate-pill", "bell", "strip", "main"];
  const SAME = "[data-same]"; // a row that came without what is in it, as it is here already
  const KEEP = "[data-keep], dialog, script"; // a script here fills these
  const PACE = 2000, MOVING = 1000, SLOWEST = 60_000, PATIENCE = 10_000, QUIET = 10_000; // milliseconds
  const pill = byId("held"), polls = "seen" in document.body.dataset;
  let seen = document.body.dataset.seen, news = null, timer, asking = false, ended = false, failures = 0, swaps = 0;
  const mine = new Set(); // the numbers that were changed in this tab
  let forced, held, touched, words, made, toSay, saying, saidAt = -QUIET; // of a merge; what is to be read out

  // What makes a row the same one before and after; where several have the same, they are counted
  function names(nodes) {
    const count = new Map();
    return nodes.map((node) => {
      const name = node.nodeType === 1 && (node.id || node.dataset.number || node.dataset.item
        || (node.matches("tr, li") && node.querySelector("a[href]")?.getAttribute("href")));
      if (!name) return "";
      count.set(name, (count.get(name) ?? 0) + 1);
      return `${name} ${count.get(name)}`;
    });
  }

  // A form that somebody has begun to fill in stays as it is, with what it knows of the time before
  function begun(form) {
    return [...form.elements].some((field) => {
      if (field.matches(".at-tick input, button, fieldset, [type=hidden]")) return false;
      if (field.matches("[type=checkbox], [type=radio]")) return field.checked !== field.defaultChecked;
      if (field === document.activeElement) return true;
      if (!field.options) return field.value !== field.defaultValue;
      return field.options.length > 0 && !([...field.options].find((option) => option.defaultSelected) ?? field.options[0]).selected;
    });
  }

  // Each returns whether what people see of `old` has changed, now that it is as `want`
  function merge(old, want) {
    if (old.nodeType !== 1) {
      const changed = old.data.trim() !== want.data.trim();
      if (changed) old.data = want.data;
      return changed;
    }
    if (want.matches(SAME) || old.matches(KEEP) || old.name === "csrfmiddlewaretoken" || (old.matches("form") && begun(old))) return false;
    const changed = mergeAttributes(old, want);
    if (want.matches("[data-in], [data-for]")) Object.assign(old, { end: undefined, start: undefined, textContent: want.textContent });
    else if (!old.matches("textarea") && mergeChildren(old, want)) return true;
    return changed && !old.matches("input, select, option, [data-in], [data-for]");
  }

  function mergeAttributes(old, want) {
    const all = new Set([...old.getAttributeNames(), ...want.getAttributeNames()].filter((name) => name !== "open" && name !== "tabindex"));
    let changed = false;
    for (const name of all) {
      let is = old.getAttribute(name);
      const wanted = want.getAttribute(name);
      if (name === "class") is = is?.replace(/\b(fresh|copied|htmx-\w+)\b/g, "").trim() || null;
      if (is === (wanted?.trim() ?? null) || is === wanted) continue;
      if (wanted === null) old.removeAttribute(name);
      else old.setAttribute(name, wanted);
      if (name === "data-say") words = wanted;
      if (name !== "data-sum") changed = true;
    }
    return changed;
  }

  function mergeChildren(old, want) {
    const ours = (node) => node.nodeType === 1 && node.matches("[data-keep]");
    const left = (node) => ours(node) || (node.nodeType === 3 && /^\s*\n\s*$/.test(node.data)); // swaps leave lines between parts
    const there = [...old.childNodes].filter((node) => !left(node)), known = names(there);
    const wanted = [...want.childNodes].filter((node) => !left(node)), named = names(wanted);
    const byName = new Map(there.map((node, n) => [known[n], node]));
    let from = 0;
    const pairs = wanted.map((node, n) => {
      if (named[n]) return byName.get(named[n]);
      const at = there.findIndex((one, m) => m >= from && !known[m] && one.nodeName === node.nodeName && one.classList?.[0] === node.classList?.[0]);
      if (at >= 0) from = at + 1;
      return there[at];
    });
    const rows = old.matches("tbody, ul") && known.some(Boolean), kept = new Set(pairs);
    let changed = false;
    const touch = (node) => {
      if (node.nodeType !== 1 && !node.data.trim()) return;
      changed = true;
      if (!rows || node.nodeType !== 1) return;
      touched += 1;
      node.classList.add("fresh");
    };
    pairs.forEach((same, n) => { if (same && merge(same, wanted[n])) touch(same); });
    if (rows && known.filter(Boolean).join() !== named.filter(Boolean).join()) {
      // Rows neither come nor go under the pointer, the focus or an open menu, except those that leave by what one did oneself
      const gone = there.filter((node, n) => known[n] && !named.includes(known[n])), own = gone.length > 0 && gone.every((node) => mine.has(node.dataset.number));
      if (!forced && (old.querySelector("details[open]") || (!own && old.matches(":hover, :focus-within")))) {
        held += Math.max(1, gone.length, named.filter((name) => !byName.has(name)).length);
        return changed;
      }
    }
    for (const node of there) if (!kept.has(node)) { touch(node); node.remove(); }
    let next = old.firstChild;
    pairs.forEach((same, n) => {
      while (next && left(next)) next = next.nextSibling;
      if (same && same === next) { next = next.nextSibling; return; }
      if (!same && wanted[n].nodeType === 1 && wanted[n].matches(SAME)) { seen = ""; return; } // not here yet: ask for all of it
      const node = same ?? document.importNode(wanted[n], true);
      old.insertBefore(node, next);
      if (!same) { made.push(node); touch(node); }
    });
    return changed;
  }

  // Of a whole page, what changes on it; else just what came
  const parts = () => (news.getElementById("main") ? PARTS.map((id) => news.getElementById(id)).filter(Boolean) : [...news.body.children]);

  function show(force = false) {
    [forced, held, touched, words, made] = [force, 0, 0, "", []];
    const active = document.activeElement, around = [], rows = beside(active?.closest("tr, li"));
    for (let outer = active?.parentElement; outer; outer = outer.parentElement) around.push(outer);
    for (const want of parts()) if (byId(want.id)) merge(byId(want.id), want);
    for (const row of news.querySelectorAll("[data-rows] tr")) {
      const old = byId(row.id);
      if (!old) seen = ""; // not here yet: ask for all of it
      else if (merge(old, row)) { touched += 1; old.classList.add("fresh"); }
    }
    if (news.title) document.title = news.title;
    pill.hidden = !held;
    pill.textContent = held === 1 ? "1 change: show" : `${held} changes: show`;
    for (const node of made) if (node.nodeType === 1) htmx.process(node);
    if (news.querySelector("#main, [data-rows]")) byId("main").dispatchEvent(new CustomEvent("htmx:load", { bubbles: true }));
    if (!held) news = null;
    if (around.length > 1 && document.activeElement === document.body) { // what had the focus is gone: stay in its row, or near it
      const near = around.find((outer) => outer.isConnected), row = near.closest("tr") ?? rows.find((one) => one.isConnected);
      const next = active.isConnected ? active : row?.querySelector("a") ?? near;
      if (next === near) next.tabIndex = -1;
      next.focus({ preventScroll: true });
    }
    if (touched) speak(words || (touched === 1 ? "1 row changed" : `${touched} rows changed`));
  }

  // A sentence now and then, not one for each change
  function speak(text) {
    toSay = text;
    saying ??= setTimeout(() => { saying = undefined; saidAt = performance.now(); say(toSay); }, saidAt + QUIET - performance.now());
  }

  async function poll() {
    if (!polls || asking || ended) return;
    asking = true;
    clearTimeout(timer);
    const place = location.href, before = swaps;
    try {
      const held = [...document.querySelectorAll("[data-sum]")].map((part) => part.dataset.sum).join();
      const answer = await fetch(place, { headers: { "X-Seen": seen, "X-Held": held }, redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      ended = answer.type === "opaqueredirect" || (answer.status >= 400 && answer.status < 500);
      if (!ended && !answer.ok) throw new Error(`${answer.status}`);
      const text = answer.status === 200 ? await answer.text() : "";
      failures = 0;
      byId("offline").hidden = true;
      if (!ended && place === location.href && before === swaps) {
        seen = answer.headers.get("X-Seen") ?? seen;
        if (text) news = new DOMParser().parseFromString(text, "text/html");
        for (const part of text ? parts() : []) { localTimes(part); countDown(part); }
      }
    } catch {
      failures += 1;
      byId("offline").hidden = false;
    }
    asking = false;
    byId("ended").hidden = !ended;
    if (news && !ended) show();
    soon();
  }

  function soon() {
    clearTimeout(timer);
    const pace = document.querySelector("[data-moving]") ? MOVING : PACE;
    if (!document.hidden && !ended) timer = setTimeout(poll, Math.min(pace * 2 ** failures, SLOWEST));
  }

  // What htmx has put in is newer than what was seen, and perhaps of another address
  document.addEventListener("htmx:afterSwap", () => {
    swaps += 1;
    seen = news ? "" : seen?.replace(/[^!]*$/, "");
    news = null;
    pill.hidden = true;
  });
  document.addEventListener("animationend", ({ target }) => target.closest(".fresh")?.classList.remove("fresh"));
  document.addEventListener("visibilitychange", () => { clearTimeout(timer); if (!document.hidden) poll(); });
  document.addEventListener("told", () => { mine.add(byId("assign-dialog")?.dataset.about ?? ""); poll(); }); // of a change made here: counts follow at once
  pill.addEventListener("click", () => { show(true); if (!seen) poll(); });
  if (polls) soon();
}
