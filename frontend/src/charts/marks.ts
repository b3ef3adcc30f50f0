// The marks of charts. Colours come from the style sheet by class.
import { svg } from "../app/dom.ts";
import type { Frame } from "./chart.ts";

/** A line through points, broken where a value is not finite. */
export function line(frame: Frame, xs: ArrayLike<number>, ys: ArrayLike<number>, kind = "line"): SVGPathElement {
  return svg("path", { class: kind, d: pathOf(frame, xs, ys) });
}

/** The area between a line and the value `base`. */
export function area(frame: Frame, xs: ArrayLike<number>, ys: ArrayLike<number>, base = 0, kind = "area"): SVGPathElement {
  const last = xs.length - 1;
  const [left, right, ground] = [frame.x(xs[0]), frame.x(xs[last]), frame.y(base)].map(place);
  return svg("path", { class: kind, d: `${pathOf(frame, xs, ys)}L${right},${ground}L${left},${ground}Z` });
}

export function dots(frame: Frame, xs: ArrayLike<number>, ys: ArrayLike<number>, kind = "dots", radius = 2): SVGPathElement {
  let d = "";
  for (let n = 0; n < xs.length; n++) {
    if (Number.isFinite(xs[n]) && Number.isFinite(ys[n])) d += `M${place(frame.x(xs[n]))},${place(frame.y(ys[n]))}h0`;
  }
  return svg("path", { class: kind, d, "stroke-width": 2 * radius }); // points of a round stroke: one element for all
}

export function point(frame: Frame, x: number, y: number, kind = "point", radius = 5): SVGCircleElement {
  return svg("circle", { class: kind, cx: place(frame.x(x)), cy: place(frame.y(y)), r: radius });
}

export function upright(frame: Frame, x: number, kind = "here"): SVGLineElement {
  return svg("line", { class: kind, x1: place(frame.x(x)), x2: place(frame.x(x)), y1: 0, y2: frame.height });
}

export function level(frame: Frame, y: number, kind = "zero"): SVGLineElement {
  return svg("line", { class: kind, x1: 0, x2: frame.width, y1: place(frame.y(y)), y2: place(frame.y(y)) });
}

/** Where the data are, from quantiles of equal steps: a low hill along the bottom. */
export function density(frame: Frame, all: ArrayLike<number>, share = 0.22): SVGPathElement {
  const every = Math.max(1, Math.round((all.length - 1) / 16)); // finer ones show chance
  const quantiles = Array.from(all).filter((_, n) => n % every === 0 || n === all.length - 1);
  const count = quantiles.length - 1;
  const spread = quantiles[count] - quantiles[0];
  const shortest = spread / (6 * count); // equal quantiles are a pile, not an infinite density
  const height = (n: number): number => (spread > 0 ? spread / count / Math.max(quantiles[n + 1] - quantiles[n], shortest) : 0);
  let most = 0;
  for (let n = 0; n < count; n++) most = Math.max(most, height(n));
  let d = `M${place(frame.x(quantiles[0]))},${frame.height}`;
  for (let n = 0; n < count; n++) {
    const y = place(frame.height * (1 - (share * height(n)) / (most || 1)));
    d += `V${y}H${place(frame.x(quantiles[n + 1]))}`;
  }
  return svg("path", { class: "density", d: `${d}V${frame.height}Z` });
}

function pathOf(frame: Frame, xs: ArrayLike<number>, ys: ArrayLike<number>): string {
  let d = "";
  let pen = false;
  for (let n = 0; n < xs.length; n++) {
    const [x, y] = [frame.x(xs[n]), frame.y(ys[n])];
    if (Number.isFinite(x) && Number.isFinite(y)) d += `${pen ? "L" : "M"}${place(x)},${place(y)}`;
    pen = Number.isFinite(x) && Number.isFinite(y);
  }
  return d;
}

function place(pixels: number): number {
  return Math.round(Math.min(1e5, Math.max(-1e5, pixels)) * 10) / 10;
}
