// A spline to play with: its basis functions, weights to move, degree and knots to choose.
import { button, fillWith, h } from "../app/dom.ts";
import { Chart, type Frame } from "../charts/chart.ts";
import { area, level, line, point, upright } from "../charts/marks.ts";
import { spaced } from "../charts/scale.ts";
import { allBasis, controlSites, uniformKnots } from "../maths/basis.ts";
import { splineFunction } from "../maths/edge.ts";
import { project } from "../maths/grid.ts";
import { slider, type Slider } from "./kit.ts";

const POINTS = 241;
const DOMAIN = [-1, 1] as const;

export interface SplineOptions {
  /** What may be changed. */
  readonly weights?: boolean;
  readonly degree?: boolean;
  readonly knots?: boolean;
  /** One basis function at a time, with its support. */
  readonly one?: boolean;
  /** The basis functions that are not zero at a point, and their sum. */
  readonly at?: boolean;
  readonly derivative?: boolean;
  readonly k?: number;
  readonly grid?: number;
  readonly start?: readonly number[];
}

export class SplineFigure {
  readonly element = h("div", { class: "spline" });
  readonly #chart: Chart;
  readonly #below: Chart | null;
  readonly #words = h("p", { class: "reading", role: "status" });
  readonly #sliders = h("div", { class: "weights", role: "group", "aria-label": "Weights" });
  readonly #which: Slider | null;
  #weightSliders: Slider[] = [];
  #k: number;
  #grid: number;
  #bunched = 0;
  #weights: Float64Array;
  #chosen = 0;
  #place = 0.34;

  readonly #options: SplineOptions;

  constructor(options: SplineOptions) {
    this.#options = options;
    [this.#k, this.#grid] = [options.k ?? 3, options.grid ?? 5];
    this.#weights = Float64Array.from({ length: this.#grid + this.#k }, (_, s) => options.start?.[s % options.start.length] ?? 1);
    const onpoint = options.weights ? (x: number, y: number, begins: boolean) => this.#drag(x, y, begins)
      : options.at ? (x: number) => this.#moveTo(x) : options.one ? (x: number) => this.#chooseNear(x) : undefined;
    this.#chart = new Chart({ label: "", height: 250, ...(onpoint && { onpoint }) });
    this.#below = options.derivative ? new Chart({ label: "", height: 130, yLabel: "its slope" }) : null;
    this.#which = options.one ? slider({ label: "basis function", min: 0, max: this.#grid + this.#k - 1, step: 1, value: 3 }, (s) => this.#choose(s)) : null;
    this.#chosen = options.one ? 3 : -1;
    fillWith(this.element, this.#controls(), this.#chart.element, this.#below?.element, this.#words, options.weights && this.#sliders);
    this.#makeSliders();
    this.#draw();
  }

  get #knots(): Float64Array {
    const even = uniformKnots(...DOMAIN, this.#grid, this.#k);
    const bend = this.#bunched; // knots crowd towards the left end
    return even.map((t) => t + (bend * (t * t - 1)) / 2.2);
  }

  #controls(): HTMLElement {
    const options = this.#options;
    const at = options.at && slider({ label: "x", min: -1, max: 1, step: 0.01, value: this.#place, text: (v) => v.toFixed(2) }, (x) => this.#moveTo(x));
    return h(
      "div",
      { class: "tools" },
      this.#which?.element,
      at && at.element,
      options.degree && slider({ label: "degree", min: 0, max: 5, step: 1, value: this.#k, text: degreeName }, (k) => this.#rebuild(k, this.#grid)).element,
      options.knots && slider({ label: "intervals", min: 1, max: 12, step: 1, value: this.#grid }, (grid) => this.#rebuild(this.#k, grid)).element,
      options.knots && slider({ label: "bunching", min: 0, max: 0.9, step: 0.05, value: 0, text: (v) => v.toFixed(2) }, (v) => {
        this.#bunched = v;
        this.#draw();
      }).element,
      options.weights && button("All to 1", () => this.#setAll(() => 1)),
      options.weights && button("Shuffle", () => this.#setAll(() => 2 * Math.random() - 1)),
    );
  }

  #makeSliders(): void {
    if (!this.#options.weights) return;
    this.#weightSliders = [...this.#weights].map((value, s) =>
      slider({ label: `w${s}`, min: -2, max: 2, step: 0.05, value, text: (v) => v.toFixed(2) }, (v) => this.#setWeight(s, v)));
    fillWith(this.#sliders, ...this.#weightSliders.map((one) => one.element));
  }

  #setWeight(s: number, value: number): void {
    this.#weights[s] = value;
    this.#chosen = s;
    this.#draw();
  }

  #setAll(value: () => number): void {
    this.#weights = this.#weights.map(value);
    this.#weightSliders.forEach((one, s) => (one.value = this.#weights[s]));
    this.#chosen = -1;
    this.#draw();
  }

  /** Other knots keep the curve as nearly as they can; another degree takes its weights from the curve at the pegs. */
  #rebuild(k: number, grid: number): void {
    const [knots, before] = [this.#knots, splineFunction(this.#knots, this.#k, this.#weights)];
    const isSameDegree = k === this.#k;
    [this.#k, this.#grid] = [k, grid];
    this.#weights = isSameDegree
      ? project(this.#weights, 1, knots, this.#knots, k, "linear")
      : controlSites(this.#knots, k).map((x) => before(Math.min(1, Math.max(-1, x))));
    this.#chosen = -1;
    this.#makeSliders();
    this.#draw();
  }

  #drag(x: number, y: number, begins: boolean): void {
    if (begins) this.#chosen = nearest(controlSites(this.#knots, this.#k), x);
    const value = Math.min(2, Math.max(-2, Math.round(y * 20) / 20));
    this.#weightSliders[this.#chosen].value = value;
    this.#setWeight(this.#chosen, value);
  }

  #moveTo(x: number): void {
    this.#place = x;
    this.#draw();
  }

  #choose(s: number): void {
    this.#chosen = s;
    this.#draw();
  }

  #chooseNear(x: number): void {
    this.#choose(nearest(controlSites(this.#knots, this.#k), x));
    if (this.#which) this.#which.value = this.#chosen;
  }

  // ---------------------------------------------------------------- drawing

  #draw(): void {
    const [k, knots, weights, options, chosen] = [this.#k, this.#knots, this.#weights, this.#options, this.#chosen];
    const shown = options.weights === true;
    const sites = controlSites(knots, k);
    const reach = Math.max(1.25, shown ? 0.15 - sites[0] : 0); // the outer pegs stand beyond the ends
    const xs = withJumps(spaced([-reach, reach], POINTS), knots);
    const inside = withJumps(spaced(DOMAIN, POINTS), knots);
    const bases = Array.from(weights, (_, s) => xs.map((x) => allBasis(knots, k, x, 0, "extend")[s]));
    const curve = inside.map(splineFunction(knots, k, weights));
    const paint = (frame: Frame): Element[] => [
      ...[...knots].map((t) => upright(frame, t, "event")),
      ...(chosen >= 0 ? [this.#support(frame, knots, chosen)] : []),
      ...bases.map((b, s) => line(frame, xs, shown ? b.map((v) => v * weights[s]) : b, s === chosen ? "line second" : "line quiet")),
      level(frame, 0),
      ...(shown ? [line(frame, inside, curve)] : []),
      ...(shown ? Array.from(sites, (x, s) => point(frame, x, weights[s], s === chosen ? "point" : "point handle", 7)) : []),
      ...(options.at ? this.#atPoint(frame, knots) : []),
    ];
    const range = shown ? ([-2.15, 2.15] as const) : ([-0.05, 1.15] as const);
    this.#chart.show([-reach, reach], range, paint, this.#label());
    this.#showSlope(knots, reach);
    this.#words.textContent = this.#reading(knots);
  }

  #support(frame: Frame, knots: Float64Array, s: number): Element {
    const [from, to] = [knots[s], knots[s + this.#k + 1]];
    return area(frame, [from, to], [9, 9], -9, "area support");
  }

  #atPoint(frame: Frame, knots: Float64Array): Element[] {
    const values = allBasis(knots, this.#k, this.#place);
    return [upright(frame, this.#place), ...[...values].flatMap((v) => (v > 0 ? [point(frame, this.#place, v, "point", 5)] : [])), point(frame, this.#place, 1, "point ring", 6)];
  }

  #showSlope(knots: Float64Array, reach: number): void {
    if (!this.#below) return;
    const xs = withJumps(spaced(DOMAIN, POINTS), knots);
    const slope = xs.map(splineFunction(knots, this.#k, this.#weights, "linear", 1));
    const most = Math.max(1, ...slope.map(Math.abs));
    this.#below.show([-reach, reach], [-1.1 * most, 1.1 * most], (frame) => [level(frame, 0), line(frame, xs, slope, "line third")], "The slope of the spline");
  }

  #label(): string {
    return `${this.#weights.length} basis functions of degree ${this.#k} over ${this.#grid} intervals${this.#options.weights ? ", and the spline they add up to" : ""}`;
  }

  #reading(knots: Float64Array): string {
    const [k, chosen, options] = [this.#k, this.#chosen, this.#options];
    if (options.at) {
      const values = [...allBasis(knots, k, this.#place)].filter((v) => v > 0);
      return `At x = ${this.#place.toFixed(2)}: ${values.map((v) => v.toFixed(3)).join(" + ")} = ${values.reduce((a, b) => a + b, 0).toFixed(3)}`;
    }
    if (chosen < 0) return `${this.#weights.length} basis functions: ${this.#grid} intervals + degree ${k}.`;
    const ends = `${knots[chosen].toFixed(2)} to ${knots[chosen + k + 1].toFixed(2)}`;
    return options.weights
      ? `w${chosen} = ${this.#weights[chosen].toFixed(2)} moves the curve from ${ends} and nowhere else.`
      : `Function ${chosen} lives from ${ends}: ${k + 1} intervals. Everywhere else it is exactly 0.`;
  }
}

/** The points, and two at each knot between them: steps are drawn upright. */
function withJumps(xs: Float64Array, knots: Float64Array): Float64Array {
  const between = [...knots].filter((t) => t > xs[0] && t < xs[xs.length - 1]);
  return Float64Array.from([...xs, ...between.flatMap((t) => [t - 1e-9, t + 1e-9])]).sort();
}

function nearest(places: Float64Array, x: number): number {
  return places.reduce((best, place, n) => (Math.abs(place - x) < Math.abs(places[best] - x) ? n : best), 0);
}

function degreeName(k: number): string {
  return ["0, steps", "1, lines", "2, parabolas", "3, cubic", "4", "5"][k];
}
