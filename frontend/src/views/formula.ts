// The network as a formula: what is named is written out, what is not stands as a function of its edge.
import { button, choice, fillWith, h } from "../app/dom.ts";
import { lazily } from "../app/lazily.ts";
import { copyText } from "../app/save.ts";
import type { Store, View } from "../app/store.ts";
import { compose, type Composed } from "../formula/compose.ts";
import { sizeOf } from "../formula/expression.ts";
import { asMathml } from "../formula/mathml.ts";
import { asLatex, asPython, asSympy } from "../formula/text.ts";

/** Above this many symbols hidden nodes get lines of their own; above the second nothing is drawn. */
const READABLE = 160;
const DRAWABLE = 4000;
const MOST_EDGES = 2000;

export function formulaView(store: Store): View {
  return new FormulaPanel(store);
}

type Form = "auto" | "whole" | "nodes";

class FormulaPanel implements View {
  readonly element: HTMLElement;
  readonly #lines = h("div", { class: "formula-lines", tabindex: 0, role: "region", "aria-label": "Formula" });
  readonly #words = h("p", { class: "note" });
  readonly #said = h("span", { class: "soft", role: "status" });
  readonly #copies: HTMLButtonElement[];
  readonly #offs: (() => void)[];
  #form: Form = "auto";
  #digits = 3;
  #composed: Composed | null = null;

  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
    const forms = [["auto", "as it reads best"], ["whole", "in one line"], ["nodes", "node by node"]] as const;
    const form = choice("write it", forms, (value) => this.#change(() => (this.#form = value as Form)));
    const digits = choice("digits", ["2", "3", "4", "6", "9"].map((d) => [d, d] as const), (value) => this.#change(() => (this.#digits = Number(value))));
    digits.select.value = "3";
    const copy = (words: string, text: (composed: Composed) => string): HTMLButtonElement => button(words, () => void this.#copy(words, text));
    this.#copies = [
      copy("LaTeX", (c) => asLatex(store.explored, c)),
      copy("Python", (c) => asPython(store.explored, store.net, c)),
      copy("SymPy", (c) => asSympy(store.explored, c)),
    ];
    this.element = h(
      "div",
      { class: "view formula" },
      h("div", { class: "tools" }, form.element, digits.element),
      this.#lines,
      this.#words,
      h("div", { class: "row" }, h("span", { class: "soft" }, "copy with all digits as"), h("span", { class: "buttons" }, ...this.#copies), this.#said),
    );
    this.#offs = [store.on("net", lazily(this.element, () => this.#update()))];
    this.#update();
  }

  destroy(): void {
    this.#offs.forEach((off) => off());
  }

  #change(edit: () => void): void {
    edit();
    this.#update();
  }

  #update(): void {
    const store = this.#store;
    this.#said.textContent = "";
    this.#composed = this.#compose();
    this.#copies.forEach((copy) => (copy.disabled = this.#composed === null));
    if (!this.#composed) {
      fillWith(this.#lines, h("p", {}, "This network has too many edges to read as a formula. Remove some first: the Edges tab sorts them by importance."));
      this.#words.textContent = "";
      return;
    }
    const { unnamed } = this.#composed;
    fillWith(this.#lines, ...asMathml(store.explored, this.#composed, this.#digits));
    const { link } = store.explored;
    this.#words.textContent =
      (unnamed.length === 0
        ? "Every edge has a formula."
        : `${unnamed.length} ${unnamed.length === 1 ? "edge has" : "edges have"} no formula yet: f with its layer, input and output stands for what ` +
          "such an edge has learned. Choose one in the Network tab to try formulas.") +
      (link === "identity" ? "" : link === "sigmoid" ? " The share is 1 / (1 + exp(−value))." : " Shares are the softmax of these values.");
  }

  #compose(): Composed | null {
    const { explored, net } = this.#store;
    const present = net.layers.reduce((sum, layer) => sum + layer.mask.reduce((a, m) => a + (m === 0 ? 0 : 1), 0), 0);
    if (present > MOST_EDGES) return null;
    const size = (composed: Composed): number => composed.lines.reduce((sum, line) => sum + sizeOf(line.expr), 0);
    const nodes = compose(explored, net, true);
    if (this.#form === "nodes" || wholeSize(this.#store) > DRAWABLE) return nodes;
    const whole = compose(explored, net, false);
    return this.#form === "whole" || size(whole) <= READABLE ? whole : nodes;
  }

  async #copy(words: string, text: (composed: Composed) => string): Promise<void> {
    if (!this.#composed) return;
    const done = await copyText(text(this.#composed));
    this.#said.textContent = done ? `${words} copied.` : "This browser does not let the page copy.";
  }
}

/** An upper bound for the symbols of the formula written in one line, without writing it. */
function wholeSize({ net }: Store): number {
  let sizes = new Float64Array(net.layers[0].I).fill(1);
  for (const [l, layer] of net.layers.entries()) {
    const sums = new Float64Array(layer.O);
    layer.mask.forEach((m, edge) => (sums[edge % layer.O] += m === 0 ? 0 : 2 + sizes[Math.floor(edge / layer.O)]));
    const [plain, products] = net.nodes[l + 1];
    sizes = Float64Array.from({ length: plain + products }, (_, n) =>
      n < plain ? sums[n] : sums.slice(plain + (n - plain) * net.arity, plain + (n - plain + 1) * net.arity).reduce((a, b) => a + b, 0));
  }
  return sizes.reduce((a, b) => a + b, 0);
}
