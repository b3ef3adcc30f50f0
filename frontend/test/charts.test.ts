import assert from "node:assert/strict";
import { test } from "node:test";
import { contour } from "../src/charts/heat.ts";
import { logText, logTicks, rangeOf, tickText } from "../src/charts/scale.ts";
import { freshNet } from "../src/lessons/live.ts";
import { encodeNet } from "../src/model/payload.ts";
import { History } from "../src/views/history.ts";

test("a range holds all finite numbers and is never empty", () => {
  assert.deepEqual(rangeOf([3, NaN, -1], [Infinity, 2]), [-1, 3]);
  assert.deepEqual(rangeOf([5, 5]), [4.5, 5.5]);
  assert.deepEqual(rangeOf([]), [0, 1]);
});

test("ticks show what tells them apart", () => {
  const write = (all: number[]): string[] => all.map((v) => tickText(v, all));
  assert.deepEqual(write([0, 50, 100]), ["0", "50", "100"]);
  assert.deepEqual(write([-0.5, 0, 0.5]), ["−0.5", "0.0", "0.5"]);
  assert.deepEqual(write([100.02, 100.04]), ["100.02", "100.04"]);
  assert.deepEqual(write([0, 2e6]), ["0", "2e6"]);
  assert.deepEqual(write([0, 2e-7]), ["0", "2e−7"]);
});

test("a logarithmic axis has powers of ten, or round numbers where there are none", () => {
  assert.deepEqual(logTicks([0.002, 30], 10), [0.01, 0.1, 1, 10]);
  assert.deepEqual(logTicks([2e-9, 3], 4), [1e-8, 1e-5, 1e-2]);
  assert.deepEqual(logTicks([0.05, 0.2], 4), [0.05, 0.1, 0.15, 0.2]);
  assert.deepEqual([1e-8, 0.001, 10, 1e6].map(logText), ["1e−8", "0.001", "10", "1e6"]);
});

test("a contour runs where the value is crossed, and not through holes", () => {
  const identity = (v: number): number => v;
  assert.equal(contour(Float64Array.of(0, 1, 0, 1), 2, 0.25, identity, identity), "M0.3,0.0L0.3,1.0");
  assert.equal(contour(Float64Array.of(0, 1, 0, NaN), 2, 0.25, identity, identity), "");
  assert.equal(contour(Float64Array.of(0, 1, 1, 0), 2, 0.5, identity, identity).split("M").length - 1, 2); // a saddle
});

test("history keeps every loss, the networks of events, and a bounded number of others", () => {
  const history = new History();
  const model = encodeNet(freshNet([1, 1], 2, 1, 0));
  for (let step = 0; step < 1000; step++) {
    assert.ok(history.receive({ type: "frame", step, train_loss: 1 / (step + 1), model, event: step === 77 ? "refined to 4" : null }));
  }
  assert.equal(history.moments.length, 1000);
  assert.ok(history.moments[77].model);
  const kept = history.moments.filter((moment) => moment.model !== null);
  assert.ok(kept.length <= 241 && kept.length > 100);
  assert.equal(history.netAt(999)!.layers[0].S, 3);
  assert.ok(history.netAt(78));
  assert.equal(history.receive({ type: "steer" }), false);
  history.receive({ type: "frame", step: 0, train_loss: NaN, model });
  assert.deepEqual(history.moments.map((moment) => moment.train), [null], "another run begins");
});
