// The numbers of an edge, each with a slider and a field: the way to change it without a mouse.
import { fillWith, h, set } from "../app/dom.ts";
import type { Store } from "../app/store.ts";
import { controlSites } from "../maths/basis.ts";
import { knotsOf } from "../maths/edge.ts";
import { functionNamed } from "../maths/functions.ts";
import { coefPlace, type Edit } from "../model/edits.ts";
import type { EdgeId } from "../model/payload.ts";
import { shown } from "../model/wording.ts";
import { symbolicOf } from "./edges.ts";

interface Quantity {
  words: string;
  read(): number;
  edit(value: number): Edit;
}

interface Row {
  quantity: Quantity;
  range: HTMLInputElement;
  field: HTMLInputElement;
}

/** A slider goes as far as this many steps to both sides of where it began. */
const STEPS = 100;

export class Sliders {
  readonly element = h("div", { class: "sliders" });
  readonly #store: Store;
  #rows: Row[] = [];
  #built = "";

  constructor(store: Store) {
    this.#store = store;
  }

  get isEmpty(): boolean {
    return this.#rows.length === 0;
  }

  show(edge: EdgeId): void {
    const symbolic = symbolicOf(this.#store, edge);
    const key = `${edge.join()} ${symbolic?.name ?? ""} ${this.#store.net.layers[edge[0]].S}`;
    if (key !== this.#built) this.#build(edge);
    this.#built = key;
    for (const { quantity, range, field } of this.#rows) {
      const value = quantity.read();
      const active = range.getRootNode() as Document | ShadowRoot;
      if (active.activeElement !== field) field.value = String(Number(value.toPrecision(6)));
      if (Number(range.value) !== value) range.value = String(value);
      for (const input of [range, field]) input.disabled = this.#store.isLive;
    }
  }

  #build(edge: EdgeId): void {
    const quantities = symbolicOf(this.#store, edge) ? this.#affine(edge) : this.#coefficients(edge);
    const size = Math.max(0.5, ...quantities.map((q) => Math.abs(q.read())));
    this.#rows = quantities.map((quantity) => this.#row(quantity, Number((size / STEPS).toPrecision(1))));
    fillWith(
      this.element,
      ...this.#rows.map(({ quantity, range, field }) => h("div", { class: "slider" }, h("span", {}, quantity.words), range, field)),
    );
  }

  #row(quantity: Quantity, step: number): Row {
    const value = quantity.read();
    const range = h("input", { type: "range", "aria-label": quantity.words });
    set(range, { step, min: value - STEPS * step, max: value + STEPS * step }); // so that the value itself is on a step
    range.value = String(value);
    const field = h("input", { type: "number", step: "any", "aria-label": `${quantity.words}, exact value` });
    range.addEventListener("input", () => this.#store.preview(quantity.edit(Number(range.value))));
    range.addEventListener("change", () => this.#store.commit());
    field.addEventListener("change", () => {
      if (field.value !== "" && Number.isFinite(Number(field.value))) this.#store.apply(quantity.edit(Number(field.value)));
    });
    return { quantity, range, field };
  }

  #coefficients(edge: EdgeId): Quantity[] {
    const [l, i, j] = edge;
    const layer = () => this.#store.net.layers[l];
    const sites = controlSites(knotsOf(this.#store.net, layer(), i), this.#store.net.k);
    const quantities: Quantity[] = Array.from(sites, (site, index) => ({
      words: `point at ${shown(site, 2)}`,
      read: () => layer().coef[coefPlace(layer(), edge, index)],
      edit: (value) => ({ op: "coef", edge, index, value }),
    }));
    if (this.#store.net.baseFun !== "zero") {
      quantities.push({
        words: `share of ${this.#store.net.baseFun}(x)`,
        read: () => layer().base[i * layer().O + j],
        edit: (value) => ({ op: "base", edge, value }),
      });
    }
    return quantities;
  }

  #affine(edge: EdgeId): Quantity[] {
    const now = () => symbolicOf(this.#store, edge);
    const { name, sampled } = now()!;
    if (sampled) return [];
    const words = ["a, stretches x", "b, shifts x", "c, stretches the result", "d, shifts the result", "p, the exponent"];
    const count = functionNamed(name).freeExponent ? 5 : 4;
    return words.slice(0, count).map((text, n) => ({
      words: text,
      read: () => now()?.affine[n] ?? 0,
      edit: (value) => ({ op: "fix", edge, name, affine: now()!.affine.map((old, m) => (m === n ? value : old)) }),
    }));
  }
}
