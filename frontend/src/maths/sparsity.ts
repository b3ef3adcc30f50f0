/**
 * The sparsity penalty of the KAN paper, as `edgewise.train` defines it.
 *
 * For layer l with edges e that are present, O outputs and E such edges, A_e the mean size of an edge over the rows:
 * `l1 sum A / O + entropy H / log E`, where `H = -sum p log p` and `p = A / sum A`.
 */
import type { Net } from "../model/payload.ts";
import { ofEveryEdge } from "./edge.ts";

export interface Sparsity {
  readonly l1: number;
  readonly entropy: number;
}

const TINY = 1e-12;

/** The penalty of layer l, and `(I, O)` what a unit of mean size of each edge adds to it. */
export function penaltyOf(net: Net, l: number, x: Float64Array, { l1, entropy }: Sparsity): { value: number; weights: Float64Array } {
  const layer = net.layers[l];
  const size = meanSizes(net, l, x);
  const present = [...layer.mask.keys()].filter((edge) => layer.mask[edge] !== 0);
  const total = present.reduce((sum, edge) => sum + size[edge], 0);
  const weights = layer.mask.map((m) => (m !== 0 ? l1 / layer.O : 0));
  let value = (l1 * total) / layer.O;
  if (entropy && present.length > 1 && total > TINY) {
    const most = Math.log(present.length);
    const logs = size.map((a) => Math.log(Math.max(a / total, TINY)));
    const h = -present.reduce((sum, edge) => sum + (size[edge] / total) * logs[edge], 0);
    value += (entropy * h) / most;
    for (const edge of present) weights[edge] -= (entropy * (logs[edge] + h)) / (total * most);
  }
  return { value, weights };
}

/** `(I, O)` mean size of every edge of layer l over the values `(rows, I)` that enter it. */
export function meanSizes(net: Net, l: number, x: Float64Array): Float64Array {
  return ofEveryEdge(net, l, x, (rows, valueAt) => {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += Math.abs(valueAt(row));
    return sum / rows;
  });
}
