// The explorer in one call: `mountExplorer(root, host)`.
import type { Host } from "../hosts/host.ts";
import { PayloadError } from "../model/payload.ts";
import { fillWith, h } from "./dom.ts";
import { Shell } from "./shell.ts";
import { Store } from "./store.ts";
import { Theme } from "./theme.ts";

/** Build the page in `root`, which must be an HTML element, and keep it in step with the host. */
export function mountExplorer(root: HTMLElement, host: Host): { destroy(): void } {
  root.classList.add("edgewise-explorer", "ew");
  root.classList.toggle("fills", host.kind !== "widget");
  for (const name of ["data-lm-suppress-shortcuts", "lm-suppress-shortcuts"]) root.setAttribute(name, "true"); // JupyterLab eats keys
  let store: Store | null = null;
  const theme = new Theme(root, () => store?.emit("theme"));
  try {
    store = new Store(host);
  } catch (error) {
    fillWith(root, failure(error));
    return { destroy: () => theme.destroy() };
  }
  const shell = new Shell(store, theme);
  fillWith(root, shell.element);
  const offs = [
    host.on("payload", () => store.reload()),
    host.on("edits", (edits) => store.receiveEdits(edits)),
    host.on("selection", (edge) => store.receiveSelection(edge)),
    host.on("training", () => store.emit("training")),
    host.on("trouble", (words) => {
      root.querySelector(":scope > .failure")?.remove();
      root.prepend(h("p", { class: "failure", role: "alert" }, String(words)));
    }),
  ];
  return {
    destroy() {
      offs.forEach((off) => off());
      shell.destroy();
      theme.destroy();
      root.replaceChildren();
    },
  };
}

function failure(error: unknown): HTMLElement {
  const why = error instanceof PayloadError || error instanceof RangeError ? error.message : String(error);
  return h("div", { class: "ex" }, h("p", { class: "failure", role: "alert" }, `This model cannot be shown: ${why}`));
}
