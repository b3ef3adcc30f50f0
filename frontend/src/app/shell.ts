// The frame of the page: header with the loss, tabs, and the inspector beside them.
import { encodeNet } from "../model/payload.ts";
import { edgesText, shapeText, shown } from "../model/wording.ts";
import { percent } from "../views/edges.ts";
import { inspectorView } from "../views/inspector.ts";
import { formulaView } from "../views/formula.ts";
import { matrixView } from "../views/matrix.ts";
import { networkView } from "../views/network.ts";
import { predictionView } from "../views/prediction.ts";
import { tableView } from "../views/table.ts";
import { trainingView } from "../views/training.ts";
import { openHelp, openPython } from "./dialogs.ts";
import { button, fillWith, h, set, uid } from "./dom.ts";
import { isTyping } from "./keys.ts";
import { saveJson } from "./save.ts";
import { allEdges, type Store, type View } from "./store.ts";
import type { Theme } from "./theme.ts";

type Maker = (store: Store) => View;

/** The tabs, in order; a view is made when its tab is opened first. */
const TABS: readonly (readonly [name: string, words: string, make: Maker])[] = [
  ["network", "Network", networkView],
  ["matrix", "Matrix", matrixView],
  ["edges", "Edges", tableView],
  ["prediction", "Prediction", predictionView],
  ["formula", "Formula", formulaView],
  ["training", "Training", liveView], // offered only where a model is trained
];

/** Training beside the network that is trained. */
function liveView(store: Store): View {
  const views = [networkView(store), trainingView(store)];
  const element = h("div", { class: "live" }, ...views.map((view) => view.element));
  element.addEventListener("shown", () => views.forEach((view) => view.element.dispatchEvent(new Event("shown"))));
  return { element, destroy: () => views.forEach((view) => view.destroy()) };
}

interface Page {
  tab: HTMLButtonElement;
  panel: HTMLElement;
  view: View | null;
  make: Maker;
}

export class Shell {
  readonly element: HTMLElement;
  readonly #store: Store;
  readonly #theme: Theme;
  readonly #pages = new Map<string, Page>();
  readonly #loss = h("p", { class: "loss" });
  readonly #undo = button("Undo", () => this.#store.undo(), { title: "Undo the last edit (Ctrl + Z)" });
  readonly #redo = button("Redo", () => this.#store.redo(), { title: "Do it again (Ctrl + Shift + Z)" });
  readonly #python = button("Copy as Python", () => openPython(this.element, this.#store), { title: "A script that makes the same edits" });
  readonly #shape = h("p", { class: "shape" });
  readonly #spoken = h("p", { class: "unseen", "aria-live": "polite" });
  readonly #inspector: View;
  readonly #offs: (() => void)[];
  #shownTab = "";

  constructor(store: Store, theme: Theme) {
    this.#store = store;
    this.#theme = theme;
    this.#inspector = inspectorView(store);
    const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Views", onkeydown: (e: KeyboardEvent) => this.#tabKey(e) });
    const page = h("div", { class: "page" });
    for (const [name, words, make] of TABS) this.#addTab(tabs, page, name, words, make);
    this.element = h(
      "div",
      { class: "ex" },
      this.#header(),
      tabs,
      h("div", { class: "body" }, page, h("aside", { class: "side", "aria-label": "The chosen edge" }, this.#inspector.element)),
      this.#spoken,
    );
    this.element.addEventListener("inspect", () => requestAnimationFrame(() => this.#toInspector())); // once it is drawn
    const keys = store.host.kind === "widget" ? this.element : document; // a page of its own hears every key
    const listen = (event: Event) => this.#key(event as KeyboardEvent);
    keys.addEventListener("keydown", listen);
    this.#offs = [
      store.on("payload", () => this.#renew()),
      store.on("net", () => {
        if (!store.isDraft) this.#update();
        this.#showLoss();
      }),
      store.host.on("training", () => this.#offerTraining()), // not put off: the frames follow at once
      store.on("said", () => (this.#spoken.textContent = store.said)),
      () => keys.removeEventListener("keydown", listen),
    ];
    this.#open("network");
    this.#update();
    requestAnimationFrame(() => setTimeout(() => this.#showLoss())); // after the picture
    this.#offerTraining();
  }

  destroy(): void {
    this.#offs.forEach((off) => off());
    this.#inspector.destroy();
    for (const { view } of this.#pages.values()) view?.destroy();
  }

  #header(): HTMLElement {
    const store = this.#store;
    const more = h(
      "div",
      { class: "actions" },
      h("span", { class: "buttons", role: "group", "aria-label": "Edits" }, this.#undo, this.#redo),
      this.#python,
      button("Save as JSON", () => this.#saveJson(), { title: "Download the data of this page, with the edits. No model file: for Python, use Copy as Python" }),
      button("◐", () => this.#theme.toggle(), { "aria-label": "Light or dark", title: "Light or dark" }),
      button("?", () => openHelp(this.element), { "aria-label": "Help", title: "Help (?)" }),
    );
    return h(
      "header",
      { class: "top" },
      h("div", {}, h("h1", {}, store.explored.title || "A Kolmogorov-Arnold network"), this.#shape),
      h("span", { class: "spring" }),
      this.#loss,
      more,
    );
  }

  #update(): void {
    const store = this.#store;
    const edges = allEdges(store.net);
    const removed = edges.filter((edge) => store.isRemoved(edge)).length;
    this.#shape.textContent = `${shapeText(store.net)}, ${edgesText(edges.length - removed, removed)}`;
    this.#undo.disabled = !store.canUndo || store.isLive;
    this.#redo.disabled = !store.canRedo || store.isLive;
    this.#python.disabled = store.edits.length === 0;
  }

  #showLoss(): void {
    fillWith(this.#loss, ...lossParts(this.#store));
    set(this.#loss, { title: this.#store.measure.words });
  }

  #saveJson(): void {
    const store = this.#store;
    const payload = store.host.get("payload") as Record<string, unknown>;
    saveJson({ ...payload, model: encodeNet(store.net) }, store.explored.title);
  }

  // ---------------------------------------------------------------- tabs and keys

  #addTab(tabs: HTMLElement, page: HTMLElement, name: string, words: string, make: Maker): void {
    const id = uid();
    const tab = button(words, () => this.#open(name), {
      role: "tab", id: uid(), "aria-controls": id, "aria-selected": "false", tabindex: -1,
    });
    tab.hidden = name === "training";
    const panel = h("div", {
      class: "page", role: "tabpanel", id, "aria-labelledby": tab.id, hidden: true,
    });
    this.#pages.set(name, { tab, panel, view: null, make });
    tabs.append(tab);
    page.append(panel);
  }

  /** Another model: views that were built around the old one are built again. */
  #renew(): void {
    for (const [name, page] of this.#pages) {
      if (name === "training" || !page.view) continue;
      page.view.destroy();
      page.view.element.remove();
      page.view = null;
    }
    this.#open(this.#shownTab);
  }

  /** The tab is there once there is training to see, and opens at once, so that it misses nothing. */
  #offerTraining(): void {
    const page = this.#pages.get("training")!;
    const isFirst = page.tab.hidden && this.#store.host.get("training") != null;
    page.tab.hidden = this.#store.host.get("training") == null;
    if (isFirst) this.#open("training");
  }

  #make(page: Page): void {
    if (page.view) return;
    page.view = page.make(this.#store);
    page.panel.append(page.view.element);
  }

  #open(name: string): void {
    for (const [other, { tab, panel }] of this.#pages) {
      const chosen = other === name;
      set(tab, { "aria-selected": String(chosen), tabindex: chosen ? 0 : -1 });
      panel.hidden = !chosen;
    }
    const page = this.#pages.get(name)!;
    this.#make(page);
    page.view!.element.dispatchEvent(new Event("shown"));
    this.#shownTab = name;
  }

  #tabKey(event: KeyboardEvent): void {
    const names = [...this.#pages.keys()].filter((name) => !this.#pages.get(name)!.tab.hidden);
    const at = names.indexOf(this.#shownTab);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: names.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const name = names[(to + names.length) % names.length];
    this.#open(name);
    this.#pages.get(name)!.tab.focus();
  }

  #key(event: KeyboardEvent): void {
    if (isTyping(event)) return;
    const command = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    if (command && letter === "z") event.shiftKey ? this.#store.redo() : this.#store.undo();
    else if (command && letter === "y") this.#store.redo();
    else if (event.key === "?") openHelp(this.element);
    else if (event.key === "Escape") this.#backToPicture();
    else if (event.key === "Delete" && this.#store.selection) this.#store.toggle(this.#store.selection);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #toInspector(): void {
    const headings = [...this.#inspector.element.querySelectorAll<HTMLElement>("h2")];
    headings.find((heading) => !heading.closest("[hidden]"))?.focus();
  }

  #backToPicture(): void {
    const { panel, tab } = this.#pages.get(this.#shownTab)!;
    (panel.querySelector<HTMLElement>("[tabindex='0']") ?? tab).focus();
  }
}

/** "loss 0.0123 → 0.0110 (10 % less)" */
function lossParts(store: Store): HTMLElement[] {
  const { before, after } = store.loss;
  const { name } = store.measure;
  if (store.isLive) return [h("span", { class: "soft" }, "in training")];
  const value = (number: number) => h("span", { class: "value" }, shown(number));
  if (!store.measure.hasTargets) {
    return after === 0 ? [h("span", { class: "soft" }, "as saved")] : [h("span", { class: "soft" }, "output changed by about"), value(after)];
  }
  if (after === before) return [h("span", { class: "soft" }, name), value(before)];
  const share = before > 0 ? (after - before) / before : Infinity;
  const words = share < 10 ? `${percent(Math.abs(share))} ${share > 0 ? "more" : "less"}` : `× ${shown(after / before, 2)}`;
  return [
    h("span", { class: "soft" }, name),
    h("span", {}, shown(before)),
    h("span", { "aria-label": "becomes" }, "→"),
    value(after),
    h("span", { class: `change ${share > 0 ? "worse" : "better"}` }, words),
  ];
}
