// Lesson 3: grid extension: start coarse, make the splines finer, keep what was learned.
import { button, h } from "../app/dom.ts";
import { Chart } from "../charts/chart.ts";
import { dots, line, point, upright } from "../charts/marks.ts";
import { rangeOf, spaced, widened } from "../charts/scale.ts";
import { controlSites, uniformKnots } from "../maths/basis.ts";
import { splineFunction } from "../maths/edge.ts";
import { project, refined } from "../maths/grid.ts";
import { meanSquaredError, Trainer } from "../maths/train.ts";
import type { Net } from "../model/payload.ts";
import { shown } from "../model/wording.ts";
import { Clock, figure, normalNumbers, randomNumbers, say, slider, step } from "./kit.ts";
import { type Data, fitted, freshNet } from "./live.ts";

// ---------------------------------------------------------------- one curve, finer and finer

const CURVE = [0.1, 0.9, -0.7, 0.8, -0.2, 0.5];

function refineFigure(): HTMLElement {
  const chart = new Chart({ label: "", height: 230 });
  const words = h("p", { class: "reading", role: "status" });
  const first = uniformKnots(-1, 1, 3, 3);
  const original = Float64Array.from(CURVE);
  const xs = spaced([-1, 1], 241);
  const before = xs.map(splineFunction(first, 3, original));
  const draw = (grid: number): void => {
    const knots = uniformKnots(-1, 1, grid, 3);
    const coef = project(original, 1, first, knots, 3, "linear");
    const now = xs.map(splineFunction(knots, 3, coef));
    const apart = now.reduce((most, v, n) => Math.max(most, Math.abs(v - before[n])), 0);
    const sites = controlSites(knots, 3);
    chart.show([-1.8, 1.8], [-0.9, 1.1], (frame) => [
      ...[...knots.subarray(3, knots.length - 3)].map((t) => upright(frame, t, "event")),
      line(frame, xs, before, "line quiet dashed"), line(frame, xs, now),
      ...Array.from(sites, (x, s) => point(frame, x, coef[s], "point handle", 5)),
    ], `A spline on ${grid} intervals`);
    const same = apart < 1e-9;
    words.textContent = `${grid} intervals, ${coef.length} weights. ${same ? "Exactly the same curve." : `The closest curve on these knots; ${shown(apart, 2)} away at most.`}`;
  };
  const control = slider({ label: "intervals", min: 2, max: 24, step: 1, value: 3 }, draw);
  draw(3);
  return figure("go to 6, 9 or 12: every multiple of 3 keeps all old knots, so nothing changes. At 4 or 5 the old knots are gone.", h("div", { class: "tools" }, control.element), chart.element, words);
}

// ---------------------------------------------------------------- the staircase

const GRIDS = [3, 6, 12, 24, 48];
const STEPS_PER_GRID = 60;

class Staircase {
  readonly element: HTMLElement;
  readonly #chart = new Chart({ label: "", height: 280, xLabel: "step", yLabel: "mean squared error", logY: true });
  readonly #words = h("p", { class: "reading", role: "status" });
  readonly #play = button("Train", () => (this.#clock.isRunning ? this.#clock.stop() : this.#begin()), { class: "main" });
  readonly #finer = button("Refine now", () => this.#refine());
  readonly #clock = new Clock(() => this.#tick(), () => this.#tell());
  readonly #test = sample(500, 0, 2);
  #data!: Data;
  #trainer!: Trainer;
  #train: number[] = [];
  #tested: number[] = [];
  #jumps: { at: number; grid: number }[] = [];
  #sinceJump = 0;
  #pace = 0;
  #count = 300;
  #noise = 0;

  constructor() {
    const rows = slider({ label: "points", min: 40, max: 400, step: 20, value: this.#count }, (v) => this.#again(() => (this.#count = v)));
    const noise = slider({ label: "noise", min: 0, max: 0.3, step: 0.05, value: 0, text: (v) => v.toFixed(2) }, (v) => this.#again(() => (this.#noise = v)));
    this.element = h("div", {}, h("div", { class: "tools" }, this.#play, this.#finer, button("Start over", () => this.#again(() => {})), rows.element, noise.element), this.#words, this.#chart.element);
    this.#again(() => {});
  }

  #again(change: () => void): void {
    change();
    this.#clock.stop();
    this.#data = sample(this.#count, this.#noise, 1);
    this.#train = [];
    this.#tested = [];
    this.#jumps = [];
    this.#use(fitted(freshNet([2, 2, 1], GRIDS[0], 3, 1), this.#data.x), GRIDS[0]);
    this.#record();
    this.#draw();
  }

  #begin(): void {
    if (this.#isFinished) this.#again(() => {});
    this.#clock.start();
    this.#tell();
  }

  get #isFinished(): boolean {
    return this.#jumps.length === GRIDS.length && this.#sinceJump >= STEPS_PER_GRID;
  }

  #use(net: Net, grid: number): void {
    this.#trainer = new Trainer(net, this.#data.x, this.#data.y);
    this.#jumps.push({ at: this.#train.length, grid });
    this.#sinceJump = 0;
  }

  #refine(): void {
    const next = GRIDS[this.#jumps.length];
    if (next !== undefined) this.#use(refined(this.#trainer.net, next), next);
    this.#draw();
  }

  #tick(): boolean {
    this.#pace += 1;
    if (this.#pace % (matchMedia("(prefers-reduced-motion: reduce)").matches ? 30 : 1)) return true;
    if (this.#sinceJump >= STEPS_PER_GRID) {
      if (this.#jumps.length === GRIDS.length) return false;
      this.#refine();
    }
    if (this.#train.length === 10 || this.#train.length === 30) {
      this.#trainer = new Trainer(fitted(this.#trainer.net, this.#data.x), this.#data.x, this.#data.y);
    }
    this.#trainer.step();
    this.#sinceJump += 1;
    this.#record();
    this.#draw();
    return !this.#isFinished;
  }

  #record(): void {
    this.#train.push(this.#trainer.error);
    this.#tested.push(meanSquaredError(this.#trainer.net, this.#test.x, this.#test.y));
  }

  #tell(): void {
    this.#play.textContent = this.#clock.isRunning ? "Pause" : this.#isFinished ? "Train again" : "Train";
    this.#finer.disabled = this.#jumps.length === GRIDS.length;
  }

  #draw(): void {
    const steps = Float64Array.from(this.#train, (_, n) => n);
    const [lo, hi] = rangeOf(this.#train, this.#tested);
    const grid = this.#jumps[this.#jumps.length - 1].grid;
    const weights = this.#trainer.net.layers.reduce((sum, layer) => sum + layer.coef.length, 0);
    this.#chart.show([0, Math.max(GRIDS.length * STEPS_PER_GRID, steps.length)], [lo / 2, hi * 2], (frame) => [
      ...this.#jumps.slice(1).map(({ at }) => upright(frame, at, "event")),
      line(frame, steps, this.#train), line(frame, steps, this.#tested, "line dashed second"),
    ], `Error over ${steps.length - 1} steps on grids of ${this.#jumps.map((jump) => jump.grid).join(", ")} intervals`);
    this.#words.textContent = `${grid} intervals, ${weights} weights, ${this.#count} points: error ${shown(this.#train[steps.length - 1])} on the points (solid), ${shown(this.#tested[steps.length - 1])} on new ones (dashed).`;
    this.#tell();
  }
}

function sample(count: number, noise: number, seed: number): Data {
  const [random, normal] = [randomNumbers(seed), normalNumbers(seed + 100)];
  const x = Float64Array.from({ length: 2 * count }, () => 2 * random() - 1);
  const y = Float64Array.from({ length: count }, (_, n) => Math.exp(Math.sin(Math.PI * x[2 * n]) + x[2 * n + 1] ** 2) + noise * normal());
  return { x, y };
}

// ---------------------------------------------------------------- too fine

function tooFineFigure(): HTMLElement {
  const chart = new Chart({ label: "", height: 230 });
  const words = h("p", { class: "reading", role: "status" });
  const normal = normalNumbers(5);
  const truth = (x: number): number => Math.sin(4 * x) * Math.exp(-x * x);
  const x = spaced([-1, 1], 24);
  const y = x.map((v) => truth(v) + 0.08 * normal());
  const xs = spaced([-1, 1], 241);
  const draw = (grid: number): void => {
    const net: Net = { ...freshNet([1, 1], grid, 3, 1), baseFun: "zero" };
    const trainer = new Trainer(net, x, y);
    for (let n = 0; n < 150 && trainer.step(); n++);
    const f = splineFunction(trainer.net.layers[0].knots, 3, trainer.net.layers[0].coef);
    const curve = xs.map(f);
    const wrong = Math.sqrt(xs.reduce((sum, v, n) => sum + (curve[n] - truth(v)) ** 2, 0) / xs.length);
    chart.show([-1, 1], widened([-1, 1], 0.15), (frame) => [
      line(frame, xs, xs.map(truth), "line quiet dashed"), line(frame, xs, curve), dots(frame, x, y, "dots second", 3.5),
    ], `A spline on ${grid} intervals through 24 noisy points`);
    words.textContent = `${grid} intervals, ${grid + 3} weights for 24 points: typical error ${shown(Math.sqrt(trainer.error), 2)} on the points, ${shown(wrong, 2)} against the true curve.`;
  };
  const control = slider({ label: "intervals", min: 1, max: 40, step: 1, value: 4 }, draw);
  draw(4);
  return figure("find the number of intervals with the least error against the true (dashed) curve. Then go far beyond it.", h("div", { class: "tools" }, control.element), chart.element, words);
}

export function gridLesson(): HTMLElement[] {
  return [
    say("A spline with few knots learns fast but cannot follow details. One with many can, but has much to learn. A KAN need not choose: it starts coarse and becomes finer *while it keeps what it knows*.", { class: "lead" }),
    step(
      "The same curve with more pegs",
      say("If the new knots contain the old ones, the finer spline can be the very same curve. Its weights follow from the old ones by arithmetic alone; no data is needed."),
      refineFigure(),
    ),
    step(
      "A staircase of errors",
      say("Here a KAN of shape 2 → 2 → 1 learns *exp(sin πx + y²)*. After every 60 steps its grid is made twice as fine. At that moment the error does not move at all. Then it falls, because the finer splines can follow what the coarse ones could not."),
      figure("press Train and watch the stairs. Then add noise and train again: the solid line keeps falling, the dashed one turns back up.", new Staircase().element),
      say("For a smooth curve the best cubic spline comes closer with the fourth power of the grid: twice as fine, 16 times closer, and the *squared* error falls by 256. In 60 steps training gets part of the way."),
    ),
    step(
      "Too fine",
      say("Finer is not always better. When there are about as many weights as points, the spline begins to pass through the noise, and between the points it does what it likes."),
      tooFineFigure(),
      say("So refine while the error on held-out rows falls, and stop when it turns. `model.fit(data, grids=\"auto\")` climbs the stairs and stops where rows that it holds back get worse; `grids=[3, 5, 10, 20]` takes the steps you name."),
    ),
  ];
}

