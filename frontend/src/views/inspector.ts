// The chosen edge: see it large, move it, name it, remove it, and see at once what that does to the whole model.
import { button, fillWith, h, set } from "../app/dom.ts";
import { allEdges, type Store, type View } from "../app/store.ts";
import { predict, respond } from "../maths/network.ts";
import type { Net } from "../model/payload.ts";
import { answerName, edgeName, shown, withUnit } from "../model/wording.ts";
import { EdgePlot } from "./edgePlot.ts";
import { kindOf, kindText, percent } from "./edges.ts";
import { Formulas } from "./formulas.ts";
import { Sliders } from "./sliders.ts";

/** So many outputs are listed; those that changed most. */
const MOST_OUTPUTS = 4;
const STRONGEST = 6;

export function inspectorView(store: Store): View {
  const view = new Inspector(store);
  return { element: view.element, destroy: () => view.destroy() };
}

class Inspector {
  readonly element = h("section", { class: "inspector" });
  readonly #store: Store;
  readonly #plot: EdgePlot;
  readonly #sliders: Sliders;
  readonly #formulas: Formulas;
  readonly #heading = h("h2", { tabindex: -1 });
  readonly #about = h("p", { class: "soft" });
  readonly #effects = h("dl", { class: "effects" });
  readonly #remove = button("Remove edge", () => this.#toggleRemoved());
  readonly #unfix = button("Back to spline", () => this.#edit("unfix", "The edge is a spline again."));
  readonly #reset = button("Undo all on this edge", () => this.#store.selection && this.#store.resetEdge(this.#store.selection));
  readonly #welcome = h("div", { class: "welcome" });
  readonly #numbers: HTMLElement;
  readonly #body: HTMLElement;
  readonly #offs: (() => void)[];

  constructor(store: Store) {
    this.#store = store;
    this.#plot = new EdgePlot(store);
    this.#sliders = new Sliders(store);
    this.#numbers = h("details", { open: true }, h("summary", {}, "Numbers"), this.#sliders.element);
    this.#formulas = new Formulas(store);
    const legend = h(
      "p",
      { class: "note legend" },
      "Line: the function. Dots: drag them. Grey: where the data are. Ticks: knots. Dashes: as loaded.",
    );
    this.#body = h(
      "div",
      {},
      this.#heading,
      this.#about,
      this.#plot.element,
      legend,
      this.#effects,
      h("div", { class: "row" }, this.#remove, this.#unfix, this.#reset),
      this.#formulas.element,
      this.#numbers,
    );
    this.element.append(this.#welcome, this.#body);
    this.#offs = [store.on("net", () => this.#update()), store.on("selection", () => this.#update()), store.on("view", () => this.#showEffects())];
    this.#update();
  }

  destroy(): void {
    this.#offs.forEach((off) => off());
    this.#formulas.destroy();
  }

  #update(): void {
    const store = this.#store;
    const edge = store.selection;
    this.#body.hidden = edge === null;
    this.#welcome.hidden = edge !== null;
    if (!edge) return this.#greet();
    const kind = kindOf(store, edge);
    this.#heading.textContent = edgeName(store.explored, store.net, edge);
    const what = { spline: "a spline", symbolic: kindText(store, edge), removed: "removed" }[kind];
    this.#about.textContent = `${what}; importance ${percent(store.importance(...edge))}; edge (${edge.join(", ")})`;
    this.#plot.draw(edge);
    this.#sliders.show(edge);
    this.#numbers.hidden = this.#sliders.isEmpty;
    this.#formulas.show(edge);
    this.#showEffects();
    this.#remove.textContent = kind === "removed" ? "Bring back" : "Remove edge";
    this.#unfix.hidden = kind !== "symbolic";
    this.#reset.hidden = !store.isEdited(edge);
    for (const control of [this.#remove, this.#unfix, this.#reset]) control.disabled = store.isLive;
  }

  /** Nothing chosen: say what can be done, and offer what matters. */
  #greet(): void {
    const store = this.#store;
    const strongest = allEdges(store.net)
      .map((edge) => ({ edge, strength: store.importance(...edge) }))
      .sort((a, b) => b.strength - a.strength)
      .slice(0, STRONGEST);
    const items = strongest.map(({ edge, strength }) =>
      h("li", {}, button(edgeName(store.explored, store.net, edge), () => store.select(edge)), h("span", { class: "soft number" }, percent(strength))),
    );
    fillWith(
      this.#welcome,
      h("h2", { tabindex: -1 }, "Choose an edge"),
      h("p", {}, "Every small picture is a function that the network has learned. Click one to move it, name it or remove it."),
      h("h3", {}, "The strongest"),
      h("ul", { class: "strongest" }, ...items),
    );
  }

  /** Loss and prediction, before and now. */
  #showEffects(): void {
    const store = this.#store;
    if (!store.selection) return;
    const { before, after } = store.loss;
    const rows: HTMLElement[] = [];
    if (!store.isLive) {
      rows.push(h("dt", { title: store.measure.words }, store.measure.hasTargets ? "Loss" : "Change of the output"));
      rows.push(h("dd", { class: "number" }, store.measure.hasTargets ? fromTo(before, after) : shown(after)));
    }
    for (const { name, was, is } of this.#predictions()) rows.push(h("dt", {}, name), h("dd", { class: "number" }, fromTo(was, is)));
    const atPoint = "Outputs at the point chosen in the tab Prediction; the medians of the inputs at first.";
    fillWith(this.#effects, ...rows);
    set(this.#effects, { title: `${store.measure.words}. ${atPoint}` });
  }

  #predictions(): { name: string; was: number; is: number }[] {
    const store = this.#store;
    const { explored } = store;
    const at = (net: Net) => respond(explored, predict(net, store.point));
    const [was, is] = [at(store.original), at(store.net)];
    const all = explored.outputs.map(({ unit }, n) => ({ name: withUnit({ name: answerName(explored, n), unit }), was: was[n], is: is[n] }));
    return all.sort((a, b) => Math.abs(b.is - b.was) - Math.abs(a.is - a.was)).slice(0, MOST_OUTPUTS);
  }

  #toggleRemoved(): void {
    const removed = this.#store.selection && this.#store.isRemoved(this.#store.selection);
    this.#edit(removed ? "restore" : "prune", removed ? "The edge is back." : "The edge is removed.");
  }

  #edit(op: "prune" | "restore" | "unfix", said: string): void {
    if (!this.#store.selection) return;
    this.#store.apply({ op, edge: this.#store.selection });
    this.#store.say(`${said} ${this.#store.measure.name} ${shown(this.#store.loss.after)}`);
  }
}

function fromTo(was: number, is: number): string {
  return shown(was, 4) === shown(is, 4) ? shown(is, 4) : `${shown(was, 4)} → ${shown(is, 4)}`;
}
