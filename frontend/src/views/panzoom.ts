// Moving and zooming by mouse, wheel and touch, by hand: d3-zoom is larger than the rest of the page.
import type { Point } from "./geometry.ts";
import type { Camera } from "./picture.ts";

const [FARTHEST, NEAREST] = [0.5, 24];
/** A pointer that moved less than this clicked. */
const CLICK = 4;

export interface PanZoomEvents {
  onCamera(camera: Camera): void;
  onClick(at: Point): void;
  onHover(at: Point | null): void;
}

export class PanZoom {
  camera: Camera = { x: 0, y: 0, zoom: 1 };
  readonly #stage: HTMLElement;
  readonly #events: PanZoomEvents;
  readonly #pointers = new Map<number, Point>();
  #moved = 0;

  /** @param freely whether the bare wheel zooms; else only with Ctrl, so that the page around still scrolls */
  constructor(stage: HTMLElement, events: PanZoomEvents, freely: () => boolean) {
    this.#stage = stage;
    this.#events = events;
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && !freely()) return;
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0016)), this.#local(event));
    }, { passive: false });
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    stage.addEventListener("pointerup", (event) => this.#up(event));
    stage.addEventListener("pointercancel", (event) => this.#pointers.delete(event.pointerId));
    stage.addEventListener("pointerleave", () => this.#events.onHover(null));
  }

  /** Zoom about a point of the stage; its middle when absent. */
  zoomBy(factor: number, about?: Point): void {
    const { x, y, zoom } = this.camera;
    const next = Math.min(NEAREST, Math.max(FARTHEST, zoom * factor));
    const at = about ?? { x: this.#stage.clientWidth / 2, y: this.#stage.clientHeight / 2 };
    const ratio = next / zoom;
    this.#show({ zoom: next, x: at.x - (at.x - x) * ratio, y: at.y - (at.y - y) * ratio });
  }

  reset(): void {
    this.#show({ x: 0, y: 0, zoom: 1 });
  }

  /** Bring a point of the scene into view if it is not. */
  reveal(spot: Point, margin = 40): void {
    const { x, y, zoom } = this.camera;
    const [sx, sy] = [spot.x * zoom + x, spot.y * zoom + y];
    const [w, h] = [this.#stage.clientWidth, this.#stage.clientHeight];
    const dx = Math.max(margin - sx, 0) - Math.max(sx - (w - margin), 0);
    const dy = Math.max(margin - sy, 0) - Math.max(sy - (h - margin), 0);
    if (zoom > 1 && (dx || dy)) this.#show({ zoom, x: x + dx, y: y + dy });
  }

  /** Where a point of the stage lies in the scene. */
  toScene({ x, y }: Point): Point {
    return { x: (x - this.camera.x) / this.camera.zoom, y: (y - this.camera.y) / this.camera.zoom };
  }

  #show(camera: Camera): void {
    this.camera = camera;
    this.#stage.style.touchAction = camera.zoom > 1 ? "none" : "pan-x pan-y";
    this.#events.onCamera(camera);
  }

  #local(event: MouseEvent): Point {
    const box = this.#stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.#pointers.set(event.pointerId, this.#local(event));
    this.#moved = this.#pointers.size > 1 ? CLICK : 0;
  }

  #move(event: PointerEvent): void {
    const now = this.#local(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) return this.#events.onHover(now);
    this.#moved += Math.hypot(now.x - before.x, now.y - before.y);
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (p: Point) => Math.hypot(p.x - other.x, p.y - other.y);
      this.zoomBy(apart(now) / Math.max(apart(before), 1), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    } else if (this.#moved >= CLICK) {
      if (!this.#stage.hasPointerCapture(event.pointerId)) this.#stage.setPointerCapture(event.pointerId);
      const { x, y, zoom } = this.camera;
      this.#show({ zoom, x: x + now.x - before.x, y: y + now.y - before.y });
    }
    this.#pointers.set(event.pointerId, now);
  }

  #up(event: PointerEvent): void {
    if (this.#pointers.delete(event.pointerId) && this.#moved < CLICK) this.#events.onClick(this.#local(event));
  }
}
