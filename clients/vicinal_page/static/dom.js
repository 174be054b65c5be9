// Elements from plain data: no template is ever parsed, so no text of others becomes markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element. Attributes that are null or false are left out; `on…` are listeners; children may nest. */
export function h(name, attributes = {}, ...children) {
  return made(document.createElement(name), attributes, children);
}

/** The same for drawings. */
export function s(name, attributes = {}, ...children) {
  return made(document.createElementNS(SVG, name), attributes, children);
}

function made(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A share of 0 to 1 as people read it. */
export function percent(share, digits = 0) {
  return `${(100 * share).toFixed(digits)} %`;
}

/** The ends of an interval. */
export function range({ lower, upper }) {
  return `${(100 * lower).toFixed(0)}–${percent(upper)}`;
}

/** A probability, which is never quite 0 or 1. */
export function likely(share) {
  return share > 0.99 ? "over 99 %" : share < 0.01 ? "under 1 %" : percent(share);
}

export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
