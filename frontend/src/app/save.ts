// Files for the user: pictures, the edited model, text to the clipboard. Nothing leaves the page.

/** Save an SVG element of the page, with the styles it has there, and take it out of the page. */
export function saveSvg(element: SVGSVGElement, name: string): void {
  save(new Blob([standalone(element)], { type: "image/svg+xml" }), `${fileName(name)}.svg`);
}

/** The same as PNG at twice the size. */
export function savePng(element: SVGSVGElement, name: string): void {
  const { width, height } = element.viewBox.baseVal;
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * width, 2 * height];
    canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => blob && save(blob, `${fileName(name)}.png`), "image/png");
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(element))}`;
}

export function saveJson(value: unknown, name: string): void {
  save(new Blob([JSON.stringify(value)], { type: "application/json" }), `${fileName(name)}.json`);
}

/** Copy text; where the browser forbids the clipboard (files, frames), by a selection. Says whether it worked. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

const STYLES = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linejoin", "stroke-linecap",
  "opacity", "font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline", "paint-order", "display",
];

/** Of these "none" must be said too: it overrules what comes from above. */
const INHERITED_NONE = ["fill", "stroke", "stroke-dasharray", "display"];

function standalone(element: SVGSVGElement): string {
  const copy = element.cloneNode(true) as SVGSVGElement;
  const parts = element.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((part, n) => {
    const computed = getComputedStyle(parts[n]);
    for (const style of STYLES) {
      const value = computed.getPropertyValue(style);
      if (value && (value !== "none" || INHERITED_NONE.includes(style))) part.setAttribute(style, value);
    }
    part.removeAttribute("class");
  });
  for (const hidden of copy.querySelectorAll("[display=none]")) hidden.remove();
  const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  ground.setAttribute("width", "100%");
  ground.setAttribute("height", "100%");
  ground.setAttribute("fill", getComputedStyle(element).getPropertyValue("--ground").trim() || "white");
  copy.prepend(ground);
  copy.removeAttribute("class");
  element.remove();
  return new XMLSerializer().serializeToString(copy);
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function fileName(title: string): string {
  return title.trim().replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 60).replace(/^-+|-+$/g, "") || "network";
}
