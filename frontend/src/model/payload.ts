// What Python hands to the page: one JSON object, checked here and turned into typed arrays, float64 throughout.

export type EdgeId = readonly [layer: number, from: number, to: number];

/** `mask * (c f(a x + b) + d)`; `affine` is a, b, c, d and the exponent p of a function that has one. */
export interface SymbolicEdge {
  name: string;
  affine: readonly number[];
  /** A function only Python knows: the whole edge as a cubic spline of x, continued linearly. */
  sampled?: { readonly knots: Float64Array; readonly coef: Float64Array };
}

/** One layer: `mask * (base * b(x) + scale * spline(x))` from every input i to every sum j. */
export interface Layer {
  /** Inputs. */
  I: number;
  /** Sums that come out; product nodes take several. */
  O: number;
  /** Basis functions per edge. */
  S: number;
  /** (I, S + k + 1) */
  knots: Float64Array;
  /** (I, S, O) */
  coef: Float64Array;
  /** (I, O) */
  base: Float64Array;
  /** (I, O), or null for ones */
  scale: Float64Array | null;
  /** (I, O), zero at removed edges */
  mask: Float64Array;
  /** by i * O + j */
  symbolic: ReadonlyMap<number, SymbolicEdge>;
}

export interface Net {
  k: number;
  outside: "linear" | "extend";
  baseFun: string;
  arity: number;
  /** Sums and products of every level, inputs first: one more entry than there are layers. */
  nodes: readonly (readonly [sums: number, products: number])[];
  layers: readonly Layer[];
}

/** A quantity the user knows by name; `model/units.ts` says how its values and the network's belong together. */
export interface Variable {
  name: string;
  unit: string | null;
  shift: number;
  scale: number;
  /** Where the scale is bent so that outliers come nearer: the largest value the network sees. */
  bend: number | null;
  /** An input that is one where the column has this level and zero elsewhere. */
  category: { column: string; level: string } | null;
  /** 33 quantiles in the user's unit; inputs only. */
  quantiles: readonly number[];
}

export interface Formula {
  latex: string;
  python: string;
  sympy: string;
}

/** Rows in network units: x is (n, I), y is (n, O). */
export interface Sample {
  n: number;
  x: Float64Array;
  y: Float64Array | null;
}

export interface Explored {
  title: string;
  edgewise: string;
  net: Net;
  inputs: readonly Variable[];
  outputs: readonly Variable[];
  link: "identity" | "softmax" | "sigmoid";
  classes: readonly string[] | null;
  /** Per layer (I, Q): quantiles of the values that enter it. */
  nodeQuantiles: readonly Float64Array[];
  /** Per layer (I, O): standard deviation of every edge over the data. */
  deviations: readonly Float64Array[];
  /** Per layer (O): standard deviation of every sum. */
  sums: readonly Float64Array[];
  loss: { name: string; train: number | null; test: number | null } | null;
  sample: Sample | null;
  formula: readonly Formula[] | null;
  source: string | null;
}

/** Number of quantiles per node and input. */
export const QUANTILES = 33;
const VERSION = 1;

/** The payload breaks its contract; the message says where. */
export class PayloadError extends Error {}

type Json = Record<string, unknown>;

/** Check a payload and turn it into what the views read. Throws PayloadError. */
export function decode(payload: unknown): Explored {
  const p = record(payload, "payload");
  if (p.format !== "edgewise-explorer") fail("format", "must be 'edgewise-explorer'", p.format);
  if (p.version !== VERSION) fail("version", `must be ${VERSION}: this page is of another edgewise than the data`, p.version);
  const net = decodeNet(p.model);
  const [first, last] = [net.nodes[0], net.nodes[net.nodes.length - 1]];
  const sample = p.sample == null ? null : decodeSample(p.sample, levelSize(first), levelSize(last));
  return {
    title: words(p.title ?? "", "title"),
    edgewise: text(p.edgewise ?? "", "edgewise"),
    net,
    inputs: variables(p.inputs, "inputs", levelSize(first)),
    outputs: variables(p.outputs, "outputs", levelSize(last)),
    link: oneOf(p.link ?? "identity", ["identity", "softmax", "sigmoid"], "link"),
    classes: p.classes == null ? null : list(p.classes, "classes").map((name, n) => words(name, `classes[${n}]`)),
    nodeQuantiles: perLayer(p.nodes, "nodes", net, (layer) => [layer.I, QUANTILES]),
    deviations: perLayer(p.deviations, "deviations", net, (layer) => [layer.I, layer.O]),
    sums: perLayer(p.sums, "sums", net, (layer) => [layer.O]),
    loss: p.loss == null ? null : decodeLoss(record(p.loss, "loss")),
    sample,
    formula: p.formula == null ? null : list(p.formula, "formula").map((f, n) => decodeFormula(f, `formula[${n}]`)),
    source: p.source == null ? null : text(p.source, "source"),
  };
}

/** The `model` part of a payload or of a training frame. */
export function decodeNet(model: unknown): Net {
  const m = record(model, "model");
  const k = whole(m.k, "model.k");
  const arity = whole(m.mult_arity ?? 2, "model.mult_arity");
  const nodes = list(m.width, "model.width").map((level, n) => decodeLevel(level, `model.width[${n}]`));
  const layers = list(m.layers, "model.layers");
  if (layers.length !== nodes.length - 1) fail("model.layers", `must be ${nodes.length - 1}, one less than levels`, layers.length);
  return {
    k,
    outside: oneOf(m.outside, ["linear", "extend"], "model.outside"),
    baseFun: text(m.base_fun, "model.base_fun"),
    arity,
    nodes,
    layers: layers.map((layer, l) =>
      decodeLayer(layer, `model.layers[${l}]`, k, levelSize(nodes[l]), nodes[l + 1][0] + arity * nodes[l + 1][1]),
    ),
  };
}

/** Nodes of a level: its sums and its products. */
export function levelSize(level: readonly [number, number]): number {
  return level[0] + level[1];
}

/** Base64 of little-endian numbers in C order, of the shape wanted (-1 for any length). */
export function decodeArray(value: unknown, where: string, shape: readonly number[]): Float64Array {
  const a = record(value, where);
  const got = list(a.shape, `${where}.shape`) as number[];
  if (got.length !== shape.length || shape.some((n, d) => n !== -1 && n !== got[d])) {
    fail(`${where}.shape`, `must be (${shape.join(", ")})`, `(${got.join(", ")})`);
  }
  const bytes = Uint8Array.from(atob(text(a.data, `${where}.data`)), (c) => c.charCodeAt(0));
  const dtype = oneOf(a.dtype, ["f4", "f8"], `${where}.dtype`);
  const count = got.reduce((product, n) => product * n, 1);
  const width = dtype === "f4" ? 4 : 8;
  if (bytes.length !== count * width) fail(`${where}.data`, `must be ${count * width} bytes`, bytes.length);
  const view = new DataView(bytes.buffer);
  return Float64Array.from({ length: count }, (_, n) =>
    dtype === "f4" ? view.getFloat32(4 * n, true) : view.getFloat64(8 * n, true),
  );
}

/** The `model` part of a payload, float64 without loss; the inverse of `decodeNet`. */
export function encodeNet(net: Net): object {
  const layers = net.layers.map((layer) => ({
    knots: encodeArray(layer.knots, [layer.I, layer.S + net.k + 1]),
    coef: encodeArray(layer.coef, [layer.I, layer.S, layer.O]),
    base: encodeArray(layer.base, [layer.I, layer.O]),
    spline_scale: layer.scale && encodeArray(layer.scale, [layer.I, layer.O]),
    mask: encodeArray(layer.mask, [layer.I, layer.O]),
    symbolic: [...layer.symbolic].map(([place, { name, affine, sampled }]) => ({
      i: Math.floor(place / layer.O),
      j: place % layer.O,
      name,
      affine,
      ...(sampled && {
        sampled: { knots: encodeArray(sampled.knots, [1, sampled.knots.length]), coef: encodeArray(sampled.coef, [sampled.coef.length]) },
      }),
    })),
  }));
  const { k, arity, outside, baseFun, nodes } = net;
  return { width: nodes, k, mult_arity: arity, base_fun: baseFun, outside, layers };
}

export function encodeArray(values: Float64Array, shape: readonly number[]): object {
  const bytes = new DataView(new ArrayBuffer(8 * values.length));
  values.forEach((value, n) => bytes.setFloat64(8 * n, value, true));
  let text = "";
  for (const byte of new Uint8Array(bytes.buffer)) text += String.fromCharCode(byte);
  return { shape, dtype: "f8", data: btoa(text) };
}

function decodeLayer(value: unknown, where: string, k: number, I: number, O: number): Layer {
  const layer = record(value, where);
  const knots = record(layer.knots, `${where}.knots`);
  const S = (list(knots.shape, `${where}.knots.shape`)[1] as number) - k - 1;
  if (!(S >= 1)) fail(`${where}.knots`, `must have at least ${k + 2} columns`, S + k + 1);
  const symbolic = new Map<number, SymbolicEdge>();
  for (const item of list(layer.symbolic ?? [], `${where}.symbolic`)) {
    const edge = record(item, `${where}.symbolic`);
    const [i, j] = [whole(edge.i, `${where}.symbolic.i`), whole(edge.j, `${where}.symbolic.j`)];
    if (i >= I || j >= O) fail(`${where}.symbolic`, `must be edges of (${I}, ${O})`, `(${i}, ${j})`);
    const affine = list(edge.affine, `${where}.symbolic.affine`).map(Number);
    const sampled = edge.sampled == null ? undefined : decodeSampled(edge.sampled, `${where}.symbolic.sampled`);
    symbolic.set(i * O + j, { name: text(edge.name, `${where}.symbolic.name`), affine, ...(sampled && { sampled }) });
  }
  return {
    I,
    O,
    S,
    knots: decodeArray(knots, `${where}.knots`, [I, S + k + 1]),
    coef: decodeArray(layer.coef, `${where}.coef`, [I, S, O]),
    base: decodeArray(layer.base, `${where}.base`, [I, O]),
    scale: layer.spline_scale == null ? null : decodeArray(layer.spline_scale, `${where}.spline_scale`, [I, O]),
    mask: decodeArray(layer.mask, `${where}.mask`, [I, O]),
    symbolic,
  };
}

function decodeSampled(value: unknown, where: string): SymbolicEdge["sampled"] {
  const s = record(value, where);
  return { knots: decodeArray(s.knots, `${where}.knots`, [1, -1]), coef: decodeArray(s.coef, `${where}.coef`, [-1]) };
}

function decodeLevel(level: unknown, where: string): readonly [number, number] {
  if (typeof level === "number") return [whole(level, where), 0];
  const pair = list(level, where);
  return [whole(pair[0], where), whole(pair[1] ?? 0, where)];
}

function decodeSample(value: unknown, I: number, O: number): Sample {
  const s = record(value, "sample");
  const x = decodeArray(s.x, "sample.x", [-1, I]);
  const n = x.length / I;
  return { n, x, y: s.y == null ? null : decodeArray(s.y, "sample.y", [n, O]) };
}

function variables(value: unknown, where: string, count: number): Variable[] {
  const items = list(value, where);
  if (items.length !== count) fail(where, `must be ${count}`, items.length);
  return items.map((item, n) => {
    const v = record(item, `${where}[${n}]`);
    return {
      name: words(v.name, `${where}[${n}].name`),
      unit: v.unit == null ? null : words(v.unit, `${where}[${n}].unit`),
      shift: Number(v.shift ?? 0),
      scale: Number(v.scale ?? 1),
      bend: v.bend == null ? null : Number(v.bend),
      category: v.category == null ? null : decodeCategory(v.category, `${where}[${n}].category`),
      quantiles: v.quantiles == null ? [] : list(v.quantiles, `${where}[${n}].quantiles`).map(Number),
    };
  });
}

function decodeCategory(value: unknown, where: string): Variable["category"] {
  const category = record(value, where);
  return { column: words(category.column, `${where}.column`), level: words(category.level, `${where}.level`) };
}

function perLayer(value: unknown, where: string, net: Net, shape: (layer: Layer) => number[]): Float64Array[] {
  const items = list(value, where);
  if (items.length !== net.layers.length) fail(where, `must be ${net.layers.length}, one per layer`, items.length);
  return items.map((item, l) => decodeArray(item, `${where}[${l}]`, shape(net.layers[l])));
}

function decodeLoss(loss: Json): Explored["loss"] {
  const number = (v: unknown) => (typeof v === "number" ? v : null);
  return { name: text(loss.name, "loss.name"), train: number(loss.train), test: number(loss.test) };
}

function decodeFormula(value: unknown, where: string): Formula {
  const f = record(value, where);
  return {
    latex: text(f.latex, `${where}.latex`),
    python: text(f.python, `${where}.python`),
    sympy: text(f.sympy, `${where}.sympy`),
  };
}

function record(value: unknown, where: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail(where, "must be an object", value);
  return value as Json;
}

function list(value: unknown, where: string): unknown[] {
  if (!Array.isArray(value)) fail(where, "must be a list", value);
  return value as unknown[];
}

function text(value: unknown, where: string): string {
  if (typeof value !== "string") fail(where, "must be a string", value);
  return value as string;
}

/** Text to be read, without the invisible characters that turn what stands around it from right to left. */
function words(value: unknown, where: string): string {
  return text(value, where).replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "");
}

function whole(value: unknown, where: string): number {
  if (!Number.isInteger(value) || (value as number) < 0) fail(where, "must be an integer >= 0", value);
  return value as number;
}

function oneOf<T extends string>(value: unknown, known: readonly T[], where: string): T {
  if (!known.includes(value as T)) fail(where, `must be one of ${known.join(", ")}`, value);
  return value as T;
}

function fail(where: string, rule: string, value: unknown): never {
  const shown = typeof value === "object" ? JSON.stringify(value)?.slice(0, 60) : String(value);
  throw new PayloadError(`\`${where}\` ${rule}; got ${shown}.`);
}
