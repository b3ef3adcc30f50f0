// Formulas that could take the place of an edge: how well each fits it, and what the whole model's loss would be.
import { button, fillWith, h } from "../app/dom.ts";
import type { Store } from "../app/store.ts";
import type { Candidate } from "../maths/fit.ts";
import { applyEdit, type Edit } from "../model/edits.ts";
import type { EdgeId } from "../model/payload.ts";
import { formulaText, shown } from "../model/wording.ts";
import { symbolicOf } from "./edges.ts";
import { guess, r2Text } from "./guesses.ts";

const FEW = 5;
/** A search begins when the edge has not changed for so long. */
const REST_MS = 180;

export class Formulas {
  readonly element: HTMLElement;
  readonly #store: Store;
  readonly #body = h("tbody");
  readonly #status = h("p", { class: "note", role: "status" });
  readonly #caption = h("p", { class: "note" });
  readonly #lossHead = h("th", { scope: "col" });
  readonly #table: HTMLElement;
  readonly #more = button("Show all", () => this.#showAll());
  #shownFor = "";
  #found: Candidate[] = [];
  #all = false;
  #stop: () => void = () => {};
  #lossTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(store: Store) {
    this.#store = store;
    const head = (words: string | HTMLElement) => h("th", { scope: "col" }, words);
    const heads = [head("Formula"), head("R²"), this.#lossHead, head(h("span", { class: "unseen" }, "Choose"))];
    this.#table = h("table", { class: "formulas" }, h("thead", {}, h("tr", {}, ...heads)), this.#body);
    this.element = h("div", {}, h("h3", {}, "Formulas that fit"), this.#status, this.#table, this.#more, this.#caption);
  }

  destroy(): void {
    this.#stop();
    clearTimeout(this.#lossTimer);
  }

  /** Search again if the edge is another one or its spline changed; else only the losses are new. */
  show(edge: EdgeId): void {
    const { net, isLive } = this.#store;
    const [l, i, j] = edge;
    const { coef, base, S, O } = net.layers[l];
    const spline = Array.from({ length: S }, (_, s) => coef[(i * S + s) * O + j]);
    const key = [edge, spline, base[i * O + j]].join();
    this.element.hidden = isLive || this.#store.isRemoved(edge);
    if (this.element.hidden) return this.destroy();
    this.#lossHead.textContent = this.#store.measure.name;
    this.#caption.textContent = `R²: share of the edge's variation that the formula gives. ${this.#store.measure.name}: ${this.#store.measure.words}, with the formula in place.`;
    if (key === this.#shownFor) return this.#list(edge);
    this.#shownFor = key;
    this.destroy();
    this.#found = [];
    this.#all = false;
    this.#list(edge);
    if (this.#store.isDraft) this.#shownFor = ""; // search when it is let go
    this.#status.textContent = "Searching…";
    if (this.#store.isDraft) return;
    const timer = setTimeout(() => this.#search(edge), REST_MS);
    this.#stop = () => clearTimeout(timer);
  }

  #search(edge: EdgeId): void {
    this.#stop = guess(this.#store, edge, (found) => {
      this.#found = found;
      this.#status.textContent = found.length ? "" : "No formula fits: the edge is constant or nothing reaches it.";
      this.#list(edge);
    });
  }

  #showAll(): void {
    this.#all = true;
    if (this.#store.selection) this.#list(this.#store.selection);
  }

  #list(edge: EdgeId): void {
    const listed = this.#all ? this.#found : this.#found.slice(0, FEW);
    const now = symbolicOf(this.#store, edge);
    const cells: [HTMLElement, Edit][] = [];
    const rows = listed.map((candidate) => {
      const edit: Edit = { op: "fix", edge, name: candidate.name, affine: candidate.affine };
      const loss = h("td", { class: "number" }, "…");
      cells.push([loss, edit]);
      const isNow = now?.name === candidate.name && now.affine.every((value, n) => value === candidate.affine[n]);
      const choose = button(isNow ? "In use" : "Use", () => this.#use(edit), { "aria-label": `${isNow ? "In use:" : "Use"} ${formulaText(candidate)}`, disabled: isNow });
      return h(
        "tr",
        {},
        h("th", { scope: "row", title: formulaText(candidate, 6) }, formulaText(candidate, 2)),
        h("td", { class: "number" }, r2Text(candidate.r2, candidate.missing)),
        loss,
        h("td", {}, choose),
      );
    });
    fillWith(this.#body, ...rows);
    this.#table.hidden = listed.length === 0;
    this.#more.hidden = this.#all || this.#found.length <= FEW;
    clearTimeout(this.#lossTimer);
    this.#lossTimer = setTimeout(() => this.#fillLosses(cells), REST_MS);
  }

  /** One loss at a time, between other work. */
  #fillLosses(cells: [HTMLElement, Edit][]): void {
    const next = cells.shift();
    if (!next) return;
    this.#lossTimer = setTimeout(() => {
      const [cell, edit] = next;
      cell.textContent = shown(this.#store.measure.loss(applyEdit(this.#store.net, edit), edit.edge));
      this.#fillLosses(cells);
    });
  }

  #use(edit: Edit): void {
    this.#store.apply(edit);
    if (edit.op === "fix") this.#store.say(`The edge is now ${formulaText(edit)}. ${this.#store.measure.name} ${shown(this.#store.loss.after)}`);
  }
}
