// The page: which dataset, who labels, which area, and what the server tells.

import { askName, help } from "./dialogs.js";
import { FlagsArea } from "./flags.js";
import { h } from "./dom.js";
import { LabelArea } from "./label.js";
import { OverviewArea } from "./overview.js";
import { ask, listen, tell } from "./server.js";

const TOAST_SECONDS = 6;
const MOVES = new Set(["j", "k", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]);
const byId = (id) => document.getElementById(id);
const address = new URLSearchParams(location.search);

class App {
  state = null;
  dataset = address.get("dataset");
  annotator = address.get("annotator") ?? localStorage.getItem("vicinal.annotator") ?? "";
  target = Number(localStorage.getItem("vicinal.target")) || 0.95;
  hasImages = false;
  #writes = Promise.resolve();
  #stop = () => {};
  #toast = 0;

  async start() {
    document.addEventListener("keydown", (event) => this.press(event));
    byId("help").addEventListener("click", help);
    byId("who").addEventListener("click", () => this.rename());
    byId("datasets").addEventListener("change", (event) => this.open(event.target.value));
    document.addEventListener("click", (event) => event.target.closest("main button") && byId("main").focus({ preventScroll: true }));
    await this.attempt(async () => {
      this.datasets = await this.found();
      byId("datasets").replaceChildren(...this.datasets.map(({ name }) => h("option", { value: name }, name)));
      if (!this.datasets.length) {
        byId("main").replaceChildren(h("p", { class: "empty" }, "There is no dataset yet. ", h("code", {}, "vicinal add DIR --dataset NAME --classes a,b"), " makes one; then load this page again."));
        return;
      }
      if (!this.datasets.some(({ name }) => name === this.dataset)) this.dataset = this.datasets[0].name;
      if (this.annotator) this.open(this.dataset);
      else this.rename();
    });
  }

  /** The datasets, as soon as the server and the graph service answer. */
  async found() {
    for (;;) {
      try {
        const { datasets } = await ask("/api/datasets");
        this.trouble("");
        return datasets;
      } catch (error) {
        if (![0, 503].includes(error.status)) throw error;
        this.trouble(`${error.message}; trying again …`);
        await new Promise((done) => { setTimeout(done, 2000); });
      }
    }
  }

  rename() {
    askName(this.annotator, (name) => {
      this.annotator = name;
      localStorage.setItem("vicinal.annotator", name);
      this.open(this.dataset);
    });
  }

  /** Begin with a dataset. */
  open(dataset) {
    this.dataset = dataset;
    this.state = null;
    this.hasImages = this.datasets.find(({ name }) => name === dataset)?.images ?? false;
    byId("datasets").value = dataset;
    byId("who").textContent = this.annotator;
    this.areas = [new LabelArea(this), new FlagsArea(this), new OverviewArea(this)];
    byId("areas").replaceChildren(
      ...this.areas.map((area) => h("button", { type: "button", class: "area", onclick: () => this.enter(area) }, area.name, h("kbd", {}, area.key.toUpperCase()))),
    );
    this.#stop();
    this.#stop = listen(dataset, this.annotator, {
      event: (told) => this.hear(told),
      lost: () => this.trouble("The connection to the page’s server is lost; trying again …"),
    });
    const wanted = new URLSearchParams(location.search).get("area");
    this.later(async () => {
      this.state = await this.ask("/api/state");
      this.enter(this.areas.find(({ key }) => key === wanted) ?? this.areas[0]);
    });
  }

  /** Show an area; the address says which, so that it is there again after a reload. */
  enter(area) {
    this.area = area;
    const fields = new URLSearchParams({ dataset: this.dataset, annotator: this.annotator, area: area.key });
    history.replaceState(null, "", `?${fields}`);
    document.title = `${area.name} · ${this.dataset} · vicinal`;
    [...byId("areas").children].forEach((button, i) => button.setAttribute("aria-current", this.areas[i] === area ? "page" : "false"));
    byId("main").replaceChildren(area.root);
    area.enter();
  }

  hear(told) {
    if (told.gone) {
      this.#stop();
      this.trouble(`The dataset ${told.gone} was deleted.`);
      return;
    }
    this.state = told.state;
    this.trouble(told.state.trouble && `The graph service: ${told.state.trouble}`);
    if (!this.area) return;
    this.area.update();
    if (this.area instanceof LabelArea) this.area.hear(told.desk);
  }

  get classes() {
    return this.state?.classes ?? [];
  }

  ask(path) {
    return ask(path, { dataset: this.dataset });
  }

  tell(path, fields = {}) {
    return tell(path, { dataset: this.dataset, annotator: this.annotator, ...fields });
  }

  /** Do this after all that was begun before: labels reach the server in the order of the keys. */
  later(act) {
    this.#writes = this.#writes.then(() => this.attempt(act));
  }

  async attempt(act) {
    try {
      await act();
    } catch (error) {
      this.toast(error.message);
    }
  }

  aim(target) {
    this.target = target;
    localStorage.setItem("vicinal.target", target);
    this.area.update();
  }

  announce(text) {
    byId("told").textContent = text;
  }

  trouble(text) {
    byId("trouble").hidden = !text;
    byId("trouble").textContent = text || "";
  }

  toast(text) {
    clearTimeout(this.#toast);
    byId("toast").textContent = text;
    byId("toast").hidden = false;
    this.#toast = setTimeout(() => { byId("toast").hidden = true; }, 1000 * TOAST_SECONDS);
  }

  press(event) {
    const isElsewhere = event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]");
    if (isElsewhere || !this.area || event.target.matches("input, select, textarea")) return;
    if (event.key === "Enter" && event.target.matches("button, a")) return; // what is in focus means it
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.repeat && !MOVES.has(key)) return; // who holds a key means one label
    const area = this.areas.find((one) => one.key === key);
    if (key === "?") help();
    else if (area) this.enter(area);
    else if (!this.area.press(key)) return;
    event.preventDefault();
  }
}

new App().start();
