// The network as a graph: nodes, and on every edge its function. SVG for some hundred edges, Canvas for more.
import { button, choice, fillWith, h } from "../app/dom.ts";
import { lazily } from "../app/lazily.ts";
import { savePng, saveSvg } from "../app/save.ts";
import { allEdges, type Store, type View } from "../app/store.ts";
import type { EdgeId } from "../model/payload.ts";
import { counted, edgesText, nodeName, shapeText, withUnit } from "../model/wording.ts";
import { CanvasPicture } from "./canvasPicture.ts";
import { Curves, edgeSentence } from "./edges.ts";
import { layOut, type Point, type Scene, through } from "./geometry.ts";
import { WIDEST, widthOf } from "./labels.ts";
import { PanZoom } from "./panzoom.ts";
import { type Marks, neighbour, type Picture, type Sight, targetAt } from "./picture.ts";
import { SvgPicture } from "./svgPicture.ts";

/** More edges than this are drawn on a Canvas. */
const MOST_SVG = 400;
/** And of more than this only the strongest are drawn. */
const MOST_DRAWN = 2500;

export function networkView(store: Store): View {
  const view = new NetworkView(store);
  return { element: view.element, destroy: () => view.destroy() };
}

class NetworkView {
  readonly element: HTMLElement;
  readonly #store: Store;
  readonly #curves: Curves;
  readonly #stage: HTMLElement;
  readonly #tip = h("div", { class: "tip", hidden: true });
  readonly #note = h("p", { class: "note" });
  readonly #focusChoice: ReturnType<typeof choice>;
  readonly #panZoom: PanZoom;
  readonly #observer: ResizeObserver;
  readonly #offs: (() => void)[];
  #picture: Picture | null = null;
  #scene: Scene | null = null;
  #sight: Sight = { isHidden: () => false, isAway: () => false, isNodeAway: () => false };
  #drawnShape = "";
  #isCut = false;
  #marks: Marks = { hover: null, cursor: null, selection: null };

  constructor(store: Store) {
    this.#store = store;
    this.#curves = new Curves(store);
    this.#stage = h(
      "div",
      {
        class: "stage",
        tabindex: 0,
        role: "application",
        "aria-label": "Network. Arrow keys move from edge to edge, Enter opens one, Delete removes it. The tab Edges has all of them as a table.",
        onkeydown: (event: KeyboardEvent) => this.#key(event),
        onblur: () => this.#mark({ cursor: null }),
      },
      this.#tip,
    );
    this.#focusChoice = choice("Follow", [["", "the whole network"]], (value) => this.#focusOn(value));
    this.element = h("section", { class: "view network", "aria-label": "Network" }, this.#tools(), this.#stage, this.#note);
    this.#panZoom = new PanZoom(
      this.#stage,
      {
        onCamera: (camera) => this.#picture?.look(camera),
        onClick: (at) => this.#click(at),
        onHover: (at) => this.#hover(at),
      },
      () => store.host.kind !== "widget" && document.documentElement.scrollHeight <= innerHeight + 1,
    );
    this.#observer = new ResizeObserver(() => this.#build());
    this.#observer.observe(this.#stage);
    const redraw = lazily(this.element, () => this.#build());
    this.#offs = [
      store.on("net", () => this.#netChanged(redraw)),
      store.on("view", redraw),
      store.on("selection", () => this.#mark({ selection: store.selection })),
      store.on("theme", () => this.#picture?.refresh("all")),
    ];
  }

  destroy(): void {
    this.#observer.disconnect();
    this.#offs.forEach((off) => off());
    this.#picture?.destroy();
  }

  // ---------------------------------------------------------------- what is shown

  #build(): void {
    const { net, explored, look } = this.#store;
    const frame = { width: this.#stage.clientWidth, height: this.#stage.clientHeight };
    if (frame.width < 40 || frame.height < 40) return; // not shown
    const all = allEdges(net);
    const wanted = look.showRemoved ? all : all.filter((edge) => !this.#store.isRemoved(edge));
    const edges = this.#strongest(wanted);
    this.#sight = this.#sightNow();
    const vertical = frame.width < 0.85 * frame.height;
    const room = (names: readonly string[]) => (vertical ? 34 : 26 + Math.min(WIDEST, Math.max(...names.map(widthOf))));
    this.#scene = layOut(net, edges, frame, [room(explored.inputs.map(withUnit)), room(explored.outputs.map(withUnit))]);
    this.#usePicture(edges.length > MOST_SVG);
    this.#picture!.draw(this.#scene, this.#sight);
    this.#mark({ selection: this.#store.selection });
    this.#picture!.mark(this.#marks);
    this.#drawnShape = shapeText(net);
    this.#isCut = edges.length < wanted.length;
    this.#showNote(edges, wanted.length);
    this.#fillFocus();
  }

  /** New functions in the old places, where nothing else can have changed. */
  #netChanged(rebuild: () => void): void {
    this.#curves.refresh();
    const { changed, look, net } = this.#store;
    const isAsBefore = this.#store.isDraft || (look.showRemoved && !look.focus && look.threshold === 0 && !this.#isCut);
    if (isAsBefore && shapeText(net) === this.#drawnShape && !this.element.closest("[hidden]")) this.#picture?.refresh(changed);
    else rebuild();
  }

  #usePicture(canvas: boolean): void {
    if (this.#picture && this.#picture instanceof CanvasPicture === canvas) return;
    this.#picture?.destroy();
    this.#picture = canvas ? new CanvasPicture(this.#store, this.#curves) : new SvgPicture(this.#store, this.#curves);
    this.#stage.prepend(this.#picture.element);
    this.#picture.look(this.#panZoom.camera);
  }

  #strongest(edges: EdgeId[]): EdgeId[] {
    if (edges.length <= MOST_DRAWN) return edges;
    const strength = new Map(edges.map((edge) => [edge, this.#store.importance(...edge)]));
    const least = [...strength.values()].sort((a, b) => b - a)[MOST_DRAWN - 1];
    return edges.filter((edge) => strength.get(edge)! >= least).slice(0, MOST_DRAWN);
  }

  #sightNow(): Sight {
    const { net, look } = this.#store;
    const isIn = look.focus ? through(net, look.focus.level, look.focus.node) : () => true;
    const isHidden = (edge: EdgeId) => this.#store.importance(...edge) < look.threshold && look.threshold > 0;
    const lit = new Set<string>();
    if (look.focus) {
      lit.add(`${look.focus.level},${look.focus.node}`);
      for (const tile of allEdges(net)) {
        if (!isIn(tile)) continue;
        lit.add(`${tile[0]},${tile[1]}`);
        const [sums] = net.nodes[tile[0] + 1];
        lit.add(`${tile[0] + 1},${tile[2] < sums ? tile[2] : sums + Math.floor((tile[2] - sums) / net.arity)}`);
      }
    }
    return { isHidden, isAway: (edge) => !isIn(edge), isNodeAway: ({ level, node }) => !!look.focus && !lit.has(`${level},${node}`) };
  }

  #showNote(edges: readonly EdgeId[], wanted: number): void {
    const seen = edges.filter((edge) => !this.#sight.isHidden(edge) && !this.#sight.isAway(edge)).length;
    const few = edges.length < wanted ? ` Only the ${MOST_DRAWN} strongest can be drawn here; the tab Matrix shows all.` : "";
    const removed = edges.filter((edge) => this.#store.isRemoved(edge)).length;
    this.#note.textContent = seen === wanted ? `${edgesText(wanted - removed, removed)}. Thick and dark: important.${few}` : `${seen} of ${counted(wanted, "edge")} shown.${few}`;
  }

  // ---------------------------------------------------------------- tools

  #tools(): HTMLElement {
    const store = this.#store;
    const share = h("output", {}, "0 %");
    const threshold = h("input", {
      type: "range", min: 0, max: 100, step: 1, value: 0,
      oninput: () => {
        share.textContent = `${threshold.value} %`;
        store.setLook({ threshold: Number(threshold.value) / 100 });
      },
    });
    const removed = h("input", { type: "checkbox", checked: true, onchange: () => store.setLook({ showRemoved: removed.checked }) });
    return h(
      "div",
      { class: "tools" },
      h("label", { class: "field" }, h("span", {}, "Hide below"), threshold, share),
      this.#focusChoice.element,
      h("label", { class: "field" }, removed, h("span", {}, "Show removed")),
      h("span", { class: "spring" }),
      h(
        "span",
        { class: "buttons", role: "group", "aria-label": "Zoom" },
        button("−", () => this.#panZoom.zoomBy(1 / 1.4), { "aria-label": "Zoom out", title: "Zoom out (−)" }),
        button("Fit", () => this.#panZoom.reset(), { title: "Show everything (0)" }),
        button("+", () => this.#panZoom.zoomBy(1.4), { "aria-label": "Zoom in", title: "Zoom in (+)" }),
      ),
      h(
        "span",
        { class: "buttons", role: "group", "aria-label": "Save the picture" },
        button("SVG", () => saveSvg(this.#snapshot(), store.explored.title), { title: "Save the picture as SVG" }),
        button("PNG", () => savePng(this.#snapshot(), store.explored.title), { title: "Save the picture as PNG" }),
      ),
    );
  }

  #fillFocus(): void {
    const { explored, net, look } = this.#store;
    const option = (level: number, node: number) => [`${level},${node}`, nodeName(explored, net, level, node)] as const;
    const last = net.layers.length;
    const options: (readonly [string, string])[] = [["", "the whole network"]];
    options.push(...explored.outputs.map((_, node) => option(last, node)), ...explored.inputs.map((_, node) => option(0, node)));
    const value = look.focus ? `${look.focus.level},${look.focus.node}` : "";
    if (!options.some(([known]) => known === value)) options.push(option(look.focus!.level, look.focus!.node));
    fillWith(this.#focusChoice.select, ...options.map(([known, words]) => h("option", { value: known }, words)));
    this.#focusChoice.select.value = value;
  }

  #focusOn(value: string): void {
    const [level, node] = value.split(",").map(Number);
    this.#store.setLook({ focus: value === "" ? null : { level, node } });
  }

  /** The whole picture as SVG, whatever is on the screen; in the document, so that its styles can be read. */
  #snapshot(): SVGSVGElement {
    const picture = new SvgPicture(this.#store, this.#curves);
    picture.element.classList.add("unseen");
    this.#stage.append(picture.element);
    picture.draw(this.#scene!, this.#sight);
    return picture.element;
  }

  // ---------------------------------------------------------------- pointing and typing

  #click(at: Point): void {
    const target = this.#scene && targetAt(this.#scene, this.#sight, this.#panZoom.toScene(at));
    if (target?.kind === "edge") this.#store.select(target.edge);
    else if (target?.kind === "node") {
      const { level, node } = target.spot;
      const same = this.#store.look.focus?.level === level && this.#store.look.focus.node === node;
      this.#store.setLook({ focus: same ? null : { level, node } });
    } else if (this.#store.look.focus) this.#store.setLook({ focus: null });
  }

  #hover(at: Point | null): void {
    const target = at && this.#scene && targetAt(this.#scene, this.#sight, this.#panZoom.toScene(at));
    this.#mark({ hover: target?.kind === "edge" ? target.edge : null });
    this.#stage.style.cursor = target ? "pointer" : "";
    this.#tip.hidden = !target;
    if (!target || !at) return;
    this.#tip.textContent = target.kind === "edge" ? edgeSentence(this.#store, target.edge) : this.#nodeSentence(target.spot);
    const right = at.x > this.#stage.clientWidth / 2;
    this.#tip.style.left = right ? "" : `${at.x + 14}px`;
    this.#tip.style.right = right ? `${this.#stage.clientWidth - at.x + 14}px` : "";
    this.#tip.style.top = `${Math.max(4, Math.min(at.y + 14, this.#stage.clientHeight - 40))}px`;
  }

  #nodeSentence({ level, node }: { level: number; node: number }): string {
    const variable = level === 0 ? this.#store.explored.inputs[node] : null;
    const name = variable ? withUnit(variable) : nodeName(this.#store.explored, this.#store.net, level, node);
    return `${name}: click to follow its paths`;
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#scene) return;
    const store = this.#store;
    const cursor = this.#marks.cursor ?? store.selection;
    if (event.key === "Enter" && cursor) {
      store.select(cursor);
      this.element.dispatchEvent(new CustomEvent("inspect", { bubbles: true }));
    } else if ((event.key === "Delete" || event.key === "Backspace") && cursor) {
      store.toggle(cursor);
      store.say(edgeSentence(store, cursor));
    } else if (event.key === "+" || event.key === "=") this.#panZoom.zoomBy(1.4);
    else if (event.key === "-") this.#panZoom.zoomBy(1 / 1.4);
    else if (event.key === "0") this.#panZoom.reset();
    else if (event.key === "Escape" && store.look.focus) store.setLook({ focus: null });
    else if (event.key === "Escape" && store.selection) store.select(null);
    else {
      const next = neighbour(this.#scene, this.#sight, cursor, event.key, (edge) => store.importance(...edge));
      if (!next) return;
      this.#moveCursor(next);
    }
    event.preventDefault();
    event.stopPropagation();
  }

  #moveCursor(edge: EdgeId): void {
    this.#mark({ cursor: edge });
    this.#store.say(edgeSentence(this.#store, edge));
    const spot = this.#scene!.tiles.find((tile) => tile.edge.join() === edge.join());
    if (spot) this.#panZoom.reveal(spot);
  }

  #mark(marks: Partial<Marks>): void {
    const next = { ...this.#marks, ...marks };
    if (JSON.stringify(next) === JSON.stringify(this.#marks)) return; // the pointer moves often
    this.#marks = next;
    this.#picture?.mark(this.#marks);
  }
}
