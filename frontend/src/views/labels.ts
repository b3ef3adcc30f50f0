// Names beside the nodes, measured, so that the frame cuts none of them.
import { shortened } from "../model/wording.ts";

const FONT = "13px system-ui, sans-serif"; // as in network.css
/** Names get no wider than this, in CSS pixels. */
export const WIDEST = 168;
let pen: CanvasRenderingContext2D | null = null;

/** How wide a name is drawn. */
export function widthOf(text: string): number {
  pen ??= document.createElement("canvas").getContext("2d")!;
  pen.font = FONT;
  return pen.measureText(text).width;
}

/** The name, or as much of its beginning as fits, and an ellipsis. */
export function fitting(text: string, room: number, width = widthOf): string {
  let cut = shortened(text, 40);
  for (let most = [...cut].length - 1; width(cut) > room && most > 0; most--) cut = shortened(text, most);
  return cut;
}
