// Small drawings, as wide as there is room.

import { h, percent, plural, range, s } from "./dom.js";

/** A figure that is drawn anew when its width changes. */
function figure(label, height, draw) {
  const box = h("div", { class: "drawing" });
  let width = 0;
  new ResizeObserver(([entry]) => {
    const now = Math.round(entry.contentRect.width);
    if (now === width || now < 40) return;
    width = now;
    box.replaceChildren(
      s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, draw(width, height)),
    );
  }).observe(box);
  return box;
}

const line = (kind, x1, y1, x2, y2) => s("line", { class: kind, x1, y1, x2, y2 });
const words = (kind, x, y, text, anchor = "start") => s("text", { class: kind, x, y, "text-anchor": anchor }, text);
const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** Round numbers to mark on an axis from 0 to `most`. */
function ticks(most, wanted) {
  const rough = most / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].find((one) => one * power >= rough * 0.999) * power);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
}

/** Estimated accuracy with its interval, and the share of sure beliefs, against labels. */
export function curve(state, target, height) {
  const points = state.curve.map(([labels, sure, estimate, lower, upper]) => ({ labels, sure, estimate, lower, upper }));
  const last = points.at(-1);
  const said = last?.estimate !== null && last
    ? `Estimated accuracy ${percent(last.estimate)}, interval ${percent(last.lower)} to ${percent(last.upper)}`
    : "No estimate of accuracy yet";
  return figure(`${said}; ${percent(state.sure)} of beliefs are sure; after ${plural(state.verified, "label")}.`, height, (width) => {
    const [left, right, top, bottom] = [42, width - 12, 10, height - 24];
    const most = Math.max(10, last?.labels ?? 0);
    const x = (labels) => left + (labels / most) * (right - left);
    const y = (share) => bottom - share * (bottom - top);
    const audited = points.filter((point) => point.estimate !== null);
    const band = [
      ...audited.map((point) => [x(point.labels), y(point.upper)]),
      ...audited.map((point) => [x(point.labels), y(point.lower)]).reverse(),
    ];
    const newest = audited.at(-1);
    return [
      [0, 0.25, 0.5, 0.75, 1].map((share) => [
        line("grid", left, y(share), right, y(share)),
        words("tick", left - 6, y(share) + 4, `${100 * share} %`, "end"),
      ]),
      ticks(most, width / 70).map((labels) => words("tick", x(labels), height - 6, labels ? `${labels}` : "0 labels", "middle")),
      line("target", left, y(target), right, y(target)),
      audited.length > 1 && s("path", { class: "band", d: `${path(band)}Z` }),
      s("path", { class: "second", d: path(points.map((point) => [x(point.labels), y(point.sure)])) }),
      s("path", { class: "first", d: path(audited.map((point) => [x(point.labels), y(point.estimate)])) }),
      last && s("circle", { class: "dot second-dot", cx: x(last.labels), cy: y(last.sure), r: 3 }),
      newest && line("whisker", x(newest.labels), y(newest.lower), x(newest.labels), y(newest.upper)),
      newest && s("circle", { class: "dot first-dot", cx: x(newest.labels), cy: y(newest.estimate), r: 4 }),
    ];
  });
}

/** Samples by the confidence of their belief. */
export function histogram(state, height) {
  const most = Math.max(1, ...state.histogram);
  const sureFrom = Math.round(state.sureFrom * state.histogram.length);
  const sure = state.histogram.slice(sureFrom).reduce((sum, count) => sum + count, 0);
  return figure(`${plural(sure, "belief")} of confidence ${state.sureFrom} or more.`, height, (width) => {
    const [left, right, top, bottom] = [2, width - 2, 8, height - 20];
    const step = (right - left) / state.histogram.length;
    return [
      line("grid", left, bottom, right, bottom),
      state.histogram.map((count, i) => {
        const tall = count ? Math.max(1.5, ((bottom - top) * count) / most) : 0;
        return s(
          "rect",
          { class: i >= sureFrom ? "bar sure" : "bar", x: left + i * step + 1, y: bottom - tall, width: Math.max(1, step - 2), height: tall },
          s("title", {}, `${plural(count, "sample")} of confidence ${(i / 20).toFixed(2)} to ${((i + 1) / 20).toFixed(2)}`),
        );
      }),
      [0, 0.5, 1].map((share) =>
        words("tick", left + share * (right - left), height - 5, `${share}`, share === 0 ? "start" : share === 1 ? "end" : "middle"),
      ),
    ];
  });
}

/** What the curve shows, in words and with its marks. */
export function legend(state) {
  const held = state.accuracy;
  return h(
    "ul",
    { class: "legend" },
    h(
      "li",
      {},
      h("i", { class: "key first-key" }),
      h(
        "span",
        {},
        held
          ? [h("b", {}, `${percent(held.estimate)} right`), `: ${state.right} of ${plural(state.audited, "audited sample")}, 95 % interval ${range(held)}`]
          : [h("b", {}, "Right"), ": estimated from the first audited label on"],
      ),
    ),
    h("li", {}, h("i", { class: "key second-key" }), h("span", {}, h("b", {}, `${percent(state.sure)} sure`), `: confidence ${state.sureFrom} or more, right or not`)),
  );
}

const FEW = 10; // audited samples that say little of what is out of reach

/** How many more labels a target takes. */
export function budget(state, target) {
  const found = state.budgets.find((one) => one.target === target) ?? state.budgets.at(-1);
  if (found.reached) return `${percent(found.target)} is reached: you may stop.`;
  if (found.needed === null && state.audited < FEW) return `It is too early to say how many labels ${percent(found.target)} takes.`;
  if (found.needed === null) return `${percent(found.target)} is out of reach at the accuracy found so far.`;
  const labels = Math.ceil(found.needed / state.auditShare);
  const left = state.samples - state.verified;
  const effort = labels <= left ? plural(labels, "label") : `more than the ${left.toLocaleString("en")} samples left`;
  return `To be sure of ${percent(found.target)}: about ${plural(found.needed, "more audited sample")}, at this pace ${effort}.`;
}
