// Values and their listeners in memory: the whole host of a page on its own, and half of the server's.

export interface Values {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  on(key: string, callback: (value: unknown) => void): () => void;
}

export function values(initial: Record<string, unknown>): Values {
  const known = new Map(Object.entries(initial));
  const listeners = new Map<string, Set<(value: unknown) => void>>();
  return {
    get: (key) => known.get(key) ?? null,
    set: (key, value) => {
      known.set(key, value);
      listeners.get(key)?.forEach((callback) => callback(value));
    },
    on: (key, callback) => {
      const own = listeners.get(key) ?? new Set();
      listeners.set(key, own.add(callback));
      return () => own.delete(callback);
    },
  };
}
