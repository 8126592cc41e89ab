// Makes elements. Data enters the page here and only here: as text and as values of attributes, never as markup.

/** An element with properties and children; strings become text, lists their elements. `null` is left out. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(element.dataset, value);
    else if (value === true) element.setAttribute(key, "");
    else element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Text from records: it has a direction of its own and does not turn what stands around it. */
export const data = (name, text, properties = {}) => make(name, { dir: "auto", ...properties }, text);

/** Ids, which are opaque. */
export const id = (text) => make("code", { class: "id", dir: "auto" }, text);

export const count = (value) => value.toLocaleString("en-US");

export const counted = (value, one, many) => `${count(value)} ${value === 1 ? one : many}`;

export function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(1)} ${units[unit]}`;
}

/** A score or a grade with as many digits as tell something; what JSON has no number for comes as text. */
export const decimal = (value) => (typeof value === "number" ? String(Number(value.toPrecision(5))) : value);

/** The start of a digest. */
export const short = (digest) => digest.replace("sha256:", "").slice(0, 12);

/** A text with what was searched for marked. */
export function marked(text, search) {
  if (!search) return [text];
  const parts = [];
  const lower = text.toLowerCase();
  const needle = search.toLowerCase();
  // Where lower case has another length, places would not fit.
  if (lower.length !== text.length) return [text];
  let start = 0;
  for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, start)) {
    parts.push(text.slice(start, at), make("mark", {}, text.slice(at, at + needle.length)));
    start = at + needle.length;
  }
  parts.push(text.slice(start));
  return parts;
}

/** A query of an address. A space is %20: the server takes a plus for a plus. */
export const query = (parameters) => Object.entries(parameters)
  .map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");

/** Asks the server. What it answers with an error becomes one here, with its message. */
export async function ask(path, signal) {
  const answer = await fetch(path, { signal, headers: { accept: "application/json" } });
  const json = await answer.json().catch(() => ({ error: `the server answered with status ${answer.status}` }));
  if (!answer.ok) throw new Error(json.error ?? `the server answered with status ${answer.status}`);
  return json;
}
