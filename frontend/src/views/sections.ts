// The function of the network along one input at a time, and over two of them, through the chosen point.
import { button, choice, fillWith, h, svg } from "../app/dom.ts";
import type { Store } from "../app/store.ts";
import { Chart, type Frame } from "../charts/chart.ts";
import { colour, contour, heat } from "../charts/heat.ts";
import { density, level, line, point, upright } from "../charts/marks.ts";
import { rangeOf, spaced, tickText, widened, type Range } from "../charts/scale.ts";
import { roundTicks } from "../charts/ticks.ts";
import { predict, respond } from "../maths/network.ts";
import type { Net } from "../model/payload.ts";
import { shown, withUnit } from "../model/wording.ts";
import { toNetwork, toUser } from "../model/units.ts";
import { choose, columnsOf, isChosen, levelsOf, numbersOf, userQuantiles, userRange } from "./inputs.ts";

/** Edge values that may be computed for one redraw, so that a slider stays smooth. */
const BUDGET = 400_000;
const MOST_SECTIONS = 12;

/** Output j, in the user's terms, where some inputs take other values than the point's. */
export function responses(store: Store, j: number, rows: number, change: (row: number, x: Float64Array) => void): Float64Array {
  const I = store.point.length;
  const x = new Float64Array(rows * I);
  for (let row = 0; row < rows; row++) {
    x.set(store.point, row * I);
    change(row, x.subarray(row * I, (row + 1) * I));
  }
  const O = store.explored.outputs.length;
  const all = respond(store.explored, predict(store.net, x));
  return Float64Array.from({ length: rows }, (_, row) => all[row * O + j]);
}

export function edgeCount(net: Net): number {
  return net.layers.reduce((sum, layer) => sum + layer.I * layer.O, 0);
}

/** Small charts, one per number, with one vertical scale, and lists of what each level of a column of words gives. */
export class Sections {
  readonly element = h("div", { class: "sections" });
  readonly #charts: Chart[];
  /** The inputs of the charts. */
  readonly #numbers: number[];
  readonly #levels: { column: string; list: HTMLElement }[];

  readonly #store: Store;
  readonly #names: (j: number) => string;

  constructor(store: Store, names: (j: number) => string) {
    this.#store = store;
    this.#names = names;
    const { inputs } = store.explored;
    const numbers = numbersOf(store);
    this.#numbers = numbers.slice(0, MOST_SECTIONS);
    this.#charts = this.#numbers.map((i) => new Chart({ label: "", xLabel: withUnit(inputs[i]), height: 150, onpoint: (x) => this.#move(i, x) }));
    this.#levels = columnsOf(store).slice(0, MOST_SECTIONS).map((column) => ({ column, list: h("ul", { class: "strongest", "aria-label": column }) }));
    const more = numbers.length - this.#charts.length;
    fillWith(
      this.element,
      ...this.#charts.map((chart) => chart.element),
      ...this.#levels.map(({ column, list }) => h("div", {}, h("h3", {}, column), list)),
      more > 0 && h("p", { class: "note" }, `The first ${MOST_SECTIONS} numbers; the other ${more} move with their sliders.`),
    );
  }

  destroy(): void {
    this.#charts.forEach((chart) => chart.destroy());
  }

  update(j: number): void {
    const store = this.#store;
    const { inputs } = store.explored;
    this.#showLevels(j);
    const count = Math.max(17, Math.min(81, Math.floor(BUDGET / edgeCount(store.net) / this.#charts.length)));
    const at = this.#numbers.map((i) => spaced(userRange(store, i), count));
    const curves = at.map((xs, n) => responses(store, j, count, (row, x) => (x[this.#numbers[n]] = toNetwork(inputs[this.#numbers[n]], xs[row]))));
    const range = widened(rangeOf(...curves), 0.06);
    const [value] = responses(store, j, 1, () => {});
    this.#charts.forEach((chart, n) => {
      const i = this.#numbers[n];
      const here = toUser(inputs[i], store.point[i]);
      const paint = (frame: Frame): Element[] => [
        density(frame, userQuantiles(store, i)),
        upright(frame, here),
        line(frame, at[n], curves[n]),
        point(frame, here, value),
      ];
      const [lo, hi] = rangeOf(curves[n]);
      const says = `${this.#names(j)} along ${inputs[i].name}: from ${shown(lo)} to ${shown(hi)}, ${shown(value)} at ${shown(here)}`;
      chart.show([at[n][0], at[n][count - 1]], range, paint, says);
    });
  }

  #showLevels(j: number): void {
    const store = this.#store;
    for (const { column, list } of this.#levels) {
      const levels = levelsOf(store, column);
      const values = responses(store, j, levels.length, (row, x) => choose(levels[row], x));
      const focused = [...list.querySelectorAll("button")].findIndex((item) => item.matches(":focus"));
      fillWith(list, ...levels.map((level, n) => {
        const pick = button(level.words, () => store.setPoint(choose(level, store.point.slice())), { "aria-pressed": String(isChosen(level, store.point)) });
        return h("li", {}, pick, h("span", { class: "number" }, shown(values[n], 4)));
      }));
      list.querySelectorAll("button")[focused]?.focus();
    }
  }

  #move(i: number, x: number): void {
    const moved = this.#store.point.slice();
    moved[i] = toNetwork(this.#store.explored.inputs[i], x);
    this.#store.setPoint(moved);
  }
}

/** A field of colours with contours over two inputs; a press moves the point. */
export class Field {
  readonly element: HTMLElement;
  readonly #chart: Chart;
  readonly #scale = h("div", { class: "heat-scale" });
  readonly #pickers: HTMLSelectElement[];
  #j = 0;

  readonly #store: Store;
  readonly #names: (j: number) => string;

  constructor(store: Store, names: (j: number) => string) {
    this.#store = store;
    this.#names = names;
    const numbers = numbersOf(store);
    const options = numbers.map((i) => [String(i), store.explored.inputs[i].name] as const);
    const pickers = ["across", "upward"].map((words) => choice(words, options, () => this.update(this.#j)));
    this.#pickers = pickers.map((picker) => picker.select);
    this.#pickers[1].value = String(numbers[1]);
    this.#chart = new Chart({ label: "", height: 320, plain: true, onpoint: (x, y) => this.#move(x, y) });
    this.element = h(
      "div",
      { class: "field2d" },
      h("div", { class: "tools" }, ...pickers.map((picker) => picker.element)),
      this.#chart.element,
      this.#scale,
    );
  }

  destroy(): void {
    this.#chart.destroy();
  }

  update(j: number): void {
    this.#j = j;
    const store = this.#store;
    const { inputs } = store.explored;
    const [a, b] = this.#axes();
    const count = Math.max(12, Math.min(56, Math.floor(Math.sqrt(BUDGET / edgeCount(store.net)))));
    const [xs, ys] = [spaced(userRange(store, a), count), spaced(userRange(store, b), count)];
    const values = responses(store, j, count * count, (row, x) => {
      x[a] = toNetwork(inputs[a], xs[row % count]);
      if (b !== a) x[b] = toNetwork(inputs[b], ys[Math.floor(row / count)]);
    });
    const range = rangeOf(values);
    const steps = roundTicks(...range, 7);
    const [hereX, hereY] = [toUser(inputs[a], store.point[a]), toUser(inputs[b], store.point[b])];
    const paint = (frame: Frame): Element[] => [
      heat(frame, values, count, range),
      ...steps.map((v) => svg("path", {
        class: "contour",
        d: contour(values, count, v, (c) => (c / (count - 1)) * frame.width, (r) => (1 - r / (count - 1)) * frame.height),
      })),
      upright(frame, hereX, "here light"),
      level(frame, hereY, "here light"),
      point(frame, hereX, hereY, "point ring"),
    ];
    const says = `${this.#names(j)} over ${inputs[a].name} and ${inputs[b].name}: from ${shown(range[0])} to ${shown(range[1])}`;
    this.#chart.rename(withUnit(inputs[a]), withUnit(inputs[b]));
    this.#chart.show([xs[0], xs[count - 1]], [ys[0], ys[count - 1]], paint, says);
    fillWith(this.#scale, legend(range), h("span", { class: "note" }, this.#names(j)));
  }

  #axes(): [number, number] {
    return [Number(this.#pickers[0].value), Number(this.#pickers[1].value)];
  }

  #move(x: number, y: number): void {
    const [a, b] = this.#axes();
    const moved = this.#store.point.slice();
    moved[a] = toNetwork(this.#store.explored.inputs[a], x);
    if (b !== a) moved[b] = toNetwork(this.#store.explored.inputs[b], y);
    this.#store.setPoint(moved);
  }
}

/** The colours from the least to the largest value. */
function legend(range: Range): SVGSVGElement {
  const width = 220;
  const bands = Array.from({ length: 44 }, (_, n) => svg("rect", {
    x: 10 + n * 5, y: 0, width: 5.5, height: 10, fill: `rgb(${colour(n / 43).join()})`,
  }));
  const marks = roundTicks(...range, 4);
  const words = marks.map((v) => svg("text", {
    class: "tick", x: 10 + ((v - range[0]) / (range[1] - range[0])) * width, y: 23, "text-anchor": "middle",
  }, tickText(v, marks)));
  return svg("svg", { width: width + 20, height: 27, viewBox: `0 0 ${width + 20} 27`, "aria-hidden": "true" }, ...bands, ...words);
}
