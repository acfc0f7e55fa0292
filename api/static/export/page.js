"use strict";
// Fills the form from the page's address, asks what the export would be, and lets the browser download it by itself:
// the address that it opens is a link that is good once and for a minute, so that no history and no log holds the token.
const page = document.querySelector("#export");
const kept = "ddms-export-token";
const preview = document.querySelector("#preview");
const refused = document.querySelector("#refused");
const download = document.querySelector("#download");
let token = sessionStorage.getItem(kept);
let points = [];
let asked = 0;

// A browser that is signed in proves by this cookie, which other sites cannot read, that our own page asks.
const csrf = () => document.cookie.match(/(?:^|; )__Host-ddms_csrf=([0-9a-f]+)/)?.[1];
const proof = () => (token ? { Authorization: `Bearer ${token}` } : csrf() ? { "X-CSRF-Token": csrf() } : {});
const field = (name) => page.elements[name];
// A sentence of the API, with the number by which whoever runs DDMS finds what happened.
const sentence = (error) => {
  const number = error.reference || error.extensions?.reference;
  return error.message + (number ? ` [${number}]` : "");
};
const says = document.querySelector("#says").dataset;
const put = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
function tell(text, wrong = false) {
  preview.textContent = page.inert ? "" : text;
  refused.textContent = page.inert ? text : "";
  preview.classList.toggle("wrong", wrong);
}

async function graphql(query, variables = {}) {
  const headers = { "Content-Type": "application/json", ...proof() };
  const response = await fetch("graphql", { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const answer = await response.json();
  if (answer.errors) throw Object.assign(new Error(answer.errors[0].message), answer.errors[0].extensions);
  return answer.data;
}

function choose(given) {
  token = given;
  if (given) sessionStorage.setItem(kept, given); else sessionStorage.removeItem(kept);
  return greet();
}

async function greet() {
  let me = null;
  try { me = (token || csrf()) && (await graphql("{ me { name } }")).me; } catch (error) {
    if (error.code !== "UNAUTHENTICATED") { tell(sentence(error), true); return; }
    token = null;
    sessionStorage.removeItem(kept);
    tell(sentence(error), true);
  }
  document.querySelector("#sign-in").hidden = Boolean(me);
  document.querySelector("#signed-in").hidden = !me;
  document.querySelector("#sign-out").hidden = !token;
  document.querySelector("#leave").hidden = Boolean(token);
  document.querySelector("#who").textContent = me ? me.name : "";
  page.inert = !me;
  if (!me) { download.disabled = true; return; }
  await offerNames();
  await ask();
}

function offer(list, values) {
  document.querySelector(list).replaceChildren(...values.map((value) => Object.assign(document.createElement("option"), { value })));
}

async function offerNames() {
  const text = field("device").value;
  const data = await graphql("query ($text: String) { groups(first: 100) { nodes { name } } devices(first: 100, text: $text) { nodes { name } } }",
    { text: /^dev_\d+$/.test(text) ? null : text || null });
  offer("#groups", data.groups.nodes.map((group) => group.name));
  offer("#devices", data.devices.nodes.map((device) => device.name));
  if (points.length && points.length <= 100) {
    const found = (await graphql("query ($ids: [ID!]) { points(ids: $ids, first: 100) { nodes { key unit device { name } } } }", { ids: points })).points.nodes;
    document.querySelector("#points ul").replaceChildren(...found.map((point) =>
      Object.assign(document.createElement("li"), { textContent: `${point.device.name} / ${point.key} ${point.unit}` })));
  }
}

// What of the choices of values is of the site's calendar, and what files are called in the form and to the API.
const CALENDARS = ["hour", "shift", "day", "week", "month", "quarter", "year", "fiscal_quarter", "fiscal_year"];
const CARRIED = ["key", "measure", "over", "percentile", "state", "times", "language"];
const FILES = { xlsx: "xlsx", parquet: "parquet", arrow: "arrow" };

function parameters() {
  const given = new URLSearchParams();
  for (const [name, value] of new FormData(page)) if (value) given.append(name, value);
  const file = given.get("dialect");
  given.set("format", FILES[file] || "csv");
  if (FILES[file]) given.delete("dialect");
  if (file === "comma") { given.set("dialect", "spreadsheet"); given.set("decimal", "comma"); }
  if (FILES[file] || file === "comma") given.delete("delimiter");
  if (!(given.get("shape") === "wide" && given.get("level") === "raw")) given.delete("step");
  const level = given.get("level");
  if (level === "raw" || CALENDARS.includes(level)) given.delete("origin");
  if (/^P/.test(level)) { given.set("bucket", level); given.delete("level"); }
  if (CALENDARS.includes(level)) { given.set("calendar", level); given.delete("level"); }
  return given;
}

function adapt() {
  const level = field("level").value, wide = field("shape").value === "wide", file = field("dialect").value;
  document.querySelector('[data-only="wide raw"]').hidden = !(level === "raw" && wide);
  document.querySelector('[data-only="buckets"]').hidden = level === "raw" || CALENDARS.includes(level);
  document.querySelector('[data-only="csv"]').hidden = !["spreadsheet", "standard"].includes(file);
}

async function ask() {
  adapt();
  const mine = ++asked;
  download.disabled = true;
  const given = parameters();
  if (!["device", "group", "point", "key"].some((name) => given.has(name))) { tell(says.choose); return false; }
  tell("…");
  given.set("preview", "1");
  try {
    const response = await fetch("export", { method: "POST", headers: proof(), body: given });
    const answer = await response.json();
    if (mine !== asked) return false;
    if (answer.errors) {
      tell(sentence(answer.errors[0]), true);
      if (response.status === 401) await choose(null);
      return false;
    }
    const size = answer.rows * (given.get("shape") === "wide" ? 22 + 7 * answer.points : 70);
    const rows = answer.rows.toLocaleString(document.documentElement.lang);
    tell([put(says.about, { file: answer.filename, rows, points: answer.points }) + (given.get("format") === "csv" ? ` (${readable(size)}).` : "."),
      given.get("dialect") === "spreadsheet" && answer.rows > 1048575 && says.large, !answer.rows && says.nothing].filter(Boolean).join(" "));
    download.disabled = false;
    return true;
  } catch (error) {
    if (mine === asked) tell(put(says.unreached, { why: error.message }), true);
    return false;
  }
}

const readable = (bytes) => {
  const units = ["B", "kB", "MB", "GB"];
  let place = 0;
  while (bytes >= 1000 && place < 3) { bytes /= 1000; place += 1; }
  return `${bytes.toPrecision(2).replace(/e\+\d+/, "") * 1} ${units[place]}`;
};

// Puts in what the page's address says; a list that lacks it gets it, so that nothing else is downloaded than was asked for.
function enter(name, value) {
  const list = field(name);
  if (list.options && ![...list.options].some((option) => option.value === value)) list.add(new Option(value, value));
  list.value = value;
}

function fill() {
  const given = new URLSearchParams(location.search);
  document.querySelector("#sign-in a").search = `?next=${encodeURIComponent("/export" + location.search)}`;
  offer("#zones", Intl.supportedValuesOf ? ["UTC", ...Intl.supportedValuesOf("timeZone")] : ["UTC"]);
  field("timezone").value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  for (const name of ["device", "group", "from", "to", "timezone", "level", "origin", "shape", "step", "dialect", "delimiter"]) {
    const value = given.get(name);
    if (value && value !== "browser") enter(name, value);
  }
  const buckets = given.get("calendar") || given.get("bucket");
  if (buckets) enter("level", buckets);
  if (FILES[given.get("format")]) enter("dialect", given.get("format"));
  if (given.get("decimal") === "comma") enter("dialect", "comma");
  // Dashboards name points by their numbers, with commas between them.
  const numbers = (given.get("points") || "").split(",").filter((text) => /^\d+$/.test(text));
  points = [...given.getAll("point").filter(Boolean), ...numbers.map((number) => `pt_${number}`)];
  // What a link can ask for and the form has no field for goes along, and is shown.
  const rest = [...given].filter(([name, value], i, all) => value && (CARRIED.includes(name)
    || ["device", "group"].includes(name) && all.findIndex(([other]) => other === name) < i));
  for (const [name, value] of [...points.map((point) => ["point", point]), ...rest])
    page.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  document.querySelector("#points").hidden = !points.length;
  document.querySelector("#rest").hidden = !rest.length;
  document.querySelector("#rest").textContent = put(says.rest, { rest: rest.map((pair) => pair.join("=")).join(", ") });
}

document.querySelector("#password").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  try {
    const query = "mutation ($name: String!, $password: String!) { signIn(name: $name, password: $password) { secret errors { message } } }";
    const { signIn } = await graphql(query, { name: form.username.value, password: form.password.value });
    if (signIn.errors.length) tell(signIn.errors[0].message, true); else await choose(signIn.secret);
  } catch (error) { tell(sentence(error), true); }
  form.password.value = "";
});
document.querySelector("#paste").addEventListener("submit", (event) => {
  event.preventDefault();
  choose(event.target.token.value.trim());
  event.target.reset();
});
document.querySelector("#sign-out").addEventListener("click", () => { tell(""); choose(null); });
document.querySelectorAll("[data-from]").forEach((button) => button.addEventListener("click", () => {
  field("from").value = button.dataset.from;
  field("to").value = "now";
  ask();
}));
page.addEventListener("change", (event) => {
  if (event.target.name === "device" && event.target.value) field("group").value = "";
  if (event.target.name === "group" && event.target.value) field("device").value = "";
  ask();
});
field("device").addEventListener("input", () => { clearTimeout(offerNames.timer); offerNames.timer = setTimeout(offerNames, 250); });
page.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!(await ask())) return;
  const given = parameters();
  given.set("link", "1");
  const response = await fetch("export", { method: "POST", headers: proof(), body: given });
  const answer = await response.json();
  if (answer.errors) { tell(sentence(answer.errors[0]), true); return; }
  Object.assign(document.createElement("a"), { href: answer.url, download: "" }).click();
});

fill();
greet();
