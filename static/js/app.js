// Small comforts. Every page works without them.
"use strict";
const root = document.documentElement;
const byId = (id) => document.getElementById(id);

function say(text) {
  const said = byId("said");
  if (text && said.textContent !== text) said.textContent = text;
}

// Times: from UTC to the reader's own clock. The exact UTC stays in the title. Without a formatter, since a
// list has hundreds of them.
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (number) => String(number).padStart(2, "0");
function localTimes(part) {
  const today = new Date().toDateString(), year = new Date().getFullYear();
  for (const element of part.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime), day = `${MONTHS[moment.getMonth()]} ${moment.getDate()}`;
    const clock = `${two(moment.getHours())}:${two(moment.getMinutes())}`;
    if (moment.toDateString() === today) element.textContent = `today ${clock}`;
    else element.textContent = `${day}, ${moment.getFullYear() === year ? clock : moment.getFullYear()}`;
  }
}

// Countdowns, and how long something takes: from the seconds that the server saw, so a wrong clock here doesn't matter.
const until = (seconds) => seconds <= 0 ? "now" : seconds < 100 ? `in ${seconds} s`
  : seconds < 5400 ? `in ${Math.round(seconds / 60)} min` : `in ${Math.round(seconds / 3600)} h`;
function countDown(part) {
  for (const element of part.querySelectorAll("[data-in]")) {
    element.end ??= performance.now() + element.dataset.in * 1000;
    element.textContent = until(Math.ceil((element.end - performance.now()) / 1000));
  }
  for (const element of part.querySelectorAll("[data-for]")) {
    element.start ??= performance.now() - element.dataset.for * 1000;
    element.textContent = until(Math.max(1, Math.round((performance.now() - element.start) / 1000))).replace("in", "for");
  }
}
setInterval(countDown, 1000, document);

// What a page or a swapped part needs once it is there.
function enhance(part) {
  localTimes(part);
  countDown(part);
  if (part.dataset?.say) say(part.dataset.say);
}

// Theme
byId("theme")?.removeAttribute("hidden");
byId("theme")?.addEventListener("click", () => {
  root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.bsTheme); } catch { /* private window: for this page only */ }
});

// "/" goes to the page's own search field, or else opens the palette; "?" shows the keys
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), select, textarea, dialog");
  if (!"/?".includes(event.key) || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  if (event.key === "?") byId("keys")?.showModal();
  else if (byId("q") || byId("other")) (byId("q") || byId("other")).focus();
  else byId("search")?.click();
});

// What was changed just now, and the way back: for ten seconds, by its button or "u"
const toast = byId("toast");
let back = "", hides;
document.addEventListener("told", ({ detail: { text, undo } }) => {
  back = undo;
  toast.firstElementChild.textContent = text;
  toast.lastElementChild.hidden = !undo;
  toast.hidden = false;
  say(text);
  clearTimeout(hides);
  hides = setTimeout(() => { toast.hidden = true; }, 10_000);
});
toast?.lastElementChild.addEventListener("click", () => {
  toast.hidden = true;
  htmx.ajax("POST", back, { source: document.body, swap: "none" });
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "u" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), select, textarea, dialog")) return;
  [...document.querySelectorAll("[data-undo]")].find((button) => button.checkVisibility())?.click();
});

// Dialogs: opened and closed by their buttons
document.addEventListener("click", (event) => {
  const opens = event.target.closest("[data-opens]"), dialog = byId(opens?.dataset.opens);
  if (dialog) { event.preventDefault(); dialog.showModal(); }
  byId(event.target.closest("[data-closes]")?.dataset.closes)?.close();
});

// Copy and dismiss
const bought = ({ lines }) => lines.map(({ number }) => number).filter(Boolean); // of a receipt
document.addEventListener("click", async (event) => {
  event.target.closest("[data-dismiss]")?.parentElement.remove();
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button) return;
  const { copy, copyFrom } = button.dataset;
  try {
    // A promise: some browsers let nothing be copied once a click has to wait for an answer
    const texts = copyFrom ? fetch(copyFrom).then((answer) => answer.json()).then(bought) : Promise.resolve([copy]);
    const blob = texts.then((all) => new Blob([all.join("\n")], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    const { length, 0: first } = await texts;
    button.classList.add("copied");
    say(length > 1 ? `Copied ${length} numbers` : `Copied ${first}`);
    setTimeout(() => button.classList.remove("copied"), 1500);
  } catch { say("The browser blocked copying"); }
});

// The button of the purchase form says how many lines it is about
const review = document.querySelector("[data-counts]");
const whole = (text) => Number(/^\d+$/.test(text) ? text : NaN); // 1,000 and 10.0 are whole, too
function count() {
  const fields = [...byId("rows").querySelectorAll("[name^=quantity]")];
  const lines = fields.reduce((sum, { value }) => sum + whole(value.trim().replace(/,(?=\d{3})/g, "").replace(/[.,]0+$/, "")), 0);
  review.textContent = lines > 0 ? `Review ${lines.toLocaleString("en")} line${lines === 1 ? "" : "s"}` : "Review order";
}
if (review) { for (const name of ["input", "htmx:load"]) document.addEventListener(name, count); count(); }

// The rows after one, then those before it: where a person continues when the row has left the list
function beside(row) {
  const all = row ? [...row.parentElement.children] : [], at = all.indexOf(row);
  return [...all.slice(at + 1), ...all.slice(0, Math.max(at, 0)).reverse()];
}

// Rows whose state has changed since the last answer light up for a moment. Whoever was on a row stays on it,
// and a person who was on something that a swap took away continues at the part that was swapped, not at the top
const rows = () => document.querySelectorAll("[data-state]");
const keyOf = (row) => row?.dataset.number ?? row?.id;
let states = new Map(), held = [];
document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
  const active = document.activeElement, row = active.closest("[data-number]");
  states = new Map([...rows()].map((row) => [keyOf(row), row.dataset.state]));
  held = target.contains(active) ? [active.id && `#${active.id}`, ...[row, ...beside(row)].map((one) => one?.dataset.number && `[data-number="${one.dataset.number}"] .row-link`), `#${target.id}`] : [];
  if (active.matches("a") && held.length) active.blur(); // else the browser lays out both tables when the old one goes
});
document.addEventListener("htmx:afterSettle", () => {
  if (document.activeElement === document.body && held.length) {
    const next = held.map((selector) => selector && document.querySelector(selector)).find(Boolean);
    if (next?.matches("section, div, form")) next.tabIndex = -1;
    next?.focus({ preventScroll: true });
  }
  for (const row of rows()) {
    if (states.has(keyOf(row)) && states.get(keyOf(row)) !== row.dataset.state) row.classList.add("fresh");
  }
});

// Say so when the server is away
const away = (hidden) => () => { byId("offline").hidden = hidden; };
for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) document.addEventListener(name, away(false));
document.addEventListener("htmx:beforeOnLoad", away(true)); // an error comes after it

document.addEventListener("htmx:load", (event) => enhance(event.target)); // the page itself first
setTimeout(() => say(byId("messages")?.innerText.trim()), 500); // what was there from the start is not read out otherwise
