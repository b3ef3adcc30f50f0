// One self-contained page: the payload lies beside the script and nothing leaves the page.
import { mountExplorer } from "../app/main.ts";
import type { Host } from "./host.ts";

function memoryHost(values: Record<string, unknown>): Host {
  const listeners = new Map<string, Set<(value: unknown) => void>>();
  return {
    kind: "page",
    get: (key) => values[key] ?? null,
    set: (key, value) => {
      values[key] = value;
      listeners.get(key)?.forEach((callback) => callback(value));
    },
    save: () => {},
    on: (key, callback) => {
      if (!listeners.has(key)) listeners.set(key, new Set());
      listeners.get(key)!.add(callback);
      return () => listeners.get(key)!.delete(callback);
    },
    send: () => {},
    onMessage: () => () => {},
  };
}

const data = document.getElementById("edgewise-payload")!.textContent!;
mountExplorer(document.getElementById("edgewise-explorer")!, memoryHost({ payload: JSON.parse(data) }));
