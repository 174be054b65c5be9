// The area where suspected labels are looked at: take the suggested class, or keep the label.

import { classOf, keyOf, KEYED } from "./classes.js";
import { search } from "./dialogs.js";
import { h, likely, percent, plural } from "./dom.js";
import { companion, picture } from "./picture.js";

export class FlagsArea {
  name = "Flags";
  key = "f";

  constructor(app) {
    this.app = app;
    this.flags = [];
    this.at = 0;
    this.isRead = false;
    this.undos = 0;
    this.root = h("div", { class: "flags-area" });
    this.list = h("ol", { class: "flag-list", role: "listbox", "aria-label": "Suspected labels, the most suspicious first" });
    this.detail = h("section", { class: "flag-detail", "aria-label": "Suspected label" });
    this.root.append(this.list, this.detail);
  }

  enter() {
    this.app.later(() => this.read());
  }

  /** New labels move suspicions; the list is read anew when it is entered, used up, or something is undone. */
  update() {}

  async read() {
    const answer = await this.app.ask("/api/flags");
    this.flags = answer.flags;
    this.total = answer.total;
    this.looked = answer.looked;
    this.at = Math.min(this.at, Math.max(0, this.flags.length - 1));
    this.isRead = true;
    this.show();
  }

  show() {
    const flag = this.flags[this.at];
    this.list.replaceChildren(
      ...this.flags.map((one, i) =>
        h(
          "li",
          { role: "option", "aria-selected": `${i === this.at}`, class: "flag", onclick: () => this.go(i) },
          picture(this.app, one.sample),
          h("span", { class: "flag-words" }, h("s", {}, one.class), " ", h("b", {}, one.suggested)),
          h("span", { class: "flag-share" }, one.suspicion > 0.99 ? "> 99 %" : percent(one.suspicion)),
        ),
      ),
    );
    this.list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
    this.detail.replaceChildren(...(flag ? this.shown(flag) : [this.nothing()]));
  }

  nothing() {
    if (!this.isRead) return h("p", { class: "empty" }, "One moment …");
    const stated = this.app.state.given + this.app.state.verified;
    return h(
      "p",
      { class: "empty" },
      this.looked ? `All ${plural(this.looked, "suspected label")} have been looked at.` : stated ? "No label looks wrong." : "There are no labels to doubt yet.",
    );
  }

  shown(flag) {
    const { classes } = this.app;
    const who = flag.annotator ? `is ${flag.annotator}’s` : flag.trust === "given" ? "came with the data" : "is a person’s";
    return [
      picture(this.app, flag.sample, true),
      h(
        "div",
        { class: "said-of" },
        h("p", { class: "belief" }, "Labelled ", h("s", {}, flag.class), flag.suggested ? [", probably ", h("b", {}, flag.suggested)] : ", probably wrong"),
        h("p", { class: "why" }, `The label ${who}. It is ${likely(flag.suspicion)} likely to be wrong.`),
        h("p", { class: "sample-id" }, flag.sample),
      ),
      h(
        "div",
        { class: "verdicts" },
        flag.suggested && h("button", { type: "button", class: "verdict take", "aria-keyshortcuts": "Enter Y", onclick: () => this.settle(flag.suggested) }, h("kbd", {}, "↵"), `Take ${flag.suggested}`),
        h("button", { type: "button", class: "verdict", "aria-keyshortcuts": "N", onclick: () => this.settle(flag.class) }, h("kbd", {}, "N"), `Keep ${flag.class}`),
      ),
      h(
        "div",
        { class: "choices small", role: "group", "aria-label": "Another class" },
        classes.slice(0, KEYED).map((name, i) =>
          h("button", { type: "button", class: "choice", "aria-keyshortcuts": keyOf(i), onclick: () => this.settle(name) }, h("kbd", {}, keyOf(i).toUpperCase()), h("span", {}, name)),
        ),
      ),
      h(
        "section",
        { class: "near", "aria-label": "Evidence" },
        h("h2", {}, "Neighbours that speak against the label"),
        flag.evidence.length
          ? h("ul", { class: "companions" }, flag.evidence.map((one) => companion(this.app, one, "against")))
          : h("p", { class: "note" }, "None of its neighbours does; what it looks like does."),
      ),
      h("p", { class: "note" }, `${this.at + 1} of ${plural(this.total - this.looked, "suspected label")}; J and K or the arrows move, U takes back.`),
    ];
  }

  go(index) {
    this.at = Math.max(0, Math.min(index, this.flags.length - 1));
    this.show();
  }

  /** Say what the flagged sample is; the next flag is shown at once. */
  settle(name) {
    const flag = this.flags[this.at];
    if (!flag) return;
    this.flags = this.flags.filter((one) => one !== flag);
    this.at = Math.min(this.at, Math.max(0, this.flags.length - 1));
    this.looked += 1;
    this.show();
    this.app.announce(`${name === flag.class ? "Kept" : "Changed to"} ${name}.`);
    this.app.later(async () => {
      try {
        await this.app.tell("/api/label", { sample: flag.sample, class: name, settles: true });
      } catch (error) {
        await this.read();
        throw error;
      }
      if (!this.flags.length) await this.read();
    });
  }

  undo() {
    this.app.later(async () => {
      const { undone } = await this.app.tell("/api/undo");
      this.app.announce(undone ? `Taken back: ${undone.class}.` : "Nothing to take back.");
      await this.read();
      if (undone) this.go(this.flags.findIndex((flag) => flag.sample === undone.sample));
    });
  }

  press(key) {
    const flag = this.flags[this.at];
    if (key === "ArrowDown" || key === "ArrowRight" || key === "j") this.go(this.at + 1);
    else if (key === "ArrowUp" || key === "ArrowLeft" || key === "k") this.go(this.at - 1);
    else if (key === "u") this.undo();
    else if (flag?.suggested && (key === "Enter" || key === "y")) this.settle(flag.suggested);
    else if (flag && key === "n") this.settle(flag.class);
    else if (flag && key === "/") search(this.app.classes, (index) => this.settle(this.app.classes[index]));
    else {
      const index = classOf(key, this.app.classes.length);
      if (index < 0) return false;
      this.settle(this.app.classes[index]);
    }
    return true;
  }
}
