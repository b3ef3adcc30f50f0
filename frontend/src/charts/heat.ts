// A function of two variables as a field of colours, and its contours.
import { svg } from "../app/dom.ts";
import type { Frame } from "./chart.ts";
import type { Range } from "./scale.ts";

/** Cividis (Nuñez et al. 2018): rises in brightness, and reads the same with any colour vision. */
const COLOURS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"]
  .map((code) => [1, 3, 5].map((at) => Number.parseInt(code.slice(at, at + 2), 16)));

/** Red, green and blue of a share from 0 to 1. */
export function colour(share: number): readonly number[] {
  const at = Math.min(1, Math.max(0, share)) * (COLOURS.length - 1);
  const low = Math.min(COLOURS.length - 2, Math.floor(at));
  return COLOURS[low].map((c, n) => Math.round(c + (at - low) * (COLOURS[low + 1][n] - c)));
}

/** A mark: values `(rows, columns)` as colours, the first row at the bottom, one pixel each and smoothed between. */
export function heat({ width, height }: Frame, values: Float64Array, columns: number, [lo, hi]: Range): SVGImageElement {
  const rows = values.length / columns;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(columns, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = values[row * columns + column];
      const at = 4 * ((rows - 1 - row) * columns + column);
      if (Number.isFinite(value)) image.data.set([...colour((value - lo) / (hi - lo)), 255], at);
    }
  }
  context.putImageData(image, 0, 0);
  return svg("image", { href: canvas.toDataURL(), width, height, preserveAspectRatio: "none" });
}

/**
 * The contour of one value as an SVG path in units of cells, by marching squares.
 *
 * @param x place of a column index, fractions between
 * @param y place of a row index
 */
export function contour(
  values: Float64Array, columns: number, wanted: number, x: (column: number) => number, y: (row: number) => number,
): string {
  const rows = values.length / columns;
  let d = "";
  for (let row = 0; row + 1 < rows; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      const at = row * columns + column;
      const corners = [values[at], values[at + 1], values[at + columns + 1], values[at + columns]]; // around the cell
      const crossings: string[] = [];
      for (let side = 0; side < 4; side++) {
        const [from, to] = [corners[side], corners[(side + 1) % 4]];
        if (from < wanted === to < wanted || !Number.isFinite(from) || !Number.isFinite(to)) continue;
        const share = (wanted - from) / (to - from);
        const [across, up] = [[share, 0], [1, share], [1 - share, 1], [0, 1 - share]][side];
        crossings.push(`${x(column + across).toFixed(1)},${y(row + up).toFixed(1)}`);
      }
      for (let n = 0; n + 1 < crossings.length; n += 2) d += `M${crossings[n]}L${crossings[n + 1]}`;
    }
  }
  return d;
}
