// Formulas as text to copy, with every digit: LaTeX, Python with NumPy, and SymPy.
import { coefOf, knotsOf } from "../maths/edge.ts";
import type { Explored, Net } from "../model/payload.ts";
import type { Composed, Line } from "./compose.ts";
import type { Called, Name } from "./expression.ts";
import { type Dialect, print } from "./print.ts";

type Words = (name: Name) => string;

// ---------------------------------------------------------------- LaTeX

const LATEX: Readonly<Record<string, (z: string) => string>> = {
  exp: (z) => `e^{${z}}`,
  abs: (z) => `\\left|${z}\\right|`,
  log: (z) => `\\ln\\left(${z}\\right)`,
  sgn: (z) => `\\operatorname{sgn}\\left(${z}\\right)`,
  relu: (z) => `\\max\\left(0, ${z}\\right)`,
  arctanh: (z) => `\\operatorname{artanh}\\left(${z}\\right)`,
  erf: (z) => `\\operatorname{erf}\\left(${z}\\right)`,
  j0: (z) => `J_0\\left(${z}\\right)`,
  j1: (z) => `J_1\\left(${z}\\right)`,
};

function latexDialect(words: Words): Dialect<string> {
  return {
    number: latexNumber,
    name: words,
    call: (name, z) => (typeof name !== "string" ? `f_{${name.edge.join(",")}}\\left(${z}\\right)`
      : LATEX[name]?.(z) ?? `\\${name}\\left(${z}\\right)`),
    power: (base, exponent) => `${base}^{${latexNumber(exponent)}}`,
    root: (base) => `\\sqrt{${base}}`,
    fraction: (above, below) => `\\frac{${above}}{${below}}`,
    product: (parts) => parts.join(" \\cdot "),
    sum: (terms) => signed(terms),
    group: (body) => `\\left(${body}\\right)`,
  };
}

function latexNumber(value: number): string {
  const [mantissa, exponent] = String(value).split("e");
  return exponent ? `${mantissa} \\cdot 10^{${Number(exponent)}}` : mantissa;
}

/** A name that a stranger chose, in upright letters. */
function latexText(name: string): string {
  if (/^[a-zA-Z]$/.test(name)) return name;
  const indexed = /^([a-zA-Z])_?(\d+)$/.exec(name);
  if (indexed) return `${indexed[1]}_{${indexed[2]}}`;
  const marks: Record<string, string> = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };
  return `\\text{${oneLine(name).replace(/[\\~^#$%&_{}]/g, (c) => marks[c] ?? `\\${c}`)}}`;
}

export function asLatex(explored: Explored, composed: Composed): string {
  const words = (name: Name): string => ("input" in name ? latexText(explored.inputs[name.input].name) : `h_{${name.level},${name.node}}`);
  const left = ({ target }: Line): string => (isOutput(composed, target) ? latexText(explored.outputs[target.node].name) : words(target));
  return composed.lines.map((line) => `${left(line)} = ${print(line.expr, latexDialect(words))}`).join(" \\\\\n");
}

// ---------------------------------------------------------------- Python and SymPy

const NUMPY: Readonly<Record<string, string>> = {
  abs: "np.abs", sgn: "np.sign", j0: "special.j0", j1: "special.j1", erf: "special.erf",
};
const SYMPY: Readonly<Record<string, (z: string) => string>> = {
  abs: (z) => `Abs(${z})`, sgn: (z) => `sign(${z})`, relu: (z) => `Max(${z}, 0)`, j0: (z) => `besselj(0, ${z})`, j1: (z) => `besselj(1, ${z})`,
  arcsin: (z) => `asin(${z})`, arccos: (z) => `acos(${z})`, arctan: (z) => `atan(${z})`, arctanh: (z) => `atanh(${z})`,
};

export const edgeWord = (edge: readonly number[]): string => `f_${edge.join("_")}`;

function codeDialect(words: Words, call: (name: Called, z: string) => string, root: string): Dialect<string> {
  return {
    number: (value) => String(value),
    name: words,
    call,
    power: (base, exponent) => `${base}**${exponent}`,
    root: (base) => `${root}(${base})`,
    fraction: (above, below) => `${above}/(${below})`,
    product: (parts) => parts.join("*"),
    sum: (terms) => signed(terms),
    group: (body) => `(${body})`,
  };
}

/** A module with the network as functions of NumPy arrays; splines are written out, so it gives the network's values. */
export function asPython(explored: Explored, net: Net, composed: Composed): string {
  const { inputs, outputs } = identifiers(explored);
  const words = (name: Name): string => ("input" in name ? inputs[name.input] : `h_${name.level}_${name.node}`);
  const call = (name: Called, z: string): string =>
    typeof name !== "string" ? `${edgeWord(name.edge)}(${z})` : name === "relu" ? `np.maximum(${z}, 0)` : `${NUMPY[name] ?? `np.${name}`}(${z})`;
  const body = composed.lines.map((line) => {
    const left = isOutput(composed, line.target) ? outputs[line.target.node] : words(line.target);
    return `    ${left} = ${print(line.expr, codeDialect(words, call, "np.sqrt"))}`;
  });
  const known = body.join("\n").includes("special.");
  return [
    "import numpy as np",
    ...(composed.unnamed.length ? ["from scipy.interpolate import BSpline"] : []),
    ...(known || net.baseFun === "gelu" ? ["from scipy import special"] : []),
    "",
    ...(composed.unnamed.length ? [...edgeHelper(net), ...composed.unnamed.flatMap((edge) => edgeDefinition(net, edge)), ""] : []),
    `def network(${inputs.join(", ")}):`,
    `    """${comment(explored, inputs)}"""`,
    ...body,
    `    return ${outputs.join(", ")}`,
    "",
  ].join("\n");
}

/** SymPy expressions; edges without a formula are functions without a definition. */
export function asSympy(explored: Explored, composed: Composed): string {
  const { inputs, outputs } = identifiers(explored);
  const words = (name: Name): string => ("input" in name ? inputs[name.input] : `h_${name.level}_${name.node}`);
  const call = (name: Called, z: string): string =>
    typeof name !== "string" ? `${edgeWord(name.edge)}(${z})` : SYMPY[name]?.(z) ?? `${name}(${z})`;
  const functions = composed.unnamed.map(edgeWord);
  return [
    "from sympy import *",
    "",
    declaration(inputs, "symbols"),
    ...(functions.length ? [declaration(functions, "symbols", ", cls=Function")] : []),
    ...composed.lines.map((line) => {
      const left = isOutput(composed, line.target) ? outputs[line.target.node] : words(line.target);
      return `${left} = ${print(line.expr, codeDialect(words, call, "sqrt"))}`;
    }),
    "",
  ].join("\n");
}

function declaration(names: readonly string[], maker: string, more = ""): string {
  return `${names.join(", ")} = ${maker}("${names.join(" ")}"${more})`;
}

const BASES: Readonly<Record<string, string>> = {
  silu: "x / (1 + np.exp(-x))", identity: "x", tanh: "np.tanh(x)", gelu: "x * special.ndtr(x)", relu: "np.maximum(x, 0)",
};

/** How a spline edge is evaluated, with the network's rule outside its domain. */
function edgeHelper(net: Net): string[] {
  const base = BASES[net.baseFun];
  const inside = net.outside === "linear"
    ? [
        "    spline = BSpline(knots, coef, k)",
        "    inside = np.clip(x, knots[k], knots[-k - 1])",
        net.k > 0 ? "    value = spline(inside) + spline.derivative()(inside) * (x - inside)" : "    value = spline(inside)",
      ]
    : [
        "    knots, coef = np.pad(knots, k, mode=\"linear_ramp\", end_values=(knots[0] - 1, knots[-1] + 1)), np.pad(coef, k)",
        "    inside = (x >= knots[k]) & (x < knots[-k - 1])",
        "    value = np.where(inside, BSpline(knots, coef, k)(x), 0.0)",
      ];
  return [
    "",
    "def edge(x, weight, knots, coef, k):",
    "    x, knots, coef = np.asarray(x, dtype=float), np.array(knots), np.array(coef)",
    ...inside,
    base ? `    return weight * (${base}) + value` : "    return value",
    "",
  ];
}

function edgeDefinition(net: Net, [l, i, j]: readonly [number, number, number]): string[] {
  const layer = net.layers[l];
  const at = i * layer.O + j;
  const sampled = layer.symbolic.get(at)?.sampled;
  const scale = layer.scale ? layer.scale[at] : 1;
  const coef = sampled ? sampled.coef : coefOf(layer, i, j).map((c) => scale * c);
  const knots = sampled ? sampled.knots : knotsOf(net, layer, i);
  const list = (values: Float64Array): string => `[${[...values].join(", ")}]`;
  const weight = sampled ? 0 : layer.base[at];
  return ["", `def ${edgeWord([l, i, j])}(x):`, `    return edge(x, ${weight}, ${list(knots)}, ${list(coef)}, ${sampled ? 3 : net.k})`, ""];
}

// ---------------------------------------------------------------- names

/** Names that are safe in code, each once. */
function identifiers({ inputs, outputs }: Explored): { inputs: string[]; outputs: string[] } {
  const taken = new Set(["np", "special", "edge", "network", "BSpline", "symbols", "Function", ...KEYWORDS]);
  const safe = ({ name }: { name: string }, n: number, letter: string): string => {
    const plain = name.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 40);
    let word = /^[A-Za-z]/.test(plain) ? plain : plain ? `${letter}_${plain}` : `${letter}_${n + 1}`;
    if (/^[fh]_\d/.test(word)) word = `${letter}_${word}`;
    while (taken.has(word)) word += "_";
    taken.add(word);
    return word;
  };
  return { inputs: inputs.map((v, n) => safe(v, n, "x")), outputs: outputs.map((v, n) => safe(v, n, "y")) };
}

const KEYWORDS = (
  "False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda " +
  "nonlocal not or pass raise return try while with yield E I N O Q S pi beta gamma zeta Abs sign Max besselj exp log sin cos tan sqrt"
).split(" ");

/** What each variable is, where its name had to change or has a unit. */
function comment({ inputs }: Explored, words: readonly string[]): string {
  const about = inputs.map(({ name, unit }, n) => (name !== words[n] || unit ? `${words[n]}: ${oneLine(name)}${unit ? ` (${oneLine(unit)})` : ""}` : ""));
  const told = about.filter(Boolean).join("; ").replace(/[\\"]/g, "'");
  return told || "The network as a formula.";
}

/** Names come from strangers: nothing in them may end a line. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
}

function isOutput(composed: Composed, { level }: { level: number }): boolean {
  return level === composed.lines[composed.lines.length - 1].target.level;
}

function signed(terms: readonly { negative: boolean; body: string }[]): string {
  return terms.map(({ negative, body }, n) => (n === 0 ? (negative ? `-${body}` : body) : negative ? ` - ${body}` : ` + ${body}`)).join("");
}
