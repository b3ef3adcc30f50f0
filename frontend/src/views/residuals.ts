// How predictions of the attached data compare with the truth: a scatter for numbers, a table of counts for classes.
import { fillWith, h } from "../app/dom.ts";
import type { Store } from "../app/store.ts";
import { Chart, type Frame } from "../charts/chart.ts";
import { dots, line } from "../charts/marks.ts";
import { rangeOf, widened } from "../charts/scale.ts";
import { predict, respond } from "../maths/network.ts";
import { deviation } from "../model/importance.ts";
import type { Sample } from "../model/payload.ts";
import { counted, shown, withUnit } from "../model/wording.ts";
import { toUser } from "../model/units.ts";

const MOST_CLASSES = 12;

export class Residuals {
  readonly element = h("div", { class: "residuals" });
  readonly #words = h("p", { class: "note", role: "status" });
  readonly #table = h("div", { class: "scroll" });
  readonly #chart: Chart | null;

  readonly #store: Store;
  readonly #sample: Sample & { y: Float64Array };

  constructor(store: Store, sample: Sample & { y: Float64Array }) {
    this.#store = store;
    this.#sample = sample;
    const numbers = store.explored.link === "identity";
    this.#chart = numbers ? new Chart({ label: "", height: 260, xLabel: "true value", yLabel: "prediction" }) : null;
    fillWith(this.element, this.#words, this.#chart ? this.#chart.element : this.#table);
  }

  destroy(): void {
    this.#chart?.destroy();
  }

  update(j: number): void {
    const [store, sample] = [this.#store, this.#sample];
    const O = store.explored.outputs.length;
    const outputs = respond(store.explored, predict(store.net, sample.x));
    if (!this.#chart) return this.#countClasses(outputs, O);
    const output = store.explored.outputs[j];
    const column = (all: Float64Array, value: (v: number) => number): Float64Array =>
      Float64Array.from({ length: sample.n }, (_, row) => value(all[row * O + j]));
    const [truth, guess] = [column(sample.y, (v) => toUser(output, v)), column(outputs, (v) => v)];
    const error = Math.sqrt(truth.reduce((sum, v, n) => sum + (guess[n] - v) ** 2, 0) / sample.n);
    const range = widened(rangeOf(truth, guess), 0.04);
    const spread = deviation(sample.n, (n) => truth[n]);
    const r2 = spread > 0 ? `, R² ${shown(1 - (error / spread) ** 2, 4)}` : "";
    this.#words.textContent = `${counted(sample.n, "row")}: typical error ${shown(error)}${output.unit ? ` ${output.unit}` : ""}${r2}`;
    const paint = (frame: Frame): Element[] => [line(frame, range, range, "zero"), dots(frame, truth, guess)];
    this.#chart.show(range, range, paint, `Prediction against true ${withUnit(output)} for ${counted(sample.n, "row")}; typical error ${shown(error)}`);
  }

  #countClasses(outputs: Float64Array, O: number): void {
    const [store, sample] = [this.#store, this.#sample];
    const names = store.explored.classes ?? store.explored.outputs.map((output) => output.name);
    const C = Math.max(O, 2);
    const chosen = (all: Float64Array, row: number): number =>
      O === 1 ? Number(all[row] > 0.5) : largest(all.subarray(row * O, (row + 1) * O));
    const counts = new Float64Array(C * C);
    for (let row = 0; row < sample.n; row++) counts[chosen(sample.y, row) * C + chosen(outputs, row)] += 1;
    const right = Array.from({ length: C }, (_, c) => counts[c * C + c]).reduce((a, b) => a + b, 0);
    this.#words.textContent = `${right} of ${counted(sample.n, "row")} right (${shown((100 * right) / sample.n)} %)`;
    fillWith(this.#table, C <= MOST_CLASSES && confusion(counts, C, (c) => names[c] ?? String(c)));
  }
}

function confusion(counts: Float64Array, C: number, name: (c: number) => string): HTMLTableElement {
  const classes = Array.from({ length: C }, (_, c) => c);
  const head = h("tr", {}, h("th", { scope: "col" }, "true \\ predicted"), ...classes.map((c) => h("th", { scope: "col" }, name(c))));
  const rows = classes.map((t) =>
    h("tr", {}, h("th", { scope: "row" }, name(t)), ...classes.map((p) => h("td", { class: t === p ? "right number" : "number" }, counts[t * C + p]))));
  return h("table", { class: "confusion" }, h("thead", {}, head), h("tbody", {}, ...rows));
}

function largest(row: Float64Array): number {
  return row.reduce((best, v, n) => (v > row[best] ? n : best), 0);
}
