// The wall: shows Grafana's pages of the wall by turns, and says how old what they show is.
// /wall?pages=plant,alarms,groups,values&seconds=20&points=12,15&language=zh
"use strict";

const PAGES = { plant: "ddms-wall", alarms: "ddms-wall-alarms", groups: "ddms-wall-groups", values: "ddms-wall-values" };
const TONGUES = JSON.parse(document.documentElement.dataset.tongues); // of each: its tag, and how the names of its dashboards end
const BARE = "kiosk&autofitpanels&theme=dark&_dash.hideTimePicker=true&_dash.hideVariables=true&_dash.hideLinks=true";
const LATE = 30, OLD = 120; // seconds, as the page of the plant has it
const ASK = 5000, ANSWER = 8000, FRAME_HOURS = 1;

const wanted = new URLSearchParams(location.search);
const names = (wanted.get("pages") || "").split(",").filter((name) => name in PAGES);
const pages = names.length ? names : Object.keys(PAGES);
const seconds = Math.max(5, Number(wanted.get("seconds")) || 20);
const began = performance.now();

let tongue = null;
let frames = [];
let shown = 0;
let known = null; // { age, at }: how old the newest reading was, and when we heard it
let empty = false;
let trouble = null; // why we know nothing newer
let slow = false; // whether the last question had no answer in time

const now = () => performance.now() / 1000;

function address(page) {
  const points = (wanted.get("points") || "").split(",").filter((one) => /^\d+$/.test(one));
  const chosen = page === "values" ? points.map((one) => `&var-points=${one}`).join("") : "";
  return `/grafana/d/${PAGES[page]}${TONGUES[tongue][1]}?${BARE}&refresh=10s${chosen}`;
}

async function ask(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(ANSWER) });
  const text = await answer.text();
  try {
    return [answer.status, JSON.parse(text)];
  } catch {
    return [answer.status, {}];
  }
}

function signIn() {
  location.replace(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}

// What keeps the pages from being what is; null when nothing does.
async function look() {
  try {
    const [, health] = await ask("/health");
    if (!("database" in health)) return "starting";
    if (health.database !== "ok") return "database";
    empty = health.readingAge === null;
    if (!empty) known = { age: health.readingAge, at: now() };
    const [status] = await ask("/grafana/api/health");
    if (status === 401) signIn();
    slow = false;
    return status === 200 ? null : "grafana";
  } catch (error) {
    const first = error.name === "TimeoutError" && !slow; // once is a busy machine; the age goes on counting
    slow = error.name === "TimeoutError";
    return first ? trouble : "unreached";
  }
}

function length(age) {
  const whole = Math.max(0, Math.floor(age));
  if (whole < 100) return `${whole} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours} h ${String(minutes).padStart(2, "0")} min` : `${minutes} min`;
}

function tell() {
  const age = known ? known.age + now() - known.at : now() - began / 1000;
  const state = trouble || (!document.querySelector("h1").textContent ? "waiting" : empty ? "empty" : age > OLD ? "old" : age > LATE ? "late" : "fresh");
  document.body.dataset.state = state;
  document.body.classList.toggle("stale", trouble !== null || state === "old");
  for (const each of document.querySelectorAll("p span")) {
    each.style.display = each.dataset.state === state && each.lang === document.documentElement.lang ? "inline" : "none";
    const told = each.querySelector("b");
    if (told) told.textContent = length(age);
  }
  document.querySelector("time").textContent = new Date().toLocaleTimeString("en-GB");
  const title = frames.length && titleOf(frames[shown]);
  if (title) document.querySelector("h1").textContent = title;
}

// Grafana's title of a page that has come: the dashboard's, its folder, "Dashboards", its name. Before that it has the last two.
function titleOf(frame) {
  const parts = ((frame.contentDocument && frame.contentDocument.title) || "").split(" - ");
  return parts.length > 3 ? parts[0] : "";
}

function load(frame) {
  frame.dataset.loaded = String(now());
  frame.src = address(frame.dataset.page);
}

// One after the other, the one that is seen first: four at once would be slow on what hangs on walls.
function loadAll() {
  const ordered = [...frames.slice(shown), ...frames.slice(0, shown)];
  ordered.forEach((frame, number) => {
    frame.dataset.loaded = String(now());
    setTimeout(() => load(frame), number * 3000);
  });
}

function show(number) {
  frames[shown].classList.remove("shown");
  shown = number;
  frames[shown].classList.add("shown");
  tell();
}

// A page that is broken, or old in the browser's memory, is loaded anew while nobody sees it.
function turn() {
  if (trouble) return;
  const next = (shown + 1) % frames.length;
  const before = frames[shown];
  if (next !== shown && titleOf(frames[next])) show(next);
  for (const frame of frames) {
    const isOld = now() - frame.dataset.loaded > FRAME_HOURS * 3600;
    const isBroken = !titleOf(frame) && now() - frame.dataset.loaded > 30;
    if (isBroken || (isOld && (frame === before || frames.length === 1))) load(frame);
  }
}

function knows(name) {
  const code = name.split("-")[0].toLowerCase();
  return code in TONGUES ? code : null;
}

async function speak() {
  const asked = wanted.get("language");
  if (asked in TONGUES) return asked;
  const [status, answer] = await ask(`/graphql?query=${encodeURIComponent("{ me { language } }")}`);
  if (status === 401) signIn();
  const own = answer.data && answer.data.me && answer.data.me.language;
  return knows(own || navigator.language) || "en";
}

async function begin() {
  tongue = await speak();
  document.documentElement.lang = TONGUES[tongue][0];
  for (const page of pages) {
    const frame = document.createElement("iframe");
    frame.dataset.page = page;
    frame.title = page;
    document.querySelector("main").append(frame);
    frames.push(frame);
  }
  loadAll();
  show(0);
  setInterval(turn, seconds * 1000);
}

async function watch() {
  const before = trouble;
  trouble = await look();
  if (!trouble && !tongue) await begin().catch(() => (trouble = "starting"));
  else if (!trouble && before) loadAll(); // whatever they met meanwhile
  tell();
  setTimeout(watch, ASK);
}

document.documentElement.lang = TONGUES[navigator.languages.map(knows).find(Boolean) || "en"][0];
setInterval(tell, 1000);
setTimeout(function again() {
  if (trouble) setTimeout(again, 60000);
  else location.reload(); // once a day: what was updated meanwhile
}, 86400000);
if (navigator.wakeLock) navigator.wakeLock.request("screen").catch(() => {});
watch();
