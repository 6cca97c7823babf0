// Lists of numbers: ticks that survive paging, dialogs, and keys. Without it, the forms do.
"use strict";
{
  const bulk = byId("bulk"), boxes = () => [...document.querySelectorAll("input.tick")];
  let stored = null;
  const store = (ticks) => {
    const text = JSON.stringify([...ticks]);
    if (text !== stored) try { sessionStorage.setItem("ticked", stored = text); } catch { /* for this page only */ }
  };
  let ticked = new Set(), all = null, asked = null; // for which list it is known what is not in it; `all` is the query whose every match is chosen
  if (document.currentScript.dataset.clear !== undefined) store([]);
  try { ticked = new Set(JSON.parse(sessionStorage.getItem("ticked"))); } catch { /* none kept */ }

  // What is ticked, on this page and on others, as the boxes and the bar show it
  function show(ready = true) {
    const every = byId("all"), page = byId("tick-page"), chosen = every !== null && all === byId("query").value;
    for (const box of boxes()) { box.checked = chosen || ticked.has(box.value); box.disabled = chosen; }
    if (page) { page.checked = boxes().every((box) => box.checked); page.disabled = chosen; every.checked = chosen; }
    store(ticked);
    byId("ticked").value = [...ticked].join(" ");
    byId("ticked-words").textContent = chosen ? every.dataset.words : `${ticked.size.toLocaleString("en")} selected`;
    bulk.classList.toggle("up", boxes().length > 0 && (chosen || ticked.size > 0));
    const about = byId("query").value;
    if (!ticked.size || chosen) byId("outside").textContent = asked = "";
    else if (ready && about !== asked && bulk.classList.contains("up")) { asked = about; htmx.trigger("#outside", "ticked"); }
  }
  if (bulk) {
    document.addEventListener("change", ({ target }) => {
      if (target.id === "all") all = target.checked ? byId("query").value : null;
      for (const box of target.id === "tick-page" ? boxes() : [target]) {
        if (box.matches("input.tick")) ticked[target.checked ? "add" : "delete"](box.value);
      }
      show();
    });
    // Shift and a click: everything between the last box and this one. The change that follows shows it.
    let last = null;
    document.addEventListener("click", ({ target, shiftKey }) => {
      if (!target.matches("input.tick")) return;
      const every = boxes(), ends = [every.findIndex((box) => box.value === last), every.indexOf(target)].sort((a, b) => a - b);
      if (shiftKey && ends[0] >= 0) for (const box of every.slice(ends[0], ends[1] + 1)) ticked[target.checked ? "add" : "delete"](box.value);
      last = target.value;
    });
    for (const menu of bulk.querySelectorAll("details")) {
      menu.addEventListener("toggle", () => { if (menu.open) menu.querySelector("input")?.focus(); });
    }
    byId("untick").addEventListener("click", () => { ticked.clear(); all = null; show(); });
    document.addEventListener("htmx:load", () => show());
    show(false); // before htmx knows what to ask
  }

  // htmx sends two events to each element that it takes away: rows are a thousand, and it has set up none of them
  document.addEventListener("htmx:beforeSwap", ({ detail: { target, shouldSwap } }) => {
    if (shouldSwap && target.id === "number-rows") target.querySelector("tbody")?.remove();
  });

  document.body.addEventListener("changed", () => byId("assign-dialog")?.close()); // what it asked for is under way

  // One copy button serves all rows: it stands at the number that the pointer or the focus is on
  const copy = document.createElement("button");
  Object.assign(copy, { type: "button", className: "copy i-copy" });
  copy.dataset.keep = ""; // whatever the row becomes
  function offerCopy({ target }) {
    const row = target.closest?.("#number-rows tr[data-number]"), link = row?.querySelector(".row-link");
    if (!link || copy.previousElementSibling === link || document.activeElement === copy) return;
    copy.dataset.copy = row.dataset.number;
    copy.title = `Copy ${row.dataset.number}`;
    copy.setAttribute("aria-label", `Copy ${link.textContent}`);
    link.after(copy);
  }
  for (const name of ["pointerover", "focusin"]) document.addEventListener(name, offerCopy);

  // Who answers: one handler for the links of all rows
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.edit"), dialog = byId("assign-dialog");
    if (!link || !dialog || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    dialog.dataset.about = link.closest("tr")?.dataset.number;
    dialog.showModal();
    htmx.ajax("GET", link.href, { source: dialog, target: "#assign", swap: "outerHTML" });
  });

  document.addEventListener("keydown", (event) => {
    const { key, target } = event, links = [...document.querySelectorAll("a.row-link")];
    if (target.closest("input:not([type=checkbox]), select, textarea, dialog") || event.ctrlKey || event.metaKey || event.altKey || "/?".includes(key)) return;
    const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement)), row = links[Math.max(at, 0)]?.closest("tr");
    if (key === "a" && bulk?.classList.contains("up")) { byId("bulk-assign").parentElement.open = true; byId("bulk-agent").focus(); }
    else if (key === "j" || key === "k") links[Math.min(Math.max(at + (key === "j" ? 1 : -1), 0), links.length - 1)]?.focus();
    else {
      const there = { x: row?.querySelector(".tick"), a: row?.querySelector(".edit"), o: links[at] };
      const button = there[key] || [...document.querySelectorAll("[data-key]")].find((e) => e.dataset.key === key && e.checkVisibility());
      if (!button) return;
      button.click();
    }
    event.preventDefault();
  });
}
