// Lists of numbers: ticks that survive paging, dialogs, and keys. Without it, the forms do.
"use strict";
{
  const bulk = byId("bulk"), boxes = () => [...document.querySelectorAll("input.tick")];
  const store = (ticks) => { try { sessionStorage.setItem("ticked", JSON.stringify([...ticks])); } catch { /* for this page only */ } };
  let ticked = new Set(), all = null; // `all` is the query whose every match is chosen
  if (document.currentScript.dataset.clear !== undefined) store([]);
  try { ticked = new Set(JSON.parse(sessionStorage.getItem("ticked"))); } catch { /* none kept */ }

  // What is ticked, on this page and on others, as the boxes and the bar show it
  function show() {
    const every = byId("all"), page = byId("tick-page"), chosen = every !== null && all === byId("query").value;
    for (const box of boxes()) { box.checked = chosen || ticked.has(box.value); box.disabled = chosen; }
    if (page) { page.checked = boxes().every((box) => box.checked); page.disabled = chosen; every.checked = chosen; }
    store(ticked);
    byId("ticked").value = [...ticked].join(" ");
    byId("ticked-words").textContent = chosen ? every.dataset.words : `${ticked.size.toLocaleString("en")} ticked`;
    bulk.classList.toggle("up", chosen || ticked.size > 0);
  }
  if (bulk) {
    document.addEventListener("change", ({ target }) => {
      if (target.id === "all") all = target.checked ? byId("query").value : null;
      for (const box of target.id === "tick-page" ? boxes() : [target]) {
        if (box.matches("input.tick")) ticked[target.checked ? "add" : "delete"](box.value);
      }
      show();
    });
    byId("untick").addEventListener("click", () => { ticked.clear(); all = null; show(); });
    document.addEventListener("htmx:load", show);
    show();
  }

  document.body.addEventListener("changed", () => byId("assign-dialog")?.close()); // what it asked for is under way

  document.addEventListener("keydown", (event) => {
    const { key, target } = event, links = [...document.querySelectorAll("a.row-link")];
    if (target.closest("input:not([type=checkbox]), select, textarea, dialog") || event.ctrlKey || event.metaKey || event.altKey || "/?".includes(key)) return;
    const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement)), row = links[Math.max(at, 0)]?.closest("tr");
    if (key === "a" && bulk?.classList.contains("up")) { byId("bulk-assign").parentElement.open = true; byId("bulk-agent").focus(); }
    else if (key === "j" || key === "k") links[Math.min(Math.max(at + (key === "j" ? 1 : -1), 0), links.length - 1)]?.focus();
    else {
      const there = { x: row?.querySelector(".tick"), a: row?.querySelector("[data-opens]"), o: links[at] };
      const button = there[key] || [...document.querySelectorAll("[data-key]")].find((e) => e.dataset.key === key && e.checkVisibility());
      if (!button) return;
      button.click();
    }
    event.preventDefault();
  });
}
