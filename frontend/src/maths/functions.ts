/**
 * The elementary functions an edge can be fixed to, and the base functions beside a spline: the tables of
 * `edgewise.layers`, with slopes, complexities and how to write them. Outside its domain a function gives NaN or infinity.
 */
import { besselJ0, besselJ1, erf } from "./special.ts";

export interface Fun {
  readonly name: string;
  /** f(z); of the exponent p where it is free. */
  readonly value: (z: number, p: number) => number;
  /** f'(z). */
  readonly slope: (z: number, p: number) => number;
  /** In the unit of "x", one. */
  readonly complexity: number;
  readonly odd: boolean;
  readonly even: boolean;
  /** Oscillates, so that a fit must look for its frequency. */
  readonly periodic: boolean;
  readonly freeExponent: boolean;
  /** Another function that says the same with other parameters: a search leaves this one out. */
  readonly twinOf: string | null;
}

type Curve = Fun["value"];
type Traits = "odd" | "even" | "periodic" | "free";

const LOG2E = Math.LOG2E;
const sigmoid = (z: number): number => (z < 0 ? Math.exp(z) / (1 + Math.exp(z)) : 1 / (1 + Math.exp(-z)));

export const FUNCTIONS: ReadonlyMap<string, Fun> = new Map(
  [
    fun("0", 0, () => 0, () => 0),
    fun("x", 1, (z) => z, () => 1, ["odd"]),
    fun("x^2", 2, (z) => z * z, (z) => 2 * z, ["even"]),
    fun("x^3", 3, (z) => z * z * z, (z) => 3 * z * z, ["odd"]),
    fun("x^4", 3, (z) => z * z * z * z, (z) => 4 * z * z * z, ["even"]),
    fun("x^5", 3, (z) => z * z * z * z * z, (z) => 5 * z * z * z * z, ["odd"]),
    inverse(1, 2),
    inverse(2, 2),
    inverse(3, 3),
    inverse(4, 4),
    inverse(5, 5),
    fun("sqrt", 2, Math.sqrt, (z) => 0.5 / Math.sqrt(z)),
    fun("x^0.5", 2, Math.sqrt, (z) => 0.5 / Math.sqrt(z), [], "sqrt"),
    fun("x^1.5", 4, (z) => z * Math.sqrt(z), (z) => 1.5 * Math.sqrt(z)),
    fun("1/sqrt(x)", 2, (z) => 1 / Math.sqrt(z), (z) => -0.5 / (z * Math.sqrt(z))),
    fun("1/x^0.5", 2, (z) => 1 / Math.sqrt(z), (z) => -0.5 / (z * Math.sqrt(z)), [], "1/sqrt(x)"),
    fun("x^p", 5, (z, p) => z ** p, (z, p) => p * z ** (p - 1), ["free"]),
    fun("exp", 2, Math.exp, Math.exp),
    fun("log", 2, Math.log, (z) => 1 / z),
    fun("abs", 3, Math.abs, Math.sign, ["even"]),
    fun("sin", 2, Math.sin, Math.cos, ["odd", "periodic"]),
    fun("cos", 2, Math.cos, (z) => -Math.sin(z), ["even", "periodic"], "sin"),
    fun("tan", 3, Math.tan, (z) => 1 + Math.tan(z) ** 2, ["odd", "periodic"]),
    fun("tanh", 3, Math.tanh, (z) => 1 / Math.cosh(z) ** 2, ["odd"]),
    fun("sigmoid", 3, sigmoid, (z) => sigmoid(z) * sigmoid(-z), [], "tanh"),
    fun("sinh", 3, Math.sinh, Math.cosh, ["odd"]),
    fun("cosh", 3, Math.cosh, Math.sinh, ["even"]),
    fun("sgn", 3, Math.sign, () => 0, ["odd"]),
    fun("relu", 3, (z) => Math.max(z, 0), (z) => (z > 0 ? 1 : 0)),
    fun("arcsin", 4, Math.asin, (z) => 1 / Math.sqrt(1 - z * z), ["odd"]),
    fun("arccos", 4, Math.acos, (z) => -1 / Math.sqrt(1 - z * z), [], "arcsin"),
    fun("arctan", 4, Math.atan, (z) => 1 / (1 + z * z), ["odd"]),
    fun("arctanh", 4, Math.atanh, (z) => 1 / (1 - z * z), ["odd"]),
    fun("gaussian", 3, (z) => Math.exp(-z * z), (z) => -2 * z * Math.exp(-z * z), ["even"]),
    fun("erf", 4, erf, (z) => (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z), ["odd"]),
    fun("j0", 4, besselJ0, (z) => -besselJ1(z), ["even", "periodic"]),
    fun("j1", 4, besselJ1, j1Slope, ["odd", "periodic"]),
  ].map((f) => [f.name, f]),
);

export interface Base {
  readonly value: (x: number) => number;
  readonly slope: (x: number) => number;
}

const silu = (x: number): number => x / (1 + Math.exp(-x));
const normal = (x: number): number => 0.5 * (1 + erf(x / Math.SQRT2));

export const BASE_FUNCTIONS: ReadonlyMap<string, Base | null> = new Map<string, Base | null>([
  ["silu", { value: silu, slope: (x) => sigmoid(x) * (1 + x * sigmoid(-x)) }],
  ["identity", { value: (x) => x, slope: () => 1 }],
  ["tanh", { value: Math.tanh, slope: (x) => 1 / Math.cosh(x) ** 2 }],
  ["gelu", { value: (x) => x * normal(x), slope: (x) => normal(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI) }],
  ["relu", { value: (x) => Math.max(x, 0), slope: (x) => (x > 0 ? 1 : 0) }],
  ["zero", null],
]);

/** A built-in function; the error lists the known ones. */
export function functionNamed(name: string): Fun {
  const found = FUNCTIONS.get(name);
  if (!found) throw new RangeError(`there is no function "${name}"; known are ${[...FUNCTIONS.keys()].join(", ")}.`);
  return found;
}

/** A base function, null for "zero". */
export function baseNamed(name: string): Base | null {
  const found = BASE_FUNCTIONS.get(name);
  if (found === undefined) throw new RangeError(`there is no base function "${name}"; known are ${[...BASE_FUNCTIONS.keys()].join(", ")}.`);
  return found;
}

/** What a fit leaves unexplained and what it takes to say it, in units of complexity; less is better. */
export function description(missing: number, complexity: number): number {
  return 2 * Math.log(missing + 1e-14) * LOG2E + complexity;
}

function fun(
  name: string, complexity: number, value: Curve, slope: Curve, traits: readonly Traits[] = [], twinOf: string | null = null,
): Fun {
  const has = (trait: Traits): boolean => traits.includes(trait);
  return {
    name, complexity, value, slope, twinOf, odd: has("odd"), even: has("even"), periodic: has("periodic"), freeExponent: has("free"),
  };
}

function inverse(n: number, complexity: number): Fun {
  const name = n === 1 ? "1/x" : `1/x^${n}`;
  const powers: readonly Curve[] = [(z) => z, (z) => z * z, (z) => z * z * z, (z) => z * z * z * z, (z) => z * z * z * z * z];
  const below = powers[n - 1]; // ** is ten times slower
  return fun(name, complexity, (z, p) => 1 / below(z, p), (z, p) => -n / (below(z, p) * z), [n % 2 ? "odd" : "even"]);
}

function j1Slope(z: number): number {
  return Math.abs(z) < 1e-8 ? 0.5 : besselJ0(z) - besselJ1(z) / z;
}
