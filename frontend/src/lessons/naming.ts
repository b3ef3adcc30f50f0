// Lesson 4: from a trained network to a formula in five steps.
import { button, choice, fillWith, h } from "../app/dom.ts";
import { compose } from "../formula/compose.ts";
import { asMathml } from "../formula/mathml.ts";
import { edgeFunction } from "../maths/edge.ts";
import { candidates, type Candidate } from "../maths/fit.ts";
import { refined } from "../maths/grid.ts";
import { forward } from "../maths/network.ts";
import { meanSquaredError, Trainer } from "../maths/train.ts";
import type { EdgeId, Layer, Net } from "../model/payload.ts";
import { edgeName, formulaText, shown } from "../model/wording.ts";
import { networkView } from "../views/network.ts";
import { Clock, figure, randomNumbers, say, slider, step } from "./kit.ts";
import { type Data, deviationsOf, fitted, freshNet, Live } from "./live.ts";

const NAMES = ["x^2", "x", "x^3", "exp", "log", "sqrt", "sin", "tanh", "abs", "gaussian", "1/x", "0"];
const SPARSE_STEPS = 200;
const CLEAN_STEPS = 120;
const GRID = 5;

function sample(count: number, seed: number): Data {
  const random = randomNumbers(seed);
  const x = Float64Array.from({ length: 2 * count }, () => 2 * random() - 1);
  return { x, y: Float64Array.from({ length: count }, (_, n) => Math.exp(Math.sin(Math.PI * x[2 * n]) + x[2 * n + 1] ** 2)) };
}

type Stage = "fresh" | "sparse" | "pruned" | "named" | "tuned";

class Walk {
  readonly element: HTMLElement;
  readonly #data = sample(200, 3);
  readonly #test = sample(400, 4);
  readonly #words = h("p", { class: "reading", role: "status" });
  readonly #names = h("div", { class: "names" });
  readonly #formula = h("div", { class: "formula-lines", role: "region", "aria-label": "Formula", tabindex: 0 });
  readonly #buttons: HTMLButtonElement[];
  readonly #live: Live;
  #strength = 0.05;
  #threshold = 0.05;
  #stage: Stage = "fresh";
  #net: Net;
  #clock: Clock | null = null;
  readonly #chosen = new Map<string, Candidate>();

  constructor() {
    this.#net = this.#start();
    this.#live = new Live(this.#net, this.#data, ["x", "y"], "exp(sin πx + y²)", "f");
    const graph = networkView(this.#live.store);
    graph.element.classList.add("small-graph");
    this.#buttons = [
      button("1 Train sparsely", () => this.#sparsify()), button("2 Prune", () => this.#prune()), button("3 Name", () => this.#name()),
      button("4 Tune the numbers", () => this.#tune()), button("Start over", () => this.#again()),
    ];
    const strength = slider({ label: "sparsity", min: 0, max: 0.2, step: 0.01, value: this.#strength, text: (v) => v.toFixed(2) }, (v) => (this.#strength = v));
    const threshold = slider({ label: "prune below", min: 0, max: 0.3, step: 0.01, value: this.#threshold, text: (v) => v.toFixed(2) }, (v) => (this.#threshold = v));
    this.element = h(
      "div", {}, h("div", { class: "tools" }, strength.element, threshold.element), h("div", { class: "tools" }, ...this.#buttons),
      this.#words, graph.element, this.#names, this.#formula,
    );
    this.#update("A fresh network: 15 random curves.");
  }

  #start(): Net {
    return fitted(freshNet([2, 5, 1], GRID, 3, 3), this.#data.x);
  }

  #again(): void {
    this.#clock?.stop();
    [this.#net, this.#stage] = [this.#start(), "fresh"];
    this.#chosen.clear();
    this.#update("A fresh network: 15 random curves.");
  }

  // ---------------------------------------------------------------- the five steps

  #sparsify(): void {
    const sparsity = this.#strength > 0 ? { l1: this.#strength, entropy: 2 * this.#strength } : undefined;
    this.#run(SPARSE_STEPS, sparsity, () => {
      this.#stage = "sparse";
      this.#update("Most edges have faded. What is left carries the function.");
    });
  }

  #prune(): void {
    const { values } = forward(this.#net, this.#data.x);
    let kept = 0;
    const importances = this.#net.layers.map((_, l) => {
      const deviations = deviationsOf(this.#net, l, values[l]);
      const most = deviations.reduce((a, b) => Math.max(a, b), 0);
      return deviations.map((v) => v / most);
    });
    const layers = this.#net.layers.map((layer, l): Layer => {
      const mask = layer.mask.map((m, edge) => (importances[l][edge] < this.#threshold ? 0 : m));
      return { ...layer, mask };
    });
    this.#net = refined(withoutDeadEnds({ ...this.#net, layers }), 2 * GRID);
    this.#net.layers.forEach((layer) => layer.mask.forEach((m) => (kept += m)));
    this.#run(CLEAN_STEPS, undefined, () => {
      this.#stage = "pruned";
      this.#update(`${kept} of 15 edges are left. Finer splines and a few steps without the penalty have sharpened them.`);
    });
  }

  #name(): void {
    this.#chosen.clear();
    for (const edge of presentEdges(this.#net)) {
      const [best] = this.#guesses(edge);
      if (best) this.#chosen.set(edge.join(), best);
    }
    this.#stage = "named";
    this.#useNames();
  }

  #tune(): void {
    this.#run(CLEAN_STEPS, undefined, () => {
      this.#stage = "tuned";
      this.#update("All numbers were trained together. Read the formula below.");
    });
  }

  #useNames(): void {
    const layers = this.#net.layers.map((layer, l): Layer => {
      const symbolic = new Map(layer.symbolic);
      for (const [key, { name, affine }] of this.#chosen) {
        const [own, i, j] = key.split(",").map(Number);
        if (own === l) symbolic.set(i * layer.O + j, { name, affine });
      }
      return { ...layer, symbolic };
    });
    this.#net = { ...this.#net, layers };
    this.#update("Every edge has a name. Take another one where you know better.");
  }

  /** Formulas for an edge, by what it did before it was named. */
  #guesses([l, i, j]: EdgeId): Candidate[] {
    const { values } = forward(this.#net, this.#data.x);
    const { I } = this.#net.layers[l];
    const xs = values[l].filter((_, at) => at % I === i);
    return candidates(xs, xs.map(edgeFunction(this.#net, l, i, j, true)), null, NAMES).slice(0, 5);
  }

  #run(steps: number, sparsity: { l1: number; entropy: number } | undefined, done: () => void): void {
    this.#clock?.stop();
    let trainer = new Trainer(this.#net, this.#data.x, this.#data.y, sparsity);
    let taken = 0;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#clock = new Clock(() => {
      const begun = performance.now();
      let goesOn = true;
      do {
        if ((taken === 20 || taken === 60) && this.#stage === "fresh") trainer = new Trainer(fitted(trainer.net, this.#data.x), this.#data.x, this.#data.y, sparsity);
        goesOn = trainer.step() && ++taken < steps;
      } while (goesOn && performance.now() - begun < (calm ? 400 : 12));
      this.#net = trainer.net;
      this.#update(`Step ${taken} of ${steps}.`, !goesOn);
      return goesOn;
    }, done);
    this.#clock.start();
  }

  // ---------------------------------------------------------------- drawing

  #update(words: string, withNames = true): void {
    this.#live.show(this.#net);
    const error = meanSquaredError(this.#net, this.#test.x, this.#test.y);
    this.#words.textContent = `${words} Mean squared error on new points: ${shown(error)}.`;
    const order: Stage[] = ["fresh", "sparse", "pruned", "named"];
    const at = this.#stage === "tuned" ? 3 : order.indexOf(this.#stage);
    this.#buttons.slice(0, 4).forEach((control, n) => {
      control.disabled = n !== at;
      control.classList.toggle("main", n === at);
    });
    if (!withNames) return;
    this.#showNames();
    const named = this.#stage === "named" || this.#stage === "tuned";
    this.#formula.hidden = !named;
    if (named) fillWith(this.#formula, ...asMathml(this.#live.store.explored, compose(this.#live.store.explored, this.#net, false), 3));
  }

  #showNames(): void {
    this.#names.hidden = this.#stage !== "named";
    if (this.#names.hidden) return;
    const { explored } = this.#live.store;
    const pickers = [...this.#chosen.keys()].map((key) => {
      const edge = key.split(",").map(Number) as unknown as EdgeId;
      const list = this.#guesses(edge);
      const options = list.map((one) => [one.name, `${formulaText(one)}   R² ${shown(one.r2, 5)}`] as const);
      const picker = choice(edgeName(explored, this.#net, edge), options, (name) => {
        this.#chosen.set(key, list.find((one) => one.name === name)!);
        this.#useNames();
      });
      picker.select.value = this.#chosen.get(key)!.name;
      return picker.element;
    });
    fillWith(this.#names, ...pickers);
  }
}

function presentEdges(net: Net): EdgeId[] {
  return net.layers.flatMap((layer, l) =>
    [...layer.mask.keys()].filter((edge) => layer.mask[edge] !== 0).map((edge): EdgeId => [l, Math.floor(edge / layer.O), edge % layer.O]));
}

/** Edges that lead to a node from which nothing goes on, or come from one that nothing reaches, go too. */
function withoutDeadEnds(net: Net): Net {
  const [first, second] = net.layers;
  const reached = (j: number): boolean => Array.from({ length: first.I }, (_, i) => first.mask[i * first.O + j]).some((m) => m !== 0);
  const read = (j: number): boolean => second.mask.subarray(j * second.O, (j + 1) * second.O).some((m) => m !== 0);
  const alive = Array.from({ length: first.O }, (_, j) => reached(j) && read(j));
  return {
    ...net,
    layers: [
      { ...first, mask: first.mask.map((m, edge) => (alive[edge % first.O] ? m : 0)) },
      { ...second, mask: second.mask.map((m, edge) => (alive[Math.floor(edge / second.O)] ? m : 0)) },
    ],
  };
}

export function namingLesson(): HTMLElement[] {
  return [
    say("A trained KAN is a picture. With five steps it becomes a formula. The data come from *f = exp(sin πx + y²)*, but the network is not told. It starts with five hidden nodes, far more than it needs.", { class: "lead" }),
    step(
      "The five steps",
      h(
        "ol", { class: "steps" },
        h("li", {}, ...say("*Train sparsely.* To the error a small price is added for every edge that does something. Edges that help little fade away.").childNodes),
        h("li", {}, ...say("*Prune.* Edges whose output hardly varies are removed, and nodes that lead nowhere go with them.").childNodes),
        h("li", {}, ...say("*Name.* Every curve that is left is compared with elementary functions `c f(ax + b) + d`. The closest simple one takes its place.").childNodes),
        h("li", {}, ...say("*Tune.* The numbers a, b, c, d of all edges are trained together, which removes the last error.").childNodes),
        h("li", {}, ...say("*Read.* The network is now a formula. Round what is clearly round.").childNodes),
      ),
      figure("press the buttons from 1 to 4. Click an edge in between to see which curve it has. Then start over with sparsity 0: nothing fades, and naming fails.", new Walk().element),
    ),
    step(
      "How to read the result",
      say("The formula may not look like the one that made the data, and still be the same: `e^(sin(3.14x) + …)` times a constant is the same as adding to the exponent. Look for numbers near π, near whole numbers, near simple fractions."),
      say("A name with an R² below about 0.999 is a guess. Ask for another start, more data or a finer grid before you believe it."),
      say("In Python the steps are `model.fit(data, lamb=0.01)`, `model.prune()`, `model.auto_symbolic()`, `model.fit(data)` and `model.symbolic_formula()`."),
    ),
  ];
}
