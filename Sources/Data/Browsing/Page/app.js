// What is shown follows from the address: #/queries/12?search=…&filter=…&from=50. So views can be linked, and Back works.
import { ask, count, make, marked, query } from "./elements.js";
import { documentView, line, queryView } from "./lists.js";
import { lineageView, statisticsView } from "./overview.js";

const views = ["queries", "documents", "lineage", "statistics"];
/** Records of a page of the list. */
const pageSize = 50;
const at = (name) => document.getElementById(name);
const root = document.documentElement;

let dataset;
/** The list at the side: what it was asked for, and what came. */
let list = { key: null, items: [], next: null };
/** Where earlier pages of a search began. */
let trail = [];
let loading = new AbortController();

function route() {
  const [path, rest = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [name, ordinal] = path.split("/");
  const view = views.includes(name) ? name : dataset?.queries === 0 ? "documents" : "queries";
  const parameters = new URLSearchParams(rest);
  return {
    view, ordinal: /^\d+$/.test(ordinal ?? "") ? Number(ordinal) : null, search: parameters.get("search") ?? "",
    filter: view === "queries" ? parameters.get("filter") ?? "" : "", from: Number(parameters.get("from") ?? 0) || 0,
  };
}

function address(to) {
  const parameters = new URLSearchParams();
  for (const key of ["search", "filter", "from"]) if (to[key]) parameters.set(key, to[key]);
  const rest = parameters.toString();
  return `#/${to.view}${to.ordinal === null || to.ordinal === undefined ? "" : `/${to.ordinal}`}${rest ? `?${rest}` : ""}`;
}

function go(to) {
  if (address(to) === location.hash) return;
  root.dataset.state = "loading";
  location.hash = address(to);
}

async function show() {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  root.dataset.state = "loading";
  const here = route();
  for (const link of at("views").children) {
    if (link.getAttribute("href") === `#/${here.view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const isList = here.view === "queries" || here.view === "documents";
  at("layout").classList.toggle("wide", !isList);
  try {
    if (isList) await showRecords(here, signal);
    else if (here.view === "lineage") put(lineageView(await ask("/api/lineage", signal)));
    else put(statisticsView(await ask("/api/statistics", signal), dataset));
    if (!signal.aborted) root.dataset.state = "ready";
  } catch (error) {
    if (signal.aborted) return;
    put(make("p", { class: "error", role: "alert" }, error.message));
    root.dataset.state = "error";
  }
}

function put(view) {
  at("main").replaceChildren(view);
  at("main").scrollTop = 0;
  document.title = `${view.querySelector("h2")?.textContent.slice(0, 60) ?? ""} – ${dataset.reference} – tvt`;
}

async function showRecords(here, signal) {
  at("text").value = here.search;
  at("filter").value = here.filter;
  at("filter").hidden = here.view !== "queries";
  const key = address({ ...here, ordinal: null });
  if (list.key !== key) {
    at("progress").textContent = "…";
    const parameters = query({ search: here.search, filter: here.filter, from: here.from });
    let answer;
    try {
      answer = await ask(`/api/${here.view}?${parameters}`, signal);
    } catch (error) {
      if (!signal.aborted) at("progress").textContent = "";
      throw error;
    }
    if (signal.aborted) return;
    list = { key, ...answer };
    at("items").scrollTop = 0;
  }
  // One request looks at so many records only. Until something is found, and then until the page is full, others follow;
  // going elsewhere ends that, and coming back goes on where it ended.
  const searchOn = async () => {
    const parameters = query({
      search: here.search, filter: here.filter, from: list.next, limit: pageSize - list.items.length,
    });
    const more = await ask(`/api/${here.view}?${parameters}`, signal);
    if (signal.aborted) return;
    list = { ...list, items: list.items.concat(more.items), searched: more.searched, next: more.next };
  };
  const isUnfinished = () => !signal.aborted && isSearch(here) && list.next !== null && list.items.length < pageSize;
  while (isUnfinished() && list.items.length === 0 && !list.exact) {
    showList(here);
    await searchOn();
  }
  if (signal.aborted) return;
  let ordinal = here.ordinal;
  if (ordinal === null && list.items.length + (list.exact ? 1 : 0) > 0) {
    ordinal = (list.exact ?? list.items[0]).ordinal;
    history.replaceState(null, "", address({ ...here, ordinal }));
  }
  const there = { ...here, ordinal };
  showList(there);
  at("items").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  if (ordinal === null) {
    put(make("p", { class: "none" }, "Nothing here."));
    return;
  }
  const load = async (isWhole) => {
    const record = await ask(`/api/${here.view}/${ordinal}${isWhole ? "?whole=1" : ""}`, signal);
    if (signal.aborted) return;
    const whole = () => load(true).catch((error) => at("main").append(make("p", { class: "error" }, error.message)));
    put(here.view === "queries" ? queryView(record, dataset, whole) : documentView(record, dataset, whole));
  };
  await load(false);
  while (isUnfinished()) {
    await searchOn();
    if (!signal.aborted) showList(there);
  }
}

const isSearch = (here) => here.search !== "" || here.filter !== "";

/** The records of the list, those found by id first. */
const shownItems = () => (list.exact ? [list.exact] : []).concat(list.items.filter((item) => item.ordinal !== list.exact?.ordinal));

function showList(here) {
  const items = shownItems();
  const marks = (text) => marked(text, here.search);
  const hadFocus = at("items").contains(document.activeElement);
  at("items").replaceChildren(...items.map((item) =>
    line(item, here.view, address({ ...here, ordinal: item.ordinal }), item.ordinal === here.ordinal, marks)));
  const current = at("items").querySelector("[aria-current]");
  if (hadFocus) current?.focus();
  const found = list.items.length;
  at("progress").textContent = isSearch(here)
    ? `${count(found)} found · searched ${count(list.searched)} of ${count(list.total)}`
    : list.total === 0 ? "none" : `${count(list.from + 1)} – ${count(list.searched)} of ${count(list.total)}`;
  at("previous").disabled = here.from === 0;
  at("next").disabled = list.next === null;
  at("next").textContent = isSearch(here) && list.next !== null ? "Search on →" : "Next →";
  at("pager").hidden = at("previous").disabled && at("next").disabled;
}

function turn(isForward) {
  const here = route();
  if (isForward && list.next !== null) {
    trail.push(here.from);
    go({ ...here, ordinal: null, from: list.next });
  } else if (!isForward && here.from > 0) {
    go({ ...here, ordinal: null, from: trail.pop() ?? (isSearch(here) ? 0 : Math.max(0, here.from - pageSize)) });
  }
}

function step(by) {
  const here = route();
  const items = shownItems();
  const position = items.findIndex((item) => item.ordinal === here.ordinal);
  const next = items[position + by];
  if (next) go({ ...here, ordinal: next.ordinal });
  else if (by > 0 && list.next !== null) turn(true);
  else if (by < 0 && position === 0) turn(false);
}

function search() {
  const here = route();
  trail = [];
  go({ view: here.view === "documents" ? "documents" : "queries", ordinal: null, search: at("text").value, filter: at("filter").value, from: 0 });
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || at("keys").open) return;
  const target = event.target;
  if (target.matches("input, select, textarea")) {
    if (event.key === "Escape") at("main").focus();
    return;
  }
  // Arrows belong to what plays.
  if (target.matches("audio, video")) return;
  const isList = !at("layout").classList.contains("wide");
  const keys = {
    "/": () => { at("text").focus(); at("text").select(); }, "?": () => at("keys").showModal(),
    "1": () => go({ view: "queries" }), "2": () => go({ view: "documents" }), "3": () => go({ view: "lineage" }), "4": () => go({ view: "statistics" }),
  };
  if (isList) {
    Object.assign(keys, { j: () => step(1), k: () => step(-1), n: () => turn(true), p: () => turn(false) });
    // Within a text that was reached by the mouse or Tab, arrows scroll; elsewhere they go through the list.
    if (!at("main").contains(target)) Object.assign(keys, { ArrowDown: keys.j, ArrowUp: keys.k });
  }
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

async function start() {
  try {
    dataset = await ask("/api/dataset");
  } catch (error) {
    at("main").replaceChildren(make("p", { class: "error", role: "alert" }, error.message));
    root.dataset.state = "error";
    return;
  }
  at("dataset").append(make("span", { class: "reference", dir: "auto", title: dataset.digest }, dataset.reference));
  addEventListener("hashchange", show);
  document.addEventListener("keydown", press);
  at("search").addEventListener("submit", (event) => { event.preventDefault(); search(); at("main").focus(); });
  // Clearing a field with its own button, or choosing, needs no Enter.
  at("text").addEventListener("search", () => { if (at("text").value === "" && route().search !== "") search(); });
  at("filter").addEventListener("change", search);
  at("previous").addEventListener("click", () => turn(false));
  at("next").addEventListener("click", () => turn(true));
  at("help").addEventListener("click", () => at("keys").showModal());
  at("close").addEventListener("click", () => at("keys").close());
  at("skip").addEventListener("click", (event) => { event.preventDefault(); at("main").focus(); });
  await show();
}

start();
