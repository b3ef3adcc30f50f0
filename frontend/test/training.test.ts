import assert from "node:assert/strict";
import { test } from "node:test";
import { backward, inputGradient } from "../src/maths/backward.ts";
import { type Outside } from "../src/maths/basis.ts";
import { splineFunction } from "../src/maths/edge.ts";
import { covering, project, refined } from "../src/maths/grid.ts";
import { forward, predict } from "../src/maths/network.ts";
import { evaluate, Trainer } from "../src/maths/train.ts";
import { decodeNet, type Net } from "../src/model/payload.ts";
import { close, fixture } from "./fixture.ts";

interface Case {
  name: string;
  model: unknown;
  x: number[];
  y: number[];
  loss: number;
  gradients: { coef: number[]; base: number[] | null; scale: number[] | null; affine: number[][] | null }[];
  input_gradient: number[];
}

const cases = fixture<Case[]>("networks");
const named = (name: string): { net: Net; x: Float64Array; y: Float64Array } => {
  const c = cases.find((one) => one.name === name)!;
  return { net: decodeNet(c.model), x: Float64Array.from(c.x), y: Float64Array.from(c.y) };
};

test("gradients of every parameter and input equal autograd's", () => {
  for (const c of cases) {
    const net = decodeNet(c.model);
    const { loss, gradient } = evaluate(net, Float64Array.from(c.x), Float64Array.from(c.y));
    const size = Math.max(...c.input_gradient.map(Math.abs), ...c.gradients.flatMap((g) => g.coef.map(Math.abs)), 1);
    const check = (actual: Iterable<number>, expected: number[], what: string): void =>
      close([...actual].map((v) => v / size), expected.map((v) => v / size), 1e-12, `${c.name}: ${what}`);
    close([loss], [c.loss], 1e-12, c.name);
    check(gradient.input, c.input_gradient, "input");
    c.gradients.forEach((g, l) => {
      check(gradient.layers[l].coef, g.coef, `coef ${l}`);
      if (g.base) check(gradient.layers[l].base, g.base, `base ${l}`);
      if (g.scale) check(gradient.layers[l].scale!, g.scale, `scale ${l}`);
      if (g.affine) check([...gradient.layers[l].affine.values()].flatMap((v) => [...v]), g.affine.flat(), `affine ${l}`);
    });
  }
});

test("the slope of an output along an input is what a small step shows", () => {
  const { net, x } = named("products");
  const row = x.slice(6, 9);
  const gradient = inputGradient(net, row, 0);
  const at = (i: number, h: number): number => predict(net, row.map((v, n) => (n === i ? v + h : v)))[0];
  // 1e-6: the error of central differences, h^2 f''' / 6 with h = 1e-5, and rounding / h
  close(gradient, [0, 1, 2].map((i) => (at(i, 1e-5) - at(i, -1e-5)) / 2e-5), 1e-6, "slope");
});

test("the penalty's gradient is what a small step shows", () => {
  const { net, x, y } = named("mixed");
  const sparsity = { l1: 0.3, entropy: 0.7 };
  const { gradient } = evaluate(net, x, y, sparsity);
  const shifted = (l: number, at: number, h: number): number => {
    const layers = net.layers.map((layer, n) => (n === l ? { ...layer, coef: layer.coef.map((v, m) => (m === at ? v + h : v)) } : layer));
    return evaluate({ ...net, layers }, x, y, sparsity).loss;
  };
  for (const [l, at] of [[0, 5], [0, 40], [0, 57], [1, 3], [1, 30]]) {
    const numeric = (shifted(l, at, 1e-6) - shifted(l, at, -1e-6)) / 2e-6;
    close([gradient.layers[l].coef[at]], [numeric], 1e-6, `layer ${l}, coefficient ${at}`);
  }
});

test("splines on other knots are Python's", () => {
  interface GridCase { degree: number; outside: Outside; old: number[]; new: number[]; coef: number[]; moved: number[] }
  for (const c of fixture<GridCase[]>("grids")) {
    const [old, now, coef] = [c.old, c.new, c.coef].map((v) => Float64Array.from(v));
    const [ours, theirs] = [project(coef, 1, old, now, c.degree, c.outside), Float64Array.from(c.moved)]
      .map((own) => splineFunction(now, c.degree, own));
    const [lo, hi] = [now[c.degree], now[now.length - c.degree - 1]];
    const x = Array.from({ length: 40 }, (_, n) => lo + ((hi - lo) * n) / 39);
    // Values, since single coefficients of degree 5 are determined to 1e-10 only.
    close(x.map(ours), x.map(theirs), 1e-12, `k=${c.degree} to ${c.new.length} knots, ${c.outside}`);
  }
});

test("refining to a multiple keeps the function", () => {
  const { net, x } = named("plain");
  close(predict(refined(net, 10), x), predict(net, x), 1e-12, "refined");
  assert.equal(refined(net, 10).layers[0].S, 13);
});

test("a covering grid holds all values", () => {
  const { net, x } = named("plain");
  const layer = covering(net, net.layers[0], x, 0.05);
  for (let i = 0; i < 2; i++) {
    const column = x.filter((_, at) => at % 2 === i);
    assert.ok(layer.knots[i * 12 + 3] < Math.min(...column) && Math.max(...column) < layer.knots[i * 12 + 8]);
  }
});

test("training brings the error down and leaves removed edges alone", () => {
  const { net, x } = named("mixed");
  const y = x.filter((_, at) => at % 3 === 0).map(Math.sin);
  const labels = Float64Array.from([...y].flatMap((v) => [v, v * v]));
  const trainer = new Trainer(net, x, labels);
  const before = trainer.error;
  for (let step = 0; step < 60; step++) trainer.step();
  assert.ok(trainer.error < 1e-3 * before, `${before} to ${trainer.error}`);
  const removed = [...net.layers[0].mask.keys()].filter((edge) => net.layers[0].mask[edge] === 0);
  for (const edge of removed) assert.equal(trainer.net.layers[0].base[edge], net.layers[0].base[edge]);
  close([backward(trainer.net, forward(trainer.net, x), labels.map(() => 0)).input[0]], [0], 0, "no cotangent, no gradient");
});
