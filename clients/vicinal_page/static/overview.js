// The area that says how far one has come.

import { budget, curve, histogram, legend } from "./charts.js";
import { h, percent, plural, range } from "./dom.js";

export class OverviewArea {
  name = "Overview";
  key = "o";

  constructor(app) {
    this.app = app;
    this.root = h("div", { class: "overview-area" });
  }

  enter() {
    if (this.app.state) this.update();
  }

  update() {
    const { state } = this.app;
    this.root.replaceChildren(
      h("div", { class: "tiles" }, this.tiles(state)),
      h(
        "section",
        { class: "panel wide" },
        h("h2", {}, "Accuracy against labels"),
        curve(state, this.app.target, 300),
        legend(state),
        h("p", { class: "note" }, "The dotted line is the accuracy you want. The curve is kept by the page’s server, from when somebody first opened this dataset on it."),
      ),
      h("section", { class: "panel" }, h("h2", {}, "Label budget"), this.budgets(state)),
      h("section", { class: "panel" }, h("h2", {}, "Confidence of the beliefs"), histogram(state, 150), h("p", { class: "note" }, state.unreached ? `${plural(state.unreached, "sample")} of no belief yet.` : "Every sample has a belief.")),
      h("section", { class: "panel wide" }, h("h2", {}, "What the samples are believed to be"), this.classes(state)),
    );
  }

  tiles(state) {
    const { accuracy: held, noise } = state;
    const isKnown = noise && noise.upper - noise.lower < 0.5;
    const told = [
      [held ? range(held) : "–", held ? `of beliefs right: ${state.right} of ${state.audited} audited` : "of beliefs right: not audited yet"],
      [state.verified.toLocaleString("en"), `of ${plural(state.samples, "sample")} labelled by people`],
      [percent(state.sure), `of beliefs sure, of confidence ${state.sureFrom} or more`],
      [isKnown ? range(noise) : "–", isKnown ? `of ${plural(state.verified + state.given, "label")} wrong` : "of labels wrong: too few to say"],
    ];
    return told.map(([figure, text]) => h("div", { class: "tile" }, h("b", {}, figure), h("span", {}, text)));
  }

  budgets(state) {
    return h(
      "div",
      { class: "budgets", role: "radiogroup", "aria-label": "Accuracy wanted" },
      state.budgets.map(({ target }) =>
        h(
          "label",
          { class: "budget" },
          h("input", { type: "radio", name: "target", checked: target === this.app.target, onchange: () => this.app.aim(target) }),
          h("span", {}, budget(state, target)),
        ),
      ),
    );
  }

  classes(state) {
    const most = Math.max(1, ...state.masses);
    const order = state.classes.map((_, i) => i).sort((a, b) => state.masses[b] - state.masses[a]);
    return h(
      "table",
      { class: "masses" },
      h("tbody", {}, order.map((i) =>
        h("tr", {}, h("th", { scope: "row" }, state.classes[i]), h("td", {}, h("meter", { min: 0, max: most, value: state.masses[i], "aria-hidden": "true" })), h("td", { class: "number" }, state.masses[i].toLocaleString("en"))),
      )),
    );
  }

  press() {
    return false;
  }
}
