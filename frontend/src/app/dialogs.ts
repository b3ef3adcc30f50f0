// Windows above the page: help, and the edits as a Python script.
import { asPython } from "../model/edits.ts";
import { button, h, uid } from "./dom.ts";
import { KEYS } from "./keys.ts";
import { copyText } from "./save.ts";
import type { Store } from "./store.ts";

/** Show a dialog in `parent`; it goes when closed and gives the focus back. */
function openDialog(parent: HTMLElement, heading: string, ...content: HTMLElement[]): HTMLDialogElement {
  const title = h("h2", { id: uid() }, heading);
  const close = button("Close", () => dialog.close());
  const dialog = h("dialog", { "aria-labelledby": title.id }, title, ...content, h("div", { class: "row end" }, close));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  parent.append(dialog);
  dialog.showModal();
  return dialog;
}

export function openHelp(parent: HTMLElement): void {
  const groups = KEYS.flatMap(([place, keys]) => [
    h("h3", {}, place),
    h("dl", { class: "keys" }, ...keys.flatMap(([key, does]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)])),
  ]);
  openDialog(
    parent,
    "How to read and use this page",
    h(
      "p",
      {},
      "A KAN passes every input through functions that it has learned, adds the results up, and does so again layer by " +
        "layer. Each small picture is one of these functions; a green double frame marks a formula, dashes a removed edge.",
    ),
    h(
      "p",
      {},
      "Thick and dark: important. Importance is how much of the outputs' variation passes through an edge on its way from the inputs, " +
        "relative to the strongest edge of its layer.",
    ),
    h("p", {}, "Click an edge to see it large, drag its points, try formulas or remove it. Click a node to follow only its paths."),
    ...groups,
  );
}

export function openPython(parent: HTMLElement, store: Store): void {
  const code = asPython(store.edits, store.explored.source);
  const area = h("textarea", { class: "code", readonly: true, rows: Math.min(16, code.split("\n").length), "aria-label": "Python script", spellcheck: "false" });
  area.value = code;
  const said = h("span", { class: "soft", role: "status" });
  const copy = button("Copy", () => void copyText(code).then((done) => (said.textContent = done ? "Copied." : "Select the text and copy it.")), { class: "main" });
  openDialog(
    parent,
    "The edits as Python",
    h("p", { class: "soft" }, "Run this to get exactly the model that you see here."),
    area,
    h("div", { class: "row" }, copy, said),
  );
}
