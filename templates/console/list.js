"use strict";
// The list stays true by itself: rows that change are told (server-sent events) and put in their
// place; nothing else moves, so that focus, ticks and what is typed stay. While no event comes, the
// whole page is asked for as on every other page (live.js).
const SILENT = 25000, UNDO = 10000, HIDDEN_FOR = 60000;
const body = document.body;
const isWall = body.classList.contains("wall");
let source = null, heardAt = 0, hiddenAt = 0, position = "", waitsToLook = 0;

function listing() {
  return document.querySelector("#list");
}

function isPlain() {
  const list = listing();
  return list !== null && list.dataset.events !== undefined;
}

function disconnect() {
  if (source) source.close();
  source = null;
  root.classList.remove("connected");
}

function connect() {
  disconnect();
  if (!isPlain() || !window.EventSource) return;
  position = listing().dataset.position || position;
  const from = position ? `&from=${encodeURIComponent(position)}` : "";
  source = new EventSource(listing().dataset.events + from);
  heardAt = Date.now();
  for (const [name, does] of [["rows", told], ["anew", lookAgain], ["beat", () => {}]]) {
    source.addEventListener(name, (event) => heard(event, does));
  }
  source.addEventListener("error", () => {
    // A stream ends now and then by itself: it is there again at once, and tells what was missed.
    if (source && source.readyState === EventSource.CLOSED) cut();
    else setTimeout(() => { if (source && source.readyState !== EventSource.OPEN) cut(); }, 3000);
  });
}

// live.js asks for the page then, and says since when nobody answers.
function cut() {
  disconnect();
  refresh();
}

function heard(event, does) {
  heardAt = Date.now();
  position = event.lastEventId || position;
  root.classList.add("connected");
  const said = JSON.parse(event.data);
  const stamp = document.querySelector(".stamp time");
  if (stamp && said.at) stamp.dateTime = said.at;
  lostAt = null;
  tries = 0;
  lost.hidden = true;
  does(said);
  synchronize();
}

// More changed than is told one by one, or it is not known what: not all tabs ask at once.
function lookAgain(most) {
  if (waitsToLook) return;
  const pause = Math.random() * (typeof most === "number" ? most : 1500);
  waitsToLook = setTimeout(() => { waitsToLook = 0; refresh(); }, pause);
}

function parsed(html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  return made.content.firstElementChild;
}

function told(said) {
  const list = listing();
  if (!list || !said.rows.length) return;
  if (list.dataset.coarse !== undefined || !list.querySelector("article")) {
    count(said.counts || {});
    lookAgain(300);
    return;
  }
  for (const row of said.rows) placeRow(list, row);
  count(said.counts || {});
  if (!list.querySelector("article")) lookAgain(300);
  for (const part of list.querySelectorAll(".part")) {
    const empty = part.querySelector(".empty");
    if (empty && part.querySelector("article")) empty.remove();
  }
}

function placeRow(list, row) {
  const old = document.getElementById(`i-${row.id}`);
  const fresh = row.html ? parsed(row.html) : null;
  const part = fresh && (list.querySelector(`[data-part="${fresh.dataset.section}"]`)
    || list.querySelector("[data-part=list]"));
  const grouped = list.dataset.grouped !== undefined;
  if (!fresh) {
    if (old) takeOut(old);
    return;
  }
  if (!part || (grouped && !old)) {
    if (!old || grouped) lookAgain();
    return;
  }
  const stays = old && old.parentElement.closest(".part") === part
    && (grouped || old.dataset.order === fresh.dataset.order);
  if (stays) {
    swap(old, fresh);
    return;
  }
  const rows = part.querySelector(".rows");
  if (!rows) {
    lookAgain();
    return;
  }
  const next = [...rows.children].find((one) => one !== old && one.dataset.order > fresh.dataset.order);
  // What comes after the last row of a page that is not the last belongs to the next page.
  if (!next && part.dataset.more !== undefined) {
    if (old) takeOut(old);
    return;
  }
  if (!old && !body.dataset.quiet) alarm(fresh);
  if (old) swap(old, fresh);
  rows.insertBefore(old ? document.getElementById(fresh.id) : fresh, next || null);
  fresh.classList.add("fresh");
}

// The tick, the focus and the place on the screen stay where they were.
function swap(old, fresh) {
  const focused = old.contains(document.activeElement) ? label(document.activeElement) : null;
  const wasTicked = old.querySelector("[name=incident]")?.checked;
  const onTick = document.activeElement === old.querySelector("[name=incident]");
  const tickOf = fresh.querySelector("[name=incident]");
  if (tickOf) tickOf.checked = Boolean(wasTicked);
  if (old.classList.contains("current")) fresh.classList.add("current");
  old.replaceWith(fresh);
  if (focused === null) return;
  const again = onTick ? tickOf
    : [...fresh.querySelectorAll("a, button")].find((one) => label(one) === focused);
  (again || fresh.querySelector("a"))?.focus({ preventScroll: true });
}

function takeOut(row) {
  const held = row.contains(document.activeElement);
  const neighbour = row.nextElementSibling || row.previousElementSibling;
  row.remove();
  if (held) (neighbour?.querySelector("a") || document.querySelector("#open"))?.focus({ preventScroll: true });
}

function count(numbers) {
  for (const [name, number] of Object.entries(numbers)) {
    for (const one of document.querySelectorAll(`[data-count="${name}"]`)) {
      if (one.textContent !== String(number)) one.textContent = number;
    }
  }
  entitle();
}

// Title and icon say how many nobody has answered.
function entitle() {
  const free = Number(listing()?.dataset.free ?? document.querySelector("[data-count=triggered]")?.textContent ?? 0);
  const shown = document.querySelector("[data-count=triggered]");
  const number = shown ? Number(shown.textContent) : free;
  document.title = `${number ? `(${number}) ` : ""}${document.querySelector("#open")?.textContent.trim() || ""} incidents`;
  const icon = document.querySelector("link[rel=icon]");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const pen = canvas.getContext("2d");
  if (!pen || !icon) return;
  icon.dataset.plain ??= icon.href;
  if (!number) {
    icon.href = icon.dataset.plain;
    return;
  }
  pen.fillStyle = "#b3261e";
  pen.beginPath();
  pen.arc(32, 32, 32, 0, 7);
  pen.fill();
  pen.fillStyle = "#fff";
  pen.font = `bold ${number > 99 ? 28 : 40}px sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(number > 999 ? "1k+" : String(number), 32, 35);
  icon.href = canvas.toDataURL();
}

// Sound and notice, for whoever asked for them in this browser.
const WANTS = "incident-manager-alarm";
let audio = null;

function wantsAlarm() {
  try {
    return localStorage.getItem(WANTS) === "1";
  } catch {
    return false;
  }
}

function beep() {
  try {
    audio ??= new AudioContext();
    const tone = audio.createOscillator(), loud = audio.createGain();
    tone.frequency.value = 880;
    loud.gain.setValueAtTime(0.2, audio.currentTime);
    loud.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.6);
    tone.connect(loud).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.6);
  } catch { /* There is no sound here. */ }
}

function alarm(row) {
  if (row.dataset.section !== "triggered") return;
  announce(`New: ${row.querySelector(".priority").textContent} ${row.querySelector("h2").textContent.trim()}`);
  if (!wantsAlarm()) return;
  beep();
  if (window.Notification?.permission === "granted") {
    const notice = new Notification(`${row.querySelector(".priority").textContent} ${row.querySelector("h2").textContent.trim()}`, { tag: row.id });
    notice.addEventListener("click", () => { window.focus(); row.querySelector("h2 a").focus(); });
  }
}

const spoken = make("p", "unseen");
spoken.setAttribute("role", "status");
notices.append(spoken);

function announce(words) {
  spoken.textContent = words;
}

const bell = make("button", "bell");
bell.type = "button";

function showBell() {
  const on = wantsAlarm();
  bell.setAttribute("aria-pressed", String(on));
  bell.textContent = on ? "Sound and notices: on" : "Sound and notices: off";
}

bell.addEventListener("click", async () => {
  const on = !wantsAlarm();
  try {
    localStorage.setItem(WANTS, on ? "1" : "0");
  } catch { /* Some browsers keep nothing. */ }
  if (on) beep();
  if (on && window.Notification?.permission === "default") await Notification.requestPermission();
  showBell();
});
showBell();
document.querySelector(".top .stamp").before(bell);

// Many at once: sent after a while in which it can be undone. Whoever leaves the page has meant it.
const undo = make("p", "undo"), undoWords = make("span", ""), undoButton = make("button", "", "Undo");
const nowButton = make("button", "", "Do it now");
undo.hidden = true;
undo.setAttribute("role", "status");
undoButton.type = nowButton.type = "button";
undo.append(undoWords, undoButton, nowButton);
notices.append(undo);
let held = null;

function hold(button, form) {
  if (held) release();
  const ticked = [...form.querySelectorAll("[name=incident]:checked")];
  if (!ticked.length) {
    announce("Nothing is ticked.");
    undoWords.textContent = "Nothing is ticked.";
    undoButton.hidden = nowButton.hidden = true;
    undo.hidden = false;
    setTimeout(() => { if (!held) undo.hidden = true; }, 3000);
    return;
  }
  const until = Date.now() + UNDO;
  held = {
    what: `${button.dataset.bulk} ${ticked.length}`, url: button.formAction, form,
    body: new URLSearchParams(new FormData(form, button)),
  };
  undoButton.hidden = nowButton.hidden = false;
  undo.hidden = false;
  const say = () => {
    const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    undoWords.textContent = `${held.what} in ${left} s.`;
    if (!left) release();
  };
  held.timer = setInterval(() => { if (held) say(); }, 250);
  say();
  undoButton.focus();
}

function drop() {
  if (!held) return null;
  clearInterval(held.timer);
  const was = held;
  held = null;
  undo.hidden = true;
  return was;
}

function release() {
  const was = drop();
  if (was) send(was.what, was.form, was.url, was.body);
}

undoButton.addEventListener("click", () => {
  const was = drop();
  if (was) announce(`Undone: ${was.what}. Nothing was sent.`);
  document.querySelector("#list [name=incident]:checked")?.focus();
});
nowButton.addEventListener("click", release);
window.addEventListener("pagehide", () => {
  const was = drop();
  if (was) fetch(was.url, { method: "POST", body: was.body, keepalive: true, credentials: "same-origin" });
});
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || button.dataset.bulk === undefined) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  hold(button, event.target);
}, true);

// Keys, for whoever does this all day.
const KEYS = [
  ["j / k", "next and previous row"], ["o or Enter", "open the row"], ["x", "tick the row"],
  ["a", "acknowledge what is ticked, else the row"], ["r", "resolve it, the same way"],
  ["u", "undo what waits"], ["*", "tick all rows, or none"], ["/", "find"], ["?", "this list"], ["Esc", "close"],
];
const help = document.createElement("dialog");
help.setAttribute("aria-labelledby", "keys");
const keysTitle = make("h2", "", "Keys"), table = make("dl", "");
keysTitle.id = "keys";
for (const [keys, words] of KEYS) table.append(make("dt", "", keys), make("dd", "", words));
const closes = make("button", "", "Close");
closes.addEventListener("click", () => help.close());
help.append(keysTitle, table, closes);
body.append(help);
const asksHelp = make("button", "bell", "Keys: ?");
asksHelp.type = "button";
asksHelp.addEventListener("click", () => help.showModal());
bell.after(asksHelp);

function rowsShown() {
  return [...document.querySelectorAll("#list article")];
}

function goTo(row) {
  for (const one of document.querySelectorAll(".row.current")) one.classList.remove("current");
  if (!row) return;
  row.classList.add("current");
  row.querySelector("h2 a").focus();
  row.scrollIntoView({ block: "nearest" });
}

function currentRow() {
  return document.activeElement?.closest("#list article") || document.querySelector("#list .current");
}

function act(name) {
  const ticked = document.querySelector("#list [name=incident]:checked");
  const where = ticked ? ".bar" : null;
  const button = where
    ? document.querySelector(`${where} [formaction$="/bulk/${name}"]`)
    : currentRow()?.querySelector(`[formaction$="/${name}"]`);
  button?.click();
}

const DOES = {
  j: () => { const all = rowsShown(); goTo(all[Math.min(all.length - 1, all.indexOf(currentRow()) + 1)]); },
  k: () => { const all = rowsShown(); goTo(all[Math.max(0, all.indexOf(currentRow()) - 1)]); },
  o: () => currentRow()?.querySelector("h2 a").click(),
  x: () => currentRow()?.querySelector("[name=incident]")?.click(),
  a: () => act("acknowledge"),
  r: () => act("resolve"),
  u: () => { if (held) undoButton.click(); },
  "*": () => {
    const all = [...document.querySelectorAll("#list [name=incident]")], every = all.every((one) => one.checked);
    for (const one of all) one.checked = !every;
  },
  "/": () => document.querySelector(".find [name=text]")?.focus(),
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open || question.open || isEditing()) return;
  const does = DOES[event.key];
  if (!does) return;
  event.preventDefault();
  does();
});

function isEditing() {
  const at = document.activeElement;
  return at !== null && at.matches("input:not([type=checkbox]), textarea, select");
}

// A tab that nobody looks at holds no connection, unless it is to ring: browsers have six a host.
document.addEventListener("visibilitychange", () => {
  hiddenAt = document.hidden ? Date.now() : 0;
  if (!document.hidden && !source) connect();
});
window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
setInterval(() => {
  if (source && Date.now() - heardAt > SILENT) cut();
  if (source && hiddenAt && Date.now() - hiddenAt > HIDDEN_FOR && !wantsAlarm() && !isWall) disconnect();
}, 1000);
// live.js tells when a page was put in the place of the one before.
document.addEventListener("incident-manager:put", () => { entitle(); if (!source && !document.hidden) connect(); });
entitle();
connect();
