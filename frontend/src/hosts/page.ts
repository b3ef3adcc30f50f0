// Entry point of every page in a file: the data lie beside the script. Where a server wrote the page, it stays in touch.
import { mountExplorer } from "../app/main.ts";
import type { Host } from "./host.ts";
import { values } from "./memory.ts";
import { serverHost } from "./server.ts";

function memoryHost(payload: unknown): Host {
  return { kind: "page", ...values({ payload }), save: () => {}, send: () => {}, onMessage: () => () => {} };
}

const root = document.getElementById("edgewise-explorer")!;
const payload: unknown = JSON.parse(document.getElementById("edgewise-payload")!.textContent!);
mountExplorer(root, root.dataset.host === "server" ? serverHost(payload) : memoryHost(payload));
