// From numbers to places, and round numbers along the way.
import { shown } from "../model/wording.ts";
import { roundTicks } from "./ticks.ts";

export type Range = readonly [lo: number, hi: number];

/** The smallest range that holds all finite numbers; a little room around a single one. */
export function rangeOf(...lists: readonly ArrayLike<number>[]): Range {
  let [lo, hi] = [Infinity, -Infinity];
  for (const list of lists) {
    for (let n = 0; n < list.length; n++) {
      if (!Number.isFinite(list[n])) continue;
      lo = Math.min(lo, list[n]);
      hi = Math.max(hi, list[n]);
    }
  }
  if (lo > hi) return [0, 1];
  if (hi - lo > 1e-12 * Math.max(Math.abs(lo), Math.abs(hi))) return [lo, hi];
  const room = Math.abs(lo) * 0.1 || 1;
  return [lo - room, lo + room];
}

/** The range with a share of its width more on both sides. */
export function widened([lo, hi]: Range, share: number): Range {
  return [lo - share * (hi - lo), hi + share * (hi - lo)];
}

/** `count` equally spaced numbers, both ends included. */
export function spaced([lo, hi]: Range, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, n) => lo + ((hi - lo) * n) / (count - 1));
}

/** Powers of ten within the range, thinned out to about `count`; round numbers where there are fewer than two. */
export function logTicks([lo, hi]: Range, count: number): number[] {
  const [first, last] = [Math.ceil(Math.log10(lo) - 1e-9), Math.floor(Math.log10(hi) + 1e-9)];
  const every = Math.max(1, Math.ceil((last - first + 1) / count));
  const all: number[] = [];
  for (let power = first; power <= last; power += every) all.push(Number(`1e${power}`));
  return all.length >= 2 ? all : roundTicks(lo, hi, 3).filter((v) => v > 0);
}

/** How to write a tick among its neighbours: all digits that the step has. */
export function tickText(value: number, all: readonly number[]): string {
  const step = all.length > 1 ? Math.min(...all.slice(1).map((v, n) => v - all[n])) : Math.abs(value) || 1;
  const most = Math.max(...all.map(Math.abs));
  if (most >= 1e5 || most < 1e-3) return shown(value, 1 + Math.max(0, Math.round(Math.log10(most / step))));
  return value.toFixed(Math.min(8, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))).replace("-", "−");
}

/** How to write a tick of a logarithmic axis. */
export function logText(value: number): string {
  return value >= 1e-3 && value < 1e5 ? String(Number(value.toPrecision(2))) : shown(value, 2);
}
