// What lies over the page for a moment: help, one's name, the search for a class.

import { h } from "./dom.js";

function open(label, ...children) {
  const dialog = h("dialog", { "aria-label": label }, ...children);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

const KEYS = [
  ["1 – 9, 0, letters", "the class that the key stands for"],
  ["Enter", "accept: the belief, or the class suggested for a flag"],
  ["/", "find a class by typing"],
  ["U", "take the last label back"],
  ["S", "skip the sample"],
  ["J K or arrows", "next and previous flag"],
  ["Y N", "take the suggested class, keep the label"],
  ["L F O", "label, flags, overview"],
  ["?", "this help"],
];

export function help() {
  const dialog = open(
    "Keys",
    h("h2", {}, "Keys"),
    h("dl", { class: "keys" }, KEYS.map(([keys, text]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, text)])),
    h("p", { class: "note" }, "One sample in five is drawn at random for the audit and shown without help: the estimate of accuracy rests on these. Everything is written to the graph service at once; reloading loses nothing."),
    h("form", { method: "dialog" }, h("button", { class: "action" }, "Close")),
  );
  return dialog;
}

/** Ask who labels. */
export function askName(present, then) {
  const input = h("input", { name: "name", value: present, maxlength: 60, required: true, autocomplete: "nickname", autofocus: true, "aria-label": "Your name" });
  const form = h("form", { method: "dialog" }, input, h("button", { class: "verdict take" }, "Begin"));
  const dialog = open("Your name", h("h2", {}, "Who labels?"), h("p", { class: "note" }, "Your labels carry this name, and nobody else gets the samples that lie ready for you."), form);
  dialog.addEventListener("cancel", (event) => present || event.preventDefault());
  form.addEventListener("submit", () => then(input.value.trim() || "somebody"));
}

/** Find a class by typing; `then` gets its number. */
export function search(classes, then) {
  let found = [];
  let at = 0;
  const list = h("ul", { role: "listbox", id: "found", class: "found" });
  const input = h("input", { role: "combobox", "aria-expanded": "true", "aria-controls": "found", "aria-label": "Class", autocomplete: "off", spellcheck: "false", placeholder: "Type a class …" });
  const choose = (index) => {
    dialog.close();
    then(index);
  };
  const show = () => {
    list.replaceChildren(...found.map((index, i) => h("li", { role: "option", id: `found-${i}`, "aria-selected": `${i === at}`, onclick: () => choose(index) }, classes[index])));
    input.setAttribute("aria-activedescendant", found.length ? `found-${at}` : "");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const look = () => {
    const wanted = input.value.trim().toLowerCase();
    const rank = (name) => (name.toLowerCase().startsWith(wanted) ? 0 : name.toLowerCase().includes(wanted) ? 1 : 2);
    found = classes.map((_, i) => i).filter((i) => rank(classes[i]) < 2).sort((a, b) => rank(classes[a]) - rank(classes[b])).slice(0, 50);
    at = 0;
    show();
  };
  input.addEventListener("input", look);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      at = Math.max(0, Math.min(found.length - 1, at + step));
      show();
    } else if (event.key === "Enter" && found.length) choose(found[at]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const dialog = open("Find a class", input, list);
  look();
  input.focus();
}
