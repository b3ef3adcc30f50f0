import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, decodeArray, PayloadError } from "../src/model/payload.ts";

test("float32 and float64 arrays decode to the same numbers", () => {
  const pack = (dtype: string, bytes: ArrayBuffer) => ({ shape: [3], dtype, data: Buffer.from(bytes).toString("base64") });
  const numbers = [0.5, -2, 1024];
  for (const [dtype, array] of [["f4", Float32Array.from(numbers)], ["f8", Float64Array.from(numbers)]] as const) {
    assert.deepEqual([...decodeArray(pack(dtype, array.buffer as ArrayBuffer), "a", [3])], numbers);
  }
});

test("a payload of something else is refused with the place", () => {
  assert.throws(() => decode({ format: "other" }), (e: Error) => e instanceof PayloadError && /`format`/.test(e.message));
  assert.throws(() => decode([]), PayloadError);
});
