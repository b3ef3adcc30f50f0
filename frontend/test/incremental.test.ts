// What a drag computes against the whole model.
import assert from "node:assert/strict";
import { test } from "node:test";
import { forward, outputsAfter, predict } from "../src/maths/network.ts";
import { applyEdit, type Edit } from "../src/model/edits.ts";
import type { EdgeId, Net } from "../src/model/payload.ts";
import { tinyLayer } from "./tiny.ts";

const rows = Float64Array.from({ length: 2 * 17 }, (_, n) => 1.4 * Math.sin(2.3 * n)); // some outside of the domain

/** Two inputs, two sums and a product of three, three nodes, one output; a removed edge, a symbolic and a scaled one. */
function net(): Net {
  const layers = [tinyLayer(2, 5), { ...tinyLayer(3, 3), scale: new Float64Array(9).fill(0.7) }, tinyLayer(3, 1)];
  layers[0] = { ...layers[0], symbolic: new Map([[6, { name: "sin", affine: [2, 0.3, 1.5, 0.1, 1] }]]) };
  layers[1] = { ...layers[1], mask: Float64Array.from([1, 0, 1, 1, 1, 1, 1, 1, 1]), symbolic: new Map([[8, { name: "exp", affine: [0.1, 0, 1, 0, 1] }]]) };
  return { k: 3, outside: "linear", baseFun: "silu", arity: 3, nodes: [[2, 0], [2, 1], [3, 0], [1, 0]], layers };
}

/** Largest difference, as a share of the largest output. */
function difference(before: Net, edit: Edit): number {
  const after = applyEdit(before, edit);
  const [quick, whole] = [outputsAfter(after, before, forward(before, rows), edit.edge), predict(after, rows)];
  assert.equal(quick.length, whole.length);
  const size = whole.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  return quick.reduce((most, v, n) => Math.max(most, Math.abs(v - whole[n])), 0) / size;
}

test("of an edit in any layer only what hangs on the edge is computed, with the outputs of the whole model", () => {
  const before = net();
  before.layers.forEach(({ I, O }, l) => {
    for (let place = 0; place < I * O; place++) {
      const edge: EdgeId = [l, Math.floor(place / O), place % O];
      const edits: Edit[] = [
        { op: "coef", edge, index: 3, value: -2 }, { op: "base", edge, value: 4 }, { op: "prune", edge }, { op: "restore", edge },
        { op: "fix", edge, name: "x^2", affine: [1, 0.5, -1, 0, 1] }, { op: "unfix", edge },
      ];
      for (const edit of edits) assert.ok(difference(before, edit) < 1e-12, JSON.stringify(edit)); // a few roundings of sums near 1
    }
  });
});

test("coming down from a huge or an infinite edge leaves the digits of the rest", () => {
  for (const value of [1e18, 1e308]) {
    for (const edge of [[0, 0, 0], [1, 2, 1], [2, 0, 0]] as const) {
      const huge = applyEdit(net(), { op: "coef", edge, index: 3, value });
      const down: Edit = { op: "coef", edge, index: 3, value: 0.2 };
      assert.ok(difference(huge, down) < 1e-9, `${value} ${edge}`); // sums may lose six digits before they are computed anew
    }
  }
  const undefinedBelowZero = applyEdit(net(), { op: "fix", edge: [0, 1, 1], name: "log", affine: [1, 0, 1, 0, 1] });
  assert.ok(difference(undefinedBelowZero, { op: "unfix", edge: [0, 1, 1] }) < 1e-12);
});
