/**
 * Fit `y = c f(a x + b) + d` to samples of an edge, for many functions f.
 *
 * c and d are linear: for every a, b (and exponent p) the best ones are known, so only these are searched (variable
 * projection, Golub and Pereyra 1973, with Kaufman's Jacobian). The search starts from hundreds of places: slopes on a
 * logarithmic scale, centres inside and outside of the data, and for functions that oscillate every frequency that the
 * samples can tell apart, since a start more than half a period off never finds its way. As `edgewise.interpret.edge_fit`.
 */
import { Descent, type End, type Place } from "./descent.ts";
import { description, FUNCTIONS, functionNamed, type Fun } from "./functions.ts";

export interface Candidate {
  readonly name: string;
  /** a, b, c, d, p. */
  readonly affine: readonly number[];
  /** Share of the variance explained, 1 for all. */
  readonly r2: number;
  /** `1 - r2`, which keeps its digits where r2 is nearly 1. */
  readonly missing: number;
  /** Of the function and its numbers: half a unit for every bit that cancels between large ones. */
  readonly complexity: number;
}

const SCAN_ROWS = 32;
const SEARCH_ROWS = 100; // two for the shortest period: 120 rad over half the width
const MOST_ROWS = 2000;
const FOLLOWED = 4;
const GLANCES = 100; // between two pauses
const HIGHEST_FREQUENCY = 120;

/** All functions but those that say the same as another one. */
export const DISTINCT: readonly string[] = [...FUNCTIONS.values()].filter((f) => f.twinOf === null).map((f) => f.name);

/**
 * The best fit of every function, best first: what is left unexplained against what it takes to say it.
 *
 * @param weights of the samples, or null for equal ones
 */
export function candidates(
  xs: ArrayLike<number>, ys: ArrayLike<number>, weights: ArrayLike<number> | null = null, names: Iterable<string> = DISTINCT,
): Candidate[] {
  const search = candidatesInSteps(xs, ys, weights, names);
  for (;;) {
    const { done, value } = search.next();
    if (done) return value;
  }
}

/** The same as a generator that pauses every few milliseconds of work. */
export function* candidatesInSteps(
  xs: ArrayLike<number>, ys: ArrayLike<number>, weights: ArrayLike<number> | null = null, names: Iterable<string> = DISTINCT,
): Generator<void, Candidate[]> {
  const functions = [...names].map(functionNamed);
  const samples = new Samples(xs, ys, weights);
  const found: Candidate[] = [];
  for (const f of functions) {
    const fit = f.name === "0" ? samples.constant() : samples.spread > 0 ? yield* samples.fit(f) : null;
    if (fit) found.push(fit);
  }
  const score = (one: Candidate): number => description(one.missing, one.complexity);
  return found.sort((a, b) => score(a) - score(b));
}

/** Samples with inputs from -1 to 1 and values of size 1, all of them and fewer for the search. */
class Samples {
  readonly #scan: Descent;
  readonly #search: Descent;
  readonly #all: Descent;
  readonly #middle: number;
  readonly #half: number;
  readonly #mean: number;
  /** Largest distance of a value from the mean; 0 where nothing is to be fitted. */
  readonly spread: number;

  constructor(xs: ArrayLike<number>, ys: ArrayLike<number>, weights: ArrayLike<number> | null) {
    const weight = (n: number): number => (weights ? weights[n] : 1);
    const rows = Array.from({ length: xs.length }, (_, n) => n)
      .filter((n) => Number.isFinite(xs[n]) && Number.isFinite(ys[n]) && weight(n) > 0)
      .sort((a, b) => xs[a] - xs[b]);
    const [lo, hi] = rows.length ? [xs[rows[0]], xs[rows[rows.length - 1]]] : [0, 0];
    [this.#middle, this.#half] = [lo + (hi - lo) / 2, (hi - lo) / 2];
    const total = rows.reduce((sum, n) => sum + weight(n), 0);
    this.#mean = rows.reduce((sum, n) => sum + (weight(n) / total) * ys[n], 0);
    const most = rows.reduce((max, n) => Math.max(max, Math.abs(ys[n] - this.#mean)), 0);
    this.spread = this.#half > 0 && most > 4 * Number.EPSILON * Math.abs(this.#mean) ? most : 0;
    const some = (count: number): Descent => {
      const few = spreadOut(rows, count);
      return new Descent(
        Float64Array.from(few, (n) => (xs[n] - this.#middle) / this.#half),
        Float64Array.from(few, (n) => (ys[n] - this.#mean) / this.spread),
        Float64Array.from(few, (n) => weight(n) / total),
      );
    };
    [this.#scan, this.#search, this.#all] = [some(SCAN_ROWS), some(SEARCH_ROWS), some(MOST_ROWS)];
  }

  /** The function "0", which explains a constant completely and anything else not at all. */
  constant(): Candidate {
    const missing = this.spread > 0 ? 1 : 0;
    return { name: "0", affine: [1, 0, 0, this.#mean, 1], r2: 1 - missing, missing, complexity: 0 };
  }

  /** The best numbers of one function; null where it is defined on all samples for no numbers. */
  *fit(f: Fun): Generator<void, Candidate | null> {
    let places = yield* bestStarts(f, f.periodic ? this.#search : this.#scan);
    let ends: End[] = [];
    for (const [samples, steps, kept] of [[this.#search, 4, 3], [this.#search, 12, 2], [this.#all, 60, 1]] as const) {
      const all: End[] = [];
      for (const place of places) {
        all.push(samples.follow(f, place, steps));
        yield;
      }
      ends = best(all, kept);
      places = ends.map(([place]) => place);
    }
    return ends.length ? this.#candidate(f, ...ends[0]) : null;
  }

  #candidate(f: Fun, place: Place, missing: number): Candidate | null {
    const { c, d, largest, range } = this.#all.linear(f, place);
    const [s, t, p] = place;
    const affine = [s / this.#half, t - (s * this.#middle) / this.#half, c * this.spread, d * this.spread + this.#mean, p];
    if (!affine.every(Number.isFinite) || !(missing <= 1)) return null;
    const cancellation = (Math.abs(c) * largest) / range;
    return { name: f.name, affine, r2: 1 - missing, missing, complexity: f.complexity + 0.5 * Math.log2(1 + cancellation) };
  }
}

/** The best starts, and the best of different steepness: flat pieces of many functions follow a parabola alike. */
function* bestStarts(f: Fun, samples: Descent): Generator<void, Place[]> {
  const places = startsOf(f);
  const missing = new Float64Array(places.length);
  for (let n = 0; n < places.length; n++) {
    missing[n] = samples.glance(f, ...places[n]);
    if (n % GLANCES === GLANCES - 1) yield;
  }
  const order = [...missing.keys()].filter((n) => missing[n] < 1).sort((a, b) => missing[a] - missing[b]);
  const steepness = new Map<number, number>();
  for (const n of order) {
    const kind = Math.abs(places[n][0]) + 1e3 * places[n][2];
    if (steepness.size < FOLLOWED && !steepness.has(kind)) steepness.set(kind, n);
  }
  return [...new Set([...order.slice(0, FOLLOWED), ...steepness.values()])].map((n) => places[n]);
}

/** Ends that are defined, the least missing first. */
function best(ends: readonly End[], count: number): End[] {
  return ends.filter(([, missing]) => missing >= 0).sort((a, b) => a[1] - b[1]).slice(0, count);
}

const SLOPES = Array.from({ length: 16 }, (_, n) => 10 ** (-1 + 0.18 * n));
const OUTSIDE = [1.001, 1.01, 1.03, 1.1, 1.3, 2, 4];
const CENTRES = [...Array.from({ length: 9 }, (_, n) => -1 + n / 4), ...OUTSIDE, ...OUTSIDE.map((v) => -v)];
const POWERS = [-2.5, -1.5, -0.5, 0.3, 0.7, 1.5, 2.5];

const AFFINE = (slopes: readonly number[]): Place[] =>
  slopes.flatMap((s) => CENTRES.map((centre): Place => [s, -s * centre, 1]));
const ONE_SIGN = AFFINE(SLOPES);
const BOTH_SIGNS = AFFINE([...SLOPES, ...SLOPES.map((s) => -s)]);
const FREQUENCIES = Array.from({ length: Math.floor(HIGHEST_FREQUENCY / 0.6) }, (_, n) => 0.3 + 0.6 * n);
const OSCILLATING = [...ONE_SIGN, ...FREQUENCIES.flatMap((s) => [0, 1, 2, 3].map((n): Place => [s, (n * Math.PI) / 4, 1]))];
const WITH_POWER = [1, -1].flatMap((s) => OUTSIDE.flatMap((t) => POWERS.map((p): Place => [s, t, p]))); // s u + t > 0

/** Places to start from, for inputs from -1 to 1. */
function startsOf(f: Fun): readonly Place[] {
  if (f.name === "x") return [[1, 0, 1]];
  if (f.freeExponent) return WITH_POWER;
  if (f.periodic) return OSCILLATING;
  return f.odd || f.even ? ONE_SIGN : BOTH_SIGNS; // c has the sign of an odd function
}

/** At most `count` of the rows, evenly, both ends included. */
function spreadOut(rows: readonly number[], count: number): number[] {
  if (rows.length <= count) return [...rows];
  return Array.from({ length: count }, (_, n) => rows[Math.round((n * (rows.length - 1)) / (count - 1))]);
}
