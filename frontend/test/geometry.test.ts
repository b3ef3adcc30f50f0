import assert from "node:assert/strict";
import { test } from "node:test";
import { allEdges } from "../src/app/store.ts";
import type { Net } from "../src/model/payload.ts";
import { layOut, through, wireOf } from "../src/views/geometry.ts";
import { tinyLayer, tinyNet } from "./tiny.ts";

const frames = [{ width: 900, height: 560 }, { width: 320, height: 480 }];
const labels = [60, 40] as const;

function net(...levels: [number, number][]): Net {
  const layers = levels.slice(1).map(([sums, products], l) => tinyLayer(levels[l][0] + levels[l][1], sums + 2 * products));
  return { ...tinyNet(), nodes: levels, layers };
}

test("tiles of a layer lie inside the frame and none covers another", () => {
  for (const shape of [net([2, 0], [5, 0], [1, 0]), net([4, 0], [3, 2], [1, 0]), net([8, 0], [8, 0], [4, 0], [1, 0])]) {
    for (const frame of frames) {
      const scene = layOut(shape, allEdges(shape), frame, labels);
      assert.equal(scene.tiles.length, allEdges(shape).length);
      const { w, h } = scene.tile;
      scene.tiles.forEach((a, n) => {
        assert.ok(a.x - w >= 0 && a.x + w <= frame.width && a.y - h >= 0 && a.y + h <= frame.height, `${a.x} ${a.y}`);
        for (const b of scene.tiles.slice(n + 1)) {
          assert.ok(Math.abs(a.x - b.x) >= 2 * w - 1e-9 || Math.abs(a.y - b.y) >= 2 * h - 1e-9, `${a.edge} ${b.edge}`);
        }
      });
    }
  }
});

test("the signal runs to the right on wide frames, downwards on narrow ones", () => {
  const [wide, narrow] = frames.map((frame) => layOut(tinyNet(), allEdges(tinyNet()), frame, labels));
  assert.ok(wide.nodes[0][0].x < wide.nodes[1][0].x && wide.nodes[1][0].x < wide.nodes[2][0].x);
  assert.ok(narrow.nodes[0][0].y < narrow.nodes[1][0].y && narrow.nodes[1][0].y < narrow.nodes[2][0].y);
});

test("a wire begins at its node and ends at its sum, factors of a product at places of their own", () => {
  const shape = net([2, 0], [1, 1], [1, 0]);
  const scene = layOut(shape, allEdges(shape), frames[0], labels);
  const tile = scene.tiles.find(({ edge }) => edge.join() === "0,1,2")!;
  const [first, second] = wireOf(scene, tile); // of one column: no lanes between
  assert.deepEqual([first[0].x, first[0].y], [scene.nodes[0][1].x, scene.nodes[0][1].y]);
  assert.deepEqual(second[3], scene.sums[0][2]);
  assert.notDeepEqual(scene.sums[0][1], scene.sums[0][2]);
  assert.deepEqual(scene.sums[0][0], { x: scene.nodes[1][0].x, y: scene.nodes[1][0].y });
});

test("no wire passes behind a tile: one column, two, and lattices", () => {
  const shapes: Net[] = [net([2, 0], [5, 0], [1, 0]), net([4, 0], [5, 0], [1, 0]), net([10, 0], [18, 0], [1, 0]), net([6, 0], [5, 2], [7, 0], [2, 0])];
  for (const shape of shapes) {
    for (const frame of [...frames, { width: 800, height: 580 }]) {
      const scene = layOut(shape, allEdges(shape), frame, labels);
      const { w, h } = scene.tile;
      for (const spot of scene.tiles) {
        for (const [p, a, b, q] of wireOf(scene, spot)) {
          for (let t = 0; t <= 1; t += 1 / 64) {
            const on = (c: "x" | "y") => (1 - t) ** 3 * p[c] + 3 * t * (1 - t) ** 2 * a[c] + 3 * t ** 2 * (1 - t) * b[c] + t ** 3 * q[c];
            const behind = scene.tiles.find((tile) => Math.abs(tile.x - on("x")) < w - 1e-6 && Math.abs(tile.y - on("y")) < h - 1e-6);
            assert.equal(behind, undefined, `${spot.edge} behind ${behind?.edge}`);
          }
        }
      }
    }
  }
});

test("ancestry goes through present edges only, and through every factor of a product", () => {
  const shape = net([2, 0], [1, 1], [2, 0]);
  const isIn = through(shape, 2, 0);
  assert.ok(isIn([0, 0, 0]) && isIn([0, 1, 2]) && isIn([1, 1, 0]));
  assert.ok(!isIn([1, 0, 1]));
  const mask = shape.layers[1].mask.slice();
  mask[1 * 2 + 0] = 0; // the product no longer feeds output 0
  const cut = through({ ...shape, layers: [shape.layers[0], { ...shape.layers[1], mask }] }, 2, 0);
  assert.ok(!cut([0, 0, 1]) && !cut([0, 0, 2]) && cut([0, 0, 0]));
});
