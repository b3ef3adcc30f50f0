// What every picture of an edge needs: its curve, its strength as one of eight styles, its kind.
import type { Store } from "../app/store.ts";
import { edgeFunction } from "../maths/edge.ts";
import type { EdgeId } from "../model/payload.ts";
import { edgeName, formulaText } from "../model/wording.ts";

/** Strengths are shown as one of so many widths and colours, the weakest still 3:1 against the ground. */
export const STYLES = 8;
/** Points per small curve. */
const POINTS = 33;

export type EdgeKind = "spline" | "symbolic" | "removed";

export function kindOf(store: Store, edge: EdgeId): EdgeKind {
  if (store.isRemoved(edge)) return "removed";
  return symbolicOf(store, edge) ? "symbolic" : "spline";
}

export function symbolicOf({ net }: Store, [l, i, j]: EdgeId) {
  return net.layers[l].symbolic.get(i * net.layers[l].O + j);
}

/** 0 to STYLES - 1. */
export function styleOf(store: Store, [l, i, j]: EdgeId): number {
  return Math.min(STYLES - 1, Math.floor(store.importance(l, i, j) * STYLES));
}

/** The edge in one sentence, for tooltips and for those who listen. */
export function edgeSentence(store: Store, edge: EdgeId): string {
  const name = edgeName(store.explored, store.net, edge);
  if (store.isRemoved(edge)) return `${name}: removed`;
  return `${name}: ${kindText(store, edge)}, importance ${percent(store.importance(...edge))}`;
}

/** What an edge is, in a word or a formula. */
export function kindText(store: Store, edge: EdgeId): string {
  const symbolic = symbolicOf(store, edge);
  return symbolic ? formulaText(symbolic) : "spline";
}

export function percent(share: number): string {
  return share > 0 && share < 0.01 ? "under 1 %" : `${Math.round(100 * share)} %`;
}

/** A small curve. */
export interface Curve {
  /** POINTS heights in [0, 1], 0 on top, NaN where the function has no value; a flat one lies in the middle. */
  heights: Float64Array;
  /** Highest less lowest value of the function. */
  size: number;
}

/** Small curves of all edges, computed once and again when their edge changes. */
export class Curves {
  readonly #known = new Map<string, Curve>();
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Forget the edges that the store says changed. */
  refresh(): void {
    const { changed } = this.#store;
    if (changed === "all") this.#known.clear();
    else for (const key of changed.keys()) this.#known.delete(key);
  }

  /** Of a removed edge: what waits behind. */
  of(edge: EdgeId): Curve {
    const key = edge.join();
    let curve = this.#known.get(key);
    if (!curve) this.#known.set(key, (curve = this.#compute(edge)));
    return curve;
  }

  #compute([l, i, j]: EdgeId): Curve {
    const { net } = this.#store;
    const [lo, hi] = this.#store.domain(l, i);
    const f = edgeFunction(net, l, i, j, net.layers[l].mask[i * net.layers[l].O + j] === 0);
    const y = Float64Array.from({ length: POINTS }, (_, n) => f(lo + ((hi - lo) * n) / (POINTS - 1)));
    let [low, high] = [Infinity, -Infinity];
    for (const value of y.filter(Number.isFinite)) [low, high] = [Math.min(low, value), Math.max(high, value)];
    const size = high - low;
    const flat = !(size > 1e-12 * Math.max(Math.abs(low), Math.abs(high), 1e-300)) || !Number.isFinite(size);
    const height = (value: number) => (!Number.isFinite(value) ? Number.NaN : flat ? 0.5 : (high - value) / size);
    return { heights: y.map(height), size: flat ? 0 : size };
  }
}

/** An SVG path through a curve inside the box of half sizes w and h around (x, y). */
export function curvePath({ heights: curve }: Curve, x: number, y: number, w: number, h: number): string {
  let path = "";
  for (let n = 0; n < curve.length; n++) {
    if (Number.isNaN(curve[n])) continue;
    const px = x - w + (2 * w * n) / (curve.length - 1);
    const py = y - h + 2 * h * curve[n];
    path += `${n && !Number.isNaN(curve[n - 1]) ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`;
  }
  return path;
}
