// The page's forward pass against Python's, on a model of every kind (tests/explorer/write_fixtures.py).
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { forward, respond } from "../src/maths/network.ts";
import { importancesOf } from "../src/model/importance.ts";
import { decode } from "../src/model/payload.ts";

interface Fixture {
  name: string;
  tolerance: number;
  payload: unknown;
  x: number[][];
  outputs: number[][];
  nodes: number[][][];
  importances: number[][];
  user: { x: number[][]; prediction: number[][] } | null;
}

const FOLDER = "test/fixtures";
const fixtures = readdirSync(FOLDER)
  .map((name) => JSON.parse(readFileSync(`${FOLDER}/${name}`, "utf8")) as Fixture)
  .filter((fixture) => fixture.payload !== undefined);

/** The largest difference, relative to the largest value. */
function distance(got: Float64Array, wanted: readonly number[]): number {
  assert.equal(got.length, wanted.length);
  const scale = Math.max(...wanted.map(Math.abs), 1e-300);
  return wanted.reduce((worst, value, n) => Math.max(worst, Math.abs(got[n] - value) / scale || (Number.isNaN(got[n]) ? Infinity : 0)), 0);
}

test("there are models of every kind", () => {
  assert.ok(fixtures.length >= 30, `${fixtures.length} fixtures`);
});

for (const { name, tolerance, payload, x, outputs, nodes, user } of fixtures) {
  test(`${name}: every node and output as in Python`, () => {
    const explored = decode(payload);
    const { values } = forward(explored.net, Float64Array.from(x.flat()));
    nodes.forEach((wanted, l) => assert.ok(distance(values[l], wanted.flat()) <= tolerance, `level ${l}: ${distance(values[l], wanted.flat())}`));
    assert.ok(distance(values[values.length - 1], outputs.flat()) <= tolerance);
    if (user) {
      const found = respond(explored, values[values.length - 1]);
      const wanted = user.prediction.flat();
      // Python gives both probabilities of two classes, the page may give that of the second.
      const second = found.length * 2 === wanted.length ? wanted.filter((_, n) => n % 2 === 1) : wanted;
      assert.ok(distance(found, second) <= 1e-12, `predictions: ${distance(found, second)}`);
    }
  });
}

for (const { name, payload, importances } of fixtures) {
  test(`${name}: importances are the scores that Python passes back from the outputs`, () => {
    const { net, deviations, sums } = decode(payload);
    // deviations travel as float32
    importancesOf(net, deviations, sums).scores.forEach((found, l) => assert.ok(distance(found, importances[l]) <= 1e-5, `layer ${l}`));
  });
}
