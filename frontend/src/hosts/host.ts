// What the page asks of the place it lives in: a subset of anywidget's model.

export interface Host {
  readonly kind: "page" | "widget" | "server";
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  save(): void;
  /** Returns the function that ends the subscription. */
  on(key: string, callback: (value: unknown) => void): () => void;
  send(message: object): void;
  onMessage(callback: (message: unknown) => void): () => void;
}
