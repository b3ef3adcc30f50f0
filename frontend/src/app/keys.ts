// Every key in one list: the help shows it, and the views keep to it.

export const KEYS: readonly (readonly [place: string, keys: readonly (readonly [key: string, does: string])[]])[] = [
  [
    "Everywhere",
    [
      ["Ctrl + Z", "undo the last edit"],
      ["Ctrl + Shift + Z", "do it again"],
      ["Delete", "remove the chosen edge, or bring it back"],
      ["Esc", "back from the edge to the picture"],
      ["?", "this help"],
    ],
  ],
  [
    "Network and matrix",
    [
      ["← ↑ → ↓", "from edge to edge"],
      ["Home, End", "first and last edge"],
      ["Enter", "open the edge"],
      ["Delete", "remove the edge, or bring it back"],
      ["+ − 0", "zoom in, zoom out, show everything"],
      ["Esc", "follow no node, choose no edge"],
    ],
  ],
  [
    "Sliders and tabs",
    [
      ["← →", "a step; with Page Up and Page Down ten"],
      ["Home, End", "least and most"],
    ],
  ],
];

/** Whether keys belong to a text that is being written. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["range", "checkbox", "radio", "button"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target.isContentEditable;
}
