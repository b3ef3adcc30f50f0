// Light or dark: a choice made here, then `data-theme` around the page, then the notebook's theme, then the system's.

export type Scheme = "light" | "dark";

export class Theme {
  #chosen: Scheme | null = null;
  readonly #root: HTMLElement;
  readonly #onChange: () => void;
  readonly #system = matchMedia("(prefers-color-scheme: dark)");
  readonly #observer = new MutationObserver(() => this.#update());
  readonly #update = () => this.#apply();

  constructor(root: HTMLElement, onChange: () => void) {
    this.#root = root;
    this.#onChange = onChange;
    this.#system.addEventListener("change", this.#update);
    const options = { attributes: true, attributeFilter: ["class", "data-theme", "data-jp-theme-light", "data-vscode-theme-kind"] };
    for (const element of [document.documentElement, document.body]) this.#observer.observe(element, options);
    this.#apply();
  }

  get scheme(): Scheme {
    return this.#root.dataset.scheme as Scheme;
  }

  toggle(): void {
    this.#chosen = this.scheme === "dark" ? "light" : "dark";
    this.#apply();
  }

  destroy(): void {
    this.#system.removeEventListener("change", this.#update);
    this.#observer.disconnect();
  }

  #apply(): void {
    const scheme = this.#chosen ?? hostScheme(this.#root) ?? (this.#system.matches ? "dark" : "light");
    if (this.#root.dataset.scheme === scheme) return;
    this.#root.dataset.scheme = scheme;
    this.#onChange();
  }
}

/** What the place around the page says, null if nothing. */
export function hostScheme(root: HTMLElement): Scheme | null {
  const named = outermost(root).closest<HTMLElement>("[data-theme]")?.dataset.theme ?? document.documentElement.dataset.theme;
  if (named === "dark" || named === "light") return named;
  const { body, documentElement } = document;
  const jupyter = body.dataset.jpThemeLight;
  if (jupyter) return jupyter === "true" ? "light" : "dark";
  const classes = [...body.classList, ...documentElement.classList];
  if (classes.some((name) => ["vscode-dark", "vscode-high-contrast", "dark", "dark-theme"].includes(name))) return "dark";
  if (classes.some((name) => ["vscode-light", "vscode-high-contrast-light", "light", "light-theme"].includes(name))) return "light";
  return null;
}

/** The element itself, or the host of the shadow tree that it is in. */
function outermost(element: HTMLElement): HTMLElement {
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? (root.host as HTMLElement) : element;
}
