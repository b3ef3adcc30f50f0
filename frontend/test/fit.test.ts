import assert from "node:assert/strict";
import { test } from "node:test";
import { candidates, DISTINCT } from "../src/maths/fit.ts";
import { FUNCTIONS } from "../src/maths/functions.ts";
import { fixture } from "./fixture.ts";

const xs = Array.from({ length: 200 }, (_, n) => -2 + (5 * n) / 199);

/** Numbers that keep every function inside its domain on -2..3 and bent enough to be told apart. */
const NUMBERS: Record<string, [number, number]> = {
  "1/x": [1, 2.5], "1/x^2": [1, 2.6], "1/x^3": [1, 2.7], "1/x^4": [1, 2.9], "1/x^5": [1, 3.2], "sqrt": [1, 2.1], "x^0.5": [1, 2.1],
  "x^1.5": [1, 2.1], "1/sqrt(x)": [1, 2.2], "1/x^0.5": [1, 2.2], "x^p": [1, 2.3], "log": [1, 2.2], "arcsin": [0.35, -0.15],
  "arccos": [0.35, -0.15], "arctanh": [0.35, -0.15], "tan": [0.5, -0.1], "sin": [7.3, 0.4], "cos": [11.7, 1], "j0": [5.1, -1], "j1": [5.2, -0.4],
  "abs": [1, -0.4], "relu": [1, -0.3],
};

test("every function is found in its own samples, with its numbers' curve, at any amplitude", () => {
  for (const [name, f] of FUNCTIONS) {
    if (name === "0" || name === "sgn") continue; // sgn: no slope leads to its jump
    const [a, b] = NUMBERS[name] ?? [0.9, 0.3];
    for (const amplitude of [1, 1e-12, 1e9]) {
      const ys = xs.map((x) => amplitude * (0.3 - 1.7 * f.value(a * x + b, 1.8)));
      const found = candidates(xs, ys, null, [name])[0];
      // Kinks and near-poles are met to some digits only; smooth functions to rounding.
      assert.ok(found.missing < (name === "abs" || name === "relu" ? 1e-6 : 1e-20), `${name} x ${amplitude}: ${found.missing}`);
      const [fa, fb, c, d, p] = found.affine;
      const worst = Math.max(...xs.map((x, n) => Math.abs(c * f.value(fa * x + fb, p) + d - ys[n]))) / amplitude;
      assert.ok(worst < (name === "abs" || name === "relu" ? 1e-2 : 1e-8), `${name}: curve off by ${worst}`);
    }
  }
});

test("the function that made the samples comes first", () => {
  for (const name of ["x", "x^2", "x^3", "sin", "exp", "log", "tanh", "gaussian", "sqrt", "1/x"]) {
    const [a, b] = NUMBERS[name] ?? [0.9, 0.3];
    const ys = xs.map((x) => 2 * FUNCTIONS.get(name)!.value(a * x + b, 1) - 1);
    assert.equal(candidates(xs, ys)[0].name, name);
  }
});

test("a constant is 0, and weights of zero take rows out", () => {
  assert.deepEqual(candidates(xs, xs.map(() => 4)).map((c) => [c.name, Math.fround(c.affine[3]), c.r2]), [["0", 4, 1]]);
  const ys = xs.map((x) => (x > 2 ? NaN : Math.sin(3 * x)));
  assert.ok(candidates(xs, ys, null, ["sin"])[0].missing < 1e-20);
  const off = xs.map((x) => (x > 2 ? 50 : Math.sin(3 * x)));
  assert.ok(candidates(xs, off, xs.map((x) => (x > 2 ? 0 : 1)), ["sin"])[0].missing < 1e-20);
  assert.ok(candidates(xs, off, null, ["sin"])[0].missing > 0.1);
});

test("R2 is the share of the weighted variance explained", () => {
  const ys = xs.map((x, n) => x + 0.3 * (n % 2));
  const [line] = candidates(xs, ys, null, ["x"]);
  const mean = ys.reduce((a, b) => a + b) / 200;
  const total = ys.reduce((sum, y) => sum + (y - mean) ** 2, 0);
  const left = ys.reduce((sum, y, n) => sum + (y - line.affine[2] * (line.affine[0] * xs[n] + line.affine[1]) - line.affine[3]) ** 2, 0);
  assert.ok(Math.abs(line.r2 - (1 - left / total)) < 1e-12);
  assert.equal(new Set(DISTINCT).size, 32);
});

test("good fits explain as much as the library's", () => {
  const all: string[] = [];
  for (const c of fixture<{ name: string; x: number[]; y: number[]; missing: Record<string, number> }[]>("fits")) {
    const ours = new Map(candidates(c.x, c.y).map((one) => [one.name, one.missing]));
    for (const [name, theirs] of Object.entries(c.missing)) {
      const own = ours.get(name);
      // 4 % more left unexplained was seen: this search follows fewer starts.
      if (theirs < 0.05 && !(own !== undefined && own <= 1.05 * theirs + 1e-12)) all.push(`${c.name} ${name}: ${own} against ${theirs}`);
    }
  }
  assert.deepEqual(all, []);
});
