import assert from "node:assert/strict";
import { test } from "node:test";
import type { Explored, Net } from "../src/model/payload.ts";
import { answerName, counted, edgeName, formulaText, formulaWithin, nodeOfSum, shapeText, shortened, shown } from "../src/model/wording.ts";
import { tinyNet } from "./tiny.ts";

test("numbers are short, with a true minus sign", () => {
  const cases: [number, string][] = [
    [0, "0"], [1, "1"], [100, "100"], [-0.25, "−0.25"], [1 / 3, "0.333"], [1.5e-7, "1.5e−7"], [-2e9, "−2e9"], [NaN, "not a number"],
  ];
  for (const [value, text] of cases) assert.equal(shown(value), text);
});

test("formulas read as one would write them", () => {
  const cases: [string, number[], string][] = [
    ["sin", [4, -1, 0.5, 2, 1], "0.5 sin(4x − 1) + 2"],
    ["x", [1, 0, 1, 0, 1], "x"],
    ["x", [2, 0, -1, 0, 1], "−2x"],
    ["x", [2, 1, 3, 0, 1], "3(2x + 1)"],
    ["x^2", [1, 0, 1, 0, 1], "x²"],
    ["x^2", [1, 1, 2, -3, 1], "2(x + 1)² − 3"],
    ["1/x", [1, 0, 2, 0, 1], "2 · 1/x"],
    ["x^p", [1, 0, 1, 0, 1.7], "x^1.7"],
    ["gaussian", [2, 0, 1, 0, 1], "exp(−(2x)²)"],
    ["sin", [1, 0, 0, 3, 1], "3"],
  ];
  for (const [name, affine, text] of cases) assert.equal(formulaText({ name, affine }), text);
});

test("a formula is cut to the room by leaving out numbers, then all but the name", () => {
  const edge = { name: "sin", affine: [4, -1, 0.5, 2, 1] };
  assert.deepEqual([30, 10, 5, 2].map((room) => formulaWithin(edge, room)), ["0.5 sin(4x − 1) + 2", "sin(x)", "sin", ""]);
});

test("products come after sums and take consecutive sums", () => {
  const net = { ...tinyNet(), nodes: [[2, 0], [1, 2], [1, 0]] as [number, number][], arity: 3 };
  assert.deepEqual([0, 1, 3, 4, 6].map((j) => nodeOfSum(net, 0, j)), [
    { node: 0, factor: -1 }, { node: 1, factor: 0 }, { node: 1, factor: 2 }, { node: 2, factor: 0 }, { node: 2, factor: 2 },
  ]);
  assert.equal(shapeText(net), "2 → 1 + 2× → 1");
});

test("a single output of a classifier speaks of its second class", () => {
  const outputs = ["a", "b"].map((name) => ({ name, unit: null, shift: 0, scale: 1, bend: null, category: null, quantiles: [] }));
  const explored = { outputs: outputs.slice(0, 1), classes: ["cheap", "dear"], link: "sigmoid" } as unknown as Explored;
  assert.equal(answerName(explored, 0), "share of dear");
  assert.equal(answerName({ ...explored, outputs, link: "softmax" }, 0), "share of cheap");
  assert.equal(answerName({ ...explored, classes: ["cheap"] }, 0), "share of a"); // one class: the other has no name
  assert.equal(answerName({ ...explored, link: "identity" }, 0), "a");
});

test("names keep whole letters, and the arrow its direction", () => {
  assert.equal(shortened("ab👍🏽cd", 4), "ab👍…");
  assert.equal(shortened("short", 5), "short");
  const explored = { inputs: [{ name: "שלום" }], outputs: [{ name: "y" }] } as unknown as Explored;
  const net = { nodes: [[1, 0], [1, 0]], layers: [{}], arity: 2 } as unknown as Net;
  assert.equal(edgeName(explored, net, [0, 0, 0]), "\u2068שלום\u2069 → y");
  assert.equal(`${counted(1, "edge")}, ${counted(0, "edge")}, ${counted(2, "row")}`, "1 edge, 0 edges, 2 rows");
});
