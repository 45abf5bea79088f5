"use strict";
// An open page stays true: it is fetched anew beside what is shown. When nobody answers, what is
// shown stays and says so, and goes on by itself. Buttons lose nothing either: what was not stored
// is said, and can be sent again.
const EVERY = 15000, TOLD = 60000, ANSWERS_IN = 10000, RETRY = 2000, RETRY_MOST = 30000, SLEPT = 5000;
const TYPED = "incident-manager-typed";
const root = document.documentElement;
const isLive = document.body.dataset.live !== undefined;
const isError = document.body.dataset.retry !== undefined;
let timer = 0, turn = 0, tries = 0;
let asking = false, sending = false;
let lostAt = null, later = null;

function make(name, kind, text) {
  const element = document.createElement(name);
  element.className = kind;
  element.textContent = text || "";
  return element;
}

// Above the page, and never replaced with it.
const notices = make("div", "notices"), lost = make("p", "lost"), unsent = make("section", "unsent");
for (const notice of [lost, unsent]) {
  notice.setAttribute("role", "alert");
  notice.hidden = true;
}
notices.append(lost, unsent);
document.querySelector(".top").after(notices);

function here() {
  const url = new URL(location.href);
  url.searchParams.delete("said");
  url.username = url.password = url.hash = "";
  return url;
}

// As AbortSignal.timeout, which older phones do not have.
function withinTime() {
  const control = new AbortController();
  setTimeout(() => control.abort(), ANSWERS_IN);
  return control.signal;
}

async function ask(url, more) {
  // The header keeps the service, and many a proxy, from asking for a name beside the page.
  const headers = { Accept: "text/html", "X-Requested-With": "XMLHttpRequest" };
  const answer = await fetch(url, {
    headers, cache: "no-store", credentials: "same-origin",
    signal: withinTime(), ...more,
  });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // A proxy may answer in the service's stead, with a page that is none of ours.
  return { answer, page, ours: page.documentElement.dataset.version !== undefined };
}

// What somebody has typed outlives every refresh, and so does where they are.
function fields() {
  const inputs = "main form input:not([type=hidden]):not([type=checkbox]), main form textarea, main form select";
  return [...document.querySelectorAll(inputs)];
}

function isChanged(field) {
  if (!field.options) return field.value !== field.defaultValue;
  return [...field.options].some((one) => one.selected !== one.defaultSelected);
}

function value(field) {
  return field.options ? [...field.selectedOptions].map((one) => one.value) : field.value;
}

function fill(field, kept) {
  if (!field.options) field.value = kept;
  else for (const one of field.options) one.selected = kept.includes(one.value);
}

function key(field) {
  return `${field.form.getAttribute("action")} ${field.name}`;
}

function typed() {
  return fields().filter(isChanged).map((field) => [key(field), value(field)]);
}

function retype(kept) {
  const known = new Map(kept);
  for (const field of fields()) if (known.has(key(field))) fill(field, known.get(key(field)));
}

// Also inside of what is folded up: nobody is to wonder where it is.
function unfold(kept) {
  const known = new Map(kept);
  for (const field of fields().filter((one) => known.has(key(one)))) {
    for (let one = field.closest("details"); one; one = one.parentElement.closest("details")) one.open = true;
  }
}

function isTyping() {
  const at = document.activeElement;
  return at !== null && at.matches("input:not([type=checkbox]), textarea, select");
}

function label(element) {
  const leads = element.getAttribute("formaction") || element.getAttribute("href")
    || element.form?.getAttribute("action") || "";
  return `${element.tagName} ${leads} ${element.textContent}`;
}

function twin(of) {
  const others = [...document.querySelectorAll("main a, main button, main summary")];
  return others.find((other) => label(other) === of);
}

function keepTyped() {
  try {
    sessionStorage.setItem(TYPED, JSON.stringify(typed()));
  } catch { /* Some browsers keep nothing. */ }
}

function reload() {
  keepTyped();
  location.reload();
}

// Rows that were ticked.
function ticks() {
  return [...document.querySelectorAll("[name=incident]:checked")].map((one) => one.value);
}

function tickAgain(kept) {
  const known = new Set(kept);
  for (const one of document.querySelectorAll("[name=incident]")) if (known.has(one.value)) one.checked = true;
}

// While somebody types, what they type in stays, and the rows are brought up to date beside it.
function putRows(page) {
  const kept = ticks();
  for (const fresh of page.querySelectorAll("#list .part")) {
    document.querySelector(`#list [data-part="${fresh.dataset.part}"]`)?.replaceWith(document.adoptNode(fresh));
  }
  for (const fresh of page.querySelectorAll("[data-count]")) {
    for (const one of document.querySelectorAll(`[data-count="${fresh.dataset.count}"]`)) one.textContent = fresh.textContent;
  }
  tickAgain(kept);
  afterPut();
}

function afterPut() {
  synchronize();
  document.dispatchEvent(new Event("incident-manager:put"));
}

// Each part that can be opened, by what its heading says beside times, which tick, and numbers.
function folds() {
  const found = new Map();
  for (const one of document.querySelectorAll("details")) {
    const heading = one.querySelector("summary")?.cloneNode(true) || make("span", "");
    heading.querySelectorAll("time, .count").forEach((part) => part.remove());
    const name = one.id || `${one.className} ${heading.textContent.trim()}`;
    let number = 0;
    while (found.has(`${name} ${number}`)) number += 1;
    found.set(`${name} ${number}`, one);
  }
  return found;
}

function put(page) {
  const ticked = ticks();
  const kept = typed(), focused = label(document.activeElement || document.body);
  const opened = new Map([...folds()].map(([name, one]) => [name, one.open]));
  document.title = page.title;
  // The head as well: somebody else may have logged in meanwhile, in another tab.
  for (const part of ["main", ".stamp", ".places", ".leave"]) {
    const [old, fresh] = [document.querySelector(part), page.querySelector(part)];
    if (old && fresh) old.replaceWith(document.adoptNode(fresh));
  }
  retype(kept);
  twin(focused)?.focus({ preventScroll: true });
  for (const [name, one] of folds()) {
    if (opened.has(name)) one.open = opened.get(name);
  }
  tickAgain(ticked);
  afterPut();
}

function found(page) {
  lostAt = null;
  tries = 0;
  lost.hidden = true;
  later = isTyping() ? page : null;
  if (later && page.documentElement.dataset.version === root.dataset.version) putRows(page.cloneNode(true));
  if (later) return;
  // Another release: its page may need its own script.
  if (isError || page.documentElement.dataset.version !== root.dataset.version) reload();
  else put(page);
}

function missed(words) {
  tries += 1;
  if (!isLive) return;
  if (lostAt === null) lostAt = serviceTime();
  lost.textContent = `Connection lost at ${formats.clock.format(lostAt)}: ${words}. Shown is the state `
    + `of ${formats.clock.format(stampedAt())}, only the clocks go on. Trying again by itself.`;
  lost.hidden = false;
}

// Where changes are told, the rest of the page (figures, problems) has time.
function unhurried() {
  return root.classList.contains("connected") ? TOLD : EVERY;
}

function next(pause) {
  clearTimeout(timer);
  timer = setTimeout(refresh, pause);
}

function words(page) {
  return (page.querySelector(".words")?.textContent || page.title).trim().replace(/\.$/, "");
}

async function refresh() {
  clearTimeout(timer);
  // While something is sent, its own answer is the next page, and says what became of it.
  if (asking || sending || document.hidden) return;
  asking = true;
  const mine = turn;
  try {
    const { answer, page, ours } = await ask(here(), { redirect: "manual" });
    if (mine !== turn) return;  // A button was pressed meanwhile: this may be older than that.
    // The session is over: whoever wants a name and a password asks for it on a page of its own.
    if (answer.status === 401 || answer.type === "opaqueredirect") reload();
    else if (ours && (answer.ok || answer.status === 404)) found(page);
    else if (ours) missed(words(page));
    else missed(`something else answers in its place (HTTP ${answer.status})`);
  } catch {
    missed("the service does not answer");
  } finally {
    asking = false;
    const pause = Math.min(RETRY_MOST, RETRY * 2 ** Math.max(0, tries - 1)) * (0.8 + Math.random() / 2.5);
    next(tries || isError ? pause : unhurried());
  }
}

function notStored(what, why, url, body) {
  const form = make("form", "act"), again = make("button", "primary", "Try again");
  const leave = make("button", "quiet", "Leave it");
  form.method = "post";
  form.action = url;
  for (const [name, value] of body) form.append(Object.assign(make("input"), { type: "hidden", name, value }));
  again.dataset.what = what;
  leave.type = "button";
  leave.addEventListener("click", () => { unsent.hidden = true; });
  form.append(again, leave);
  const said = `NOT stored: ${what}. ${why}. It is safe to try again.`;
  unsent.replaceChildren(make("p", "", said), form);
  unsent.hidden = false;
}

// The login is over: nothing was done, and what was typed is there again after the next one.
function loggedOut(what, login) {
  const way = Object.assign(make("a", "button", "Log in"), { href: login });
  way.addEventListener("click", keepTyped);
  const said = `NOT stored: ${what}. Your login is over. Log in, and do it again.`;
  unsent.replaceChildren(make("p", "", said), way);
  unsent.hidden = false;
}

// One after another: what is pressed while an answer is awaited is sent after it, and the same again
// once.
const asked = new Set();
let queue = Promise.resolve();

function send(what, form, url, body) {
  const name = `${url} ${body}`;
  if (asked.has(name)) return;
  asked.add(name);
  queue = queue.then(() => sendNow(what, form, url, body)).finally(() => asked.delete(name));
}

async function sendNow(what, form, url, body) {
  sending = true;
  turn += 1;
  root.classList.add("sending");
  try {
    const { answer, page, ours } = await ask(url, { method: "POST", body });
    const login = page.querySelector("[data-login]");
    if (ours && answer.status === 401 && login) {
      loggedOut(what, login.getAttribute("href"));
    } else if (!ours || !answer.ok) {
      notStored(what, ours ? words(page) : `Something else answers in its place (HTTP ${answer.status})`, url, body);
    } else if (new URL(answer.url).pathname !== location.pathname) {
      location.assign(answer.url);
    } else {
      unsent.hidden = true;
      form.reset();
      document.activeElement?.blur();
      found(await asChosen(page, answer.url));
    }
  } catch {
    notStored(what, "The service does not answer", url, body);
    missed("the service does not answer");
  } finally {
    sending = false;
    turn += 1;
    root.classList.remove("sending");
    if (isLive) next(tries ? RETRY : unhurried());
  }
}

// The answer is the whole list: with a part of it chosen, that part is shown again.
async function asChosen(page, url) {
  const chosen = here();
  if (!chosen.search) return page;
  chosen.searchParams.set("said", new URL(url).searchParams.get("said") || "");
  const narrowed = await ask(chosen);
  return narrowed.ours && narrowed.answer.ok ? narrowed.page : page;
}

document.addEventListener("submit", (event) => {
  const form = event.target, button = event.submitter;
  // Without a submitter (older phones) nobody knows which button it was: the browser does.
  if (event.defaultPrevented || form.method !== "post" || !button) return;
  event.preventDefault();
  const url = button.hasAttribute("formaction") ? button.formAction : form.action;
  const what = button.dataset.what || button.textContent;
  send(what, form, url, new URLSearchParams(new FormData(form, button)));
});

document.addEventListener("focusout", () => setTimeout(() => {
  if (later && !isTyping()) found(later);
}));

try {
  const kept = JSON.parse(sessionStorage.getItem(TYPED) || "[]");
  retype(kept);
  unfold(kept);
  sessionStorage.removeItem(TYPED);
} catch { /* As above. */ }
if (isLive || isError) {
  history.replaceState(null, "", here());
  document.addEventListener("visibilitychange", refresh);
  window.addEventListener("online", refresh);
  window.addEventListener("pageshow", (event) => { if (event.persisted) refresh(); });
  // A laptop that slept, or a clock that was set: what is shown is as old as that was long.
  let last = Date.now();
  setInterval(() => {
    if (Math.abs(Date.now() - last) > SLEPT) refresh();
    last = Date.now();
  }, 1000);
  next(isError ? RETRY : EVERY);
}
