// Edits of a model: each assigns one field of one edge, so that only the last one of a field counts.
import type { EdgeId, Layer, Net } from "./payload.ts";

export type Edit =
  | { op: "coef"; edge: EdgeId; index: number; value: number }
  | { op: "base"; edge: EdgeId; value: number }
  | { op: "fix"; edge: EdgeId; name: string; affine: readonly number[] }
  | { op: "unfix" | "prune" | "restore"; edge: EdgeId };

/** The model with one edit; layers that do not change are shared. */
export function applyEdit(net: Net, edit: Edit): Net {
  const [l, i, j] = edit.edge;
  const layer = net.layers[l];
  if (!layer || i >= layer.I || j >= layer.O || i < 0 || j < 0) throw new RangeError(`there is no edge (${l}, ${i}, ${j})`);
  const layers = net.layers.slice();
  layers[l] = { ...layer, ...changes(layer, edit, i * layer.O + j) };
  return { ...net, layers };
}

function changes(layer: Layer, edit: Edit, place: number): Partial<Layer> {
  switch (edit.op) {
    case "coef":
      return { coef: withValue(layer.coef, coefPlace(layer, edit.edge, edit.index), edit.value) };
    case "base":
      return { base: withValue(layer.base, place, edit.value) };
    case "prune":
    case "restore":
      return { mask: withValue(layer.mask, place, edit.op === "prune" ? 0 : 1) };
    case "fix":
      return { symbolic: new Map(layer.symbolic).set(place, { name: edit.name, affine: edit.affine }) };
    case "unfix": {
      const symbolic = new Map(layer.symbolic);
      symbolic.delete(place);
      return { symbolic };
    }
  }
}

/** The model with a list of edits. */
export function applyEdits(net: Net, edits: readonly Edit[]): Net {
  return edits.reduce(applyEdit, net);
}

/** The list with one edit more: an earlier one of the same field goes, and one that says what was there before too. */
export function withEdit(original: Net, edits: readonly Edit[], edit: Edit): Edit[] {
  const kept = edits.filter((other) => fieldOf(other) !== fieldOf(edit));
  return isAsBefore(original, edit) ? kept : [...kept, edit];
}

/** Where in `coef` a coefficient lies. */
export function coefPlace(layer: Layer, [, i, j]: EdgeId, index: number): number {
  if (!(index >= 0 && index < layer.S)) throw new RangeError(`an edge has ${layer.S} coefficients; there is no number ${index}`);
  return (i * layer.S + index) * layer.O + j;
}

/** A script that does the edits in Python. */
export function asPython(edits: readonly Edit[], source: string | null): string {
  const lines = edits.map((edit) => `    ${pythonDict(edit)},`);
  return [
    ...importsOf(source ?? ""),
    "from edgewise.explorer import apply_edits",
    "",
    source === null ? "# Before this line: your trained model, as `model`, such as KAN.load(\"model.safetensors\")." : `model = ${source}`,
    "# the edits made in the explorer, in full precision",
    `model = apply_edits(model, [${lines.length ? `\n${lines.join("\n")}\n` : ""}])`,
    "",
  ].join("\n");
}

/** What an expression such as `KAN.load("m.safetensors")` needs to be imported. */
function importsOf(source: string): string[] {
  const code = source.replace(/"[^"]*"|'[^']*'/g, ""); // names of files are no names of Python
  const classes = new Set(code.match(/(?<![\w.])KAN(Regressor|Classifier)?(?=\.|\()/g));
  const module = /(?<![\w.])edgewise\./.test(code) ? ["import edgewise"] : [];
  return [...module, ...[...classes].map((name) => `from edgewise import ${name}`)];
}

/** JSON from elsewhere, checked; throws an Error that says which entry is wrong. */
export function checkedEdits(value: unknown): Edit[] {
  if (!Array.isArray(value)) throw new Error("edits must be a list");
  return value.map((item, n) => {
    const edit = item as Edit;
    if (!isEdit(edit)) throw new Error(`edits[${n}] is not an edit`);
    return edit;
  });
}

function isEdit(edit: Edit): boolean {
  if (!Array.isArray(edit?.edge) || edit.edge.length !== 3 || !edit.edge.every(Number.isInteger)) return false;
  if (edit.op === "coef") return Number.isInteger(edit.index) && Number.isFinite(edit.value);
  if (edit.op === "base") return Number.isFinite(edit.value);
  if (edit.op === "fix") return typeof edit.name === "string" && Array.isArray(edit.affine) && edit.affine.every(Number.isFinite);
  return ["unfix", "prune", "restore"].includes(edit.op);
}

function fieldOf(edit: Edit): string {
  const field = { coef: "coef", base: "base", fix: "symbolic", unfix: "symbolic", prune: "mask", restore: "mask" }[edit.op];
  return [field, ...edit.edge, edit.op === "coef" ? edit.index : ""].join();
}

function isAsBefore(net: Net, edit: Edit): boolean {
  const [l, i, j] = edit.edge;
  const layer = net.layers[l];
  const place = i * layer.O + j;
  switch (edit.op) {
    case "coef":
      return Object.is(layer.coef[coefPlace(layer, edit.edge, edit.index)], edit.value);
    case "base":
      return Object.is(layer.base[place], edit.value);
    case "prune":
      return layer.mask[place] === 0;
    case "restore":
      return layer.mask[place] !== 0;
    case "unfix":
      return !layer.symbolic.has(place);
    case "fix": {
      const before = layer.symbolic.get(place);
      return before?.name === edit.name && before.affine.every((value, n) => Object.is(value, edit.affine[n]));
    }
  }
}

function withValue(array: Float64Array, place: number, value: number): Float64Array {
  const copy = array.slice();
  copy[place] = value;
  return copy;
}

function pythonDict(edit: Edit): string {
  const entries = Object.entries(edit).map(([key, value]) => `"${key}": ${pythonValue(value)}`);
  return `{${entries.join(", ")}}`;
}

function pythonValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonValue).join(", ")}]`;
  if (typeof value === "number") return pythonNumber(value);
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The shortest text that reads back as the same double, in JavaScript and in Python alike. */
function pythonNumber(value: number): string {
  return Object.is(value, -0) ? "-0.0" : String(value);
}
