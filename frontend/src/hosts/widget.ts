// Entry point of the notebook widget (anywidget): its model is nearly our host already.
import { mountExplorer } from "../app/main.ts";
import type { Host } from "./host.ts";

/** What anywidget hands to a widget, as far as it is used here. */
interface Model {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  save_changes(): void;
  on(event: string, callback: (...values: unknown[]) => void): void;
  off(event: string, callback: (...values: unknown[]) => void): void;
  send(message: object): void;
}

function widgetHost(model: Model): Host {
  const listen = (event: string, callback: (...values: unknown[]) => void) => {
    model.on(event, callback);
    return () => model.off(event, callback);
  };
  return {
    kind: "widget",
    get: (key) => model.get(key),
    set: (key, value) => model.set(key, value),
    save: () => model.save_changes(),
    on: (key, callback) => listen(`change:${key}`, () => callback(model.get(key))),
    send: (message) => model.send(message),
    onMessage: (callback) => listen("msg:custom", (message) => callback(message)),
  };
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const root = el.appendChild(document.createElement("div"));
  const { destroy } = mountExplorer(root, widgetHost(model));
  return destroy;
}

export default { render };
