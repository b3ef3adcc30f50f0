// From numbers to places, and round numbers along the way.
import { shown } from "../model/wording.ts";

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

/** Powers of ten within the range, thinned out to about `count`. */
export function logTicks([lo, hi]: Range, count: number): number[] {
  const [first, last] = [Math.ceil(Math.log10(lo) - 1e-9), Math.floor(Math.log10(hi) + 1e-9)];
  const every = Math.max(1, Math.ceil((last - first + 1) / count));
  const all: number[] = [];
  for (let power = first; power <= last; power += every) all.push(10 ** power);
  return all.length >= 2 ? all : [lo, hi];
}

/** How to write the ticks: as few digits as tell neighbours apart. */
export function tickText(value: number, all: readonly number[]): string {
  const step = all.length > 1 ? Math.abs(all[1] - all[0]) : Math.abs(value) || 1;
  if (Math.abs(value) < step * 1e-6) return "0";
  const digits = Math.max(1, Math.min(8, Math.ceil(Math.log10(Math.abs(value) / step) - 1e-9) + 1));
  return shown(value, digits);
}
