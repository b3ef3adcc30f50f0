// A chart with axes in SVG, as wide as its place. What is inside is painted by the caller in plain marks.
import { shortened } from "../model/wording.ts";
import { fillWith, h, set, svg } from "../app/dom.ts";
import { logText, logTicks, tickText, type Range } from "./scale.ts";
import { roundTicks } from "./ticks.ts";

/** Where a number lands, in pixels inside the plot. */
export interface Frame {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly width: number;
  readonly height: number;
}

export interface ChartOptions {
  /** What a screen reader says; may be changed with every `show`. */
  label: string;
  xLabel?: string;
  yLabel?: string;
  height?: number;
  logY?: boolean;
  /** Without numbers and lines along the y axis. */
  bare?: boolean;
  /** Without lines behind the marks. */
  plain?: boolean;
  /** Called with the values under the pointer when it is pressed or dragged inside. */
  onpoint?: (x: number, y: number, begins: boolean) => void;
}

type Paint = (frame: Frame) => Element[];

/** Room around the plot. */
const ROOM = { top: 8, right: 12, bottom: 22, left: 46, label: 17 };

export class Chart {
  readonly element: HTMLElement;
  readonly #picture = svg("svg", { class: "chart-picture", role: "img" });
  readonly #options: ChartOptions;
  readonly #observer: ResizeObserver;
  #state: { x: Range; y: Range; paint: Paint } | null = null;
  #width = 0;

  constructor(options: ChartOptions) {
    this.#options = options;
    this.element = h("div", { class: "chart" }, this.#picture);
    this.element.style.height = `${options.height ?? 180}px`;
    this.#observer = new ResizeObserver(() => {
      if (this.element.clientWidth !== this.#width) this.#draw();
    });
    this.#observer.observe(this.element);
    if (options.onpoint) this.#followPointer(options.onpoint);
  }

  destroy(): void {
    this.#observer.disconnect();
  }

  /** Other names for the axes. */
  rename(xLabel: string, yLabel: string): void {
    Object.assign(this.#options, { xLabel, yLabel });
  }

  /** Show the ranges and what `paint` makes of them; drawn again when the place changes its size. */
  show(x: Range, y: Range, paint: Paint, label?: string): void {
    this.#state = { x, y, paint };
    if (label !== undefined) this.#options.label = label;
    this.#draw();
  }

  get #height(): number {
    return this.#options.height ?? 180;
  }

  #draw(): void {
    this.#width = this.element.clientWidth;
    if (!this.#state || this.#width < 40) return;
    const { x, y, paint } = this.#state;
    const { frame, left, top } = this.#frame(x, y);
    set(this.#picture, { viewBox: `0 0 ${this.#width} ${this.#height}`, width: this.#width, height: this.#height, "aria-label": this.#options.label });
    const inside = svg("svg", { x: left, y: top, width: frame.width, height: frame.height, class: "plot" }, ...paint(frame));
    fillWith(this.#picture, ...this.#axes(frame, x, y, left, top), inside);
  }

  #frame(x: Range, y: Range): { frame: Frame; left: number; top: number } {
    const { xLabel, yLabel, bare, logY } = this.#options;
    const left = bare ? 8 : ROOM.left;
    const top = ROOM.top + (yLabel ? ROOM.label : 0);
    const width = Math.max(10, this.#width - left - ROOM.right);
    const height = Math.max(10, this.#height - top - ROOM.bottom - (xLabel ? ROOM.label : 0));
    const up = logY ? Math.log10 : (v: number) => v;
    const [lo, hi] = [up(y[0]), up(y[1])];
    return {
      frame: { x: (v) => ((v - x[0]) / (x[1] - x[0])) * width, y: (v) => height - ((up(v) - lo) / (hi - lo)) * height, width, height },
      left,
      top,
    };
  }

  #axes(frame: Frame, x: Range, y: Range, left: number, top: number): Element[] {
    const { xLabel, yLabel, bare, plain, logY } = this.#options;
    const across = roundTicks(...x, Math.max(3, Math.floor(frame.width / 70)));
    const count = Math.max(2, Math.floor(frame.height / 34));
    const upward = bare ? [] : logY ? logTicks(y, count) : roundTicks(...y, count);
    const [right, bottom] = [left + frame.width, top + frame.height];
    return [
      ...(plain ? [] : upward).map((v) => svg("line", { class: "grid", x1: left, x2: right, y1: top + frame.y(v), y2: top + frame.y(v) })),
      ...upward.map((v) => svg("text", { class: "tick", x: left - 6, y: top + frame.y(v), dy: "0.32em", "text-anchor": "end" }, logY ? logText(v) : tickText(v, upward))),
      svg("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
      ...across.map((v) => svg("text", { class: "tick", x: left + frame.x(v), y: bottom + 15, "text-anchor": "middle" }, tickText(v, across))),
      ...(xLabel ? [svg("text", { class: "name", x: right, y: this.#height - 4, "text-anchor": "end" }, shortened(xLabel, Math.floor(right / 6.4)))] : []),
      ...(yLabel ? [svg("text", { class: "name", x: bare ? left : 4, y: 12 }, shortened(yLabel, Math.floor(right / 6.4)))] : []),
    ];
  }

  #followPointer(onpoint: NonNullable<ChartOptions["onpoint"]>): void {
    const tell = (event: PointerEvent, begins: boolean): void => {
      if (!this.#state) return;
      const { x, y } = this.#state;
      const { frame, left, top } = this.#frame(x, y);
      const box = this.#picture.getBoundingClientRect();
      const across = Math.min(1, Math.max(0, (event.clientX - box.left - left) / frame.width));
      const upward = Math.min(1, Math.max(0, 1 - (event.clientY - box.top - top) / frame.height));
      onpoint(x[0] + across * (x[1] - x[0]), y[0] + upward * (y[1] - y[0]), begins);
    };
    this.element.classList.add("touchable");
    this.#picture.addEventListener("pointerdown", (event) => {
      this.#picture.setPointerCapture(event.pointerId);
      tell(event, true);
    });
    this.#picture.addEventListener("pointermove", (event) => {
      if (this.#picture.hasPointerCapture(event.pointerId)) tell(event, false);
    });
  }
}
