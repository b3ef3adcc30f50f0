// What is shown and what was done to it. Views read it and subscribe; only the store changes it.
import type { Host } from "../hosts/host.ts";
import { applyEdit, applyEdits, checkedEdits, type Edit, withEdit } from "../model/edits.ts";
import { type Importances, importancesFrom, importancesOf, quantilesOf, sumDeviations, withChanged } from "../model/importance.ts";
import { forward } from "../maths/network.ts";
import { Measure } from "../model/measure.ts";
import { decode, type EdgeId, type Explored, levelSize, type Net, QUANTILES } from "../model/payload.ts";

export type Topic = "payload" | "net" | "selection" | "view" | "training" | "theme" | "said";

/** A part of the page. It builds its element once and then redraws what changed. */
export interface View {
  readonly element: HTMLElement;
  destroy(): void;
}

/** What the views of the network have in common. */
export interface Look {
  /** Edges below this importance are hidden. */
  threshold: number;
  /** Only edges on paths through this node. */
  focus: { level: number; node: number } | null;
  showRemoved: boolean;
}

interface Moment {
  /** Null where it is far back: its edits make it again. */
  net: Net | null;
  edits: readonly Edit[];
  /** Null for the model as loaded. */
  loss: number | null;
}

/** Rows that tell where the nodes of a frame lie; and how often that is looked at where there are many edges. */
const [FRAME_ROWS, MANY_EDGES, EVERY] = [128, 500, 10];

/** How many edits can be undone, and of how many the network is kept: each is a copy of a layer. */
export const MOST_STEPS = 200;
const MOST_NETS = 20;

/** Edges whose function may have changed since the last call of a listener. */
export type Changed = ReadonlyMap<string, EdgeId> | "all";

export class Store {
  readonly host: Host;
  explored: Explored;
  look: Look = { threshold: 0, focus: null, showRemoved: true };
  selection: EdgeId | null = null;
  /** Inputs, in network units, at which single predictions are shown. */
  point: Float64Array;
  quantiles: readonly Float64Array[];
  changed: Changed = "all";
  /** What happened last, for those who listen. */
  said = "";
  #importances: Importances;
  #measured: Measure | null = null;
  #history: Moment[];
  #at = 0;
  #draft: { net: Net; edit: Edit; loss: number } | null = null;
  #frame: Net | null = null;
  #frames = 0;
  /** Quantiles and importances of the loaded model while frames are shown. */
  #resting: { quantiles: readonly Float64Array[]; importances: Importances } | null = null;
  readonly #listeners = new Map<Topic, Set<() => void>>();
  readonly #waiting = new Set<Topic>();
  #pendingChange: Map<string, EdgeId> | "all" = new Map();
  #scheduled = false;

  constructor(host: Host) {
    this.host = host;
    this.explored = decode(host.get("payload"));
    this.point = medians(this.explored);
    this.quantiles = this.explored.nodeQuantiles;
    this.#importances = importancesOf(this.original, this.explored.deviations, this.explored.sums);
    this.#history = [{ net: this.original, edits: [], loss: null }];
    this.receiveEdits(host.get("edits"));
  }

  /** Another model takes the place of this one, as when training ends. */
  reload(): void {
    this.explored = decode(this.host.get("payload"));
    this.point = this.point.length === this.explored.net.layers[0].I ? this.point : medians(this.explored);
    this.#measured = null;
    this.quantiles = this.explored.nodeQuantiles;
    this.#importances = importancesOf(this.original, this.explored.deviations, this.explored.sums);
    this.#history = [{ net: this.original, edits: [], loss: null }];
    this.#at = 0;
    this.#draft = this.#frame = this.#resting = null;
    this.#dropWhatIsGone();
    this.emit("payload");
    this.#markAll();
  }

  // ---------------------------------------------------------------- reading

  get original(): Net {
    return this.explored.net;
  }

  /** The model as shown: a frame of training, a half-done edit, or the last edit. */
  get net(): Net {
    return this.#frame ?? this.#draft?.net ?? this.#now;
  }

  /** The model after the last edit. */
  get #now(): Net {
    const moment = this.#history[this.#at];
    return (moment.net ??= applyEdits(this.original, moment.edits));
  }

  get edits(): readonly Edit[] {
    return this.#history[this.#at].edits;
  }

  get canUndo(): boolean {
    return this.#at > 0;
  }

  get canRedo(): boolean {
    return this.#at < this.#history.length - 1;
  }

  /** Made when first asked for: it computes the whole model on many points, and the picture must not wait for that. */
  get measure(): Measure {
    return (this.#measured ??= new Measure(this.explored));
  }

  /** Whether frames of training are shown, which cannot be edited. */
  get isLive(): boolean {
    return this.#frame !== null;
  }

  get loss(): { before: number; after: number } {
    const { first } = this.measure;
    return { before: first, after: this.#draft?.loss ?? this.#history[this.#at].loss ?? first };
  }

  /** Whether an edit is shown that is not done yet. */
  get isDraft(): boolean {
    return this.#draft !== null;
  }

  /** Between 0 and 1, one for the strongest edge of the layer. */
  importance(l: number, i: number, j: number): number {
    return this.#importances.scores[l][i * this.net.layers[l].O + j];
  }

  /** The interval over which the function of an edge from node i is drawn. */
  domain(l: number, i: number): [number, number] {
    const q = this.quantiles[l];
    const [lo, hi] = [q[i * QUANTILES], q[(i + 1) * QUANTILES - 1]];
    return hi > lo ? [lo, hi] : [lo - 0.5, lo + 0.5];
  }

  hasEdge([l, i, j]: EdgeId): boolean {
    const layer = this.net.layers[l];
    return layer !== undefined && [i, j].every(Number.isInteger) && i >= 0 && j >= 0 && i < layer.I && j < layer.O;
  }

  isRemoved([l, i, j]: EdgeId): boolean {
    return this.net.layers[l].mask[i * this.net.layers[l].O + j] === 0;
  }

  // ---------------------------------------------------------------- editing

  /** Show an edit that is not done yet, as while a point is dragged. */
  preview(edit: Edit): void {
    if (this.isLive) return;
    const net = applyEdit(this.#now, edit);
    this.#draft = { net, edit, loss: this.measure.loss(net, edit.edge) };
    this.#mark([edit.edge]);
  }

  /** Do what was previewed. */
  commit(): void {
    if (this.#draft) this.apply(this.#draft.edit);
  }

  apply(edit: Edit): void {
    if (this.isLive) return;
    this.#push({ net: applyEdit(this.#now, edit), edits: withEdit(this.original, this.edits, edit), loss: null }, [edit.edge]);
  }

  /** Remove an edge, or bring it back. */
  toggle(edge: EdgeId): void {
    this.apply({ op: this.isRemoved(edge) ? "restore" : "prune", edge });
  }

  /** Several edits as one step. */
  applyAll(edits: readonly Edit[]): void {
    if (this.isLive || edits.length === 0) return;
    const list = edits.reduce((all, edit) => withEdit(this.original, all, edit), this.edits as Edit[]);
    this.#push({ net: applyEdits(this.#now, edits), edits: list, loss: null }, edits.map((edit) => edit.edge));
  }

  undo(): void {
    this.#travel(this.#at - 1);
  }

  redo(): void {
    this.#travel(this.#at + 1);
  }

  /** Back to the model as it was loaded, as a step that can be undone. */
  reset(): void {
    if (this.edits.length) this.#push({ net: this.original, edits: [], loss: null }, editedEdges(this.edits));
  }

  /** One edge back to what it was when loaded. */
  resetEdge(edge: EdgeId): void {
    const edits = this.edits.filter((edit) => edit.edge.join() !== edge.join());
    if (edits.length < this.edits.length) this.#push({ net: applyEdits(this.original, edits), edits, loss: null }, [edge]);
  }

  isEdited(edge: EdgeId): boolean {
    return this.edits.some((edit) => edit.edge.join() === edge.join());
  }

  /** Edits from the other side (Python): they replace those made here. */
  receiveEdits(value: unknown): void {
    if (value == null || JSON.stringify(value) === JSON.stringify(this.edits)) return;
    const edits = checkedEdits(value);
    const changed = [...editedEdges(this.edits), ...editedEdges(edits)];
    this.#push({ net: applyEdits(this.original, edits), edits, loss: null }, changed, false);
  }

  // ---------------------------------------------------------------- looking

  select(edge: EdgeId | null): void {
    if (edge?.join() === this.selection?.join()) return;
    this.selection = edge;
    if (this.#draft) this.#mark([this.#draft.edit.edge]);
    this.#draft = null;
    this.host.set("selection", edge === null ? null : [...edge]);
    this.host.save();
    this.emit("selection");
  }

  /** A choice made on the other side; anything that is no edge means none. */
  receiveSelection(value: unknown): void {
    const edge = Array.isArray(value) && value.length === 3 ? (value.map(Number) as unknown as EdgeId) : null;
    this.select(edge && this.hasEdge(edge) ? edge : null);
  }

  setLook(look: Partial<Look>): void {
    this.look = { ...this.look, ...look };
    this.emit("view");
  }

  say(words: string): void {
    this.said = words;
    this.emit("said");
  }

  setPoint(point: Float64Array): void {
    this.point = point;
    this.emit("view");
  }

  /** A frame of training; null goes back to the loaded model. */
  showFrame(net: Net | null): void {
    const before = this.net;
    this.#frame = net;
    if (net) this.#followFrame(net, before);
    else if (this.#resting) [{ quantiles: this.quantiles, importances: this.#importances }, this.#resting] = [this.#resting, null];
    this.#dropWhatIsGone();
    this.#markAll();
  }

  /** Call back at most once per animation frame after the topic changed. */
  on(topic: Topic, callback: () => void): () => void {
    const set = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, set.add(callback));
    return () => set.delete(callback);
  }

  emit(topic: Topic): void {
    this.#waiting.add(topic);
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => this.#flush());
  }

  // ---------------------------------------------------------------- inside

  #push(moment: Moment, edges: readonly EdgeId[], tellHost = true): void {
    this.#history = [...this.#history.slice(0, this.#at + 1), moment].slice(-MOST_STEPS - 1);
    this.#at = this.#history.length - 1;
    if (this.#at >= MOST_NETS) this.#history[this.#at - MOST_NETS].net = null;
    this.#settle(edges, tellHost);
  }

  #travel(to: number): void {
    if (to < 0 || to >= this.#history.length || this.isLive) return;
    const edges = [...editedEdges(this.edits), ...editedEdges(this.#history[to].edits)];
    this.#at = to;
    this.#settle(edges, true);
  }

  /** After the model changed for good: node values, quantiles, importances, host. */
  #settle(edges: readonly EdgeId[], tellHost: boolean): void {
    this.#draft = null;
    this.#history[this.#at].loss = this.measure.rebase(this.net);
    let touched = [...edges];
    if (this.explored.sample) touched = this.#followQuantiles(touched);
    const { firstSums, sums } = this.measure;
    this.#importances = withChanged(this.explored, this.#importances, this.net, this.quantiles, touched, firstSums, sums);
    if (tellHost) {
      this.host.set("edits", this.edits);
      this.host.save();
    }
    this.#mark(touched);
  }

  /** With data at hand the values that reach later layers are known too; returns all edges that see others. */
  #followQuantiles(edges: EdgeId[]): EdgeId[] {
    const { net, measure } = this;
    const first = Math.min(...edges.map(([l]) => l));
    this.quantiles =
      this.edits.length === 0
        ? this.explored.nodeQuantiles
        : this.quantiles.map((q, l) => (l > first ? quantilesOf(measure.entering(l), net.layers[l].I) : q));
    return [...edges, ...allEdges(net).filter(([l]) => l > first)];
  }

  /** Node values and importances of a frame: of large models not of every one. */
  #followFrame(net: Net, before: Net): void {
    this.#resting ??= { quantiles: this.quantiles, importances: this.#importances };
    const edges = net.layers.reduce((sum, { I, O }) => sum + I * O, 0);
    const isAsBefore = net.layers.every(({ I, O }, l) => before.layers[l]?.I === I && before.layers[l].O === O);
    this.#frames += 1;
    if (isAsBefore && edges > MANY_EDGES && this.#frames % EVERY !== 0) return;
    const { rows, values, sums } = forward(net, this.measure.x.subarray(0, FRAME_ROWS * net.layers[0].I));
    this.quantiles = net.layers.map(({ I }, l) => quantilesOf(values[l], I));
    this.#importances = importancesFrom(net, this.quantiles, sumDeviations(sums, rows));
  }

  /** The edge and the node that were looked at, where the network has them no more. */
  #dropWhatIsGone(): void {
    const { focus } = this.look;
    if (this.selection && !this.hasEdge(this.selection)) this.select(null);
    if (focus && !(focus.node < levelSize(this.net.nodes[focus.level] ?? [0, 0]))) this.setLook({ focus: null });
  }

  #mark(edges: readonly EdgeId[]): void {
    if (this.#pendingChange !== "all") for (const edge of edges) this.#pendingChange.set(edge.join(), edge);
    this.emit("net");
  }

  #markAll(): void {
    this.#pendingChange = "all";
    this.emit("net");
  }

  #flush(): void {
    this.#scheduled = false;
    const topics = [...this.#waiting];
    this.#waiting.clear();
    this.changed = this.#pendingChange;
    this.#pendingChange = new Map();
    for (const topic of topics) for (const callback of [...(this.#listeners.get(topic) ?? [])]) callback();
  }
}

/** Every edge of a net in order. */
export function allEdges(net: Net): EdgeId[] {
  return net.layers.flatMap((layer, l) =>
    Array.from({ length: layer.I * layer.O }, (_, place) => [l, Math.floor(place / layer.O), place % layer.O] as const),
  );
}

function editedEdges(edits: readonly Edit[]): EdgeId[] {
  return [...new Map(edits.map((edit) => [edit.edge.join(), edit.edge])).values()];
}

/** Medians of the inputs, in network units; of a column of words its commonest level. */
function medians({ net, nodeQuantiles: [quantiles], inputs }: Explored): Float64Array {
  const middle = (QUANTILES - 1) / 2;
  const point = Float64Array.from({ length: levelSize(net.nodes[0]) }, (_, i) => quantiles[i * QUANTILES + middle]);
  const commonest = new Map<string, { i: number; count: number }>();
  inputs.forEach(({ category }, i) => {
    if (!category) return;
    const count = quantiles.subarray(i * QUANTILES, (i + 1) * QUANTILES).reduce((sum, value) => sum + value, 0);
    point[i] = 0;
    if (count > (commonest.get(category.column)?.count ?? 0)) commonest.set(category.column, { i, count });
  });
  for (const { i } of commonest.values()) point[i] = 1;
  return point;
}
