"use strict";
// Views that somebody keeps in this browser: a name, and what the list was asked for. The address
// is what is shared; without a script a bookmark is as good.
const VIEWS = "incident-manager-views", VIEWS_MOST = 20, VIEW_NAME_MOST = 60;

function savedViews() {
  try {
    const found = JSON.parse(localStorage.getItem(VIEWS) || "[]");
    return found.filter((one) => typeof one.name === "string" && typeof one.query === "string");
  } catch {
    return [];
  }
}

function saveViews(views) {
  try {
    localStorage.setItem(VIEWS, JSON.stringify(views));
  } catch {
    window.alert("This browser lets nothing be kept: save the address as a bookmark.");
  }
  showViews();
}

function viewHere() {
  const query = new URLSearchParams(location.search);
  for (const name of ["said", "cursor"]) query.delete(name);
  return query.toString();
}

function viewLink(view) {
  const item = make("span", ""), link = make("a", "", view.name);
  link.href = `${location.pathname}?${view.query}`;
  if (view.query === viewHere()) link.setAttribute("aria-current", "page");
  const forget = make("button", "", "×");
  forget.type = "button";
  forget.title = `Forget the view ${view.name}`;
  forget.setAttribute("aria-label", forget.title);
  forget.addEventListener("click", () => saveViews(savedViews().filter((one) => one.name !== view.name)));
  item.append(link, " ", forget);
  return item;
}

function saveView() {
  const views = savedViews(), query = viewHere();
  const known = views.find((one) => one.query === query);
  const name = (window.prompt("Name of this view", known ? known.name : "") || "").trim().slice(0, VIEW_NAME_MOST);
  if (!name) return;
  const others = views.filter((one) => one.name !== name && one.query !== query);
  if (others.length >= VIEWS_MOST) window.alert(`${VIEWS_MOST} views are kept: forget one first.`);
  else saveViews([...others, { name, query }]);
}

function showViews() {
  document.querySelector(".views")?.remove();
  const states = document.querySelector(".states");
  if (!states) return;
  const nav = make("nav", "states views"), button = make("button", "save-view", "Save this view");
  nav.setAttribute("aria-label", "Saved views");
  button.type = "button";
  button.addEventListener("click", saveView);
  nav.append(...savedViews().map(viewLink), button);
  states.after(nav);
}

document.addEventListener("incident-manager:put", showViews);
// Another tab saved one.
window.addEventListener("storage", (event) => { if (event.key === VIEWS) showViews(); });
showViews();
