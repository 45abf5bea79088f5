"use strict";
// The page of one incident: keys and copies. live.js keeps the page true by putting another in its
// place, so nothing here holds an element of it.
const says = make("p", "said copied");
says.setAttribute("role", "status");
says.hidden = true;
notices.after(says);
let hushes = 0;

function tell(words) {
  says.textContent = words;
  says.hidden = false;
  clearTimeout(hushes);
  hushes = setTimeout(() => { says.hidden = true; }, 4000);
}

// Copies: without a clipboard (plain http of another machine, older browsers) the links lead there.
async function copy(kind, url) {
  if (kind === "link") return navigator.clipboard.writeText(url);
  const answer = await fetch(url, { cache: "no-store", credentials: "same-origin" });
  if (!answer.ok) throw new Error(answer.statusText);
  return navigator.clipboard.writeText(await answer.text());
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-copy]");
  if (!link || !navigator.clipboard || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const { href, textContent } = link;
  copy(link.dataset.copy, href).then(() => tell(`Copied: ${textContent}.`), () => location.assign(href));
});

// Keys, for whoever does this all day.
const KEYS = [
  ["a", "acknowledge"], ["r", "resolve: asks first"], ["n", "write a note"], ["s", "snooze"],
  ["g", "assign"], ["e", "escalate"], ["p", "change the priority"], ["m", "merge"],
  ["b", "runbook"], ["l", "alerts"], ["t", "timeline"], ["c", "copy the link"], ["d", "copy as Markdown"],
  ["u", "up to the list"], ["?", "this list"], ["Esc", "close"],
];
const help = document.createElement("dialog"), keysTitle = make("h2", "", "Keys");
const table = make("dl", ""), closes = make("button", "", "Close");
help.setAttribute("aria-labelledby", "keys");
keysTitle.id = "keys";
for (const [keys, words] of KEYS) table.append(make("dt", "", keys), make("dd", "", words));
closes.addEventListener("click", () => help.close());
help.append(keysTitle, table, closes);
document.body.append(help);

function press(selector) {
  document.querySelector(selector)?.click();
}

function form(name) {
  const details = document.querySelector(`#do-${name}`);
  if (!details) return tell("That is not to be done with it now.");
  for (let one = details; one; one = one.parentElement.closest("details")) one.open = true;
  details.scrollIntoView({ block: "center" });
  (details.querySelector("textarea, select, input:not([type=hidden])") || details.querySelector("button")).focus();
}

function go(id) {
  const place = document.getElementById(id);
  if (!place) return;
  place.scrollIntoView({ block: "start" });
  place.tabIndex = -1;
  place.focus({ preventScroll: true });
}

const DOES = {
  a: () => press("#card button.primary"),
  r: () => press("#card [formaction$='/resolve']"),
  n: () => form("note"), s: () => form("snooze"), g: () => form("assign"),
  e: () => form("escalate"), p: () => form("priority"), m: () => form("merge"),
  b: () => go("book"), l: () => go("alerts"), t: () => go("timeline"),
  c: () => press("[data-copy=link]"), d: () => press("[data-copy=text]"),
  u: () => press(".brand"), "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (help.open || question.open || isTyping()) return;
  const does = DOES[event.key];
  if (!does) return;
  event.preventDefault();
  does();
});

function offerHelp() {
  const place = document.querySelector(".copies");
  if (!place || place.querySelector(".bell")) return;
  const button = make("button", "bell", "Keys: ?");
  button.type = "button";
  button.addEventListener("click", () => help.showModal());
  place.append(button);
}

// Where somebody is in the runbook outlives every refresh.
let readTo = 0;
document.addEventListener("scroll", (event) => {
  if (event.target.id === "runbook-text") readTo = event.target.scrollTop;
}, true);
document.addEventListener("incident-manager:put", () => {
  offerHelp();
  const book = document.getElementById("runbook-text");
  if (book) book.scrollTop = readTo;
});
offerHelp();
