// The area where samples are labelled: one after another, by one key each.

import { budget, curve, histogram, legend } from "./charts.js";
import { classOf, keyOf, KEYED } from "./classes.js";
import { search } from "./dialogs.js";
import { h, percent, plural, range } from "./dom.js";
import { companion, fetchAhead, picture } from "./picture.js";

const AHEAD = 4;

export class LabelArea {
  name = "Label";
  key = "l";

  constructor(app) {
    this.app = app;
    this.items = [];
    this.sent = new Set(); // samples whose label or skipping is on its way
    this.shown = null;
    this.root = h("div", { class: "label-area" });
    this.stage = h("section", { class: "stage", "aria-label": "Sample to label" });
    this.rail = h("aside", { class: "rail", "aria-label": "Progress" });
    this.root.append(this.stage, this.rail);
  }

  /** Take what lies ready; the sample that is looked at stays. */
  take(desk) {
    const ready = desk.items.filter((item) => !this.sent.has(item.id));
    const kept = ready.find((item) => item.id === this.shown);
    this.items = kept ? [kept, ...ready.filter((item) => item !== kept)] : ready;
    this.undos = desk.undos;
    this.show();
    fetchAhead(this.app, this.items.slice(1, 1 + AHEAD).map((item) => item.id));
  }

  /** The server tells what lies ready; one that was started anew knows nothing until it is asked. */
  hear(desk) {
    if (desk.items.length) this.take(desk);
    else if (!this.sent.size) this.fetch();
  }

  enter() {
    if (this.app.state) this.update();
    this.fetch();
  }

  fetch() {
    this.app.later(async () => this.take(await this.app.tell("/api/queue")));
  }

  /** The dataset has moved. */
  update() {
    const { state } = this.app;
    this.rail.replaceChildren(
      h(
        "div",
        { class: "figures" },
        h("p", { class: "figure" }, h("b", { id: "label-count" }, state.verified.toLocaleString("en")), h("span", {}, `${state.verified === 1 ? "label" : "labels"}, ${plural(state.samples, "sample")}`)),
        h("p", { class: "figure" }, h("b", {}, state.accuracy ? range(state.accuracy) : "–"), h("span", {}, state.accuracy ? "right, by the audit" : "right: not audited yet")),
      ),
      h("h2", {}, "Accuracy against labels"),
      curve(state, this.app.target, 190),
      legend(state),
      h("p", { class: "note" }, budget(state, this.app.target)),
      h("h2", {}, "Confidence of the beliefs"),
      histogram(state, 110),
      state.given ? h("p", { class: "note" }, `${plural(state.given, "label")} came with the data.`) : "",
    );
    this.show();
  }

  show() {
    const [item] = this.items;
    const isSame = item && item.id === this.shown && this.large;
    if (!isSame) this.large = item ? picture(this.app, item.id, true) : null;
    this.shown = item?.id ?? null;
    if (!item || !this.app.state) {
      this.stage.replaceChildren(h("p", { class: "empty" }, this.app.state ? "Nothing is left to label here." : "One moment …"));
      return;
    }
    const isBlind = item.reason === "audit";
    this.stage.replaceChildren(
      this.large,
      h("div", { class: "said-of" }, this.belief(item), h("p", { class: "why" }, this.why(item)), h("p", { class: "sample-id" }, item.id)),
      this.choices(item, isBlind),
      h(
        "div",
        { class: "actions" },
        this.action("Undo", "U", () => this.undo(), !this.undos),
        this.action("Skip", "S", () => this.skip()),
        this.app.classes.length > 9 && this.action("Find a class", "/", () => this.find()),
      ),
      isBlind
        ? h("p", { class: "note blind" }, "Neighbours are not shown either.")
        : h("section", { class: "near", "aria-label": "Nearest samples" }, h("h2", {}, "Nearest samples"), h("ul", { class: "companions" }, item.neighbours.map((near) => companion(this.app, near)))),
    );
  }

  belief(item) {
    const { classes } = this.app;
    if (item.reason === "audit") return h("p", { class: "belief" }, "Judge for yourself.");
    if (item.class < 0) return h("p", { class: "belief" }, "Nothing is believed of it yet.");
    return h(
      "p",
      { class: "belief" },
      "Looks like ",
      h("b", {}, classes[item.class]),
      h("span", { class: "sure-of" }, ` ${percent(item.confidence)}`),
      item.rival >= 0 && item.confidence < 0.9 ? h("span", { class: "rival" }, ` or ${classes[item.rival]}`) : "",
    );
  }

  why(item) {
    if (item.reason === "audit") return "Drawn at random for the audit: what is believed is hidden, so that the estimate is fair.";
    if (item.reason === "coverage") return `Stands for about ${plural(item.represents, "sample")} that nobody has labelled.`;
    if (item.reason === "uncertain") return "Its belief is divided.";
    return "Drawn at random.";
  }

  choices(item, isBlind) {
    const { classes } = this.app;
    return h(
      "div",
      { class: classes.length > 12 ? "choices many" : "choices", role: "group", "aria-label": "Classes" },
      classes.slice(0, KEYED).map((name, i) => {
        const isBelieved = !isBlind && i === item.class;
        return h(
          "button",
          { type: "button", class: isBelieved ? "choice believed" : "choice", "aria-keyshortcuts": isBelieved ? `${keyOf(i)} Enter` : keyOf(i), onclick: () => this.say(i) },
          h("kbd", {}, keyOf(i).toUpperCase()),
          h("span", {}, name),
          isBelieved && h("kbd", { class: "enter" }, "↵"),
        );
      }),
      classes.length > KEYED && h("p", { class: "note" }, `${classes.length - KEYED} more: press / and type.`),
    );
  }

  action(name, key, act, isOff = false) {
    return h("button", { type: "button", class: "action", disabled: isOff, onclick: act, "aria-keyshortcuts": key }, h("kbd", {}, key), name);
  }

  /** State that the sample is of this class; the next one is shown at once. */
  say(index) {
    const item = this.items[0];
    if (!item || index < 0) return;
    const name = this.app.classes[index];
    this.away(item);
    this.app.announce(`${name}. ${this.next()}`);
    this.send(item, async () => this.app.tell("/api/label", { sample: item.id, class: name }));
  }

  skip() {
    const item = this.items[0];
    if (!item) return;
    this.away(item);
    this.app.announce(`Skipped. ${this.next()}`);
    this.send(item, async () => this.app.tell("/api/skip", { sample: item.id }));
  }

  undo() {
    this.app.later(async () => {
      const answer = await this.app.tell("/api/undo");
      if (answer.undone) {
        this.sent.delete(answer.undone.sample);
        this.shown = null;
        this.app.announce(`Taken back: ${answer.undone.class}.`);
      } else this.app.announce("Nothing to take back.");
      this.take(answer);
    });
  }

  find() {
    search(this.app.classes, (index) => this.say(index));
  }

  away(item) {
    this.sent.add(item.id);
    this.items = this.items.filter((one) => one !== item);
    this.undos = 1;
    this.show();
  }

  send(item, act) {
    this.app.later(async () => {
      try {
        const answer = await act();
        this.sent.delete(item.id);
        this.take(answer);
      } catch (error) {
        this.sent.delete(item.id);
        this.items = [item, ...this.items.filter((one) => one.id !== item.id)];
        this.show();
        throw error;
      }
    });
  }

  next() {
    const item = this.items[0];
    if (!item) return "";
    const { classes } = this.app;
    return item.reason === "audit" || item.class < 0 ? "Next: no belief is shown." : `Next: looks like ${classes[item.class]}, ${percent(item.confidence)}.`;
  }

  press(key) {
    if (key === "Enter") {
      const item = this.items[0];
      if (item && item.reason !== "audit" && item.class >= 0) this.say(item.class);
      else this.app.announce("There is no belief to accept: choose a class.");
      return true;
    }
    if (key === "u") this.undo();
    else if (key === "s") this.skip();
    else if (key === "/") this.find();
    else {
      const index = classOf(key, this.app.classes.length);
      if (index < 0) return false;
      this.say(index);
    }
    return true;
  }
}
