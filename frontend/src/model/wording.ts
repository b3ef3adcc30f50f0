// Names, numbers and formulas in plain words.
import type { EdgeId, Explored, Net, SymbolicEdge, Variable } from "./payload.ts";

/** A number for reading: a few digits, a true minus sign, no trailing zeros. */
export function shown(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size < 1e-3 || size >= 1e5 ? value.toExponential(digits - 1) : value.toPrecision(digits);
  const [mantissa, exponent] = text.split("e");
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return (exponent ? `${short}e${Number(exponent)}` : short).replaceAll("-", "−");
}

/** "length (m)" */
export function withUnit({ name, unit }: Pick<Variable, "name" | "unit">): string {
  return unit ? `${name} (${unit})` : name;
}

export function shortened(text: string, most: number): string {
  const letters = [...text]; // not halves of one
  return letters.length <= most ? text : `${letters.slice(0, Math.max(1, most - 1)).join("")}…`;
}

/** The node of the next level that takes sum j of layer l, and which of its factors j is (-1 for a plain sum). */
export function nodeOfSum(net: Net, l: number, j: number): { node: number; factor: number } {
  const [sums] = net.nodes[l + 1];
  if (j < sums) return { node: j, factor: -1 };
  return { node: sums + Math.floor((j - sums) / net.arity), factor: (j - sums) % net.arity };
}

/** An input, an output or a hidden node, by name. */
export function nodeName({ inputs, outputs }: Explored, net: Net, level: number, node: number): string {
  if (level === 0) return inputs[node]?.name ?? `input ${node}`;
  if (level === net.layers.length) return outputs[node]?.name ?? `output ${node}`;
  return node < net.nodes[level][0] ? `node ${level}.${node}` : `product ${level}.${node}`;
}

/** What output j tells: its name, or the class whose share it is; a single output speaks of the second class. */
export function answerName({ outputs, classes, link }: Explored, j: number): string {
  if (link === "identity") return outputs[j].name;
  return `share of ${classes?.[outputs.length === 1 ? 1 : j] ?? outputs[j].name}`;
}

/** "1 edge", "2 edges" */
export function counted(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? "" : "s"}`;
}

/** "3 edges", "2 edges, 1 removed" */
export function edgesText(present: number, removed: number): string {
  return counted(present, "edge") + (removed ? `, ${removed} removed` : "");
}

/** Where an edge leads: its node, and which factor of a product. */
export function targetName(explored: Explored, net: Net, l: number, j: number): string {
  const { node, factor } = nodeOfSum(net, l, j);
  const name = nodeName(explored, net, l + 1, node);
  return factor < 0 ? name : `${name}, factor ${factor + 1}`;
}

/** "length → node 1.3" */
export function edgeName(explored: Explored, net: Net, [l, i, j]: EdgeId): string {
  return `${isolated(nodeName(explored, net, l, i))} → ${isolated(targetName(explored, net, l, j))}`;
}

/** Names that are written from right to left must not turn the arrow around. */
function isolated(name: string): string {
  return /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u.test(name) ? `\u2068${name}\u2069` : name;
}

/** "2 → 5 + 1× → 1": sums and products of every level. */
export function shapeText(net: Net): string {
  return net.nodes.map(([sums, products]) => (products ? `${sums} + ${products}×` : `${sums}`)).join(" → ");
}

const TEMPLATES: Record<string, (z: string, p: string) => string> = {
  "0": () => "0",
  x: (z) => z,
  "x^2": (z) => `${group(z)}²`,
  "x^3": (z) => `${group(z)}³`,
  "x^4": (z) => `${group(z)}⁴`,
  "x^5": (z) => `${group(z)}⁵`,
  "1/x": (z) => `1/${group(z)}`,
  "1/x^2": (z) => `1/${group(z)}²`,
  "1/x^3": (z) => `1/${group(z)}³`,
  "1/x^4": (z) => `1/${group(z)}⁴`,
  "1/x^5": (z) => `1/${group(z)}⁵`,
  sqrt: (z) => `√${group(z)}`,
  "x^0.5": (z) => `√${group(z)}`,
  "x^1.5": (z) => `${group(z)}^1.5`,
  "1/sqrt(x)": (z) => `1/√${group(z)}`,
  "1/x^0.5": (z) => `1/√${group(z)}`,
  "x^p": (z, p) => `${group(z)}^${p}`,
  abs: (z) => `|${z}|`,
  gaussian: (z) => `exp(−${group(z)}²)`,
};

/** `c f(a x + b) + d` as text, with numbers of a few digits: "0.5 sin(4x − 1) + 2". */
export function formulaText({ name, affine, sampled }: SymbolicEdge, digits = 3, variable = "x"): string {
  if (sampled) return `${name}(${variable})`;
  const [a, b, c, d, p] = affine;
  const inner = plus(times(a, variable, digits), b, digits);
  const template = TEMPLATES[name] ?? ((z: string) => `${name}(${z})`);
  if (name === "0" || c === 0) return shown(d, digits);
  const body = template(inner, shown(p, digits));
  const needsGroup = name === "x" && inner.includes(" ");
  return plus(times(c, needsGroup && shown(c, digits) !== "1" ? `(${body})` : body, digits), d, digits);
}

/** The longest way to write a function in so many letters: with its numbers, without, or its name. */
export function formulaWithin(edge: SymbolicEdge, letters: number): string {
  const bare = { ...edge, affine: [1, 0, 1, 0, edge.affine[4]] };
  return [formulaText(edge, 2), formulaText(bare, 2), edge.name].find((text) => text.length <= letters) ?? "";
}

function times(factor: number, body: string, digits: number): string {
  const number = shown(factor, digits);
  if (number === "1") return body;
  if (number === "−1") return `−${body}`;
  const tight = /^[\p{L}(|√]$/u.test(body) || body.startsWith("(");
  return tight ? `${number}${body}` : /^\d/.test(body) ? `${number} · ${body}` : `${number} ${body}`;
}

function plus(body: string, term: number, digits: number): string {
  if (term === 0) return body;
  return `${body} ${term < 0 ? "−" : "+"} ${shown(Math.abs(term), digits)}`;
}

function group(z: string): string {
  return /^[\p{L}\d]$/u.test(z) ? z : `(${z})`;
}
