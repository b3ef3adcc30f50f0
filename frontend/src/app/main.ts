// The explorer in one call: `mountExplorer(root, host)`.
import type { Host } from "../hosts/host.ts";

export function mountExplorer(root: HTMLElement, _host: Host): { destroy(): void } {
  root.classList.add("edgewise-explorer");
  return { destroy: () => root.replaceChildren() };
}
