// How the dataset was made, and its numbers.
import { count, counted, data, make, short, size } from "./elements.js";

/** Fields of fields by their dotted path; long lists by their length. */
function flat(object, prefix = "") {
  return Object.entries(object).flatMap(([key, value]) => {
    const name = prefix + key;
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return flat(value, `${name}.`);
    if (Array.isArray(value) && value.some((entry) => entry !== null && typeof entry === "object")) {
      return value.length === 1 ? flat(value[0], `${name}.`) : [[name, counted(value.length, "entry", "entries")]];
    }
    return [[name, typeof value === "string" ? value : typeof value === "number" ? String(value) : JSON.stringify(value)]];
  });
}

function pairs(object) {
  return make("dl", { class: "fields" }, flat(object).flatMap(([key, value]) => [data("dt", key), data("dd", value)]));
}

function difference(now, before) {
  const change = now - before;
  if (change === 0) return null;
  return make("span", { class: change > 0 ? "more" : "less" }, ` ${change > 0 ? "+" : "−"}${count(Math.abs(change))}`);
}

export function lineageView(versions) {
  const known = new Map(versions.map((version) => [version.digest, version]));
  const parts = versions.map((version, position) => {
    const head = make("header", {},
      make("h3", {}, version.references.length > 0 ? version.references.map((name) => data("span", name, { class: "reference" })) : "unnamed version"),
      make("p", { class: "where" }, make("code", { title: version.digest }, short(version.digest)),
        version.created ? ` · committed ${version.created}` : ""));
    if (!version.counts) {
      return make("li", { class: "version" }, head, make("p", { class: "note" }, "This version is not in the store."));
    }
    const parent = known.get(version.parents[0])?.counts;
    const rows = Object.entries(version.counts).map(([name, value]) => make("div", {}, make("dt", {}, name),
      make("dd", {}, count(value), parent ? difference(value, parent[name]) : null)));
    return make("li", { class: position === 0 ? "version present" : "version" }, head,
      make("p", {}, "made by ", make("strong", {}, version.tool),
        version.parents.length > 0 ? [" from ", version.parents.map((parent) => make("code", { title: parent }, short(parent)))] : ""),
      make("dl", { class: "numbers" }, rows),
      Object.keys(version.options).length > 0 ? [make("h4", {}, "Options"), pairs(version.options)] : null,
      version.inputs.length > 0 ? [make("h4", {}, "Read"), make("ul", { class: "inputs" }, version.inputs.map((input) =>
        make("li", {}, data("code", input.uri), ` ${size(input.size)} · `, make("code", { title: input.sha256 }, short(input.sha256)))))] : null,
      Object.keys(version.statistics).length > 0
        ? make("details", {}, make("summary", {}, "Counted"), pairs(version.statistics)) : null,
      version.licence ? make("p", { class: "note" }, "Licence: ", data("span", version.licence)) : null);
  });
  return make("article", { class: "record overview" }, make("h2", {}, "Lineage"),
    make("p", { class: "note" }, "This version, what it was made from, and what that was made from."),
    make("ol", { class: "versions" }, parts));
}

function bars(caption, rows) {
  const most = Math.max(1, ...rows.map((row) => row[1]));
  return make("table", { class: "bars" }, make("caption", {}, caption), make("tbody", {}, rows.map(([label, value]) => {
    const bar = make("span", { class: "bar", "aria-hidden": "true" });
    bar.style.width = value === 0 ? "0" : `${Math.max(0.5, (100 * value) / most)}%`;
    return make("tr", {}, make("th", { scope: "row" }, label), make("td", {}, count(value)), make("td", { class: "room" }, bar));
  })));
}

function tile(value, label, note) {
  return make("div", { class: "tile" }, make("strong", {}, value), make("span", {}, label), note ? make("small", {}, note) : null);
}

const power = (bin) => `${size(2 ** bin)} –`;

function lengths(name, table) {
  const rows = table.histogram.map((value, bin) => [power(bin), value]);
  while (rows.length > 0 && rows[0][1] === 0) rows.shift();
  return bars(`${name} by size: least ${size(table.smallest)}, mean ${size(Math.round(table.mean))}, most ${size(table.largest)}`, rows);
}

/** How many queries have how many links; the many kinds of many are taken together by powers of two. */
function perQuery(table) {
  const rows = [];
  table.queriesByLinkCount.forEach((value, links) => {
    const low = links < 8 ? links : 2 ** Math.floor(Math.log2(links));
    const last = rows.at(-1);
    if (last && last.low === low) last.value += value;
    else rows.push({ low, value });
  });
  while (rows.length > 0 && rows.at(-1).value === 0) rows.pop();
  while (rows.length > 0 && rows[0].value === 0) rows.shift();
  return bars(`${table.name}: links of a query`, rows.map(({ low, value }) => [low < 8 ? `${low}` : `${low} – ${2 * low - 1}`, value]));
}

export function statisticsView(statistics, dataset) {
  const { documents, queries, media } = statistics;
  const tiles = [
    tile(count(documents.count), "documents", `${size(documents.rawBytes)} raw, ${size(documents.storedBytes)} stored`),
    tile(count(queries.count), "queries", `${size(queries.rawBytes)} raw, ${size(queries.storedBytes)} stored`),
    ...statistics.links.map((table) => tile(count(table.count), table.name, table.hasScores && !table.name.startsWith("judgements") ? "with scores" : null)),
  ];
  if (media) {
    tiles.push(tile(count(media.images), "images", null), tile(count(media.videos), "videos", null),
      tile(count(media.audios), "sounds", null),
      tile(size(media.rawBytes), "of media", `${size(media.storedBytes)} stored, ${counted(media.external, "reference", "references")} elsewhere`));
  }
  if (statistics.aliases !== undefined) tiles.push(tile(count(statistics.aliases), "aliases", "duplicates of other documents"));
  return make("article", { class: "record overview" }, make("h2", {}, "Statistics"),
    make("p", { class: "note" }, "As the manifest has them: no record is read for this page. ", make("code", {}, `tvt-store stats ${dataset.reference}`), " looks closer."),
    make("div", { class: "tiles" }, tiles),
    make("div", { class: "charts" }, documents.count > 0 ? lengths("Documents", documents) : null,
      queries.count > 0 ? lengths("Queries", queries) : null, statistics.links.map(perQuery)),
    make("p", { class: "note" }, "Dataset ", make("code", {}, dataset.digest), ", logical digest ", make("code", {}, statistics.logicalDigest)));
}
