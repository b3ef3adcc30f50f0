import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_STEPS, Store } from "../src/app/store.ts";
import type { Host } from "../src/hosts/host.ts";
import { values } from "../src/hosts/memory.ts";
import { encodeNet } from "../src/model/payload.ts";
import { Curves, curvePath } from "../src/views/edges.ts";
import { tinyLayer, tinyNet } from "./tiny.ts";

globalThis.requestAnimationFrame = (callback) => setTimeout(() => callback(0), 0) as unknown as number;
const nextFrame = () => new Promise((resolve) => setTimeout(resolve, 5));

function pack(shape: number[], numbers: ArrayLike<number>): object {
  return { shape, dtype: "f8", data: Buffer.from(Float64Array.from(numbers).buffer).toString("base64") };
}

/** A tiny model with 40 rows of data, or with none. */
function hostOf(withData: boolean, scale = 1): Host {
  const net = tinyNet();
  const x = Array.from({ length: 80 }, (_, n) => Math.sin(3 * n));
  const quantiles = (I: number) => pack([I, 33], Array.from({ length: 33 * I }, (_, n) => -1 + (n % 33) / 16));
  const payload = {
    format: "edgewise-explorer", version: 1, edgewise: "0", title: "tiny", model: encodeNet(net),
    inputs: [{ name: "a" }, { name: "b" }], outputs: [{ name: "y", scale }], link: "identity",
    nodes: [quantiles(2), quantiles(3)],
    deviations: [pack([2, 3], [1, 2, 3, 4, 5, 6]), pack([3, 1], [1, 1, 4])], sums: [pack([3], [4, 5, 6]), pack([1], [5])],
    sample: withData ? { x: pack([40, 2], x), y: pack([40, 1], x.slice(0, 40)) } : null,
  };
  return { kind: "page", ...values({ payload }), save() {}, send() {}, onMessage: () => () => {} };
}

const edge = [0, 1, 2] as const;

test("undo and redo restore the model, the loss and the importances exactly", () => {
  for (const withData of [true, false]) {
    const store = new Store(hostOf(withData));
    const seen = () => JSON.stringify([store.loss, store.edits, store.importance(...edge), store.importance(1, 2, 0)]);
    const before = seen();
    store.apply({ op: "coef", edge, index: 3, value: 2 });
    const after = seen();
    store.apply({ op: "prune", edge });
    assert.equal(store.importance(...edge), 0);
    store.undo();
    assert.equal(seen(), after);
    store.undo();
    assert.equal(seen(), before);
    assert.equal(store.net, store.original);
    store.redo();
    assert.equal(seen(), after);
  }
});

test("without data the loss is the change against the saved model: none at first, some after an edit", () => {
  const store = new Store(hostOf(false));
  assert.equal(store.loss.after, 0);
  assert.match(store.measure.words, /no data is attached/);
  store.apply({ op: "prune", edge });
  assert.ok(store.loss.after > 0);
});

test("a change is told in the unit of the output, a loss as the standardised one that it is", () => {
  const changes = [1, 20].map((scale) => {
    const store = new Store(hostOf(false, scale));
    store.apply({ op: "prune", edge });
    return store.loss.after;
  });
  assert.ok(Math.abs(changes[1] / changes[0] - 20) < 1e-12);
  const losses = [1, 20].map((scale) => new Store(hostOf(true, scale)).measure);
  assert.equal(losses[0].first, losses[1].first);
  assert.deepEqual(losses.map(({ words }) => /standardised/.test(words)), [false, true]);
});

test("characters that turn the text around them are dropped from names", () => {
  const host = hostOf(true);
  const payload = host.get("payload") as { title: string; inputs: object[] };
  payload.title = "a\u202eb\u0007";
  payload.inputs = [{ name: "\u2067x\u2069" }, { name: "שלום", unit: "\u200fm" }];
  const { title, inputs } = new Store(host).explored;
  assert.deepEqual([title, inputs[0].name, inputs[1].name, inputs[1].unit], ["ab", "x", "שלום", "m"]);
});

test("a function without a value at some points is drawn with a gap", () => {
  const store = new Store(hostOf(true));
  store.apply({ op: "fix", edge, name: "log", affine: [1, 0, 1, 0, 1] });
  const curve = new Curves(store).of(edge);
  const path = curvePath(curve, 0, 0, 10, 10);
  assert.ok(curve.size > 0 && Number.isNaN(curve.heights[0]) && curve.heights[32] === 0); // log rises to the right
  assert.match(path, /^M[^MNa]*$/); // one stroke, from the first point that has a value
  store.apply({ op: "fix", edge, name: "1/x^2", affine: [1, 0, 1, 0, 1] }); // infinite in the middle
  assert.equal(curvePath(new Curves(store).of(edge), 0, 0, 10, 10).split("M").length, 3);
});

test("the loss of a preview, computed from its edge on, is the loss of the whole model but for rounding", () => {
  const store = new Store(hostOf(true));
  for (const changed of [edge, [1, 2, 0] as const]) {
    store.preview({ op: "coef", edge: changed, index: 2, value: -3 });
    const draft = store.loss.after;
    assert.notEqual(draft, store.loss.before);
    store.commit();
    assert.ok(Math.abs(store.loss.after - draft) <= 1e-13 * draft);
  }
  assert.equal(store.edits.length, 2);
});

test("a point begins at the medians, and at the commonest level of a column of words", () => {
  const host = hostOf(true);
  const payload = host.get("payload") as { inputs: object[]; nodes: object[] };
  const share = (ones: number) => Array.from({ length: 33 }, (_, n) => (n >= 33 - ones ? 1 : 0));
  payload.inputs = ["x", "y"].map((level) => ({ name: level, category: { column: "letter", level } }));
  payload.nodes[0] = pack([2, 33], [...share(10), ...share(12)]);
  assert.deepEqual([...new Store(host).point], [0, 1]);
  assert.deepEqual([...new Store(hostOf(true)).point], [0, 0]);
});

test("a preview that is not committed leaves no trace", () => {
  const store = new Store(hostOf(true));
  store.preview({ op: "coef", edge, index: 0, value: 7 });
  store.select([0, 0, 0]);
  assert.equal(store.net, store.original);
  assert.equal(store.canUndo, false);
});

test("an edit in the first layer moves the importances of later ones when there are data", () => {
  const store = new Store(hostOf(true));
  const before = store.importance(1, 0, 0);
  store.applyAll([0, 1].map((i) => ({ op: "prune", edge: [0, i, 2] as const })));
  assert.notEqual(store.importance(1, 0, 0), before);
  assert.equal(store.edits.length, 2);
  store.undo();
  assert.equal(store.importance(1, 0, 0), before);
});

test("edges into a dead end lose their importance, with data and without", () => {
  for (const withData of [true, false]) {
    const store = new Store(hostOf(withData));
    assert.ok(store.importance(...edge) > 0);
    store.apply({ op: "prune", edge: [1, 2, 0] });
    assert.equal(store.importance(...edge), 0);
    assert.equal(Math.max(store.importance(0, 0, 1), store.importance(0, 1, 1)), 1);
    store.undo();
    assert.ok(store.importance(...edge) > 0);
  }
});

test("listeners are called once per frame, with the edges that changed", async () => {
  const store = new Store(hostOf(true));
  await nextFrame();
  const calls: string[] = [];
  store.on("net", () => calls.push(store.changed === "all" ? "all" : [...store.changed.keys()].join(" ")));
  store.preview({ op: "coef", edge, index: 0, value: 1 });
  store.preview({ op: "coef", edge, index: 0, value: 2 });
  await nextFrame();
  assert.deepEqual(calls, ["0,1,2"]);
  store.showFrame(tinyNet());
  await nextFrame();
  assert.deepEqual(calls, ["0,1,2", "all"]);
});

test("importances follow the frames of training, also of another shape, and come back", () => {
  const store = new Store(hostOf(true));
  const before = store.importance(1, 2, 0);
  const net = tinyNet();
  const scaled = { ...net, layers: [net.layers[0], { ...net.layers[1], mask: Float64Array.from([1, 1, 0]) }] };
  store.showFrame(scaled);
  assert.equal(store.importance(1, 2, 0), 0);
  const smaller = { ...net, nodes: [[2, 0], [2, 0], [1, 0]] as const, layers: [tinyLayer(2, 2), tinyLayer(2, 1)] };
  store.showFrame(smaller);
  assert.ok(store.importance(1, 1, 0) > 0);
  assert.ok(store.domain(1, 1).every(Number.isFinite));
  store.showFrame(null);
  assert.equal(store.importance(1, 2, 0), before);
});

test("edits and selection travel to the host and back; a frame of training cannot be edited", () => {
  const host = hostOf(true);
  const store = new Store(host);
  store.apply({ op: "prune", edge });
  assert.deepEqual(host.get("edits"), [{ op: "prune", edge }]);
  store.receiveEdits([{ op: "base", edge: [0, 0, 0], value: 3 }]);
  assert.equal(store.net.layers[0].base[0], 3);
  assert.equal(store.isRemoved(edge), false);
  store.receiveSelection([0, 9, 9]);
  assert.equal(store.selection, null);
  store.receiveSelection([1, 2, 0]);
  assert.deepEqual(host.get("selection"), [1, 2, 0]);
  store.showFrame(tinyNet());
  store.apply({ op: "prune", edge });
  assert.equal(store.edits.length, 1);
  assert.throws(() => store.receiveEdits([{ op: "explode", edge }]), /edits\[0\]/);
});

test("two hundred steps can be undone, and no more are kept", () => {
  const store = new Store(hostOf(true));
  for (let n = 1; n <= MOST_STEPS + 5; n += 1) store.apply({ op: "base", edge: [0, 0, 0], value: n });
  let undone = 0;
  for (; store.canUndo; undone += 1) store.undo();
  assert.equal(undone, MOST_STEPS);
  assert.equal(store.net.layers[0].base[0], 5);
  for (; store.canRedo; ) store.redo();
  assert.equal(store.net.layers[0].base[0], MOST_STEPS + 5);
});

test("what is followed or chosen is dropped with the network that had it", () => {
  const store = new Store(hostOf(true));
  store.setLook({ focus: { level: 1, node: 2 } });
  store.select(edge);
  for (const wrong of [[0, -1, 0], [0, 0.5, 0], [0, 9, 0], [7, 0, 0]]) {
    store.receiveSelection(wrong);
    assert.equal(store.selection, null, "anything that is no edge means none");
  }
  store.select(edge);
  const small = { ...tinyNet(), nodes: [[2, 0], [2, 0], [1, 0]] as const, layers: [tinyLayer(2, 2), tinyLayer(2, 1)] };
  store.showFrame(small);
  assert.deepEqual([store.look.focus, store.selection], [null, null]);
});
