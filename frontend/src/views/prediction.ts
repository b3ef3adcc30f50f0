// What the network says at one point, and around it: sliders, outputs, sections, the attached data.
import { choice, fillWith, h } from "../app/dom.ts";
import { lazily } from "../app/lazily.ts";
import type { Store, View } from "../app/store.ts";
import { predict, respond } from "../maths/network.ts";
import { answerName, shown } from "../model/wording.ts";
import { Inputs, numbersOf } from "./inputs.ts";
import { Residuals } from "./residuals.ts";
import { Field, Sections } from "./sections.ts";

export function predictionView(store: Store): View {
  return new Prediction(store);
}

class Prediction implements View {
  readonly element: HTMLElement;
  readonly #inputs: Inputs;
  readonly #sections: Sections;
  readonly #field: Field | null;
  readonly #residuals: Residuals | null;
  readonly #answer = h("div", { class: "answer", role: "status", "aria-label": "Prediction" });
  readonly #offs: (() => void)[];
  #output = 0;

  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
    const { outputs, sample } = store.explored;
    const name = (j: number): string => answerName(store.explored, j);
    this.#inputs = new Inputs(store);
    this.#sections = new Sections(store, name);
    this.#field = numbersOf(store).length > 1 ? new Field(store, name) : null;
    this.#residuals = sample?.y ? new Residuals(store, { ...sample, y: sample.y }) : null;
    const picker = choice("output", outputs.map((_, j) => [String(j), name(j)] as const), (j) => {
      this.#output = Number(j);
      this.#update();
    });
    picker.element.hidden = outputs.length < 2;
    this.element = h(
      "div",
      { class: "view prediction" },
      h("section", { class: "asked" }, h("h2", {}, "At this point"), this.#inputs.element, this.#answer),
      h(
        "section",
        {},
        h("div", { class: "tools" }, h("h2", {}, "Along each input"), picker.element),
        h("p", { class: "note" }, "Each curve moves one input and keeps the others where they are. The hill shows where the data lie."),
        this.#sections.element,
      ),
      this.#field && h("section", {}, h("h2", {}, "Over two inputs"), this.#field.element),
      this.#residuals && h("section", {}, h("h2", {}, "Against the data"), this.#residuals.element),
    );
    this.#offs = [
      store.on("net", lazily(this.element, () => this.#update(!store.isDraft))), // all rows only once it is let go
      store.on("view", lazily(this.element, () => this.#update(false))),
    ];
    this.#update();
  }

  destroy(): void {
    this.#offs.forEach((off) => off());
    for (const part of [this.#sections, this.#field, this.#residuals]) part?.destroy();
  }

  #update(withData = true): void {
    this.#inputs.update();
    fillWith(this.#answer, ...this.#answers());
    this.#sections.update(this.#output);
    this.#field?.update(this.#output);
    if (withData) this.#residuals?.update(this.#output);
  }

  #answers(): HTMLElement[] {
    const { explored, net, point } = this.#store;
    const values = respond(explored, predict(net, point));
    return [...values].map((value, j) => {
      const { unit } = explored.outputs[j];
      const share = explored.link !== "identity";
      const bar = share && h("span", { class: "bar", style: `--share: ${Math.min(1, Math.max(0, value))}` });
      return h("p", {}, h("span", { class: "soft" }, `${answerName(explored, j)} = `), h("strong", { class: "number" }, shown(value, 5)), unit ? ` ${unit}` : null, bar);
    });
  }
}
