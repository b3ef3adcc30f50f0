import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { STYLES } from "../src/views/edges.ts";
import { layOut } from "../src/views/geometry.ts";
import { neighbour, type Sight, targetAt } from "../src/views/picture.ts";
import { allEdges } from "../src/app/store.ts";
import { tinyNet } from "./tiny.ts";

const css = readFileSync("src/styles/colours.css", "utf8");

function colours(selector: string): Map<string, string> {
  const start = css.indexOf(`${selector} {`);
  const block = css.slice(start, css.indexOf("}", start));
  return new Map([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]));
}

/** Relative luminance, WCAG 2.2. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const c = parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (hi + 0.05) / (lo + 0.05);
}

test("every edge, mark and text stands out from its ground, light and dark; stronger edges more", () => {
  for (const selector of [".ew", '.ew[data-scheme="dark"]']) {
    const colour = colours(selector);
    const get = (name: string) => colour.get(name) ?? assert.fail(`no --${name} in ${selector}`);
    for (const ground of ["ground", "tile"]) {
      const edges = Array.from({ length: STYLES }, (_, n) => contrast(get(`edge-${n}`), get(ground)));
      assert.ok(Math.min(...edges) >= 3, `edges on ${ground}: ${edges}`);
      assert.deepEqual(edges, [...edges].sort((a, b) => a - b));
      for (const mark of ["select", "symbolic", "accent"]) assert.ok(contrast(get(mark), get(ground)) >= 3, mark);
    }
    for (const ground of ["ground", "panel"]) {
      for (const text of ["ink", "soft"]) assert.ok(contrast(get(text), get(ground)) >= 4.5, `${text} on ${ground}`);
    }
    assert.ok(contrast(get("on-accent"), get("accent")) >= 4.5);
  }
});

const net = tinyNet();
const scene = layOut(net, allEdges(net), { width: 900, height: 500 }, [60, 60]);
const all: Sight = { isHidden: () => false, isAway: () => false, isNodeAway: () => false };

test("arrow keys reach every edge of a layer and lead along the signal", () => {
  const strength = ([, i, j]: readonly [number, number, number]) => i + j;
  assert.deepEqual(neighbour(scene, all, null, "ArrowRight", strength), [0, 1, 2]); // the strongest to begin with
  const reached = new Set<string>();
  let at = neighbour(scene, all, null, "Home", strength)!;
  for (let n = 0; n < 6; n++) reached.add((at = neighbour(scene, all, at, "ArrowDown", strength)!).join());
  assert.equal(reached.size, 6);
  assert.deepEqual(neighbour(scene, all, [0, 0, 1], "ArrowRight", strength), [1, 1, 0]);
  assert.deepEqual(neighbour(scene, all, [1, 1, 0], "ArrowLeft", strength), [0, 1, 1]);
  for (const from of [null, [1, 1, 0] as const]) assert.equal(neighbour(scene, all, from, "Tab", strength), null);
});

test("a point finds its tile or node, but no tile that is hidden", () => {
  const tile = scene.tiles[3];
  assert.deepEqual(targetAt(scene, all, tile), { kind: "edge", edge: tile.edge });
  assert.equal(targetAt(scene, { ...all, isHidden: () => true }, tile), null);
  const node = scene.nodes[2][0];
  assert.deepEqual(targetAt(scene, all, { x: node.x + 4, y: node.y - 4 }), { kind: "node", spot: node });
});
