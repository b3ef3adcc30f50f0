// All edges as a table: for those who hear the page, and for those who know what they look for.
import { button, fillWith, h, set, svg } from "../app/dom.ts";
import { lazily } from "../app/lazily.ts";
import { allEdges, type Store, type View } from "../app/store.ts";
import type { EdgeId } from "../model/payload.ts";
import { formulaText, nodeName, targetName } from "../model/wording.ts";
import { Curves, curvePath, kindOf, kindText, percent, styleOf } from "./edges.ts";
import { agreement, guess, r2Text } from "./guesses.ts";

const PER_PAGE = 50;

interface Entry {
  edge: EdgeId;
  from: string;
  to: string;
  importance: number;
  kind: string;
  r2: number;
}

type Column = "edge" | "from" | "to" | "importance" | "kind" | "r2";

export function tableView(store: Store): View {
  const view = new TableView(store);
  return { element: view.element, destroy: () => view.destroy() };
}

class TableView {
  readonly element: HTMLElement;
  readonly #store: Store;
  readonly #curves: Curves;
  readonly #body = h("tbody");
  readonly #heads = new Map<Column, HTMLElement>();
  readonly #status = h("p", { class: "note", role: "status" });
  readonly #search: HTMLInputElement;
  readonly #previous = button("Previous", () => this.#turn(-1));
  readonly #next = button("Next", () => this.#turn(1));
  readonly #suggest = button("Find formulas for these", () => this.#suggestAll());
  readonly #guesses = new Map<string, { formula: string; r2: string }>();
  readonly #offs: (() => void)[];
  #sort: { column: Column; down: boolean } = { column: "importance", down: true };
  #page = 0;
  #stop: () => void = () => {};

  constructor(store: Store) {
    this.#store = store;
    this.#curves = new Curves(store);
    this.#search = h("input", { type: "search", placeholder: "name, formula, removed…", oninput: () => this.#turn(-this.#page) });
    const columns: [Column, string][] = [
      ["edge", "Layer"], ["from", "From"], ["to", "To"], ["importance", "Importance"], ["kind", "Function"], ["r2", "R²"],
    ];
    const head = columns.map(([column, words]) => {
      const cell = h("th", { scope: "col" }, button(words, () => this.#sortBy(column)));
      this.#heads.set(column, cell);
      return cell;
    });
    head.splice(4, 0, h("th", { scope: "col" }, "Shape"));
    const action = h("th", { scope: "col" }, h("span", { class: "unseen" }, "Do"));
    const table = h(
      "table",
      { class: "edges" },
      h("caption", { class: "unseen" }, "All edges of the network"),
      h("thead", {}, h("tr", {}, ...head, action)),
      this.#body,
    );
    this.element = h(
      "section",
      { class: "view", "aria-label": "Edges" },
      h("div", { class: "tools" }, h("label", { class: "field" }, h("span", {}, "Search"), this.#search), this.#suggest),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of edges" }, table),
      h("div", { class: "row" }, this.#previous, this.#next, this.#status),
    );
    const redraw = lazily(this.element, () => this.#show());
    this.#offs = [
      store.on("net", () => {
        this.#curves.refresh();
        if (store.changed === "all") this.#guesses.clear();
        else for (const key of store.changed.keys()) this.#guesses.delete(key);
        if (!store.isDraft) redraw();
      }),
      store.on("selection", redraw),
    ];
    this.#show();
  }

  destroy(): void {
    this.#stop();
    this.#offs.forEach((off) => off());
  }

  #show(): void {
    const found = this.#matching();
    const pages = Math.max(1, Math.ceil(found.length / PER_PAGE));
    this.#page = Math.min(this.#page, pages - 1);
    const start = this.#page * PER_PAGE;
    const focused = (this.#body.getRootNode() as Document | ShadowRoot).activeElement?.getAttribute("data-control");
    fillWith(this.#body, ...found.slice(start, start + PER_PAGE).map((entry) => this.#row(entry)));
    if (focused) this.#body.querySelector<HTMLElement>(`[data-control="${focused}"]`)?.focus();
    for (const [column, cell] of this.#heads) {
      const own = column === this.#sort.column;
      set(cell, { "aria-sort": own && (this.#sort.down ? "descending" : "ascending") });
    }
    this.#previous.disabled = this.#page === 0;
    this.#next.disabled = this.#page === pages - 1;
    const end = Math.min(start + PER_PAGE, found.length);
    this.#status.textContent = found.length ? `Edges ${start + 1} to ${end} of ${found.length}` : "No edge fits the search.";
  }

  #matching(): Entry[] {
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const { explored, net } = this.#store;
    const entries = allEdges(net).map((edge): Entry => {
      const kind = kindOf(this.#store, edge);
      return {
        edge,
        from: nodeName(explored, net, edge[0], edge[1]),
        to: targetName(explored, net, edge[0], edge[2]),
        importance: this.#store.importance(...edge),
        kind: kind === "removed" ? "removed" : kindText(this.#store, edge),
        r2: kind === "symbolic" ? agreement(this.#store, edge) : Number.NaN,
      };
    });
    const text = (e: Entry) => `${e.from} ${e.to} ${e.kind} layer ${e.edge[0]} ${this.#guesses.get(e.edge.join())?.formula ?? ""}`.toLowerCase();
    const { column, down } = this.#sort;
    return entries.filter((e) => words.every((word) => text(e).includes(word))).sort((a, b) => (down ? -1 : 1) * compare(a, b, column));
  }

  #row({ edge, from, to, importance, kind, r2 }: Entry): HTMLElement {
    const store = this.#store;
    const removed = store.isRemoved(edge);
    const bar = h("span", { class: "bar" });
    bar.style.width = `${Math.round(64 * importance)}px`;
    const shape = svg(
      "svg",
      { class: "spark", viewBox: "0 0 64 24", width: 64, height: 24, "aria-hidden": "true" },
      svg("path", { class: `curve s${styleOf(store, edge)} ${kindOf(store, edge)}`, d: curvePath(this.#curves.of(edge), 32, 12, 30, 9) }),
    );
    const name = `${from} to ${to}`;
    const guessed = this.#guesses.get(edge.join());
    const open = button(from, () => this.#open(edge), { class: "plain", "data-control": `open ${edge}`, "aria-label": `Open the edge ${name}` });
    const toggle = button(removed ? "Bring back" : "Remove", () => this.#toggle(edge), { "data-control": `toggle ${edge}`, "aria-label": `${removed ? "Bring back" : "Remove"} the edge ${name}` });
    toggle.disabled = store.isLive;
    return h(
      "tr",
      { class: store.selection?.join() === edge.join() && "chosen" },
      h("td", { class: "number" }, edge[0]),
      h("th", { scope: "row" }, open),
      h("td", {}, to),
      h("td", { class: "number" }, h("span", { class: "track" }, bar), percent(importance)),
      h("td", {}, shape),
      h("td", {}, kind, guessed && h("span", { class: "soft" }, `, like ${guessed.formula}`)),
      h("td", { class: "number" }, guessed ? h("span", { class: "soft" }, guessed.r2) : r2Text(r2)),
      h("td", {}, toggle),
    );
  }

  #open(edge: EdgeId): void {
    this.#store.select(edge);
    this.element.dispatchEvent(new CustomEvent("inspect", { bubbles: true }));
  }

  #toggle(edge: EdgeId): void {
    this.#store.apply({ op: this.#store.isRemoved(edge) ? "restore" : "prune", edge });
  }

  #sortBy(column: Column): void {
    this.#sort = { column, down: this.#sort.column === column ? !this.#sort.down : column === "importance" || column === "r2" };
    this.#turn(-this.#page);
  }

  #turn(by: number): void {
    this.#page += by;
    this.#show();
  }

  /** The best formula for every edge on this page, one after the other while the page is idle. */
  #suggestAll(): void {
    const start = this.#page * PER_PAGE;
    const open = this.#matching().slice(start, start + PER_PAGE).filter(({ kind }) => kind === "spline").map(({ edge }) => edge);
    const next = (): void => {
      const edge = open.shift();
      this.#suggest.textContent = edge ? `${open.length + 1} to go…` : "Find formulas for these";
      this.#suggest.disabled = edge !== undefined;
      if (!edge) return;
      this.#stop = guess(this.#store, edge, ([best]) => {
        if (best) this.#guesses.set(edge.join(), { formula: formulaText(best, 2), r2: r2Text(best.r2, best.missing) });
        this.#show();
        next();
      });
    };
    next();
  }
}

function compare(a: Entry, b: Entry, column: Column): number {
  const [x, y] = [a[column], b[column]];
  if (typeof x === "string") return x.localeCompare(y as string, undefined, { numeric: true }) || compare(a, b, "edge");
  if (typeof x === "number") return (Number.isNaN(x) ? -Infinity : x) - (Number.isNaN(y as number) ? -Infinity : (y as number)) || compare(a, b, "edge");
  return a.edge[0] - b.edge[0] || a.edge[1] - b.edge[1] || a.edge[2] - b.edge[2];
}
