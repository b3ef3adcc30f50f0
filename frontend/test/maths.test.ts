import assert from "node:assert/strict";
import { test } from "node:test";
import { allBasis, type Outside } from "../src/maths/basis.ts";
import { domainOf, edgeCurve, edgeFunction, symbolicFunction } from "../src/maths/edge.ts";
import { BASE_FUNCTIONS, FUNCTIONS } from "../src/maths/functions.ts";
import { forward, respond } from "../src/maths/network.ts";
import { decodeNet } from "../src/model/payload.ts";
import { close, fixture } from "./fixture.ts";

interface BasisCase {
  degree: number;
  order: number;
  outside: Outside;
  knots: number[];
  x: number[];
  values: number[][];
}

test("bases and derivatives equal Python's, at the ends and beyond", () => {
  for (const c of fixture<BasisCase[]>("basis")) {
    const size = Math.max(...c.values.flat().map(Math.abs), 1); // rounding counts in units of the largest derivative
    c.x.forEach((x, n) => {
      const actual = allBasis(Float64Array.from(c.knots), c.degree, x, c.order, c.outside);
      close(actual.map((v) => v / size), c.values[n].map((v) => v / size), 1e-12, `${c.outside} k=${c.degree} m=${c.order} x=${x}`);
    });
  }
});

test("NaN gives NaN, never 0", () => {
  for (const outside of ["linear", "extend"] as const) {
    assert.ok(allBasis(Float64Array.of(0, 1, 2, 3), 1, NaN, 0, outside).every(Number.isNaN));
  }
});

interface FunctionCase {
  name: string;
  p: number;
  z: number[];
  values: number[];
  slopes: number[];
  [trait: string]: unknown;
}

test("elementary functions are those of the library", () => {
  const { functions } = fixture<{ functions: FunctionCase[] }>("functions");
  assert.deepEqual([...FUNCTIONS.keys()], functions.map((f) => f.name));
  for (const c of functions) {
    const f = FUNCTIONS.get(c.name)!;
    for (const trait of ["complexity", "twinOf", "odd", "even", "periodic", "freeExponent"] as const) {
      assert.equal(f[trait], c[trait], `${c.name}: ${trait}`);
    }
    // 1e-14: scipy's own error; beyond 8 the argument's rounding enters, 300 eps.
    close(c.z.map((z) => f.value(z, c.p)), c.values, 1e-14, c.name);
    close(c.z.map((z) => f.slope(z, c.p)), c.slopes, 1e-13, `${c.name}'`);
  }
});

test("base functions are those of the library", () => {
  for (const c of fixture<{ bases: { name: string; x: number[]; values: number[]; slopes: number[] }[] }>("functions").bases) {
    const f = BASE_FUNCTIONS.get(c.name)!;
    close(c.x.map(f.value), c.values, 1e-14, c.name);
    close(c.x.map(f.slope), c.slopes, 1e-14, `${c.name}'`);
  }
});

interface NetworkCase {
  name: string;
  model: unknown;
  x: number[];
  values: number[][];
}

test("a forward pass equals Python's at every node", () => {
  for (const c of fixture<NetworkCase[]>("networks")) {
    const { values } = forward(decodeNet(c.model), Float64Array.from(c.x));
    assert.equal(values.length, c.values.length);
    values.forEach((v, l) => close(v, c.values[l], 1e-12, `${c.name}, level ${l}`));
  }
});

test("edges add up to the sums of their layer", () => {
  for (const c of fixture<NetworkCase[]>("networks")) {
    const net = decodeNet(c.model);
    const { values, sums, rows } = forward(net, Float64Array.from(c.x));
    net.layers.forEach((layer, l) => {
      const total = new Float64Array(rows * layer.O);
      for (let i = 0; i < layer.I; i++) {
        for (let j = 0; j < layer.O; j++) {
          const f = edgeFunction(net, l, i, j);
          for (let row = 0; row < rows; row++) total[row * layer.O + j] += f(values[l][row * layer.I + i]);
        }
      }
      close(total, sums[l], 1e-12, `${c.name}, layer ${l}`);
    });
  }
});

test("a curve runs from lo to hi", () => {
  const net = decodeNet(fixture<NetworkCase[]>("networks")[0].model);
  const [lo, hi] = domainOf(net, 0, 1);
  const curve = edgeCurve(net, 0, 1, 2, lo, hi, 5);
  const f = edgeFunction(net, 0, 1, 2);
  assert.deepEqual([...curve], [lo, lo / 2 + (lo + hi) / 4, (lo + hi) / 2, hi / 2 + (lo + hi) / 4, hi].map(f));
});

test("a function of the user's own is its samples' spline, continued linearly", () => {
  const sampled = { knots: Float64Array.of(-3, -2, -1, 0, 1, 2, 3, 4), coef: Float64Array.of(-1, 0, 1, 2) }; // x
  const edge = { name: "mine", affine: [1, 0, 1, 0, 1], sampled };
  close([-5, 0.3, 0.5, 7].map(symbolicFunction(edge)), [-5, 0.3, 0.5, 7], 1e-14, "sampled");
  close([-5, 0.5, 7].map(symbolicFunction(edge, 1)), [1, 1, 1], 1e-14, "slope");
});

test("links turn outputs into what the user reads", () => {
  const about = (n: number) => Array.from({ length: n }, () => ({ name: "y", unit: null, shift: 1, scale: 2, bend: null, category: null, quantiles: [] }));
  close(respond({ link: "identity", outputs: about(1) }, Float64Array.of(3, 4)), [7, 9], 0, "identity");
  close(respond({ link: "sigmoid", outputs: about(1) }, Float64Array.of(-0.5)), [0.5], 1e-16, "sigmoid");
  close(respond({ link: "softmax", outputs: about(2) }, Float64Array.of(1000, 1000, 0, Math.log(3))), [0.5, 0.5, 0.25, 0.75], 1e-15, "softmax");
});
