import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

/** What Python wrote (tests/explorer/write_maths_fixtures.py). */
export function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(`test/fixtures/${name}.json`, "utf8")) as T;
}

/** Every number within `tolerance`, absolute or relative to the larger of 1 and the expected one. */
export function close(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length, `${what}: length`);
  for (let n = 0; n < expected.length; n++) {
    const error = Math.abs(actual[n] - expected[n]) / Math.max(1, Math.abs(expected[n]));
    assert.ok(error <= tolerance, `${what}[${n}]: ${actual[n]} should be ${expected[n]} (off by ${error})`);
  }
}
