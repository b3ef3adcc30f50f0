// A network made and trained in the page, shown by the explorer's own views.
import { Store } from "../app/store.ts";
import type { Host } from "../hosts/host.ts";
import { values } from "../hosts/memory.ts";
import { uniformKnots } from "../maths/basis.ts";
import { ofEveryEdge } from "../maths/edge.ts";
import { covering } from "../maths/grid.ts";
import { forward } from "../maths/network.ts";
import { deviation, quantilesOf, sumDeviations } from "../model/importance.ts";
import { encodeArray, encodeNet, type Layer, type Net, QUANTILES } from "../model/payload.ts";
import { normalNumbers } from "./kit.ts";

/** A network before training: small random splines beside the base function. */
export function freshNet(widths: readonly number[], grid: number, k: number, seed: number): Net {
  const normal = normalNumbers(seed);
  const layers = widths.slice(1).map((O, l): Layer => {
    const I = widths[l];
    const S = grid + k;
    return {
      I, O, S,
      knots: repeated(uniformKnots(-1, 1, grid, k), I),
      coef: Float64Array.from({ length: I * S * O }, () => (0.2 * normal()) / Math.sqrt(I)),
      base: Float64Array.from({ length: I * O }, () => normal() / Math.sqrt(I)),
      scale: null,
      mask: new Float64Array(I * O).fill(1),
      symbolic: new Map(),
    };
  });
  return { k, outside: "linear", baseFun: "silu", arity: 2, nodes: widths.map((n) => [n, 0] as const), layers };
}

/** Grids moved to where the values are, layer by layer; a training does so now and then while they move. */
export function fitted(net: Net, x: Float64Array): Net {
  const layers = [...net.layers];
  for (let l = 0; l < layers.length; l++) {
    const { values: nodes } = forward({ ...net, layers }, x);
    layers[l] = covering(net, layers[l], nodes[l], l === 0 ? 0.01 : 0.1);
  }
  return { ...net, layers };
}

function repeated(row: Float64Array, times: number): Float64Array {
  const all = new Float64Array(row.length * times);
  for (let n = 0; n < times; n++) all.set(row, n * row.length);
  return all;
}

export interface Data {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

/** A store over a network that keeps changing. */
export class Live {
  readonly store: Store;
  readonly #kept: ReturnType<typeof values>;

  readonly #data: Data;
  readonly #names: readonly string[];
  readonly #title: string;
  readonly #output: string;

  constructor(net: Net, data: Data, names: readonly string[], title: string, output = "y") {
    this.#data = data;
    this.#names = names;
    this.#title = title;
    this.#output = output;
    this.#kept = values({ payload: this.#payload(net), edits: [], selection: null, training: null });
    const host: Host = { kind: "page", ...this.#kept, save() {}, send() {}, onMessage: () => () => {} };
    this.store = new Store(host);
  }

  /** Another network takes the place of the one shown. */
  show(net: Net): void {
    this.#kept.set("payload", this.#payload(net));
    this.store.reload();
  }

  #payload(net: Net): object {
    const { x, y } = this.#data;
    const { values: nodes, sums } = forward(net, x);
    const variable = (name: string): object => ({ name, unit: null, shift: 0, scale: 1 });
    const [I, O] = [net.layers[0].I, y.length / (x.length / net.layers[0].I)];
    return {
      format: "edgewise-explorer", version: 1, edgewise: "", title: this.#title, model: encodeNet(net),
      inputs: this.#names.map((name, i) => ({ ...variable(name), quantiles: [...quantilesOf(x, I).subarray(i * QUANTILES, (i + 1) * QUANTILES)] })),
      outputs: [{ ...variable(this.#output), quantiles: [] }], link: "identity", classes: null,
      nodes: net.layers.map((layer, l) => encodeArray(quantilesOf(nodes[l], layer.I), [layer.I, QUANTILES])),
      deviations: net.layers.map((layer, l) => encodeArray(deviationsOf(net, l, nodes[l]), [layer.I, layer.O])),
      sums: sumDeviations(sums, x.length / I).map((all) => encodeArray(all, [all.length])),
      loss: null, formula: null, source: null,
      sample: { x: encodeArray(x, [x.length / I, I]), y: encodeArray(y, [y.length / O, O]) },
    };
  }
}

/** `(I, O)` standard deviation of every edge over the values that enter its layer. */
export function deviationsOf(net: Net, l: number, x: Float64Array): Float64Array {
  return ofEveryEdge(net, l, x, (rows, valueAt) => deviation(rows, valueAt));
}
