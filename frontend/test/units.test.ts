import assert from "node:assert/strict";
import { test } from "node:test";
import { toNetwork, toUser } from "../src/model/units.ts";

const plain = { name: "a", unit: null, shift: 5, scale: 2, bend: null, category: null, quantiles: [] };

test("user and network units lead back to each other, bent or not", () => {
  for (const variable of [plain, { ...plain, bend: 3 }]) {
    for (const value of [-40, 4.9, 5, 5.1, 60]) {
      assert.ok(Math.abs(toUser(variable, toNetwork(variable, value)) - value) < 1e-12 * 100 * Math.abs(value));
    }
  }
  assert.equal(toNetwork(plain, 9), 2);
  assert.ok(Math.abs(toNetwork({ ...plain, bend: 3 }, 11) - 3 / Math.SQRT2) < 1e-15); // z = bend
});

test("the ends of a bent scale are far away but finite", () => {
  const far = toUser({ ...plain, bend: 3 }, 3);
  assert.ok(Number.isFinite(far) && far > 1e4);
});
