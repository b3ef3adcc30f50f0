// What SVG and Canvas have in common: a picture of a scene that can be moved, marked and asked what lies at a point.
import type { EdgeId } from "../model/payload.ts";
import type { NodeSpot, Point, Scene, TileSpot } from "./geometry.ts";

/** Screen = scene * zoom + (x, y). */
export interface Camera extends Point {
  zoom: number;
}

export type Target = { kind: "edge"; edge: EdgeId } | { kind: "node"; spot: NodeSpot };

/** Which of the scene's edges are seen, and which are only a shadow because another node has the focus. */
export interface Sight {
  isHidden(edge: EdgeId): boolean;
  isAway(edge: EdgeId): boolean;
  isNodeAway(spot: NodeSpot): boolean;
}

export interface Marks {
  hover: EdgeId | null;
  cursor: EdgeId | null;
  selection: EdgeId | null;
}

export interface Picture {
  readonly element: Element;
  /** Draw everything anew. */
  draw(scene: Scene, sight: Sight): void;
  /** Functions or strengths of some edges changed, or of all. */
  refresh(edges: ReadonlyMap<string, EdgeId> | "all"): void;
  mark(marks: Marks): void;
  look(camera: Camera): void;
  destroy(): void;
}

const REST_MS = 140;

/** A camera moves the finished picture at once and has it drawn anew when it rests, so that motion is smooth. */
export class Motion {
  #drawn: Camera = { x: 0, y: 0, zoom: 1 };
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #element: HTMLElement | SVGElement;
  readonly #redraw: (camera: Camera) => void;

  constructor(element: HTMLElement | SVGElement, redraw: (camera: Camera) => void) {
    this.#element = element;
    this.#redraw = redraw;
  }

  /** @param lightly whether drawing anew is quick enough to be done at every step */
  look(camera: Camera, lightly: boolean): void {
    clearTimeout(this.#timer);
    if (lightly) return this.#settle(camera);
    const ratio = camera.zoom / this.#drawn.zoom;
    const [x, y] = [camera.x - this.#drawn.x * ratio, camera.y - this.#drawn.y * ratio];
    this.#element.style.transform = `translate(${x}px, ${y}px) scale(${ratio})`;
    this.#timer = setTimeout(() => this.#settle(camera), REST_MS);
  }

  #settle(camera: Camera): void {
    this.#drawn = camera;
    this.#redraw(camera);
    this.#element.style.transform = "";
  }
}

/** What lies at a point of the scene: tiles before nodes. */
export function targetAt(scene: Scene, sight: Sight, { x, y }: Point): Target | null {
  const { w, h } = scene.tile;
  const tile = scene.tiles.find(
    (t) => Math.abs(t.x - x) <= w && Math.abs(t.y - y) <= h && !sight.isHidden(t.edge) && !sight.isAway(t.edge),
  );
  if (tile) return { kind: "edge", edge: tile.edge };
  for (const level of scene.nodes) {
    const radius = Math.max(12, nodeRadius(scene, level[0]?.level ?? 0) + 3);
    const spot = level.find((n) => Math.hypot(n.x - x, n.y - y) <= radius);
    if (spot) return { kind: "node", spot };
  }
  return null;
}

/** Radius of the nodes of a level. */
export function nodeRadius(scene: Scene, level: number): number {
  const isEnd = level === 0 || level === scene.nodes.length - 1;
  return Math.max(1.5, Math.min(isEnd ? 5.5 : 9, scene.spacing[level] * 0.36));
}

/** The edge that an arrow key leads to. */
export function neighbour(scene: Scene, sight: Sight, from: EdgeId | null, key: string, strength: (edge: EdgeId) => number): EdgeId | null {
  const tiles = scene.tiles.filter(({ edge }) => !sight.isHidden(edge) && !sight.isAway(edge));
  if (tiles.length === 0 || !/^(Arrow|Home$|End$)/.test(key)) return null;
  if (key === "Home" || key === "End") return tiles[key === "Home" ? 0 : tiles.length - 1].edge;
  const here = tiles.find(({ edge }) => edge.join() === from?.join());
  if (!here) return strongest(tiles, strength);
  const [ahead, next, last] = scene.vertical
    ? ["ArrowDown", "ArrowRight", "ArrowLeft"]
    : ["ArrowRight", "ArrowDown", "ArrowUp"];
  const layer = tiles.filter(({ edge }) => edge[0] === here.edge[0]);
  const at = layer.indexOf(here);
  if (key === next) return layer[(at + 1) % layer.length].edge;
  if (key === last) return layer[(at + layer.length - 1) % layer.length].edge;
  const wanted = here.edge[0] + (key === ahead ? 1 : -1);
  const others = tiles.filter(({ edge }) => edge[0] === wanted);
  const across = (spot: Point) => (scene.vertical ? spot.x : spot.y);
  const meets = others.filter(({ edge }) => {
    const [first, second] = key === ahead ? [here.edge, edge] : [edge, here.edge];
    const [end, start] = [scene.sums[first[0]][first[2]], scene.nodes[second[0]][second[1]]];
    return Math.abs(across(end) - across(start)) <= 26 && Math.hypot(end.x - start.x, end.y - start.y) <= 60;
  });
  return strongest(meets.length ? meets : others, strength);
}

function strongest(tiles: readonly TileSpot[], strength: (edge: EdgeId) => number): EdgeId | null {
  return tiles.reduce<TileSpot | null>((best, tile) => (best && strength(best.edge) >= strength(tile.edge) ? best : tile), null)?.edge ?? null;
}
