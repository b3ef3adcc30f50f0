// One slider and one number per input, in the user's units, over the range of the data; one list per column of words.
import { choice, h, set, uid } from "../app/dom.ts";
import type { Store } from "../app/store.ts";
import { QUANTILES } from "../model/payload.ts";
import { toNetwork, toUser } from "../model/units.ts";
import { shown, withUnit } from "../model/wording.ts";

const STEPS = 200;

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

/** Inputs that are numbers; the others are levels of a column of words. */
export function numbersOf({ explored }: Store): number[] {
  return explored.inputs.flatMap(({ category }, i) => (category === null ? [i] : []));
}

/** Columns of words. */
export function columnsOf({ explored }: Store): string[] {
  return [...new Set(explored.inputs.flatMap(({ category }) => category?.column ?? []))];
}

/** A value of a column of words: its words, and the inputs that are 1 and 0 for it. */
export interface Level {
  readonly words: string;
  readonly input: number | null;
  readonly members: readonly number[];
}

/** The levels of a column; the last one stands for all others, where every input is 0. */
export function levelsOf({ explored }: Store, column: string): Level[] {
  const members = explored.inputs.flatMap(({ category }, i) => (category?.column === column ? [i] : []));
  return [
    ...members.map((input) => ({ words: explored.inputs[input].category!.level, input, members })),
    { words: "another", input: null, members },
  ];
}

/** Give the column this level in a row of inputs. */
export function choose({ input, members }: Level, x: Float64Array): Float64Array {
  for (const i of members) x[i] = i === input ? 1 : 0;
  return x;
}

/** Whether a row of inputs has this level. */
export function isChosen({ input, members }: Level, x: Float64Array): boolean {
  return members.every((i) => x[i] === (i === input ? 1 : 0));
}

/** What sets one input, or all inputs of a column of words. */
interface Control {
  readonly element: HTMLElement;
  update(): void;
}

export class Inputs {
  readonly element: HTMLElement;
  readonly #controls: readonly Control[];

  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
    const columns = new Set(store.explored.inputs.map(({ category }, i) => category?.column ?? i));
    this.#controls = [...columns].map((column) => (typeof column === "string" ? this.#levels(column) : this.#slider(column)));
    const elements = this.#controls.map(({ element }) => element);
    this.element = h("div", { class: "inputs", role: "group", "aria-label": "Inputs" }, ...elements);
    this.update();
  }

  /** Show the store's point. */
  update(): void {
    for (const control of this.#controls) control.update();
  }

  #slider(i: number): Control {
    const store = this.#store;
    const input = store.explored.inputs[i];
    const [lo, hi] = userRange(store, i);
    const range = h("input", { type: "range", id: uid(), min: 0, max: STEPS, step: 1 });
    range.addEventListener("input", () => this.#move(i, lo + (Number(range.value) / STEPS) * (hi - lo)));
    const number = h("input", { type: "number", step: "any", "aria-label": `${input.name}, exact value` });
    number.addEventListener("input", () => {
      if (number.value !== "" && Number.isFinite(number.valueAsNumber)) this.#move(i, number.valueAsNumber);
    });
    number.addEventListener("blur", () => this.update());
    const update = (): void => {
      const value = toUser(input, store.point[i]);
      range.value = String(Math.round(((value - lo) / (hi - lo)) * STEPS));
      set(range, { "aria-valuetext": shown(value, 4) });
      if (number !== activeElement(number)) number.value = String(Number(value.toPrecision(4)));
    };
    return { element: h("div", { class: "input" }, h("label", { for: range.id }, withUnit(input)), range, number), update };
  }

  #levels(column: string): Control {
    const store = this.#store;
    const levels = levelsOf(store, column);
    const options = levels.map(({ words }, n) => [String(n), words] as const);
    const { select } = choice(column, options, (n) => store.setPoint(choose(levels[Number(n)], store.point.slice())));
    select.id = uid();
    const update = (): void => void (select.value = String(levels.findIndex((level) => isChosen(level, store.point))));
    return { element: h("div", { class: "input" }, h("label", { for: select.id }, column), select), update };
  }

  #move(i: number, value: number): void {
    const point = this.#store.point.slice();
    point[i] = toNetwork(this.#store.explored.inputs[i], value);
    this.#store.setPoint(point);
  }
}

function activeElement(element: Element): Element | null {
  return (element.getRootNode() as Document | ShadowRoot).activeElement;
}
