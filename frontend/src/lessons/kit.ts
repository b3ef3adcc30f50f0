// The pieces lessons are made of: steps with words, controls with labels, a clock for what moves.
import { h } from "../app/dom.ts";

/** Words with *emphasis* and `code`; nothing else is markup. */
export function say(text: string, attributes: Record<string, string> = {}): HTMLParagraphElement {
  const parts = text.split(/(\*[^*]+\*|`[^`]+`)/).filter(Boolean).map((part) => {
    if (part.startsWith("*")) return h("em", {}, part.slice(1, -1));
    return part.startsWith("`") ? h("code", {}, part.slice(1, -1)) : part;
  });
  return h("p", attributes, ...parts);
}

/** One idea: a heading, a few sentences, a figure to touch. */
export function step(heading: string, ...content: Node[]): HTMLElement {
  return h("section", { class: "step" }, h("h2", {}, heading), ...content);
}

/** A figure with its controls and a sentence that says what to try. */
export function figure(tryThis: string, ...content: Node[]): HTMLElement {
  return h("figure", {}, ...content, h("figcaption", {}, h("strong", {}, "Try: "), ...say(tryThis).childNodes));
}

export interface SliderOptions {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly value: number;
  readonly text?: (value: number) => string;
}

export interface Slider {
  readonly element: HTMLLabelElement;
  value: number;
}

export function slider({ label, min, max, step, value, text = String }: SliderOptions, onchange: (value: number) => void): Slider {
  const input = h("input", { type: "range", min, max, step, value });
  const output = h("output", { class: "number" }, text(value));
  const told = (): void => {
    output.textContent = text(input.valueAsNumber);
    input.setAttribute("aria-valuetext", text(input.valueAsNumber));
  };
  input.addEventListener("input", () => {
    told();
    onchange(input.valueAsNumber);
  });
  told();
  return {
    element: h("label", { class: "field" }, h("span", {}, label), input, output),
    get value() {
      return input.valueAsNumber;
    },
    set value(to: number) {
      input.value = String(to);
      told();
    },
  };
}

/** Calls `tick` on every animation frame until it returns false, or until stopped. */
export class Clock {
  #frame = 0;

  readonly #tick: () => boolean;
  readonly #onstop: () => void;

  constructor(tick: () => boolean, onstop: () => void = () => {}) {
    this.#tick = tick;
    this.#onstop = onstop;
  }

  get isRunning(): boolean {
    return this.#frame !== 0;
  }

  start(): void {
    if (this.isRunning) return;
    const turn = (): void => {
      this.#frame = requestAnimationFrame(turn);
      if (!this.#tick()) this.stop();
    };
    this.#frame = requestAnimationFrame(turn);
  }

  stop(): void {
    if (!this.isRunning) return;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#onstop();
  }
}

/** Numbers that look random and are the same at every visit (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Normally distributed numbers (Box and Muller). */
export function normalNumbers(seed: number): () => number {
  const random = randomNumbers(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
