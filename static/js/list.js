// Lists of numbers: ticks that survive paging, dialogs, and keys. Without it, the forms do.
"use strict";
{
  const KEPT = "ticked", bulk = byId("bulk");
  const boxes = () => [...document.querySelectorAll("input.tick")];
  const store = (text) => { try { sessionStorage.setItem(KEPT, text); } catch { /* for this page only */ } };
  let ticked = new Set(), asked = "";
  try { ticked = new Set(JSON.parse(sessionStorage.getItem(KEPT) || "[]")); } catch { /* none kept */ }
  if (document.currentScript.dataset.clear !== undefined) store("[]");

  // What is ticked, on this page and on others, as the bar and the boxes show it
  function show() {
    const every = byId("all"), here = boxes();
    if (every && asked === byId("query").value && bulk.dataset.all) every.checked = true;
    asked = byId("query").value;
    bulk.dataset.all = every?.checked ? "1" : "";
    for (const box of here) { box.checked = every.checked || ticked.has(box.value); box.disabled = every.checked; }
    const page = byId("tick-page");
    if (page) { page.checked = here.every((box) => box.checked); page.disabled = every.checked; }
    store(JSON.stringify([...ticked]));
    byId("ticked").value = [...ticked].join(" ");
    byId("ticked-words").textContent = every?.checked ? every.dataset.words : `${ticked.size.toLocaleString("en")} ticked`;
    bulk.classList.toggle("up", every?.checked || ticked.size > 0);
  }
  const tick = (box, on) => ticked[on ? "add" : "delete"](box.value);

  if (bulk) {
    document.addEventListener("change", ({ target }) => {
      if (target.id === "tick-page") boxes().forEach((box) => tick(box, target.checked));
      else if (target.matches("input.tick")) tick(target, target.checked);
      else if (target.id === "all") bulk.dataset.all = "";
      else return;
      show();
    });
    byId("untick").addEventListener("click", () => { ticked.clear(); if (byId("all")) byId("all").checked = false; bulk.dataset.all = ""; show(); });
    document.addEventListener("htmx:load", show);
    show();
  }

  // Dialogs: opened by a click; closed by their buttons, and when what they asked for is under way
  document.addEventListener("click", ({ target }) => {
    byId(target.closest("[data-opens]")?.dataset.opens)?.showModal();
    byId(target.closest("[data-closes]")?.dataset.closes)?.close();
  });
  document.body.addEventListener("changed", () => document.querySelectorAll("dialog[open]").forEach((d) => d.close()));

  function assign(row) {
    if (!bulk?.classList.contains("up")) return row?.querySelector("[data-opens='assign-dialog']")?.click();
    byId("bulk-assign").parentElement.open = true;
    byId("bulk-agent").focus();
  }
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), select, textarea, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const links = [...document.querySelectorAll("a.row-link")], rows = links.map((link) => link.closest("tr"));
    const at = rows.findIndex((row) => row.contains(document.activeElement)), row = rows[Math.max(at, 0)];
    const key = event.key;
    if (key === "j" || key === "k") links[Math.min(Math.max(at + (key === "j" ? 1 : -1), 0), links.length - 1)]?.focus();
    else if (key === "x") row?.querySelector(".tick")?.click();
    else if (key === "a") assign(row);
    else if (key === "o") links[at]?.click();
    else {
      const button = [...document.querySelectorAll("[data-key]")].find((e) => e.dataset.key === key && e.checkVisibility());
      if (!button) return;
      button.click();
    }
    event.preventDefault();
  });
}
