// The host of a page that `edgewise explore` serves: events come in as a stream, what is done here goes out by POST.
import type { Host } from "./host.ts";
import { values } from "./memory.ts";

const HERE = location.pathname.replace(/\/$/, "");

/** What the server may send: the newest value of a key, or a message. */
type Event = { key: string; value: unknown } | { message: unknown };

export function serverHost(payload: unknown): Host {
  const own = values({ payload });
  const changed = new Set<string>();
  const receivers = new Set<(message: unknown) => void>();
  // One request at a time, in order: an edit must not overtake the one before it.
  let queue: Promise<unknown> = Promise.resolve();
  const post = (body: object) => {
    queue = queue.then(() =>
      fetch(`${HERE}/post`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    ).catch(() => {}); // the server has gone: the page computes on alone
  };
  const stream = new EventSource(`${HERE}/events`);
  stream.onmessage = (event) => {
    const news = JSON.parse(event.data) as Event;
    if ("key" in news) own.set(news.key, news.value);
    else receivers.forEach((receive) => receive(news.message));
  };
  return {
    kind: "server",
    get: own.get,
    set: (key, value) => {
      changed.add(key);
      own.set(key, value);
    },
    save: () => {
      for (const key of changed) post({ key, value: own.get(key) });
      changed.clear();
    },
    on: own.on,
    send: (message) => post({ message }),
    onMessage: (receive) => {
      receivers.add(receive);
      return () => receivers.delete(receive);
    },
  };
}
