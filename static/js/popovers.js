// Esc closes what is open and gives the focus back to what opened it. Dialogs do so natively.
"use strict";
{
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    const menus = [...document.querySelectorAll("details.menu[open]")];
    const menu = menus.find((one) => one.contains(document.activeElement)) ?? menus.at(-1);
    if (!menu) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // it means the menu, and not what is selected beneath
    menu.open = false;
    menu.querySelector("summary").focus();
  }, true);

  // What opened a dialog may have been swapped meanwhile: the focus goes to what stands in its place
  let opener = null;
  document.addEventListener("focusin", ({ target }) => { if (!target.closest("dialog")) opener = target; });
  document.addEventListener("focusout", ({ relatedTarget }) => { if (!relatedTarget && document.hasFocus()) opener = null; });
  document.addEventListener("close", () => {
    if (document.activeElement !== document.body || !opener) return;
    const row = opener.closest("[data-number]")?.dataset.number, id = opener.id;
    (opener.isConnected ? opener : byId(id) ?? document.querySelector(`[data-number="${row}"] .row-link`))?.focus();
  }, true);
}
