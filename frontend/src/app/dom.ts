// Elements in one call. Text goes in as text nodes only: names and titles come from strangers.

type Child = Node | string | number | null | undefined | false;
type Handler = (event: never) => void;
type Attributes = Record<string, string | number | boolean | null | undefined | Handler>;

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. Attributes `onclick` and the like are listeners; false, null and undefined are left out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element, likewise. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Change attributes of an element that is there. */
export function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as unknown as EventListener);
    else if (value === false || value == null) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** Replace what is inside. */
export function fillWith(element: Element, ...children: Child[]): void {
  element.replaceChildren(...children.filter(isThere).map(asNode));
}

/** A button with words; `title` is the tooltip and says more than the words. */
export function button(words: string, onclick: () => void, attributes: Attributes = {}): HTMLButtonElement {
  return h("button", { type: "button", onclick, ...attributes }, words);
}

/** A drop-down list with a visible label. */
export function choice(
  label: string,
  options: readonly (readonly [value: string, words: string])[],
  onchange: (value: string) => void,
): { element: HTMLLabelElement; select: HTMLSelectElement } {
  const select = h("select", { onchange: () => onchange(select.value) });
  select.append(...options.map(([value, words]) => h("option", { value }, words)));
  return { element: h("label", { class: "field" }, h("span", {}, label), select), select };
}

function fill<E extends Element>(element: E, attributes: Attributes, children: Child[]): E {
  set(element, attributes);
  element.append(...children.filter(isThere).map(asNode));
  return element;
}

function isThere(child: Child): child is Node | string | number {
  return child !== null && child !== undefined && child !== false;
}

function asNode(child: Node | string | number): Node | string {
  return typeof child === "number" ? String(child) : child;
}

let ids = 0;

/** An id that no other explorer in the same document has: in a notebook there may be several. */
export function uid(): string {
  return `edgewise-${ids++}`;
}
