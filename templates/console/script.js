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
  const away = (at - now) / 1000;
  if (element.dataset.show === "clock") element.textContent = at.toLocaleTimeString();
  else if (element.dataset.show === "full") element.textContent = at.toLocaleString();
  else if (element.dataset.show === "for") element.textContent = length(-away);
  else if (element.dataset.show === "ago") element.textContent = length(-away) + " ago";
  else {
    element.textContent = away > 0 ? "in " + length(away) : length(-away) + " ago";
    if (away <= 0 && !element.closest(".snoozed")) element.closest(".clock").classList.add("overdue");
  }
  element.title = at.toLocaleString();
}

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
  // Two clocks: one goes on while the machine sleeps, the other one whatever somebody sets.
  const age = Math.max(now - stampedAt(), performance.now() - shownAt) / 1000;
  const live = document.body.dataset.live !== undefined;
  document.documentElement.classList.toggle("aged", live && age > AGED);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-confirm]");
  if (button && !window.confirm(button.dataset.confirm)) event.preventDefault();
});

synchronize();
setInterval(tick, 1000);
