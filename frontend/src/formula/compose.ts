// The formula of a network: symbolic edges written out, the others as named functions, in the user's units.
import type { Explored, Net, SymbolicEdge, Variable } from "../model/payload.ts";
import { call, type Expr, named, number, power, product, sum } from "./expression.ts";

/** A line `name = expression`: hidden nodes first where they have lines of their own, then the outputs. */
export interface Line {
  readonly target: { readonly level: number; readonly node: number };
  readonly expr: Expr;
}

export interface Composed {
  readonly lines: Line[];
  /** Edges that have no formula, and appear as functions. */
  readonly unnamed: (readonly [number, number, number])[];
  readonly inputs: number;
}

/**
 * Every output as an expression of the inputs.
 *
 * @param byNode give each hidden node its own line instead of writing it out wherever it is used
 */
export function compose(explored: Explored, net: Net, byNode: boolean): Composed {
  const lines: Line[] = [];
  const unnamed: (readonly [number, number, number])[] = [];
  let nodes: Expr[] = explored.inputs.map(seen);
  net.layers.forEach((layer, l) => {
    const sums = Array.from({ length: layer.O }, (_, j) =>
      sum(nodes.map((node, i) => {
        const edge = i * layer.O + j;
        if (layer.mask[edge] === 0) return number(0);
        const symbolic = layer.symbolic.get(edge);
        if (symbolic && !symbolic.sampled) return edgeExpression(symbolic, node);
        unnamed.push([l, i, j]);
        return call({ edge: [l, i, j] }, node);
      })));
    nodes = multiplied(sums, net.nodes[l + 1], net.arity);
    const isLast = l + 1 === net.layers.length;
    if (isLast) nodes = nodes.map((node, j) => sum([product(explored.outputs[j].scale, node), number(explored.outputs[j].shift)]));
    if (isLast || byNode) {
      lines.push(...nodes.map((expr, node) => ({ target: { level: l + 1, node }, expr })));
      nodes = nodes.map((expr, node) => (expr.kind === "number" ? expr : named({ level: l + 1, node })));
    }
  });
  return { lines: used(lines, net.layers.length), unnamed, inputs: explored.inputs.length };
}

/** What the network sees of an input, as `toNetwork` of model/units.ts. */
function seen({ shift, scale, bend }: Variable, input: number): Expr {
  const z = product(1 / scale, sum([named({ input }), number(-shift)]));
  if (bend === null) return z;
  return product(1, z, power(sum([number(1), power(product(1 / bend, z), 2)]), -0.5));
}

/** Without the lines of hidden nodes that no later line reads. */
function used(lines: readonly Line[], last: number): Line[] {
  const wanted = new Set<string>();
  const kept: Line[] = [];
  for (const line of [...lines].reverse()) {
    const { level, node } = line.target;
    if (level < last && (line.expr.kind === "number" || !wanted.has(`${level}.${node}`))) continue;
    namesIn(line.expr, (name) => wanted.add(name));
    kept.unshift(line);
  }
  return kept;
}

function namesIn(expr: Expr, found: (name: string) => void): void {
  if (expr.kind === "name" && "level" in expr.name) found(`${expr.name.level}.${expr.name.node}`);
  if (expr.kind === "sum") expr.terms.forEach((term) => namesIn(term, found));
  if (expr.kind === "product") expr.parts.forEach((part) => namesIn(part, found));
  if (expr.kind === "power") namesIn(expr.base, found);
  if (expr.kind === "call") namesIn(expr.argument, found);
}

function multiplied(sums: readonly Expr[], [plain, products]: readonly [number, number], arity: number): Expr[] {
  const made = Array.from({ length: products }, (_, m) => {
    const first = plain + m * arity;
    return product(1, ...sums.slice(first, first + arity));
  });
  return [...sums.slice(0, plain), ...made];
}

/** `c f(a x + b) + d`. */
export function edgeExpression({ name, affine }: SymbolicEdge, x: Expr): Expr {
  const [a, b, c, d, p] = affine;
  const z = sum([product(a, x), number(b)]);
  return sum([product(c, functionOf(name, z, p)), number(d)]);
}

const POWERS: Readonly<Record<string, number>> = {
  "x": 1, "x^2": 2, "x^3": 3, "x^4": 4, "x^5": 5, "1/x": -1, "1/x^2": -2, "1/x^3": -3, "1/x^4": -4, "1/x^5": -5,
  "sqrt": 0.5, "x^0.5": 0.5, "x^1.5": 1.5, "1/sqrt(x)": -0.5, "1/x^0.5": -0.5,
};

function functionOf(name: string, z: Expr, p: number): Expr {
  if (name === "0") return number(0);
  if (name === "x^p") return power(z, p);
  if (name === "gaussian") return call("exp", product(-1, power(z, 2)));
  if (name === "sigmoid") return power(sum([number(1), call("exp", product(-1, z))]), -1);
  return name in POWERS ? power(z, POWERS[name]) : call(name, z);
}
