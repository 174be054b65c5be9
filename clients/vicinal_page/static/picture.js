// A sample's image, or its id where there is none.

import { h, percent } from "./dom.js";
import { imageAddress } from "./server.js";

const SMALL = 160;
const LARGE = 800;
const FEW = 160; // pixels of an image that is shown with its pixels as they are

/** An image that fills its box. */
export function picture(app, id, isLarge = false) {
  const box = h("div", { class: isLarge ? "picture large" : "picture" });
  const missing = () => box.replaceChildren(h("span", { class: "missing" }, id));
  if (!app.hasImages) {
    missing();
    return box;
  }
  const image = h("img", { alt: `Sample ${id}`, decoding: "async", draggable: "false", onerror: missing });
  image.addEventListener("load", () => {
    if (Math.max(image.naturalWidth, image.naturalHeight) <= FEW) image.classList.add("pixels");
  });
  image.src = imageAddress(app.dataset, id, isLarge ? LARGE : SMALL);
  box.append(image);
  return box;
}

/** Have an image at hand before it is shown. */
export function fetchAhead(app, ids) {
  if (!app.hasImages) return;
  for (const id of ids) new Image().src = imageAddress(app.dataset, id, LARGE);
}

const believed = ({ confidence, weight }) =>
  confidence === undefined ? `${percent(weight)} of the vote` : confidence === null ? "believed" : `believed, ${confidence.toFixed(2)}`;

/** Another sample beside the one that is looked at. */
export function companion(app, near, tone) {
  const shown = near.labelled ?? near.class;
  return h(
    "li",
    { class: `companion ${tone ?? ""}` },
    picture(app, near.id),
    h(
      "span",
      { class: near.labelled ? "name said" : shown ? "name" : "name unknown" },
      shown || "not known yet",
    ),
    h(
      "span",
      { class: "detail" },
      near.labelled ? "labelled" : shown ? believed(near) : "",
    ),
  );
}
