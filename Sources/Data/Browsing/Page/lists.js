// One record in full: a query with its lists side by side, or a document.
import { card, contents } from "./cards.js";
import { ask, count, counted, data, decimal, id, make } from "./elements.js";
import { modelView } from "./model.js";

const names = { positives: "Positives", negatives: "Negatives" };

/** In a few words, how the negatives were found. */
function mined(mining) {
  if (!mining) return null;
  const options = mining.options;
  const words = [options.strategy && `strategy ${options.strategy}`, options.depth && `depth ${options.depth}`, options.skipTop && `without the first ${options.skipTop}`,
    options.relativeMargin !== undefined && `margin ${decimal(options.relativeMargin)} of the positives'`,
    options.seed !== undefined && `seed ${options.seed}`].filter((word) => typeof word === "string");
  return make("p", { class: "note" }, data("span", `${mining.tool}: ${words.join(", ")}`), mining.inputs.length > 0 ? " from " : "",
    mining.inputs.map((input) => data("code", input)), " · ", make("a", { href: "#/lineage" }, "all options"));
}

function section(list, ordinal, dataset) {
  const label = `list-${list.key}`;
  const isJudged = list.split !== undefined;
  const title = isJudged ? ["Judged ", data("bdi", list.split)] : [names[list.key]];
  const cards = make("div", { class: "cards" }, list.items.map((item) => card(item, list, dataset)));
  const kind = isJudged ? "judgements" : list.key;
  const part = make("section", { class: `list ${kind}`, "aria-labelledby": label, data: { list: list.key } },
    make("h3", { id: label }, title, " ", make("span", { class: "count" }, count(list.total))),
    list.key === "negatives" ? mined(dataset.mining) : null, cards);
  if (list.total === 0) cards.append(make("p", { class: "none" }, "none"));
  let next = list.next;
  if (next !== null) {
    const more = make("button", { type: "button", onclick: async () => {
      try {
        const rest = await ask(`/api/queries/${ordinal}/${list.key}?from=${next}`);
        const added = rest.items.map((item) => card(item, list, dataset));
        cards.append(...added);
        added[0]?.querySelector("a")?.focus();
        next = rest.next;
        if (next === null) more.remove();
        else more.textContent = `Show more (${count(list.total - next)} left)`;
      } catch (error) {
        more.replaceWith(make("p", { class: "error" }, error.message));
      }
    } }, `Show more (${count(list.total - next)} left)`);
    part.append(more);
  }
  return part;
}

export function queryView(answer, dataset, whole) {
  const query = answer.query;
  // Splits that say nothing about this query would only take up room.
  const lists = answer.lists.filter((list) => list.split === undefined || list.total > 0);
  return make("article", { class: "record query", data: { ordinal: query.ordinal } },
    make("header", {},
      make("p", { class: "where" }, `Query ${count(query.ordinal + 1)} of ${count(dataset.queries)}`, " · ", id(query.id)),
      query.text === undefined ? null : data("h2", query.text)),
    make("div", { class: "body" }, contents(query, "queries", whole).filter(Boolean)),
    modelView(query, "queries", dataset, true),
    lists.length === 0 ? make("p", { class: "none" }, "No document is linked to this query.") : null,
    make("div", { class: "columns" }, lists.map((list) => section(list, query.ordinal, dataset))));
}

export function documentView(record, dataset, whole) {
  return make("article", { class: "record document", data: { ordinal: record.ordinal } },
    make("header", {},
      make("p", { class: "where" }, `Document ${count(record.ordinal + 1)} of ${count(dataset.documents)}`, " · ", id(record.id)),
      record.title === undefined ? null : data("h2", record.title)),
    make("div", { class: "body card" }, contents(record, "documents", whole).filter(Boolean)),
    modelView(record, "documents", dataset, true),
    record.duplicateOf === undefined ? null : make("p", { class: "note" }, "The alias map has it as a duplicate of ",
      make("a", { href: `#/documents/${record.duplicateOf}` }, `document ${count(record.duplicateOf)}`), "."));
}

/** A line of the list at the side. */
export function line(item, kind, address, isCurrent, marked) {
  const name = item.line || item.title || "";
  const facts = kind === "queries"
    ? [item.positives ? `+${count(item.positives)}` : null, item.negatives ? `−${count(item.negatives)}` : null,
      item.judgements ? counted(item.judgements, "judgement", "judgements") : null] : [];
  return make("li", {}, make("a", { href: address, "aria-current": isCurrent ? "true" : null, data: { ordinal: item.ordinal } },
    make("span", { class: "line", dir: "auto" }, marked(kind === "documents" && item.title ? `${item.title} — ${item.line}` : name || item.id)),
    make("span", { class: "facts" }, make("bdi", { class: "id" }, marked(item.id)),
      item.media.map((medium) => make("span", { class: "chip" }, medium)), facts.filter(Boolean).map((fact) => make("span", {}, fact)))));
}
