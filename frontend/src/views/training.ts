// Training as it happens: losses, what was done to the network, buttons that steer it, and a way back to any moment.
import { button, fillWith, h, set, svg, uid } from "../app/dom.ts";
import type { Store, View } from "../app/store.ts";
import { Chart, type Frame } from "../charts/chart.ts";
import { line, point, upright } from "../charts/marks.ts";
import { rangeOf, type Range } from "../charts/scale.ts";
import { shown } from "../model/wording.ts";
import { History, type Moment } from "./history.ts";

/** Who asked for less motion sees a picture this often. */
const CALM_MS = 2000;
const MOST_POINTS = 1200;

interface Status {
  state: string;
  step: number;
  steps: number;
  message: string;
  events: readonly (readonly [number, string])[];
}

export function trainingView(store: Store): View {
  return new TrainingPanel(store);
}

class TrainingPanel implements View {
  readonly element: HTMLElement;
  readonly #history = new History();
  readonly #chart = new Chart({ label: "", height: 260, xLabel: "step", yLabel: "loss", logY: true, onpoint: (step) => this.#lookAt(step) });
  readonly #words = h("p", { role: "status" });
  readonly #legend = h("p", { class: "note" });
  readonly #scrubber = h("input", { type: "range", min: 0, max: 0, step: 1, "aria-label": "Moment of the training" });
  readonly #follow = h("input", { type: "checkbox", id: uid(), checked: true });
  readonly #pause = button("Pause", () => this.#steer({ action: this.#isPaused ? "resume" : "pause" }), { class: "main" });
  readonly #step = button("One step", () => this.#steer({ action: "step" }));
  readonly #stop = button("Stop", () => this.#steer({ action: "stop" }), { title: "End the training and keep the model" });
  readonly #grid = h("input", { type: "number", min: 1, max: 10000, step: 1, "aria-label": "Intervals per spline" });
  readonly #threshold = h("input", { type: "number", min: 0, max: 0.99, step: 0.01, value: "0.03", "aria-label": "Threshold of pruning" });
  readonly #steering: HTMLElement;
  readonly #events = h("ol", { class: "events" });
  readonly #offs: (() => void)[];
  #at = 0;
  #lastShown = 0;

  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
    this.#steering = h(
      "div",
      { class: "tools" },
      h("span", { class: "row" }, this.#pause, this.#step, this.#stop),
      h("span", { class: "row" }, button("Refine to", () => this.#refine()), this.#grid, h("span", { class: "soft" }, "intervals")),
      h("span", { class: "row" }, button("Prune below", () => this.#prune()), this.#threshold),
    );
    this.#scrubber.addEventListener("input", () => this.#scrub(Number(this.#scrubber.value)));
    this.#follow.checked = true;
    this.#follow.addEventListener("change", () => this.#follow.checked && this.#scrub(this.#history.moments.length - 1));
    this.element = h(
      "div",
      { class: "view training" },
      this.#steering,
      this.#words,
      this.#chart.element,
      this.#legend,
      h("div", { class: "row scrub" }, this.#scrubber, h("label", { class: "field" }, this.#follow, "follow the newest")),
      h("h2", {}, "What happened"),
      this.#events,
    );
    this.#offs = [
      store.host.onMessage((message) => this.#history.receive(message) && store.emit("training")),
      store.on("training", () => this.#update()),
    ];
    this.#update();
  }

  destroy(): void {
    this.#offs.forEach((off) => off());
    this.#chart.destroy();
  }

  get #status(): Status {
    const given = (this.#store.host.get("training") ?? {}) as Partial<Status>;
    return { state: "running", step: 0, steps: 0, message: "", events: [], ...given };
  }

  get #isPaused(): boolean {
    return this.#status.state === "paused";
  }

  get #isOver(): boolean {
    return ["done", "stopped", "failed"].includes(this.#status.state);
  }

  // ---------------------------------------------------------------- steering

  #steer(wish: { action: string; grid?: number; threshold?: number }): void {
    this.#store.host.send({ type: "steer", ...wish });
  }

  #refine(): void {
    const grid = Math.round(this.#grid.valueAsNumber);
    if (grid >= 1) this.#steer({ action: "refine", grid });
    this.#grid.value = "";
  }

  #prune(): void {
    const threshold = this.#threshold.valueAsNumber;
    if (threshold >= 0 && threshold < 1) this.#steer({ action: "prune", threshold });
  }

  // ---------------------------------------------------------------- looking

  /** Show the network of one moment; the newest one of a finished training is the model itself. */
  #scrub(index: number): void {
    const newest = this.#history.moments.length - 1;
    this.#at = Math.max(0, Math.min(index, newest));
    if (index < newest) this.#follow.checked = false;
    this.#store.showFrame(this.#isOver && this.#at === newest ? null : this.#history.netAt(this.#at));
    this.#draw();
  }

  #lookAt(step: number): void {
    const { moments } = this.#history;
    let nearest = 0;
    moments.forEach((moment, n) => {
      if (Math.abs(moment.step - step) < Math.abs(moments[nearest].step - step)) nearest = n;
    });
    this.#scrub(nearest);
  }

  #update(): void {
    const status = this.#status;
    const { moments } = this.#history;
    this.#words.textContent = sentence(status, moments[moments.length - 1]);
    this.#pause.textContent = this.#isPaused ? "Go on" : "Pause";
    for (const control of this.#steering.querySelectorAll<HTMLButtonElement | HTMLInputElement>("button, input")) control.disabled = this.#isOver;
    if (this.#grid.value === "" && !this.#grid.matches(":focus")) this.#grid.value = String(2 * this.#intervals());
    fillWith(this.#events, ...status.events.map(([step, what]) => h("li", {}, h("span", { class: "number soft" }, `step ${step}: `), what)));
    if (this.#follow.checked && moments.length) this.#showNewest();
    this.#draw();
  }

  #showNewest(): void {
    const newest = this.#history.moments.length - 1;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const isNews = newest !== this.#at || this.#lastShown === 0 || (this.#isOver && this.#store.isLive);
    if (!isNews || (calm && !this.#isOver && performance.now() - this.#lastShown < CALM_MS)) return;
    this.#lastShown = performance.now();
    this.#at = newest;
    this.#store.showFrame(this.#isOver ? null : this.#history.netAt(newest));
  }

  #intervals(): number {
    const { net } = this.#store;
    return net.layers[0].S - net.k;
  }

  #draw(): void {
    const { moments } = this.#history;
    set(this.#scrubber, { max: Math.max(0, moments.length - 1) });
    this.#scrubber.value = String(this.#at);
    const here = moments[this.#at];
    set(this.#scrubber, { "aria-valuetext": here ? `step ${here.step}, loss ${here.train === null ? "unknown" : shown(here.train)}` : "nothing yet" });
    const some = everyNth(moments, MOST_POINTS);
    const steps = some.map((moment) => moment.step);
    const [train, validation] = [some.map((m) => positive(m.train)), some.map((m) => positive(m.validation))];
    const hasValidation = validation.some(Number.isFinite);
    const isPast = this.#isOver && this.#store.isLive && here !== undefined;
    this.#legend.textContent =
      (hasValidation ? "solid: training, dashed: held-out rows. " : "") + (isPast ? `You see step ${here.step}; the end of the slider is the trained model.` : "");
    const paint = (frame: Frame): Element[] => [
      ...eventMarks(frame, this.#status.events),
      line(frame, steps, train),
      ...(hasValidation ? [line(frame, steps, validation, "line dashed")] : []),
      ...(here ? [upright(frame, here.step), ...(here.train ? [point(frame, here.step, here.train)] : [])] : []),
    ];
    const last = steps[steps.length - 1] ?? 1;
    const says = here ? `Loss over ${last} steps, now ${train.length ? shown(train[train.length - 1]) : "unknown"}` : "No loss yet";
    this.#chart.show([Math.min(steps[0] ?? 0, last - 1), last], lossRange(train, validation), paint, says);
  }
}

function sentence({ state, step, steps, message }: Status, newest: Moment | undefined): string {
  const loss = newest?.train == null ? "" : `, loss ${shown(newest.train)}`;
  const words: Record<string, string> = { running: "Training", paused: "Paused", done: "Done", stopped: "Stopped", failed: "Failed" };
  return `${words[state] ?? state}: step ${step}${steps ? ` of ${steps}` : ""}${loss}.${message ? ` ${message}` : ""}`;
}

function eventMarks(frame: Frame, events: Status["events"]): Element[] {
  return events.flatMap(([step, what], n) => {
    const x = frame.x(step);
    const side = x > 0.6 * frame.width ? { x: x - 4, "text-anchor": "end" } : { x: x + 4 };
    return [upright(frame, step, "event"), svg("text", { class: "tick", ...side, y: 12 + 14 * (n % 4) }, what)];
  });
}

function lossRange(...lists: readonly number[][]): Range {
  const [lo, hi] = rangeOf(...lists);
  return Number.isFinite(lo) && lo > 0 ? [lo / 1.3, hi * 1.3] : [0.1, 1];
}

/** Where a logarithm can show it. */
function positive(loss: number | null): number {
  return loss !== null && loss > 0 ? loss : NaN;
}

function everyNth<T>(list: readonly T[], most: number): readonly T[] {
  const step = Math.ceil(list.length / most);
  return step <= 1 ? list : list.filter((_, n) => n % step === 0 || n === list.length - 1);
}
