import assert from "node:assert/strict";
import { test } from "node:test";
import { fileName } from "../src/app/save.ts";
import { edgesText } from "../src/model/wording.ts";
import { fitting } from "../src/views/labels.ts";

const eight = (text: string) => 8 * [...text].length;

test("a name without room keeps its beginning", () => {
  assert.equal(fitting("city=<b>Ulm</b>", 120, eight), "city=<b>Ulm</b>");
  assert.equal(fitting("city=<b>Ulm</b>", 48, eight), "city=…");
  assert.ok(eight(fitting("x".repeat(500), 168, eight)) <= 168);
});

test("removed edges are counted apart", () => {
  assert.equal(edgesText(15, 0), "15 edges");
  assert.equal(edgesText(1, 12), "1 edge, 12 removed");
});

test("names of files end in no dash", () => {
  assert.equal(fileName("KAN [2, 3, 1]"), "KAN-2-3-1");
  assert.equal(fileName("[?]"), "network");
});
