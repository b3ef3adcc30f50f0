// The network on a Canvas, for many edges: one stroke per style, paths kept until an edge changes.
import { h } from "../app/dom.ts";
import type { Store } from "../app/store.ts";
import type { EdgeId } from "../model/payload.ts";
import { shortened, withUnit } from "../model/wording.ts";
import { Curves, type EdgeKind, kindOf, STYLES, styleOf } from "./edges.ts";
import { type Scene, type TileSpot, wireOf } from "./geometry.ts";
import { WIDEST } from "./labels.ts";
import { type Camera, type Marks, Motion, nodeRadius, type Picture, type Sight } from "./picture.ts";

/** Edges of one style, stroked in one go. */
interface Bundle {
  key: string;
  /** Sum over its edges of a number that tells them apart: whether these are still the same ones. */
  count: number;
  style: number;
  kind: EdgeKind;
  away: boolean;
  wires: Path2D;
  boxes: Path2D;
  curves: Path2D;
}

/** Below this width on the screen a function is drawn as its box only. */
const LEAST_TILE = 5;
/** Painting that takes no longer than this is done at every step of the camera. */
const QUICK_MS = 8;

type Colours = (name: string) => string;

export class CanvasPicture implements Picture {
  readonly element = h("canvas", { class: "picture", "aria-hidden": "true" });
  readonly #store: Store;
  readonly #curves: Curves;
  readonly #motion = new Motion(this.element, (camera) => {
    this.#camera = camera;
    this.#ground = null;
    this.#isSettled = false;
    this.#paint();
  });
  #scene: Scene | null = null;
  #sight: Sight | null = null;
  #camera: Camera = { x: 0, y: 0, zoom: 1 };
  #marks: Marks = { hover: null, cursor: null, selection: null };
  #bundles: Bundle[] | null = null;
  /** Wires and boxes as painted: they seldom change, and there are many. */
  #ground: HTMLCanvasElement | null = null;
  #groundStyles = "";
  /** The ground and all functions as painted: what is seen but for marks, nodes, and what is being dragged. */
  readonly #settled = document.createElement("canvas");
  #isSettled = false;
  #dragged: readonly TileSpot[] = [];
  #waiting = false;
  #took = 0;

  constructor(store: Store, curves: Curves) {
    this.#store = store;
    this.#curves = curves;
  }

  draw(scene: Scene, sight: Sight): void {
    this.#scene = scene;
    this.#sight = sight;
    this.#bundles = this.#ground = null;
    this.#isSettled = false;
    this.#dragged = [];
    const sharpness = Math.min(2, globalThis.devicePixelRatio || 1);
    this.element.width = Math.round(scene.width * sharpness);
    this.element.height = Math.round(scene.height * sharpness);
    this.element.style.width = `${scene.width}px`;
    this.element.style.height = `${scene.height}px`;
    this.#paintSoon();
  }

  refresh(edges: ReadonlyMap<string, EdgeId> | "all"): void {
    const isDrag = this.#store.isDraft && edges !== "all";
    this.#dragged = isDrag ? [...edges.values()].flatMap((edge) => this.#spotOf(edge) ?? []) : [];
    if (!isDrag) this.#bundles = null;
    this.#isSettled &&= isDrag;
    this.#paintSoon();
  }

  mark(marks: Marks): void {
    this.#marks = { ...marks };
    this.#paintSoon();
  }

  look(camera: Camera): void {
    this.#motion.look(camera, this.#took < QUICK_MS);
  }

  destroy(): void {
    this.element.remove();
    this.#scene = null;
  }

  #paintSoon(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#paint();
    });
  }

  #paint(): void {
    const scene = this.#scene;
    const context = this.element.getContext("2d");
    if (!scene || !context) return;
    const style = getComputedStyle(this.element);
    const colour: Colours = (name) => style.getPropertyValue(name).trim();
    const thin = 1 / Math.sqrt(this.#camera.zoom);
    if (!this.#isSettled) this.#settle(scene, colour, thin);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.element.width, this.element.height);
    context.drawImage(this.#settled, 0, 0);
    this.#aim(context);
    const dragged = this.#bundle(scene, this.#dragged);
    this.#paintBoxes(context, dragged, colour, thin);
    this.#paintCurves(context, dragged, colour, thin);
    this.#paintMarks(context, scene, colour, thin);
    this.#paintNodes(context, scene, colour);
  }

  #settle(scene: Scene, colour: Colours, thin: number): void {
    const start = performance.now();
    const bundles = (this.#bundles ??= this.#bundle(scene, scene.tiles));
    const ground = this.#paintedGround(bundles, colour, thin);
    [this.#settled.width, this.#settled.height] = [this.element.width, this.element.height]; // this empties it
    const context = this.#settled.getContext("2d")!;
    context.drawImage(ground, 0, 0);
    this.#aim(context);
    this.#paintCurves(context, bundles, colour, thin);
    this.#isSettled = true;
    this.#took = performance.now() - start;
  }

  #aim(context: CanvasRenderingContext2D): void {
    const { x, y, zoom } = this.#camera;
    const sharpness = this.element.width / this.#scene!.width;
    context.setTransform(sharpness * zoom, 0, 0, sharpness * zoom, sharpness * x, sharpness * y);
  }

  #paintedGround(bundles: readonly Bundle[], colour: Colours, thin: number): HTMLCanvasElement {
    const styles = [...bundles.map(({ key, count }) => `${key}:${count}`), colour("--tile")].join();
    if (this.#ground && this.#groundStyles === styles) return this.#ground;
    const ground = (this.#ground = document.createElement("canvas"));
    this.#groundStyles = styles;
    [ground.width, ground.height] = [this.element.width, this.element.height];
    const context = ground.getContext("2d")!;
    this.#aim(context);
    for (const { style, kind, away, wires } of bundles) {
      context.globalAlpha = away ? 0.1 : this.#wireOpacity(style);
      context.setLineDash(kind === "removed" ? [3, 3] : []);
      context.strokeStyle = colour(kind === "removed" ? "--soft" : `--edge-${style}`);
      context.lineWidth = 0.5 * thin;
      context.stroke(wires);
    }
    this.#paintBoxes(context, bundles, colour, thin);
    return ground;
  }

  #paintBoxes(context: CanvasRenderingContext2D, bundles: readonly Bundle[], colour: Colours, thin: number): void {
    for (const { kind, away, boxes } of bundles) {
      context.globalAlpha = away ? 0.1 : 1;
      context.setLineDash(kind === "removed" ? [3, 3] : []);
      context.fillStyle = colour("--tile");
      context.fill(boxes);
      context.strokeStyle = colour(kind === "symbolic" ? "--symbolic" : "--line");
      context.lineWidth = (kind === "symbolic" ? 2 : 0.5) * thin;
      context.stroke(boxes);
    }
  }

  #paintCurves(context: CanvasRenderingContext2D, bundles: readonly Bundle[], colour: Colours, thin: number): void {
    if (2 * this.#scene!.tile.w * this.#camera.zoom < LEAST_TILE) return;
    context.lineJoin = "round";
    for (const { style, kind, away, curves } of bundles) {
      context.globalAlpha = away ? 0.1 : 1;
      context.setLineDash(kind === "removed" ? [3, 3] : []);
      context.strokeStyle = colour(kind === "removed" ? "--soft" : `--edge-${style}`);
      context.lineWidth = (0.8 + 0.16 * style) * thin;
      context.stroke(curves);
    }
    context.globalAlpha = 1;
    context.setLineDash([]);
  }

  /** Thousands of wires in one place would hide the few that matter. */
  #wireOpacity(style: number): number {
    const least = Math.min(0.45, 180 / this.#scene!.tiles.length);
    return least + (1 - least) * (style / (STYLES - 1)) ** 2;
  }

  #bundle(scene: Scene, tiles: readonly TileSpot[]): Bundle[] {
    const bundles = new Map<string, Bundle>();
    for (const [n, spot] of tiles.entries()) {
      if (this.#sight!.isHidden(spot.edge)) continue;
      const [style, kind] = [styleOf(this.#store, spot.edge), kindOf(this.#store, spot.edge)];
      const away = this.#sight!.isAway(spot.edge);
      const key = `${away ? 0 : 1}${style}${kind}`;
      if (!bundles.has(key)) {
        bundles.set(key, { key, count: 0, style, kind, away, wires: new Path2D(), boxes: new Path2D(), curves: new Path2D() });
      }
      const bundle = bundles.get(key)!;
      bundle.count += (n + 1) * (n + 7);
      this.#trace(bundle, scene, spot);
    }
    return [...bundles.keys()].sort().map((key) => bundles.get(key)!); // weak ones below
  }

  #trace({ wires, boxes, curves }: Bundle, scene: Scene, spot: TileSpot): void {
    const { w, h } = scene.tile;
    traceWire(wires, scene, spot);
    boxes.rect(spot.x - w, spot.y - h, 2 * w, 2 * h);
    const { heights: curve } = this.#curves.of(spot.edge);
    const step = 2 * w < 16 ? 4 : 2 * w < 30 ? 2 : 1; // of 33 points: no more than can be told apart
    for (let n = 0; n < curve.length; n += step) {
      const x = spot.x - 0.8 * w + (1.6 * w * n) / (curve.length - 1);
      const y = spot.y + 0.7 * h * (2 * curve[n] - 1);
      if (n === 0 || Number.isNaN(curve[n - step])) curves.moveTo(x, y); // what is NaN moves no pen
      else curves.lineTo(x, y);
    }
  }

  #spotOf(edge: EdgeId | null): TileSpot | undefined {
    return edge === null ? undefined : this.#scene?.tiles.find(({ edge: own }) => own.every((n, at) => n === edge[at]));
  }

  #paintMarks(context: CanvasRenderingContext2D, scene: Scene, colour: Colours, thin: number): void {
    const { w, h } = scene.tile;
    for (const role of ["hover", "selection", "cursor"] as const) {
      const spot = this.#spotOf(this.#marks[role]);
      if (!spot) continue;
      const wire = new Path2D();
      traceWire(wire, scene, spot);
      context.strokeStyle = colour(role === "hover" ? "--ink" : "--select");
      context.lineWidth = 2 * thin;
      context.setLineDash(role === "cursor" ? [4, 2] : []);
      context.stroke(wire);
      context.strokeRect(spot.x - w - 1, spot.y - h - 1, 2 * w + 2, 2 * h + 2);
    }
    context.setLineDash([]);
  }

  #paintNodes(context: CanvasRenderingContext2D, scene: Scene, colour: Colours): void {
    const { inputs, outputs } = this.#store.explored;
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    for (const level of scene.nodes) {
      for (const spot of level) {
        context.globalAlpha = this.#sight!.isNodeAway(spot) ? 0.25 : 1;
        context.fillStyle = colour(spot.isProduct ? "--symbolic" : "--ink");
        context.beginPath();
        context.arc(spot.x, spot.y, nodeRadius(scene, spot.level) * 0.75, 0, 2 * Math.PI);
        context.fill();
        const isFirst = spot.level === 0;
        const variable = isFirst ? inputs[spot.node] : spot.level === scene.nodes.length - 1 ? outputs[spot.node] : null;
        if (!variable || scene.vertical || scene.spacing[spot.level] * this.#camera.zoom < 11) continue;
        context.font = `${Math.min(12, scene.spacing[spot.level])}px system-ui, sans-serif`;
        context.textAlign = isFirst ? "right" : "left";
        context.fillText(shortened(withUnit(variable), 24), spot.x + (isFirst ? -10 : 10), spot.y, WIDEST);
      }
    }
    context.globalAlpha = 1;
  }
}

function traceWire(path: Path2D, scene: Scene, spot: TileSpot): void {
  for (const [from, a, b, to] of wireOf(scene, spot)) {
    path.moveTo(from.x, from.y);
    path.bezierCurveTo(a.x, a.y, b.x, b.y, to.x, to.y);
  }
}
