"use strict";
// Times appear in the reader's zone, and the page stays true while it is open; both are extras.
const FORMS = {
  full: { dateStyle: "medium", timeStyle: "short" },
  clock: { timeStyle: "short" },
};
const EVERY = 60000, RETRY = 5000, ANSWERS_IN = 10000;
const isError = document.body.dataset.retry !== undefined;

function localize() {
  document.querySelectorAll("time[data-show]").forEach((element) => {
    const at = new Date(element.dateTime);
    const from = new Date(element.dataset.from || 0);
    const form = from.toDateString() === at.toDateString() ? "clock" : element.dataset.show;
    element.title = element.textContent;
    element.textContent = new Intl.DateTimeFormat(undefined, FORMS[form]).format(at);
  });
}

// What is shown stays while nobody answers, and says that it may be old.
function missed() {
  const known = document.querySelector(".away");
  if (isError || known) return;
  const said = document.createElement("p");
  said.className = "stale away";
  said.setAttribute("role", "status");
  said.textContent = "This page cannot be brought up to date just now: what follows is what was "
    + "known when it was last. It tries again by itself.";
  document.querySelector("main").prepend(said);
}

async function refresh() {
  const control = new AbortController();
  setTimeout(() => control.abort(), ANSWERS_IN);
  try {
    const answer = await fetch(location.href, {
      headers: { Accept: "text/html" }, cache: "no-cache", signal: control.signal,
    });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    // A proxy may answer in its stead.
    if (!answer.ok || !page.querySelector("footer a[href$='.json']")) throw new Error("away");
    if (isError) location.reload();
    document.title = page.title;
    for (const part of ["main", "footer"]) {
      document.querySelector(part)?.replaceWith(document.adoptNode(page.querySelector(part)));
    }
    localize();
  } catch {
    missed();
  }
}

localize();
// Somebody who reads the history is not interrupted.
setInterval(() => {
  if (!document.hidden && !document.querySelector("details[open]")) refresh();
}, isError ? RETRY : EVERY);
