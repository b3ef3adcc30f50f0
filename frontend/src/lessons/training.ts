// Lesson 2: a KAN that learns 0.5 sin(4x) exp(-x-1) in front of your eyes.
import { button, h } from "../app/dom.ts";
import { Chart, type Frame } from "../charts/chart.ts";
import { density, dots, level, line } from "../charts/marks.ts";
import { rangeOf, spaced, widened } from "../charts/scale.ts";
import { edgeCurve } from "../maths/edge.ts";
import { predict } from "../maths/network.ts";
import { meanSquaredError, Trainer } from "../maths/train.ts";
import { type EdgeId, type Net, QUANTILES } from "../model/payload.ts";
import { edgeName, shown } from "../model/wording.ts";
import { networkView } from "../views/network.ts";
import { Clock, figure, normalNumbers, say, slider, step } from "./kit.ts";
import { type Data, fitted, freshNet, Live } from "./live.ts";

const truth = (x: number): number => 0.5 * Math.sin(4 * x) * Math.exp(-x - 1);
const STEPS = 100;
const TEST = { x: spaced([-1, 1], 201), y: spaced([-1, 1], 201).map(truth) };

export class TrainingFigure {
  readonly element: HTMLElement;
  readonly #fit = new Chart({ label: "", height: 230, xLabel: "x" });
  readonly #losses = new Chart({ label: "", height: 230, xLabel: "step", yLabel: "mean squared error", logY: true });
  readonly #edge = new Chart({ label: "", height: 190 });
  readonly #edgeWords = h("p", { class: "reading", role: "status" });
  readonly #words = h("p", { class: "reading", role: "status" });
  readonly #play = button("Train", () => (this.#clock.isRunning ? this.#clock.stop() : this.#begin()), { class: "main" });
  readonly #clock = new Clock(() => this.#tick(), () => this.#tell());
  readonly #live: Live;
  #history: { train: number; test: number }[] = [];
  #data: Data;
  #trainer: Trainer;
  #count = 20;
  #noise = 0;
  #seed = 1;
  #pace = 0;

  constructor() {
    this.#data = this.#sample();
    this.#trainer = new Trainer(this.#start(), this.#data.x, this.#data.y);
    this.#live = new Live(this.#trainer.net, TEST, ["x"], "0.5 sin(4x) exp(−x−1)");
    const graph = networkView(this.#live.store);
    graph.element.classList.add("small-graph");
    this.#live.store.on("selection", () => this.#showEdge());
    const points = slider({ label: "points", min: 8, max: 60, step: 1, value: this.#count }, (v) => this.#again(() => (this.#count = v)));
    const noise = slider({ label: "noise", min: 0, max: 0.1, step: 0.01, value: 0, text: (v) => v.toFixed(2) }, (v) => this.#again(() => (this.#noise = v)));
    this.element = h(
      "div",
      {},
      h("div", { class: "tools" }, this.#play, button("One step", () => this.#once()), button("New start", () => this.#again(() => (this.#seed += 1))), points.element, noise.element),
      this.#words,
      h("div", { class: "pair" }, this.#fit.element, this.#losses.element),
      h("h3", {}, "The network"),
      graph.element,
      this.#edgeWords,
      this.#edge.element,
    );
    this.#again(() => {});
    this.#live.store.select([0, 0, 0]);
  }

  #sample(): Data {
    const normal = normalNumbers(7);
    const x = spaced([-1, 1], this.#count);
    return { x, y: x.map((v) => truth(v) + this.#noise * normal()) };
  }

  #start(): Net {
    return fitted(freshNet([1, 2, 1], 5, 3, this.#seed), this.#data.x);
  }

  #again(change: () => void): void {
    change();
    this.#clock.stop();
    this.#data = this.#sample();
    this.#trainer = new Trainer(this.#start(), this.#data.x, this.#data.y);
    this.#history = [];
    this.#record();
    this.#draw();
  }

  #begin(): void {
    if (this.#history.length > STEPS) this.#again(() => {});
    this.#clock.start();
    this.#tell();
  }

  #once(): void {
    this.#clock.stop();
    this.#advance();
    this.#draw();
  }

  /** Slow at first, where most happens; calm for who asked for less motion. */
  #tick(): boolean {
    this.#pace += 1;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (this.#pace % (calm ? 60 : this.#history.length < 20 ? 6 : 2)) return true;
    const goesOn = this.#advance() && this.#history.length <= STEPS;
    this.#draw();
    return goesOn;
  }

  #advance(): boolean {
    if (this.#history.length === 12) this.#trainer = new Trainer(fitted(this.#trainer.net, this.#data.x), this.#data.x, this.#data.y);
    const moved = this.#trainer.step();
    this.#record();
    return moved;
  }

  #record(): void {
    const { net, error } = this.#trainer;
    this.#history.push({ train: error, test: meanSquaredError(net, TEST.x, TEST.y) });
  }

  #tell(): void {
    this.#play.textContent = this.#clock.isRunning ? "Pause" : this.#history.length > STEPS ? "Train again" : "Train";
  }

  // ---------------------------------------------------------------- drawing

  #draw(): void {
    const { net } = this.#trainer;
    const { x, y } = this.#data;
    this.#live.show(net);
    const range = widened(rangeOf(y, TEST.y), 0.15);
    const output = predict(net, TEST.x);
    this.#fit.show([-1, 1], range, (frame) => [
      line(frame, TEST.x, TEST.y, "line quiet dashed"), line(frame, TEST.x, output), dots(frame, x, y, "dots second", 3.5),
    ], "The network's curve, the true curve and the points it learns from");
    const steps = Float64Array.from(this.#history, (_, n) => n);
    const [train, test] = [this.#history.map((m) => m.train), this.#history.map((m) => m.test)];
    const [lo, hi] = rangeOf(train, test);
    const last = this.#history[this.#history.length - 1];
    this.#losses.show([0, Math.max(20, steps.length)], [Math.max(lo, 1e-14) / 2, hi * 2], (frame) => [
      line(frame, steps, train), line(frame, steps, test, "line dashed second"),
    ], `Error over ${steps.length - 1} steps: ${shown(last.train)} on the points, ${shown(last.test)} on the whole curve`);
    this.#words.textContent = `Step ${this.#history.length - 1}: error ${shown(last.train)} on the points (solid), ${shown(last.test)} on the whole curve (dashed).`;
    this.#tell();
    this.#showEdge();
  }

  #showEdge(): void {
    const { store } = this.#live;
    const edge: EdgeId = store.selection ?? [0, 0, 0];
    const [l, i, j] = edge;
    const [lo, hi] = store.domain(l, i);
    const xs = spaced([lo, hi], 121);
    const ys = edgeCurve(store.net, l, i, j, lo, hi, 121);
    const quantiles = store.quantiles[l].subarray(i * QUANTILES, (i + 1) * QUANTILES);
    const name = edgeName(store.explored, store.net, edge);
    const paint = (frame: Frame): Element[] => [density(frame, quantiles), level(frame, 0), line(frame, xs, ys)];
    this.#edge.show([lo, hi], widened(rangeOf(ys), 0.1), paint, `The function of the edge ${name}`);
    this.#edgeWords.textContent = `The edge ${name}: what it adds to its node, over the values that reach it.`;
  }
}

export function trainingLesson(): HTMLElement[] {
  const playground = new TrainingFigure();
  const place = figure(
    "press Train. Click an edge, or go to one with the arrow keys, and watch its function grow below.",
    playground.element,
  );
  return [
    say("Twenty points of the curve *0.5 sin(4x) exp(−x−1)*, and a network with one input, two hidden nodes and one output. It has four edges, so it has four curves to learn.", { class: "lead" }),
    step(
      "Watch it learn",
      say("Training changes the weights of all four splines together, a little at every step, so that the mean squared error falls. Nothing else is going on: no hidden tricks, and no server. This page computes the network and its gradient itself."),
      place,
    ),
    step(
      "What to look for",
      say("The hidden nodes only *add*. All bending happens on edges. So you can read the network: the first two edges say how x is bent into each hidden node, the last two how these are bent into y."),
      say("Press *New start* a few times. The four curves come out differently, yet their composition is the same. A KAN is not unique until something, such as sparsity, makes it so."),
      say("Now add noise, or take fewer points, and train again. The error on the points still falls, while the error on the whole curve does not: the network starts to learn the noise."),
    ),
    step(
      "The same in Python",
      h("pre", { class: "code", tabindex: 0, role: "region", "aria-label": "Python" }, h("code", {}, PYTHON)),
    ),
  ];
}

const PYTHON = `import torch
from edgewise import KAN

x = torch.linspace(-1, 1, 20)[:, None]
y = 0.5 * torch.sin(4 * x) * torch.exp(-x - 1)
model = KAN([1, 2, 1], grid=5, k=3, seed=0)
model.fit((x, y), steps=100)
model.explore(x)`;

