// What a model is given of a record: the text as it is written and cut, and its pictures, frames and spectrograms.
import { ask, count, counted, data, make } from "./elements.js";

/** Pictures of an item that are shown at once. */
const picturesAtOnce = 16;

function writtenText(parts) {
  const spans = parts.flatMap((part) => [
    make(part.isCut ? "del" : "span", { title: part.isCut ? "Cut off: the model is not given this." : null }, part.text),
    part.leftOut > 0
      ? make(part.isCut ? "del" : "span", { class: "left-out" }, ` … ${count(part.leftOut)} bytes that are not shown`) : null,
  ]);
  return make("p", { class: "written", dir: "auto" }, spans);
}

/** An image, the frames of a video or a sound, as the model is given it. */
function item(entry, number, address, name) {
  const pictures = make("div", { class: `seen ${entry.kind}` });
  let shown = 0;
  // Only images and frames have tokens that lie side by side.
  let hasLines = entry.kind !== "audio";
  const source = (picture) => `${address}/${number}/${picture}${hasLines ? "?lines=1" : ""}`;
  const more = make("button", { type: "button", onclick: () => add() });
  const add = () => {
    for (const caption of entry.captions.slice(shown, shown + picturesAtOnce)) {
      const picture = shown;
      const figure = make("figure", {});
      const image = make("img", {
        src: source(picture), alt: `What the model is given of ${name}: ${caption}`, loading: "lazy", data: { picture },
        onload: () => { figure.dataset.state = "loaded"; figure.dataset.width = image.naturalWidth; },
        // An image does not tell why it failed; asked as data, the server does.
        onerror: () => ask(image.getAttribute("src")).catch((error) => {
          figure.dataset.state = "failed";
          image.replaceWith(make("p", { class: "error" }, error.message));
        }),
      });
      figure.append(image, make("figcaption", {}, caption));
      pictures.append(figure);
      shown += 1;
    }
    more.hidden = shown >= entry.captions.length;
    more.textContent = `Show more (${count(entry.captions.length - shown)} left)`;
  };
  add();
  const lines = hasLines ? make("button", {
    type: "button", class: "quiet", "aria-pressed": "true",
    onclick: () => {
      hasLines = !hasLines;
      lines.setAttribute("aria-pressed", String(hasLines));
      for (const image of pictures.querySelectorAll("img")) image.src = source(image.dataset.picture);
    },
  }, "Lines between tokens") : null;
  return make("div", { class: "item" }, make("p", { class: "note" }, entry.summary, " ", lines), pictures, more);
}

async function fill(body, kind, ordinal, name) {
  body.replaceChildren(make("p", { class: "note", role: "status" }, "…"));
  try {
    const preview = await ask(`/api/model/${kind}/${ordinal}`);
    const own = preview.tokens - preview.mediaTokens;
    const tokens = preview.mediaTokens === 0 ? counted(preview.tokens, "token", "tokens")
      : `${counted(preview.tokens, "token", "tokens")}: ${count(preview.mediaTokens)} of media, ${count(own)} of prompt and text`;
    body.replaceChildren(
      make("p", { class: "tokens" }, tokens), ...preview.notes.map((note) => data("p", note, { class: "note" })),
      writtenText(preview.parts),
      ...preview.items.map((entry, number) => item(entry, number, `/model/${kind}/${ordinal}`, name)));
    body.dataset.state = "ready";
  } catch (error) {
    body.replaceChildren(make("p", { class: "error" }, error.message));
    body.dataset.state = "error";
  }
}

/** What the model is given of a record; asked for when it is opened. `null` without a model. */
export function modelView(record, kind, dataset, isOpen) {
  if (!dataset.model) return null;
  const body = make("div", { class: "body" });
  const name = record.title || record.id;
  const load = () => {
    if (body.dataset.state) return;
    body.dataset.state = "loading";
    fill(body, kind, record.ordinal, name);
  };
  const details = make("details", { class: "model", open: isOpen, ontoggle: () => { if (details.open) load(); } },
    make("summary", {}, "What ", data("bdi", dataset.model), " is given"), body);
  if (isOpen) load();
  return details;
}
