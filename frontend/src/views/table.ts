import { h } from "../app/dom.ts";
import type { Store, View } from "../app/store.ts";
export function tableView(_store: Store): View { return { element: h("section", { class: "view" }), destroy() {} }; }
