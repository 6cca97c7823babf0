// Small comforts. Every page works without them.
"use strict";
const root = document.documentElement;
const byId = (id) => document.getElementById(id);

function say(text) {
  const said = byId("said");
  if (text && said.textContent !== text) said.textContent = text;
}

// Times: from UTC to the reader's own clock. The exact UTC stays in the title.
function localTime(element) {
  const moment = new Date(element.dateTime), now = new Date();
  const clock = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const day = moment.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  if (moment.toDateString() === now.toDateString()) element.textContent = clock;
  else if (moment.getFullYear() === now.getFullYear()) element.textContent = `${day} ${clock.slice(0, 5)}`;
  else element.textContent = `${day} ${moment.getFullYear()}`;
}

// What a page or a swapped part needs once it is there.
function enhance(part) {
  part.querySelectorAll("time[datetime]").forEach(localTime);
  if (part.dataset?.say) say(part.dataset.say);
}

// Theme
byId("theme")?.removeAttribute("hidden");
byId("theme")?.addEventListener("click", () => {
  root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.bsTheme); } catch { /* private window: for this page only */ }
});

// "/" goes to the search field, "?" to the keys
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), select, textarea, dialog");
  if (!"/?".includes(event.key) || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  if (event.key === "?") byId("keys")?.showModal();
  else (byId("q") || byId("other") || byId("search"))?.focus();
});

// Dialogs: opened and closed by their buttons
document.addEventListener("click", (event) => {
  const opens = event.target.closest("[data-opens]"), dialog = byId(opens?.dataset.opens);
  if (dialog) { event.preventDefault(); dialog.showModal(); }
  byId(event.target.closest("[data-closes]")?.dataset.closes)?.close();
});

// Copy and dismiss
document.addEventListener("click", async (event) => {
  event.target.closest("[data-dismiss]")?.parentElement.remove();
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("copied");
    say(`Copied ${button.dataset.copy}`);
    setTimeout(() => button.classList.remove("copied"), 1500);
  } catch { say("The browser did not allow copying"); }
});

// The button of the purchase form says how many lines it is about
const review = document.querySelector("[data-counts]");
function count() {
  const lines = [...byId("rows").querySelectorAll("[name^=quantity]")].reduce((sum, field) => sum + Number(field.value), 0);
  review.textContent = lines > 0 ? `Review ${lines.toLocaleString("en")} line${lines === 1 ? "" : "s"}` : "Review order";
}
if (review) { for (const name of ["input", "htmx:load"]) document.addEventListener(name, count); count(); }

// Rows whose state has changed since the last answer light up for a moment; whoever was on something
// that a swap took away goes on at the part that was swapped, not at the top of the page
let states = new Map(), held = "";
const rows = () => document.querySelectorAll("[data-state]");
document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
  states = new Map([...rows()].map((row) => [row.id, row.dataset.state]));
  held = target.contains(document.activeElement) ? target.id : "";
});
document.addEventListener("htmx:afterSettle", () => {
  const part = document.activeElement === document.body && byId(held);
  if (part) { part.tabIndex = -1; part.focus({ preventScroll: true }); }
  for (const row of rows()) if (states.has(row.id) && states.get(row.id) !== row.dataset.state) row.classList.add("fresh");
});

// Say so when the server is away
const away = (hidden) => () => { byId("offline").hidden = hidden; };
for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) document.addEventListener(name, away(false));
document.addEventListener("htmx:beforeOnLoad", away(true)); // an error comes after it

document.addEventListener("htmx:load", (event) => enhance(event.target)); // the page itself first
setTimeout(() => say(byId("messages")?.innerText.trim()), 500); // what was there from the start is not read out otherwise
