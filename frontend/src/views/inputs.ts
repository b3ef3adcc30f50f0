// One slider and one number per input, in the user's units, over the range of the data.
import { h, set } from "../app/dom.ts";
import type { Store } from "../app/store.ts";
import { QUANTILES, type Variable } from "../model/payload.ts";
import { shown, withUnit } from "../model/wording.ts";

const STEPS = 200;

/** From the network's unit to the user's. */
export const toUser = ({ shift, scale }: Variable, value: number): number => value * scale + shift;
export const toNetwork = ({ shift, scale }: Variable, value: number): number => (value - shift) / scale;

/** The quantiles of input i in the user's unit, in rising order. */
export function userQuantiles(store: Store, i: number): readonly number[] {
  const input = store.explored.inputs[i];
  if (input.quantiles.length > 1) return input.quantiles;
  const own = store.explored.nodeQuantiles[0].subarray(i * QUANTILES, (i + 1) * QUANTILES);
  return [...own].map((v) => toUser(input, v)).sort((a, b) => a - b);
}

/** The range over which input i is moved. */
export function userRange(store: Store, i: number): readonly [number, number] {
  const quantiles = userQuantiles(store, i);
  const [lo, hi] = [quantiles[0], quantiles[quantiles.length - 1]];
  return hi > lo ? [lo, hi] : [lo - 1, lo + 1];
}

export class Inputs {
  readonly element: HTMLElement;
  private readonly rows: { range: HTMLInputElement; number: HTMLInputElement }[];

  constructor(private readonly store: Store) {
    this.rows = store.explored.inputs.map((_, i) => this.controls(i));
    const lines = store.explored.inputs.map((input, i) => {
      const { range, number } = this.rows[i];
      return h("div", { class: "input" }, h("label", { for: range.id }, withUnit(input)), range, number);
    });
    this.element = h("div", { class: "inputs", role: "group", "aria-label": "Inputs" }, ...lines);
    this.update();
  }

  /** Show the store's point. */
  update(): void {
    this.rows.forEach(({ range, number }, i) => {
      const value = toUser(this.store.explored.inputs[i], this.store.point[i]);
      const [lo, hi] = userRange(this.store, i);
      range.value = String(Math.round(((value - lo) / (hi - lo)) * STEPS));
      set(range, { "aria-valuetext": shown(value, 4) });
      if (number !== activeElement(number)) number.value = String(Number(value.toPrecision(4)));
    });
  }

  private controls(i: number): { range: HTMLInputElement; number: HTMLInputElement } {
    const { store } = this;
    const [lo, hi] = userRange(store, i);
    const range = h("input", { type: "range", id: `edgewise-input-${i}`, min: 0, max: STEPS, step: 1 });
    range.addEventListener("input", () => this.move(i, lo + (Number(range.value) / STEPS) * (hi - lo)));
    const number = h("input", { type: "number", step: "any", "aria-label": `${store.explored.inputs[i].name}, exact value` });
    number.addEventListener("input", () => {
      if (number.value !== "" && Number.isFinite(number.valueAsNumber)) this.move(i, number.valueAsNumber);
    });
    number.addEventListener("blur", () => this.update());
    return { range, number };
  }

  private move(i: number, value: number): void {
    const point = this.store.point.slice();
    point[i] = toNetwork(this.store.explored.inputs[i], value);
    this.store.setPoint(point);
  }
}

function activeElement(element: Element): Element | null {
  return (element.getRootNode() as Document | ShadowRoot).activeElement;
}
