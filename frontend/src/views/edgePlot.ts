// One edge in full: its function now and as loaded, where the data are, knots, and control points that can be dragged.
import { set, svg } from "../app/dom.ts";
import type { Store } from "../app/store.ts";
import { tickText } from "../charts/scale.ts";
import { roundTicks } from "../charts/ticks.ts";
import { controlSites } from "../maths/basis.ts";
import { domainOf, edgeFunction, knotsOf } from "../maths/edge.ts";
import { baseNamed } from "../maths/functions.ts";
import { coefPlace, type Edit } from "../model/edits.ts";
import { type EdgeId, QUANTILES } from "../model/payload.ts";
import { toNetwork, toUser } from "../model/units.ts";
import { nodeName, shortened, withUnit } from "../model/wording.ts";
import { kindOf } from "./edges.ts";

const SIZE = { width: 352, height: 232 };
const FRAME = { left: 44, right: 344, top: 10, bottom: 190 };
const SAMPLES = 200;
const BINS = 40;

interface Window {
  x: readonly [number, number];
  y: readonly [number, number];
}

export class EdgePlot {
  readonly element = svg("svg", { class: "edge-plot", viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, "aria-hidden": "true" });
  readonly #store: Store;
  #edge: EdgeId | null = null;
  #window: Window = { x: [0, 1], y: [0, 1] };
  #dragged: number | null = null;
  /** What stays where it is while a point is dragged, and what it was drawn for. */
  readonly #still = svg("g");
  readonly #moving = svg("g");
  #drawn: readonly unknown[] = [];

  constructor(store: Store) {
    this.#store = store;
    this.element.append(this.#still, this.#moving);
    this.element.addEventListener("pointermove", (event) => this.#drag(event));
    for (const end of ["pointerup", "pointercancel"] as const) this.element.addEventListener(end, () => this.#drop());
  }

  draw(edge: EdgeId): void {
    const isSame = this.#edge?.join() === edge.join();
    this.#edge = edge;
    if (this.#dragged === null) this.#window = isSame && this.#store.isDraft ? this.#grown(this.#windowOf(edge)) : this.#windowOf(edge);
    const { net, original, quantiles } = this.#store;
    const drawn = [edge.join(), ...this.#window.x, ...this.#window.y, net.layers[edge[0]].knots, original, quantiles[edge[0]]];
    if (drawn.some((part, n) => part !== this.#drawn[n])) {
      this.#drawn = drawn;
      const still = [...this.#ground(edge), ...this.#axes(edge), this.#density(edge), this.#knots(edge), this.#framed(this.#curve(edge, "before"))];
      this.#still.replaceChildren(...still);
    }
    const points = this.#controlPoints(edge);
    this.#moving.replaceChildren(this.#framed(this.#curve(edge, "now"), this.#polygon(points)), ...points.map((point) => this.#handle(point)));
  }

  // ---------------------------------------------------------------- scales

  #windowOf(edge: EdgeId): Window {
    const [l, i] = edge;
    const [grid, data] = [domainOf(this.#store.net, l, i), this.#store.domain(l, i)];
    const [lo, hi] = [Math.min(grid[0], data[0]), Math.max(grid[1], data[1])];
    const x = [lo - 0.03 * (hi - lo), hi + 0.03 * (hi - lo)] as const;
    let [low, high] = [Infinity, -Infinity];
    const values = [...this.#values(edge, "now", x), ...this.#values(edge, "before", x), ...this.#controlPoints(edge).map(({ y }) => y)];
    for (const value of values.filter(Number.isFinite)) [low, high] = [Math.min(low, value), Math.max(high, value)];
    if (!(high > low)) [low, high] = [(Number.isFinite(low) ? low : 0) - 0.5, (Number.isFinite(low) ? low : 0) + 0.5];
    return { x, y: [low - 0.24 * (high - low), high + 0.08 * (high - low)] }; // room for the density below
  }

  /** While a slider moves the window only grows, and then by some more, so that axes seldom change. */
  #grown({ x, y: [low, high] }: Window): Window {
    const { y } = this.#window;
    if (low >= y[0] && high <= y[1]) return this.#window;
    const room = 0.3 * (high - low);
    return { x, y: [low < y[0] ? low - room : y[0], high > y[1] ? high + room : y[1]] };
  }

  #px(x: number): number {
    const [lo, hi] = this.#window.x;
    return FRAME.left + ((x - lo) / (hi - lo)) * (FRAME.right - FRAME.left);
  }

  #py(y: number): number {
    const [lo, hi] = this.#window.y;
    return FRAME.bottom - ((y - lo) / (hi - lo)) * (FRAME.bottom - FRAME.top);
  }

  #values([l, i, j]: EdgeId, when: "now" | "before", [lo, hi]: readonly [number, number]): number[] {
    const net = when === "now" ? this.#store.net : this.#store.original;
    if (!net.layers[l] || j >= net.layers[l].O || i >= net.layers[l].I) return [];
    const f = edgeFunction(net, l, i, j, when === "now" && this.#store.isRemoved([l, i, j]));
    return Array.from({ length: SAMPLES + 1 }, (_, n) => f(lo + ((hi - lo) * n) / SAMPLES));
  }

  // ---------------------------------------------------------------- parts

  #ground([l, i]: EdgeId): SVGElement[] {
    const [lo, hi] = domainOf(this.#store.net, l, i);
    const beyond = ([from, to]: readonly [number, number]) =>
      svg("rect", { class: "beyond", x: this.#px(from), y: FRAME.top, width: Math.max(0, this.#px(to) - this.#px(from)), height: FRAME.bottom - FRAME.top });
    return [beyond([this.#window.x[0], lo]), beyond([hi, this.#window.x[1]])];
  }

  #axes([l, i]: EdgeId): SVGElement[] {
    const { explored, net } = this.#store;
    const variable = l === 0 ? explored.inputs[i] : null;
    const [x0, x1] = this.#window.x.map((x) => (variable ? toUser(variable, x) : x));
    const place = (value: number) => this.#px(variable ? toNetwork(variable, value) : value);
    let free = -Infinity; // on a bent scale ticks crowd
    const xTicks = roundTicks(Math.min(x0, x1), Math.max(x0, x1), 5).filter((value) => {
      const fits = place(value) >= free && place(value) <= FRAME.right - 4;
      if (fits) free = place(value) + 34;
      return fits;
    });
    const xs = xTicks.map((value, _, all) => {
      const x = place(value);
      return svg("g", {}, svg("line", { class: "grid", x1: x, x2: x, y1: FRAME.top, y2: FRAME.bottom }),
        svg("text", { x, y: FRAME.bottom + 15, "text-anchor": "middle" }, tickText(value, all)));
    });
    const ys = roundTicks(...this.#window.y, 4).map((value, _, all) => {
      const y = this.#py(value);
      return svg("g", {}, svg("line", { class: value === 0 ? "grid zero" : "grid", x1: FRAME.left, x2: FRAME.right, y1: y, y2: y }),
        svg("text", { x: FRAME.left - 6, y: y + 4, "text-anchor": "end" }, tickText(value, all)));
    });
    const name = variable ? withUnit(variable) : nodeName(explored, net, l, i);
    const title = svg("text", { class: "title", x: (FRAME.left + FRAME.right) / 2, y: SIZE.height - 8, "text-anchor": "middle" }, shortened(name, 48));
    return [...xs, ...ys, title];
  }

  /** Parts that must not leave the frame. */
  #framed(...parts: SVGElement[]): SVGElement {
    const [x, y, width, height] = [FRAME.left, FRAME.top - 3, FRAME.right - FRAME.left, FRAME.bottom - FRAME.top + 6];
    return svg("svg", { x, y, width, height, viewBox: `${x} ${y} ${width} ${height}` }, ...parts);
  }

  /** How often each value occurs: equal shares between the quantiles, counted into bins. */
  #density([l, i]: EdgeId): SVGElement {
    const q = this.#store.quantiles[l].subarray(i * QUANTILES, (i + 1) * QUANTILES);
    const [lo, hi] = [q[0], q[QUANTILES - 1]];
    const shares = new Float64Array(BINS);
    for (let n = 0; n < BINS; n++) {
      const [from, to] = [lo + ((hi - lo) * n) / BINS, lo + ((hi - lo) * (n + 1)) / BINS];
      shares[n] = shareBelow(q, to) - shareBelow(q, from);
    }
    const most = Math.max(...shares, 1e-12);
    const tall = 0.16 * (FRAME.bottom - FRAME.top);
    const path = Array.from(shares, (share, n) => {
      const [a, b] = [this.#px(lo + ((hi - lo) * n) / BINS), this.#px(lo + ((hi - lo) * (n + 1)) / BINS)];
      const top = FRAME.bottom - (tall * share) / most;
      return `M${a} ${FRAME.bottom}V${top}H${b}V${FRAME.bottom}Z`;
    });
    return svg("path", { class: "density", d: hi > lo ? path.join("") : "" });
  }

  #knots([l, i]: EdgeId): SVGElement {
    const { net } = this.#store;
    const [lo, hi] = this.#window.x;
    const inside = [...knotsOf(net, net.layers[l], i)].filter((t) => t >= lo && t <= hi);
    return svg("path", { class: "knots", d: inside.map((t) => `M${this.#px(t)} ${FRAME.bottom}v-6`).join("") });
  }

  #curve(edge: EdgeId, when: "now" | "before"): SVGElement {
    const [lo, hi] = this.#window.x;
    let pen = "M";
    const path = this.#values(edge, when, this.#window.x).map((y, n) => {
      if (!Number.isFinite(y)) return ((pen = "M"), "");
      const at = `${pen}${this.#px(lo + ((hi - lo) * n) / SAMPLES).toFixed(1)} ${clamp(this.#py(y)).toFixed(1)}`;
      pen = "L";
      return at;
    });
    return svg("path", { class: `function ${when} ${when === "now" ? kindOf(this.#store, edge) : ""}`, d: path.join("") });
  }

  // ---------------------------------------------------------------- control points

  /** Where the control points lie: the coefficient over its site, the residual function added, as the curve has it. */
  #controlPoints([l, i, j]: EdgeId): { index: number; x: number; y: number }[] {
    if (kindOf(this.#store, [l, i, j]) !== "spline") return [];
    const { net } = this.#store;
    const layer = net.layers[l];
    const { factor, residual } = this.#parts([l, i, j]);
    return Array.from(controlSites(knotsOf(net, layer, i), net.k), (x, index) => ({
      index, x, y: factor * layer.coef[coefPlace(layer, [l, i, j], index)] + residual(x),
    }));
  }

  /** phi = factor * spline + residual */
  #parts([l, i, j]: EdgeId): { factor: number; residual: (x: number) => number } {
    const { net } = this.#store;
    const layer = net.layers[l];
    const place = i * layer.O + j;
    const base = baseNamed(net.baseFun);
    const mask = layer.mask[place];
    return {
      factor: mask * (layer.scale ? layer.scale[place] : 1),
      residual: (x) => (base ? mask * layer.base[place] * base.value(x) : 0),
    };
  }

  #polygon(points: readonly { x: number; y: number }[]): SVGElement {
    const path = points.map(({ x, y }, n) => `${n ? "L" : "M"}${this.#px(x)} ${clamp(this.#py(y))}`);
    return svg("path", { class: "polygon", d: path.join("") });
  }

  #handle({ index, x, y }: { index: number; x: number; y: number }): SVGElement {
    const [cx, cy] = [this.#px(x), clamp(this.#py(y))];
    const handle = svg("g", { class: "handle" }, svg("circle", { class: "reach", cx, cy, r: 11 }), svg("circle", { cx, cy, r: 4.5 }));
    if (cx < FRAME.left - 4 || cx > FRAME.right + 4) set(handle, { display: "none" });
    if (this.#dragged === index) handle.classList.add("held");
    handle.addEventListener("pointerdown", (event) => {
      if (this.#store.isLive || event.button !== 0) return;
      this.#dragged = index;
      this.element.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    return handle;
  }

  #drag(event: PointerEvent): void {
    if (this.#dragged === null || !this.#edge) return;
    const edit = this.#editTo(event, this.#dragged);
    if (edit) this.#store.preview(edit);
  }

  #editTo(event: PointerEvent, index: number): Edit | null {
    const edge = this.#edge!;
    const box = this.element.getBoundingClientRect();
    const py = ((event.clientY - box.top) / box.height) * SIZE.height;
    const [lo, hi] = this.#window.y;
    const y = lo + ((FRAME.bottom - py) / (FRAME.bottom - FRAME.top)) * (hi - lo);
    const { factor, residual } = this.#parts(edge);
    if (factor === 0) return null;
    const { net } = this.#store;
    const site = controlSites(knotsOf(net, net.layers[edge[0]], edge[1]), net.k)[index];
    return { op: "coef", edge, index, value: (y - residual(site)) / factor };
  }

  #drop(): void {
    if (this.#dragged === null) return;
    this.#dragged = null;
    this.#store.commit();
    if (this.#edge) this.draw(this.#edge);
  }
}

function clamp(y: number): number {
  return Math.min(Math.max(y, FRAME.top - 6), FRAME.bottom + 6);
}

function shareBelow(quantiles: Float64Array, x: number): number {
  const last = quantiles.length - 1;
  if (x <= quantiles[0]) return 0;
  if (x >= quantiles[last]) return 1;
  let n = 0;
  while (quantiles[n + 1] < x) n++;
  const width = quantiles[n + 1] - quantiles[n];
  return (n + (width > 0 ? (x - quantiles[n]) / width : 1)) / last;
}
