// Views in tabs that are not open do not draw.

/**
 * `redraw`, put off while the element is in a hidden part of the page. The shell sends "shown" to a view when its tab
 * opens.
 */
export function lazily(element: HTMLElement, redraw: () => void): () => void {
  let isStale = false;
  element.addEventListener("shown", () => {
    if (isStale) redraw();
    isStale = false;
  });
  return () => {
    if (element.closest("[hidden]")) isStale = true;
    else redraw();
  };
}
