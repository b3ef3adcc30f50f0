// Every layer as a matrix of small functions, inputs down and outputs across: where a graph would be a thicket.
// One Canvas as large as what is seen; the rest is only scrolled to.
import { choice, h } from "../app/dom.ts";
import { lazily } from "../app/lazily.ts";
import type { Store, View } from "../app/store.ts";
import type { EdgeId } from "../model/payload.ts";
import { formulaWithin, nodeName, shortened, targetName } from "../model/wording.ts";
import { Curves, edgeSentence, kindOf, styleOf, symbolicOf } from "./edges.ts";

const HEAD = { side: 96, top: 26 };
const SIZES = [18, 140] as const;
/** Cells that fill the frame are no smaller than this, so that functions can be told apart; the rest is scrolled to. */
const LEGIBLE = 44;

export function matrixView(store: Store): View {
  const view = new MatrixView(store);
  return { element: view.element, destroy: () => view.destroy() };
}

class MatrixView {
  readonly element: HTMLElement;
  readonly #store: Store;
  readonly #curves: Curves;
  readonly #canvas = h("canvas", { "aria-hidden": "true" });
  readonly #spacer = h("div", { class: "spacer" }, this.#canvas);
  readonly #scroller: HTMLElement;
  readonly #tip = h("p", { class: "note" }, " ");
  readonly #layers: ReturnType<typeof choice>;
  readonly #observer: ResizeObserver;
  readonly #offs: (() => void)[];
  #layer = 0;
  #order = "own";
  #size = 56;
  /** Cells fill the frame until their size is chosen. */
  #isFitted = true;
  readonly #sizer = h("input", {
    type: "range", min: SIZES[0], max: SIZES[1], value: this.#size,
    oninput: () => {
      this.#isFitted = false;
      this.#rebuild({ size: Number(this.#sizer.value) });
    },
  });
  #toScale = false;
  #rows: number[] = [];
  #columns: number[] = [];
  #cursor: EdgeId | null = null;
  #waiting = false;

  constructor(store: Store) {
    this.#store = store;
    this.#curves = new Curves(store);
    this.#layers = choice("Layer", [], (value) => this.#rebuild({ layer: Number(value) }));
    this.#scroller = h(
      "div",
      {
        class: "matrix", tabindex: 0, role: "application",
        "aria-label": "Matrix of edges, inputs down, outputs across. Arrow keys move, Enter opens an edge, Delete removes it.",
        onscroll: () => this.#paintSoon(),
        onclick: (event: MouseEvent) => this.#click(event),
        onpointermove: (event: PointerEvent) => this.#hover(event),
        onkeydown: (event: KeyboardEvent) => this.#key(event),
        onblur: () => this.#moveTo(null),
      },
      this.#spacer,
    );
    this.element = h("section", { class: "view", "aria-label": "Matrix" }, this.#tools(), this.#scroller, this.#tip);
    this.#observer = new ResizeObserver(() => this.#rebuild({}));
    this.#observer.observe(this.#scroller);
    const redraw = lazily(this.element, () => this.#rebuild({}));
    const repaint = lazily(this.element, () => this.#paintSoon());
    this.#offs = [
      store.on("net", () => {
        this.#curves.refresh();
        if (store.isDraft) repaint();
        else redraw();
      }),
      store.on("selection", () => this.#paintSoon()),
      store.on("theme", () => this.#paintSoon()),
    ];
  }

  destroy(): void {
    this.#observer.disconnect();
    this.#offs.forEach((off) => off());
  }

  #tools(): HTMLElement {
    const orders = [["own", "as they are"], ["importance", "by importance"], ["name", "by name"]] as const;
    const toScale = h("input", { type: "checkbox", onchange: () => this.#rebuild({ toScale: toScale.checked }) });
    return h(
      "div",
      { class: "tools" },
      this.#layers.element,
      choice("Order", orders, (order) => this.#rebuild({ order })).element,
      h("label", { class: "field" }, h("span", {}, "Size"), this.#sizer),
      h("label", { class: "field" }, toScale, h("span", {}, "Heights to scale")),
    );
  }

  #rebuild(change: { layer?: number; order?: string; size?: number; toScale?: boolean }): void {
    this.#layer = change.layer ?? this.#layer;
    this.#order = change.order ?? this.#order;
    this.#size = change.size ?? this.#size;
    this.#toScale = change.toScale ?? this.#toScale;
    const { net, explored } = this.#store;
    this.#layer = Math.min(this.#layer, net.layers.length - 1);
    const level = (l: number) => (l === 0 ? "inputs" : l === net.layers.length ? "outputs" : `level ${l}`);
    const options = net.layers.map((_, l) => h("option", { value: l }, `${l}: ${level(l)} → ${level(l + 1)}`));
    this.#layers.select.replaceChildren(...options);
    this.#layers.select.value = String(this.#layer);
    const { I, O } = net.layers[this.#layer];
    const most = (edges: EdgeId[]) => Math.max(...edges.map((edge) => this.#store.importance(...edge)));
    const all = (n: number) => Array.from({ length: n }, (_, m) => m);
    const [l, order] = [this.#layer, this.#order];
    this.#rows = sorted(all(I), order, (i) => most(all(O).map((j) => [l, i, j])), (i) => nodeName(explored, net, l, i));
    this.#columns = sorted(all(O), order, (j) => most(all(I).map((i) => [l, i, j])), (j) => targetName(explored, net, l, j));
    if (this.#isFitted) this.#fit(I, O);
    this.#spacer.style.width = `${HEAD.side + O * this.#size + 2}px`;
    this.#spacer.style.height = `${HEAD.top + I * this.#size + 2}px`;
    this.#paintSoon();
  }

  #fit(I: number, O: number): void {
    const room = Math.min((this.#scroller.clientWidth - HEAD.side - 4) / O, (this.#scroller.clientHeight - HEAD.top - 4) / I);
    this.#size = Math.floor(Math.min(SIZES[1], Math.max(LEGIBLE, room)));
    this.#sizer.value = String(this.#size);
  }

  // ---------------------------------------------------------------- painting

  #paintSoon(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      if (this.#scroller.clientWidth > 0) this.#paint();
    });
  }

  #paint(): void {
    const [scroller, canvas, size] = [this.#scroller, this.#canvas, this.#size];
    const [width, height] = [scroller.clientWidth, scroller.clientHeight];
    const sharpness = Math.min(2, devicePixelRatio || 1);
    [canvas.width, canvas.height] = [width * sharpness, height * sharpness];
    [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
    const context = canvas.getContext("2d")!;
    const style = getComputedStyle(canvas);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    context.scale(sharpness, sharpness);
    context.fillStyle = colour("--ground");
    context.fillRect(0, 0, width, height);
    const [x0, y0] = [HEAD.side - scroller.scrollLeft, HEAD.top - scroller.scrollTop];
    const seen = (start: number, end: number, count: number) =>
      [Math.max(0, Math.floor(start / size)), Math.min(count, Math.ceil(end / size))] as const;
    const [fromRow, toRow] = seen(scroller.scrollTop, height - y0, this.#rows.length);
    const [fromColumn, toColumn] = seen(scroller.scrollLeft, width - x0, this.#columns.length);
    const largest = this.#toScale ? this.#largestSize() : 0;
    for (let r = fromRow; r < toRow; r++) {
      for (let c = fromColumn; c < toColumn; c++) {
        this.#paintCell(context, colour, this.#edgeAt(r, c), x0 + c * size, y0 + r * size, largest);
      }
    }
    this.#paintHeads(context, colour, x0, y0, [fromRow, toRow], [fromColumn, toColumn], width, height);
  }

  #paintCell(
    context: CanvasRenderingContext2D, colour: (name: string) => string, edge: EdgeId, x: number, y: number, largest: number,
  ): void {
    const [size, store] = [this.#size, this.#store];
    const kind = kindOf(store, edge);
    const level = styleOf(store, edge);
    context.setLineDash(kind === "removed" ? [3, 3] : []);
    context.strokeStyle = colour(kind === "symbolic" ? "--symbolic" : "--line");
    context.lineWidth = 1;
    context.strokeRect(x + 1.5, y + 1.5, size - 3, size - 3);
    if (kind === "symbolic") context.strokeRect(x + 4, y + 4, size - 8, size - 8);
    const { heights, size: range } = this.#curves.of(edge);
    const share = largest > 0 ? range / largest : 1;
    const [left, wide, tall] = [x + size * 0.14, size * 0.72, size * 0.66 * share];
    context.beginPath();
    heights.forEach((height, n) => context.lineTo(left + (wide * n) / (heights.length - 1), y + size / 2 + tall * (height - 0.5)));
    context.strokeStyle = colour(kind === "removed" ? "--soft" : `--edge-${level}`);
    context.lineWidth = kind === "removed" ? 1 : 1 + 0.22 * level;
    context.stroke();
    context.setLineDash([]);
    if (kind === "symbolic") {
      context.fillStyle = colour("--ink");
      context.font = `${Math.min(11, size * 0.2)}px system-ui, sans-serif`;
      context.textAlign = "center";
      context.fillText(formulaWithin(symbolicOf(store, edge)!, Math.floor((size - 10) / 5.6)), x + size / 2, y + size - 8);
    }
    const isCursor = this.#cursor?.join() === edge.join();
    if (!isCursor && store.selection?.join() !== edge.join()) return;
    context.strokeStyle = colour("--select");
    context.lineWidth = 2.5;
    context.strokeRect(x + 1.5, y + 1.5, size - 3, size - 3);
  }

  /** Names that stay in view while the cells move beneath them. */
  #paintHeads(
    context: CanvasRenderingContext2D, colour: (name: string) => string, x0: number, y0: number,
    rows: readonly [number, number], columns: readonly [number, number], width: number, height: number,
  ): void {
    const { explored, net } = this.#store;
    const [l, size] = [this.#layer, this.#size];
    context.fillStyle = colour("--ground");
    context.fillRect(0, 0, width, HEAD.top);
    context.fillRect(0, 0, HEAD.side, height);
    context.fillStyle = colour("--ink");
    context.font = `${Math.min(12.5, size * 0.6)}px system-ui, sans-serif`;
    context.textBaseline = "middle";
    context.textAlign = "right";
    context.save();
    context.beginPath();
    context.rect(0, HEAD.top, HEAD.side, height);
    context.clip();
    for (let r = rows[0]; r < rows[1]; r++) {
      context.fillText(shortened(nodeName(explored, net, l, this.#rows[r]), 14), HEAD.side - 8, y0 + (r + 0.5) * size);
    }
    context.restore();
    context.textAlign = "center";
    context.beginPath();
    context.rect(HEAD.side, 0, width, HEAD.top);
    context.clip();
    context.font = "12px system-ui, sans-serif";
    const room = Math.floor(size / 6.6);
    for (let c = columns[0]; c < columns[1]; c++) {
      const name = targetName(explored, net, l, this.#columns[c]);
      const short = name.length < room ? name : name.replace(/^node |^product |, factor /g, (m) => (m.startsWith(",") ? "·" : ""));
      if (room >= 2) context.fillText(shortened(short, room), x0 + (c + 0.5) * size, HEAD.top / 2);
    }
  }

  #largestSize(): number {
    const { I, O } = this.#store.net.layers[this.#layer];
    let largest = 0;
    for (let i = 0; i < I; i++) for (let j = 0; j < O; j++) largest = Math.max(largest, this.#curves.of([this.#layer, i, j]).size);
    return largest;
  }

  // ---------------------------------------------------------------- pointing and typing

  #edgeAt(row: number, column: number): EdgeId {
    return [this.#layer, this.#rows[row], this.#columns[column]];
  }

  #under(event: MouseEvent): EdgeId | null {
    const box = this.#scroller.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left - HEAD.side, event.clientY - box.top - HEAD.top];
    if (x < 0 || y < 0) return null;
    const [row, column] = [Math.floor((y + this.#scroller.scrollTop) / this.#size), Math.floor((x + this.#scroller.scrollLeft) / this.#size)];
    return row < this.#rows.length && column < this.#columns.length ? this.#edgeAt(row, column) : null;
  }

  #click(event: MouseEvent): void {
    const edge = this.#under(event);
    if (edge) this.#store.select(edge);
  }

  #hover(event: PointerEvent): void {
    const edge = this.#under(event);
    this.#tip.textContent = edge ? edgeSentence(this.#store, edge) : " ";
    this.#scroller.style.cursor = edge ? "pointer" : "";
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [store, rows, columns] = [this.#store, this.#rows, this.#columns];
    const at = this.#cursor ?? (store.selection?.[0] === this.#layer ? store.selection : this.#edgeAt(0, 0));
    const [row, column] = [rows.indexOf(at[1]), columns.indexOf(at[2])];
    const steps: Record<string, readonly [number, number]> = {
      ArrowDown: [row + 1, column], ArrowUp: [row - 1, column], ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1],
      Home: [0, 0], End: [rows.length - 1, columns.length - 1],
    };
    if (event.key in steps) {
      const [r, c] = this.#cursor ? steps[event.key] : [row, column];
      this.#moveTo([Math.min(Math.max(r, 0), rows.length - 1), Math.min(Math.max(c, 0), columns.length - 1)]);
    } else if (event.key === "Enter") {
      store.select(at);
      this.element.dispatchEvent(new CustomEvent("inspect", { bubbles: true }));
    } else if (event.key === "Delete" || event.key === "Backspace") {
      store.toggle(at);
      store.say(edgeSentence(store, at));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #moveTo(place: readonly [number, number] | null): void {
    this.#cursor = place && this.#edgeAt(...place);
    if (place) {
      const [y, x] = place.map((n) => n * this.#size);
      const [tall, wide] = [this.#scroller.clientHeight - HEAD.top, this.#scroller.clientWidth - HEAD.side];
      const { scrollTop, scrollLeft } = this.#scroller;
      this.#scroller.scrollTop = Math.min(Math.max(scrollTop, y + this.#size - tall), y);
      this.#scroller.scrollLeft = Math.min(Math.max(scrollLeft, x + this.#size - wide), x);
      this.#tip.textContent = edgeSentence(this.#store, this.#cursor!);
      this.#store.say(this.#tip.textContent);
    }
    this.#paintSoon();
  }
}

function sorted(places: number[], order: string, strength: (n: number) => number, name: (n: number) => string): number[] {
  if (order === "importance") {
    const strengths = places.map(strength);
    return places.sort((a, b) => strengths[b] - strengths[a]);
  }
  if (order === "name") return places.sort((a, b) => name(a).localeCompare(name(b), undefined, { numeric: true }));
  return places;
}
