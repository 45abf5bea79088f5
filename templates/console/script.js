"use strict";
// Clocks tick and times appear in the reader's zone; the page works without any of it.
const UNITS = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
// Seconds after which what is shown may well have changed: three refreshes.
const AGED = 45;

function length(seconds) {
  const parts = [];
  let rest = Math.max(0, Math.round(seconds));
  for (const [size, unit] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count || (unit === "s" && !parts.length)) parts.push(count + unit);
  }
  return parts.slice(0, 2).join(" ");
}

function show(element, now) {
  if (element.dataset.show === "length") {
    element.textContent = length(Number(element.value));
    return;
  }
  const at = new Date(element.dateTime);
  if (isNaN(at)) return;
  const away = (at - now) / 1000, kind = element.dataset.show;
  if (kind === "clock" || kind === "full") element.textContent = formats[kind].format(at);
  else if (kind === "for") element.textContent = length(-away);
  else if (kind === "ago") element.textContent = away > 0 ? "in " + length(away) : length(-away) + " ago";
  else {
    element.textContent = away > 0 ? "in " + length(away) : length(-away) + " ago";
    if (away <= 0 && !element.closest(".snoozed")) element.closest(".clock").classList.add("overdue");
  }
  const seen = zone + element.dateTime;
  if (titled.get(element) !== seen) {
    titled.set(element, seen);
    const universal = at.toISOString().slice(0, 19).replace("T", " ");
    element.title = formats.title.format(at) + (zone === "UTC" ? "" : ` (${universal} UTC)`);
  }
}

// One setting for all pages of this browser: the reader's zone, or UTC as logs have it.
const ZONE = "incident-manager-zone";
const titled = new WeakMap();
let zone = "", formats = {};

function setZone(name) {
  zone = name;
  const own = name ? { timeZone: name } : {};
  const made = (style) => new Intl.DateTimeFormat([], { ...style, ...own });
  formats = {
    clock: made({ timeStyle: "medium" }),
    full: made({ dateStyle: "short", timeStyle: "medium" }),
    title: made({ dateStyle: "medium", timeStyle: "long" }),
    zone: made({ timeZoneName: "short" }),
  };
}

// A browser may let nothing be kept.
try { setZone(localStorage.getItem(ZONE) === "UTC" ? "UTC" : ""); } catch { setZone(""); }

const zoneButton = document.createElement("button");
zoneButton.type = "button";
zoneButton.className = "zone";

function showZone() {
  const stamp = document.querySelector(".stamp");
  if (!stamp) return;
  // Beside the stamp, which is replaced as the page is asked for anew.
  if (!zoneButton.isConnected) stamp.after(zoneButton);
  const parts = formats.zone.formatToParts(stampedAt());
  const name = parts.find((part) => part.type === "timeZoneName").value;
  if (zoneButton.textContent !== name) zoneButton.textContent = name;
  zoneButton.title = zone ? "Show times in your own zone" : "Show times in UTC";
}

zoneButton.addEventListener("click", () => {
  setZone(zone ? "" : "UTC");
  try { localStorage.setItem(ZONE, zone); } catch { /* It holds for this page. */ }
  tick();
});

// The service's clock counts, not that of a phone which may be wrong.
let ahead = 0;
let shownAt = 0;

function stampedAt() {
  const stamp = document.querySelector("[data-show=clock]");
  return stamp ? new Date(stamp.dateTime) : serviceTime();
}

function serviceTime() {
  return new Date(Date.now() + ahead);
}

function synchronize() {
  ahead = stampedAt() - Date.now();
  shownAt = performance.now();
  tick();
}

function tick() {
  const now = serviceTime();
  document.querySelectorAll("[data-show]").forEach((element) => show(element, now));
  showZone();
  // Two clocks: one goes on while the machine sleeps, the other one whatever somebody sets.
  const age = Math.max(now - stampedAt(), performance.now() - shownAt) / 1000;
  const live = document.body.dataset.live !== undefined;
  document.documentElement.classList.toggle("aged", live && age > AGED);
}

// What ends something is asked once more, with No as what Enter presses.
const question = document.createElement("dialog"), asks = document.createElement("p");
const answers = document.createElement("div"), no = document.createElement("button"), yes = document.createElement("button");
let wanted = null;
asks.id = "asks";
question.setAttribute("aria-labelledby", "asks");
answers.className = "act";
no.className = "primary";
no.textContent = "No";
no.type = yes.type = "button";
answers.append(no, yes);
question.append(asks, answers);
document.body.append(question);

// Of one name there may be several, such as Resolve of each row; and the page may be another by now.
function meant(button) {
  const place = button.closest("details[id], form[id]:not(#list)")?.id || "";
  const leads = button.getAttribute("formaction") || button.form?.getAttribute("action");
  // The episode that was seen as well: what fires anew meanwhile is another one.
  const episode = button.value || button.form?.querySelector("[name=episode]")?.value;
  return [place, leads, button.textContent, episode, button.dataset.confirm].join(" ");
}

no.addEventListener("click", () => question.close());
yes.addEventListener("click", () => {
  const button = [...document.querySelectorAll("[data-confirm]")].find((one) => meant(one) === wanted);
  if (button && button.form && !button.disabled) {
    question.close();
    button.form.requestSubmit(button);
    return;
  }
  asks.textContent = "The page has changed meanwhile: look at it, and do it again.";
  yes.hidden = true;
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-confirm]");
  if (!button) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!button.form.reportValidity()) return;
  wanted = meant(button);
  asks.textContent = button.dataset.confirm;
  yes.textContent = button.textContent;
  yes.hidden = false;
  question.showModal();
  no.focus();
}, true);

synchronize();
setInterval(tick, 1000);
