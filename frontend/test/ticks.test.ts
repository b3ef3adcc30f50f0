import assert from "node:assert/strict";
import { test } from "node:test";
import { roundTicks } from "../src/charts/ticks.ts";

test("ticks are round, inside and about as many as wanted", () => {
  assert.deepEqual(roundTicks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(roundTicks(-1.3, 1.2, 5), [-1, -0.5, 0, 0.5, 1]);
  assert.deepEqual(roundTicks(1e-9, 3e-9, 2), [1e-9, 2e-9, 3e-9]);
  assert.deepEqual(roundTicks(2, 2, 5), [2]);
  for (const [lo, hi] of [[0.1, 0.7], [-1e6, 3e7], [99.9, 100.1]]) {
    const ticks = roundTicks(lo, hi, 4);
    assert.ok(ticks.length >= 2 && ticks.length <= 6 && ticks.every((t) => t >= lo - 1e-6 * hi && t <= hi * (1 + 1e-6)));
  }
});
