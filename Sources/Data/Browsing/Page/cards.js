// A record as a card: its text, what it shows and plays, its other fields, and what is known about its link.
import { ask, count, data, decimal, id, make, size } from "./elements.js";
import { modelView } from "./model.js";

const shownFormats = new Set(["jpeg", "png", "gif", "webp"]);
const longText = 700;

/** An image, a video or a sound; or what is said about one that is not here. */
function medium(item, name) {
  const about = [item.format, item.width && item.height ? `${item.width} × ${item.height}` : null,
    item.size === undefined ? null : size(item.size), item.name ?? null].filter(Boolean).join(" · ");
  if (!item.url) {
    return make("p", { class: "missing" }, make("span", { class: "chip" }, `${item.kind} not in the store`), " ",
      data("span", item.name ?? item.digest ?? ""));
  }
  const figure = make("figure", { class: `medium ${item.kind}` });
  const link = make("a", { href: item.url }, "the item itself");
  const failed = () => {
    figure.dataset.state = "failed";
    shown.replaceWith(make("p", { class: "missing" }, `This browser cannot show the ${item.kind}: `, link));
  };
  let shown;
  if (item.kind === "image") {
    if (item.format && !shownFormats.has(item.format)) {
      shown = make("p", { class: "missing" }, "No image that a browser shows: ", link);
    } else {
      shown = make("img", {
        src: item.url, alt: `Image of ${name}`, width: item.width ?? null, height: item.height ?? null,
        onload: () => { figure.dataset.state = "loaded"; figure.dataset.width = shown.naturalWidth; }, onerror: failed,
      });
    }
  } else {
    shown = make(item.kind, {
      src: item.url, controls: true, preload: "metadata", "aria-label": `${item.kind === "audio" ? "Sound" : "Video"} of ${name}`,
      onloadedmetadata: () => { figure.dataset.state = "loaded"; figure.dataset.seconds = shown.duration; }, onerror: failed,
    });
  }
  figure.append(shown, make("figcaption", {}, data("span", about)));
  return figure;
}

/** A text that is folded where it is long. */
function text(value, isCut, whole) {
  const paragraph = data("p", value, { class: "text" });
  if (value.length <= longText && !isCut) return [paragraph];
  paragraph.classList.add("folded");
  const button = make("button", {
    type: "button", class: "quiet", "aria-expanded": "false",
    onclick: () => {
      if (isCut) return whole();
      const isFolded = paragraph.classList.toggle("folded");
      button.setAttribute("aria-expanded", String(!isFolded));
      button.textContent = isFolded ? "Show all" : "Show less";
    },
  }, "Show all");
  return [paragraph, button];
}

function fields(extras) {
  if (extras.length === 0) return null;
  return make("dl", { class: "fields" }, extras.flatMap((extra) => [
    data("dt", extra.key), data("dd", extra.value),
  ]));
}

/** Everything of a record but its title and its link. */
export function contents(record, kind, whole) {
  const name = record.title || record.id;
  const parts = record.media.map((item) => medium(item, name));
  if (record.text !== undefined && kind === "documents") parts.push(...text(record.text, record.isCut, whole));
  else if (record.isCut) parts.push(make("button", { type: "button", class: "quiet", onclick: whole }, "Show all"));
  if (record.isCut) parts.push(make("p", { class: "note" }, `Cut here: title and text have ${size(record.byteCount)}.`));
  parts.push(fields(record.extras));
  return parts;
}

/** A document in one of a query's lists. */
export function card(item, list, dataset) {
  const chips = [];
  const isRanked = list.key === "positives" || list.key === "negatives";
  const rank = isRanked ? make("span", { class: "rank", title: "Place in the list, as it is stored" }, `${item.rank}`) : null;
  if (item.score !== undefined) chips.push(make("span", { class: "chip score" }, `score ${decimal(item.score)}`));
  for (const grade of item.grades ?? []) {
    chips.push(make("span", { class: "chip grade" }, data("bdi", grade.split), ` ${decimal(grade.grade)}`));
  }
  if (item.isPositive) {
    chips.push(make("span", { class: list.key === "negatives" ? "chip alarm" : "chip positive" }, "a positive"));
  }
  if (item.isNegative) {
    chips.push(make("span", { class: list.key === "positives" ? "chip alarm" : "chip negative" }, "a negative"));
  }
  const address = `#/documents/${item.ordinal}`;
  const head = (title) => make("header", {}, rank, make("h4", {}, title), chips);
  if (item.error) {
    return make("article", { class: "card broken" }, head("Cannot be read"), make("p", { class: "error" }, item.error),
      make("footer", {}, `document ${count(item.ordinal)}`));
  }
  const body = make("div");
  const fill = (record, isWhole) => body.replaceChildren(...contents(record, "documents", async () => {
    try {
      fill(await ask(`/api/documents/${item.ordinal}?whole=1`), true);
    } catch (error) {
      body.append(make("p", { class: "error" }, error.message));
    }
  }).filter(Boolean));
  fill(item, false);
  return make("article", { class: "card", data: { ordinal: item.ordinal } },
    head(data("a", item.title || item.id, { href: address })), body, modelView(item, "documents", dataset, false),
    make("footer", {}, id(item.id),
      item.duplicateOf === undefined ? null
        : make("a", { href: `#/documents/${item.duplicateOf}` }, `duplicate of document ${count(item.duplicateOf)}`)));
}
