// The host of a page that `edgewise explore` serves: events come in as a stream, what is done here goes out by POST.
import type { Host } from "./host.ts";
import { values } from "./memory.ts";

/** Which of several pages this is: its own edits are not told to it. */
const PAGE = Math.random().toString(36).slice(2);
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
    queue = queue.then(async () => {
      const sent = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
      const { ok, status } = await fetch(`${HERE}/post`, sent);
      if (!ok) own.set("trouble", `Python did not take this change (status ${status}).`);
    }).catch(() => {}); // the server has gone: the page computes on alone
  };
  const stream = new EventSource(`${HERE}/events?${PAGE}`);
  stream.onmessage = (event) => {
    const news = JSON.parse(event.data) as Event;
    if ("key" in news && news.key === "closed") {
      stream.close();
      own.set("trouble", "The page is open too often; this copy hears nothing new. Reload it.");
    } else if ("key" in news) {
      // After a break everything is told again, and a payload that is taken anew begins a new history.
      if (news.key !== "payload" || JSON.stringify(news.value) !== JSON.stringify(own.get("payload"))) own.set(news.key, news.value);
    } else receivers.forEach((receive) => receive(news.message));
  };
  return {
    kind: "server",
    get: own.get,
    set: (key, value) => {
      changed.add(key);
      own.set(key, value);
    },
    save: () => {
      for (const key of changed) post({ key, value: own.get(key), page: PAGE });
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
