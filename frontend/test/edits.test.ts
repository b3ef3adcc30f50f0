import assert from "node:assert/strict";
import { test } from "node:test";
import { applyEdit, applyEdits, asPython, checkedEdits, type Edit, withEdit } from "../src/model/edits.ts";
import { tinyNet } from "./tiny.ts";

test("an edit changes its own number, shares the other layers and leaves the original", () => {
  const net = tinyNet();
  const edited = applyEdit(net, { op: "coef", edge: [0, 1, 2], index: 3, value: 9 });
  const layer = edited.layers[0];
  assert.equal(layer.coef[(1 * layer.S + 3) * layer.O + 2], 9);
  assert.equal(layer.coef.filter((value) => value === 9).length, 1);
  assert.ok(!net.layers[0].coef.includes(9));
  assert.equal(edited.layers[1], net.layers[1]);
});

test("prune, restore, fix and unfix lead back to where they began", () => {
  const net = tinyNet();
  const edge = [0, 0, 1] as const;
  const gone = applyEdits(net, [{ op: "prune", edge }, { op: "fix", edge, name: "sin", affine: [1, 0, 1, 0, 1] }]);
  assert.equal(gone.layers[0].mask[1], 0);
  assert.equal(gone.layers[0].symbolic.get(1)?.name, "sin");
  assert.deepEqual(applyEdits(gone, [{ op: "restore", edge }, { op: "unfix", edge }]), net);
});

test("only the last edit of a field is kept, and none that changes nothing", () => {
  const net = tinyNet();
  const edge = [0, 0, 0] as const;
  let edits: Edit[] = [];
  for (const value of [1, 2, 3]) edits = withEdit(net, edits, { op: "coef", edge, index: 0, value });
  edits = withEdit(net, edits, { op: "coef", edge, index: 1, value: 5 });
  edits = withEdit(net, edits, { op: "prune", edge });
  assert.deepEqual(edits.map((edit) => edit.op), ["coef", "coef", "prune"]);
  edits = withEdit(net, edits, { op: "restore", edge });
  edits = withEdit(net, edits, { op: "coef", edge, index: 1, value: net.layers[0].coef[net.layers[0].O] });
  assert.deepEqual(edits, [{ op: "coef", edge, index: 0, value: 3 }]);
});

test("an edge that is not there is refused", () => {
  assert.throws(() => applyEdit(tinyNet(), { op: "prune", edge: [0, 2, 0] }), /no edge \(0, 2, 0\)/);
  assert.throws(() => applyEdit(tinyNet(), { op: "prune", edge: [5, 0, 0] }), /no edge/);
});

test("the Python script keeps every digit and escapes strings", () => {
  const value = 0.1 + 0.2;
  const code = asPython(
    [
      { op: "coef", edge: [0, 1, 2], index: 3, value },
      { op: "fix", edge: [0, 0, 0], name: 'a"\n\u2028', affine: [1e-300, -0, 1e21, 0.5, 1] },
    ],
    "KAN.load('m.safetensors')",
  );
  assert.match(code, /\{"op": "coef", "edge": \[0, 1, 2\], "index": 3, "value": 0\.30000000000000004\}/);
  assert.match(code, /"name": "a\\"\\n\\u2028", "affine": \[1e-300, -0\.0, 1e\+21, 0\.5, 1\]/);
  assert.match(code, /^model = KAN\.load\('m\.safetensors'\)$/m);
});

test("the Python script imports what its source names", () => {
  const start = (source: string | null) => asPython([], source).split("\n\n")[0].split("\n").slice(0, -1);
  assert.deepEqual(start("KAN.load('m.safetensors')"), ["from edgewise import KAN"]);
  assert.deepEqual(start("KANRegressor.load('KAN.safetensors')"), ["from edgewise import KANRegressor"]);
  assert.deepEqual(start("edgewise.KANClassifier.load('m')"), ["import edgewise"]);
  assert.deepEqual(start("my_model"), []);
  assert.deepEqual(start(null), []);
  assert.match(asPython([], null), /^# Before this line: your trained model, as `model`/m);
});

test("edits from elsewhere are checked whole", () => {
  const edge = [0, 1, 0];
  const good = [{ op: "coef", edge, index: 0, value: 1 }, { op: "base", edge, value: -2 }, { op: "fix", edge, name: "sin", affine: [1, 0, 1, 0, 1] }, { op: "prune", edge }];
  assert.deepEqual(checkedEdits(good), good);
  const bad = [
    null, {}, { op: "bend", edge }, { op: "prune", edge: [0, 1] }, { op: "prune", edge: [0, 1.5, 0] }, { op: "coef", edge, index: 0.5, value: 1 },
    { op: "coef", edge, index: 0, value: "1" }, { op: "base", edge, value: NaN }, { op: "fix", edge, name: "sin", affine: [1, 0, null, 0, 1] },
  ];
  for (const edit of bad) assert.throws(() => checkedEdits([good[0], edit]), /edits\[1\] is not an edit/);
  assert.throws(() => applyEdit(tinyNet(), { op: "coef", edge: [0, 1, 0], index: 7, value: 1 }), /has 7 coefficients; there is no number 7/);
});
