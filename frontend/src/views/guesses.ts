// The formulas that fit an edge, found while the page is idle and kept until the edge changes.
import type { Store } from "../app/store.ts";
import { edgeFunction } from "../maths/edge.ts";
import { type Candidate, candidatesInSteps } from "../maths/fit.ts";
import { type EdgeId, QUANTILES } from "../model/payload.ts";

/** Values at which an edge is compared with formulas: those of the sample, else between its quantiles. */
const MOST_ROWS = 240;
const SLICE_MS = 8;

/**
 * Formulas for an edge, best first, a few milliseconds at a time so that the page stays quick. They are fitted to its
 * spline, also while a formula stands in for it.
 *
 * @returns a function that stops the search
 */
export function guess(store: Store, [l, i, j]: EdgeId, found: (best: Candidate[]) => void): () => void {
  const xs = valuesAt(store, l, i);
  const ys = xs.map(edgeFunction(store.net, l, i, j, true));
  const search = candidatesInSteps(xs, ys);
  let timer = setTimeout(step, 0);
  function step(): void {
    const end = performance.now() + SLICE_MS;
    let next = search.next();
    while (!next.done && performance.now() < end) next = search.next();
    if (next.done) found(next.value);
    else timer = setTimeout(step, 0);
  }
  return () => clearTimeout(timer);
}

/** Share of the variance of the spline behind an edge that its formula explains. */
export function agreement(store: Store, [l, i, j]: EdgeId): number {
  const xs = valuesAt(store, l, i);
  const [spline, now] = [true, false].map((behind) => xs.map(edgeFunction(store.net, l, i, j, behind)));
  const mean = spline.reduce((sum, y) => sum + y, 0) / spline.length;
  const [rest, all] = [now, spline.map(() => mean)].map((other) => spline.reduce((sum, y, n) => sum + (y - other[n]) ** 2, 0));
  return all > 0 ? 1 - rest / all : Number.NaN;
}

function valuesAt(store: Store, l: number, i: number): Float64Array {
  if (store.explored.sample) {
    const { I } = store.net.layers[l];
    const values = store.measure.entering(l);
    const step = Math.ceil(store.measure.n / MOST_ROWS);
    return Float64Array.from({ length: Math.ceil(store.measure.n / step) }, (_, row) => values[row * step * I + i]);
  }
  const quantiles = store.quantiles[l].subarray(i * QUANTILES, (i + 1) * QUANTILES);
  return Float64Array.from({ length: 4 * (QUANTILES - 1) + 1 }, (_, n) => {
    const below = Math.min(Math.floor(n / 4), QUANTILES - 2);
    return quantiles[below] + (n / 4 - below) * (quantiles[below + 1] - quantiles[below]);
  });
}

/** R² as text: four digits, and what is missing where that would read as one but is more than rounding. */
export function r2Text(r2: number, missing = 1 - r2): string {
  if (!Number.isFinite(r2)) return "–";
  if (missing < 1e-12) return "1";
  if (missing < 5e-5) return `1 − ${missing.toExponential(0).replace("e-", "e−")}`;
  return r2 < 0 ? "< 0" : r2.toFixed(4);
}
