// The palette: one field over everything, by Ctrl-K, and by "/" where the page has no search of its own.
// Without it, the top bar has a form that leads to the same as a page.
"use strict";
{
  const dialog = byId("palette"), field = byId("palette-q"), search = byId("search");
  const options = () => [...byId("palette-results").querySelectorAll("[role=option]")];
  const chosen = () => byId(field.getAttribute("aria-activedescendant"));

  function choose(option) {
    chosen()?.setAttribute("aria-selected", "false");
    field.removeAttribute("aria-activedescendant");
    if (!option) return;
    option.setAttribute("aria-selected", "true");
    field.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  function step(by) {
    const all = options(), at = all.indexOf(chosen());
    choose(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length]);
  }

  // What was found is about what stands in the field: not while an answer is under way
  const isCurrent = () => byId("palette-results").dataset.about === field.value.trim();

  function open() {
    if (!dialog.open) dialog.showModal();
    field.focus();
    field.select();
    htmx.trigger(field, "opened");
  }

  if (search) { // not on a page without a top bar
    if (/Mac|iPhone|iPad/.test(navigator.platform)) search.querySelector("kbd").textContent = "⌘K";
    search.addEventListener("click", open);
  }
  if (dialog) {
    document.addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      if (dialog.open) dialog.close();
      else open();
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") step(event.key === "ArrowDown" ? 1 : -1);
      else if (event.key === "Enter" && isCurrent() && chosen()) chosen().click();
      else if (event.key !== "Enter" || field.value.trim()) return; // the form goes where the text leads
      event.preventDefault();
    });
    dialog.addEventListener("htmx:afterSettle", () => {
      const all = options(), count = all.length;
      field.setAttribute("aria-expanded", String(count > 0));
      choose(field.value.trim() ? all[0] : null);
      byId("palette-said").textContent = count ? `${count} result${count === 1 ? "" : "s"}` : "Nothing found";
    });
    dialog.addEventListener("pointermove", ({ target }) => {
      const option = target.closest("[role=option]");
      if (option && option !== chosen()) choose(option);
    });
    dialog.addEventListener("click", ({ target }) => { if (target === dialog) dialog.close(); });
  }

  // Lines that are pasted become one: a search field would leave nothing between them
  document.addEventListener("paste", (event) => {
    const lines = event.clipboardData?.getData("text").trim().split(/[\r\n]+/) ?? [];
    if (!event.target.matches("#q, #palette-q") || lines.length < 2) return;
    event.preventDefault();
    event.target.setRangeText(lines.join(", "), event.target.selectionStart, event.target.selectionEnd, "end");
    event.target.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
