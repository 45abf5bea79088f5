"use strict";
// Times appear in the reader's zone, and the page stays true while it is open; both are extras.
const FORMS = {
  full: { dateStyle: "medium", timeStyle: "short" },
  clock: { timeStyle: "short" },
};

document.querySelectorAll("time[data-show]").forEach((element) => {
  const at = new Date(element.dateTime);
  const from = new Date(element.dataset.from || 0);
  const form = from.toDateString() === at.toDateString() ? "clock" : element.dataset.show;
  element.title = element.textContent;
  element.textContent = new Intl.DateTimeFormat(undefined, FORMS[form]).format(at);
});

// Somebody who reads the history is not interrupted.
setInterval(() => {
  if (!document.hidden && !document.querySelector("details[open]")) location.reload();
}, 60000);
