// The network as SVG, for up to a few hundred edges and for saving.
import { set, svg } from "../app/dom.ts";
import type { Store } from "../app/store.ts";
import type { EdgeId } from "../model/payload.ts";
import { formulaWithin, nodeName, withUnit } from "../model/wording.ts";
import { Curves, curvePath, kindOf, styleOf, symbolicOf } from "./edges.ts";
import { type NodeSpot, type Point, type Scene, type TileSpot, wireOf } from "./geometry.ts";
import { fitting, WIDEST } from "./labels.ts";
import { type Camera, type Marks, Motion, nodeRadius, type Picture, type Sight } from "./picture.ts";

/** So few edges are drawn anew at every step of the camera. */
const FEW = 40;

interface Drawn {
  spot: TileSpot;
  /** Classes and visibility as last set: the browser takes long to see that nothing changed. */
  styled: string;
  tile: SVGGElement;
  wire: SVGPathElement;
  curve: SVGPathElement;
  words: SVGTextElement;
}

export class SvgPicture implements Picture {
  readonly element = svg("svg", { class: "picture", "aria-hidden": "true", focusable: "false" });
  readonly #world = svg("g");
  /** Edges that are being dragged, above the picture: else the browser would go through all of it at every step. */
  readonly #above = svg("svg", { class: "picture", "aria-hidden": "true" });
  readonly #lifted = new Map<string, Drawn>();
  readonly #motion = new Motion(this.element, ({ x, y, zoom }) =>
    set(this.#world, { transform: `translate(${x} ${y}) scale(${zoom})` }),
  );
  readonly #drawn = new Map<string, Drawn>();
  readonly #store: Store;
  readonly #curves: Curves;
  #scene: Scene | null = null;
  #sight: Sight | null = null;
  #marked: Marks = { hover: null, cursor: null, selection: null };

  constructor(store: Store, curves: Curves) {
    this.#store = store;
    this.#curves = curves;
    this.element.append(this.#world);
  }

  draw(scene: Scene, sight: Sight): void {
    this.#scene = scene;
    this.#sight = sight;
    set(this.element, { viewBox: `0 0 ${scene.width} ${scene.height}`, width: scene.width, height: scene.height });
    this.#drawn.clear();
    const wires = svg("g", { class: "wires" });
    const tiles = svg("g", { class: "tiles" });
    for (const spot of scene.tiles) {
      const drawn = this.#drawTile(scene, spot);
      this.#drawn.set(spot.edge.join(), drawn);
      wires.append(drawn.wire);
      tiles.append(drawn.tile);
    }
    const nodes = svg("g", { class: "nodes" });
    scene.nodes.forEach((level) => level.forEach((spot) => nodes.append(this.#drawNode(scene, sight, spot))));
    this.#world.replaceChildren(wires, this.#drawFactors(scene), tiles, nodes);
    this.refresh("all");
    this.mark(this.#marked);
  }

  refresh(edges: ReadonlyMap<string, EdgeId> | "all"): void {
    const scene = this.#scene;
    if (!scene) return;
    if (this.#store.isDraft && edges !== "all") return this.#lift(scene, edges.keys());
    this.#lifted.clear();
    this.#above.remove();
    const redrawn = edges === "all" ? [...this.#drawn.values()] : [...edges.keys()].flatMap((key) => this.#drawn.get(key) ?? []);
    for (const drawn of redrawn) this.#drawFunction(scene, drawn);
    for (const drawn of this.#drawn.values()) this.#style(drawn); // one edge changes the importance of many
  }

  mark(marks: Marks): void {
    const before = Object.values(this.#marked);
    this.#marked = { ...marks };
    for (const edge of [...before, ...Object.values(marks)]) {
      const drawn = edge && this.#drawn.get(edge.join());
      if (drawn) this.#style(drawn);
    }
    const top = marks.hover ?? marks.cursor ?? marks.selection;
    const wire = top && this.#drawn.get(top.join())?.wire;
    if (wire?.nextSibling) wire.parentNode!.append(wire); // above the others
  }

  look(camera: Camera): void {
    this.#motion.look(camera, this.#drawn.size <= FEW);
  }

  destroy(): void {
    this.element.remove();
    this.#above.remove();
  }

  #lift(scene: Scene, keys: Iterable<string>): void {
    for (const key of keys) {
      const below = this.#drawn.get(key);
      const lifted = this.#lifted.get(key) ?? (below && this.#drawTile(scene, below.spot));
      if (!lifted) continue;
      this.#lifted.set(key, lifted);
      this.#style(lifted);
      this.#drawFunction(scene, lifted);
    }
    if (this.#above.isConnected && this.#above.firstElementChild?.childElementCount === this.#lifted.size) return;
    for (const name of ["viewBox", "width", "height"]) this.#above.setAttribute(name, this.element.getAttribute(name)!);
    const tiles = [...this.#lifted.values()].map(({ tile }) => tile);
    this.#above.replaceChildren(svg("g", { transform: this.#world.getAttribute("transform") }, ...tiles));
    this.element.after(this.#above);
  }

  #drawTile(scene: Scene, spot: TileSpot): Drawn {
    const { w, h } = scene.tile;
    const round = Math.min(5, h / 3);
    const box = (inset: number, name: string) =>
      svg("rect", {
        class: name, x: inset - w, y: inset - h, width: 2 * (w - inset), height: 2 * (h - inset), rx: Math.max(0, round - inset),
      });
    const curve = svg("path", { class: "curve" });
    const words = svg("text", { class: "words", x: 0, y: h - Math.min(6, h * 0.25), "font-size": Math.min(11, h * 0.5) });
    const tile = svg("g", { transform: `translate(${spot.x} ${spot.y})` }, box(0, "box"), box(Math.min(3, h / 5), "inner"), curve, words);
    const wire = svg("path", { d: wireOf(scene, spot).map(curveOf).join("") });
    return { spot, styled: "", tile, wire, curve, words };
  }

  #drawFunction(scene: Scene, { spot, curve, words }: Drawn): void {
    const { w, h } = scene.tile;
    const symbolic = symbolicOf(this.#store, spot.edge);
    const room = Math.floor((2 * w - 8) / 5.6);
    words.textContent = symbolic && h >= 9 ? formulaWithin(symbolic, room) : "";
    const low = words.textContent ? Math.min(7, h * 0.3) : 0; // room for the words
    set(curve, { d: curvePath(this.#curves.of(spot.edge), 0, -low, w * 0.8, h * 0.68 - low) });
  }

  #style(drawn: Drawn): void {
    const { tile, wire } = drawn;
    const { edge } = drawn.spot;
    const hidden = this.#sight!.isHidden(edge);
    const kind = kindOf(this.#store, edge);
    const classes = [`s${styleOf(this.#store, edge)}`, kind, ...(this.#sight!.isAway(edge) ? ["away"] : [])];
    for (const role of ["hover", "cursor", "selection"] as const) {
      if (this.#marked[role]?.join() === edge.join()) classes.push(role);
    }
    const styled = `${classes.join(" ")} ${hidden}`;
    if (drawn.styled === styled) return;
    drawn.styled = styled;
    for (const [part, name] of [[tile, "tile"], [wire, "wire"]] as const) {
      set(part, { class: [name, ...classes].join(" "), display: hidden && "none" });
    }
  }

  #drawNode(scene: Scene, sight: Sight, spot: NodeSpot): SVGGElement {
    const radius = nodeRadius(scene, spot.level);
    const isHidden = spot.level > 0 && spot.level < scene.nodes.length - 1;
    const sign = spot.isProduct ? "×" : isHidden ? "+" : "";
    const shape = spot.isProduct
      ? svg("path", { d: diamond(radius * 1.3) })
      : svg("circle", { r: radius });
    const name = `node ${isHidden ? "hidden" : "end"}${sight.isNodeAway(spot) ? " away" : ""}`;
    return svg(
      "g",
      { class: name, transform: `translate(${spot.x} ${spot.y})` },
      shape,
      sign && radius >= 5 && svg("text", { class: "sign", "font-size": radius * 1.7 }, sign),
      isHidden && radius >= 7 && svg("text", { class: "number", x: 0, y: -radius * 1.3 - 3 }, `${spot.level}.${spot.node}`),
      this.#label(scene, spot),
    );
  }

  /** Names of inputs before and of outputs after their nodes, where there is room. */
  #label(scene: Scene, { level, node }: NodeSpot): SVGTextElement | null {
    const isFirst = level === 0;
    if (!isFirst && level !== scene.nodes.length - 1) return null;
    const variable = (isFirst ? this.#store.explored.inputs : this.#store.explored.outputs)[node];
    const full = variable ? withUnit(variable) : nodeName(this.#store.explored, this.#store.net, level, node);
    const room = scene.vertical ? scene.spacing[level] - 6 : WIDEST;
    if (scene.vertical ? room < 14 : scene.spacing[level] < 11) return null;
    const place = scene.vertical
      ? { x: 0, y: isFirst ? -12 : 21, "text-anchor": "middle" }
      : { x: isFirst ? -12 : 12, y: 4, "text-anchor": isFirst ? "end" : "start" };
    return svg("text", { class: "label", ...place }, fitting(full, room));
  }

  /** Factors of product nodes: a dot per sum and its way into the product. */
  #drawFactors(scene: Scene): SVGGElement {
    const group = svg("g", { class: "factors" });
    scene.sums.forEach((sums, l) => {
      const plain = this.#store.net.nodes[l + 1][0];
      sums.forEach((sum, j) => {
        if (j < plain) return;
        const product = scene.nodes[l + 1][plain + Math.floor((j - plain) / this.#store.net.arity)];
        group.append(svg("path", { d: `M${at(sum)}L${at(product)}` }), svg("circle", { cx: sum.x, cy: sum.y, r: 2.5 }));
      });
    });
    return group;
  }
}

function curveOf([from, a, b, to]: readonly Point[]): string {
  return `M${at(from)}C${at(a)} ${at(b)} ${at(to)}`;
}

function at({ x, y }: Point): string {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}

function diamond(r: number): string {
  return `M0 ${-r}L${r} 0L0 ${r}L${-r} 0Z`;
}
