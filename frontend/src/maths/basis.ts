/**
 * The k + 1 B-spline basis functions that are not zero at a point, by de Boor's triangle.
 *
 * The numbers are those of `edgewise.splines.bspline_basis`: cells are closed on the left; with "linear" the
 * domain is closed, and value and slope continue beyond it; with "extend" the functions run on over the outer
 * knots and vanish beyond them. NaN gives NaN.
 *
 * Source: de Boor (1972), On calculating with B-splines, J. Approx. Theory 6.
 */
import type { Net } from "../model/payload.ts";

export type Outside = Net["outside"];

/** Scratch, grown for degrees above 8: nothing is allocated at a point. */
let near = new Float64Array(16);
let slopes = new Float64Array(9);

/**
 * Which cell `[knots[c], knots[c + 1])` holds x, kept within `first..last`.
 *
 * @param at where the row of knots begins in `knots`
 */
export function findCell(knots: Float64Array, x: number, first: number, last: number, at = 0): number {
  let lo = first;
  let hi = last;
  while (lo < hi) {
    const middle = (lo + hi + 1) >> 1;
    if (x >= knots[at + middle]) lo = middle;
    else hi = middle - 1;
  }
  return lo;
}

/**
 * Values of the order-th derivative of basis functions `first .. first + k` at x, into `out`.
 *
 * @param at where the row of knots begins in `knots`
 * @param count length of the row, S + k + 1
 * @returns `first`; near the ends of "extend" it may be negative or `first + k >= S`: skip those, as `out` is 0 there
 */
export function localBasis(
  knots: Float64Array, k: number, x: number, out: Float64Array, order = 0, outside: Outside = "linear", at = 0,
  count = knots.length,
): number {
  return outside === "linear"
    ? linearBasis(knots, k, x, out, order, at, count)
    : extendedBasis(knots, k, x, out, order, at, count);
}

function linearBasis(
  knots: Float64Array, k: number, x: number, out: Float64Array, order: number, at: number, count: number,
): number {
  const lo = knots[at + k];
  const hi = knots[at + count - k - 1];
  const inside = x < lo ? lo : x > hi ? hi : x;
  const cell = findCell(knots, inside, k, count - k - 2, at);
  if (near.length < 2 * k) grow(k);
  for (let n = 0; n < 2 * k; n++) near[n] = knots[at + cell - k + 1 + n];
  if (inside === x || order === 1) fill(k, inside, out, order); // NaN comes here too: it is neither < nor >
  else if (order > 1) out.fill(0, 0, k + 1);
  else {
    fill(k, inside, out, 0);
    fill(k, inside, slopes, 1);
    for (let n = 0; n <= k; n++) out[n] = out[n] + slopes[n] * (x - inside);
  }
  if (x !== x) out.fill(NaN, 0, k + 1);
  return cell - k;
}

function extendedBasis(
  knots: Float64Array, k: number, x: number, out: Float64Array, order: number, at: number, count: number,
): number {
  if (!(x >= knots[at] && x < knots[at + count - 1])) {
    out.fill(x !== x ? NaN : 0, 0, k + 1);
    return 0;
  }
  const cell = findCell(knots, x, 0, count - 2, at);
  if (near.length < 2 * k) grow(k);
  const width = knots[at + count - 1] - knots[at];
  for (let n = 0; n < 2 * k; n++) {
    const m = cell - k + 1 + n; // cells that fewer functions cover get invented knots, and their functions are dropped
    near[n] = m < 0 ? knots[at] + m * width
      : m >= count ? knots[at + count - 1] + (m - count + 1) * width
      : knots[at + m];
  }
  fill(k, x, out, order);
  const first = cell - k;
  for (let n = 0; n <= k; n++) if (first + n < 0 || first + n > count - k - 2) out[n] = 0;
  return first;
}

/** The triangle over `near`, the knots `c - k + 1 .. c + k` around cell c: degree k - order, then `order` differences. */
function fill(k: number, x: number, out: Float64Array, order: number): void {
  if (order > k) {
    out.fill(0, 0, k + 1);
    return;
  }
  out[0] = 1;
  for (let p = 1; p <= k - order; p++) {
    let carry = 0;
    for (let r = 0; r < p; r++) {
      const left = near[k + r - p];
      const right = near[k + r];
      const quotient = out[r] / (right - left);
      out[r] = carry + quotient * (right - x);
      carry = quotient * (x - left);
    }
    out[p] = carry;
  }
  for (let p = k - order + 1; p <= k; p++) {
    let before = 0;
    for (let n = 0; n < p; n++) {
      const quotient = out[n] / (near[k + n] - near[k - p + n]);
      out[n] = p * (before - quotient);
      before = quotient;
    }
    out[p] = p * before;
  }
}

/** All S basis functions (or derivatives) at x: for drawing, not for loops. */
export function allBasis(
  knots: Float64Array, k: number, x: number, order = 0, outside: Outside = "linear",
): Float64Array {
  const size = knots.length - k - 1;
  const local = new Float64Array(k + 1);
  const first = localBasis(knots, k, x, local, order, outside);
  const all = new Float64Array(size);
  for (let n = 0; n <= k; n++) if (first + n >= 0 && first + n < size) all[first + n] = local[n];
  if (x !== x) all.fill(NaN);
  return all;
}

/** `lo, lo + h, ..., hi` and k more knots on each side. */
export function uniformKnots(lo: number, hi: number, grid: number, k: number): Float64Array {
  return Float64Array.from({ length: grid + 2 * k + 1 }, (_, n) => lo + (hi - lo) * ((n - k) / grid));
}

/** Where each coefficient sits as a control point: the mean of the k knots inside its function's support. */
export function controlSites(knots: Float64Array, k: number): Float64Array {
  const size = knots.length - k - 1;
  return Float64Array.from({ length: size }, (_, s) => {
    if (k === 0) return (knots[s] + knots[s + 1]) / 2;
    let sum = 0;
    for (let n = 1; n <= k; n++) sum += knots[s + n];
    return sum / k;
  });
}

function grow(k: number): void {
  near = new Float64Array(2 * k);
  slopes = new Float64Array(k + 1);
}
