import assert from "node:assert/strict";
import { test } from "node:test";
import { compose } from "../src/formula/compose.ts";
import { type Expr, named, number, power, product, sum } from "../src/formula/expression.ts";
import { asLatex, asPython, asSympy } from "../src/formula/text.ts";
import { edgeFunction } from "../src/maths/edge.ts";
import { FUNCTIONS } from "../src/maths/functions.ts";
import { predict } from "../src/maths/network.ts";
import { decodeNet, type Explored, type Net, type Variable } from "../src/model/payload.ts";
import { toUser } from "../src/model/units.ts";
import { close, fixture } from "./fixture.ts";

const variable = (name: string, shift = 0, scale = 1, bend: number | null = null): Variable => ({
  name, unit: null, shift, scale, bend, category: null, quantiles: [],
});

/** What the formula needs to know of a payload. */
function about(net: Net): Explored {
  const inputs = Array.from({ length: net.layers[0].I }, (_, i) => variable(`x_${i + 1}`, 0.3 * i, 1 + i, i % 2 ? 3 : null));
  const outputs = Array.from({ length: net.nodes[net.nodes.length - 1].reduce((a, b) => a + b) }, (_, j) => variable(`y${j}`, 2, 3));
  return { inputs, outputs } as unknown as Explored;
}

/** The value of an expression; `hidden` holds the lines before it. */
function evaluate(expr: Expr, net: Net, x: number[], hidden: Map<string, number>): number {
  const value = (part: Expr): number => evaluate(part, net, x, hidden);
  switch (expr.kind) {
    case "number": return expr.value;
    case "name": return "input" in expr.name ? x[expr.name.input] : hidden.get(`${expr.name.level}.${expr.name.node}`)!;
    case "sum": return expr.terms.reduce((total, term) => total + value(term), 0);
    case "product": return expr.parts.reduce((total, part) => total * value(part), expr.factor);
    case "power": return value(expr.base) ** expr.exponent;
    case "call": return typeof expr.name === "string"
      ? FUNCTIONS.get(expr.name)!.value(value(expr.argument), NaN)
      : edgeFunction(net, ...expr.name.edge)(value(expr.argument));
  }
}

test("the formula is the network, in the user's units, in one line and node by node", () => {
  for (const c of fixture<{ name: string; model: unknown; x: number[] }[]>("networks")) {
    const net = decodeNet(c.model);
    const explored = about(net);
    const I = net.layers[0].I;
    for (const byNode of [false, true]) {
      const { lines } = compose(explored, net, byNode);
      const row = c.x.slice(3 * I, 4 * I);
      const user = row.map((v, i) => toUser(explored.inputs[i], v));
      const hidden = new Map<string, number>();
      for (const { target, expr } of lines) hidden.set(`${target.level}.${target.node}`, evaluate(expr, net, user, hidden));
      const expected = [...predict(net, Float64Array.from(row))].map((v) => 3 * v + 2);
      close(expected.map((_, j) => hidden.get(`${net.layers.length}.${j}`)!), expected, 1e-11, `${c.name}, ${byNode}`);
    }
  }
});

test("formulas stay tidy while they are built", () => {
  const x = named({ input: 0 });
  assert.deepEqual(sum([number(1), sum([x, number(2)])]), { kind: "sum", terms: [x, number(3)] });
  assert.deepEqual(product(2, sum([x, number(2)])), { kind: "sum", terms: [product(2, x), number(4)] });
  assert.deepEqual(sum([x, product(2, x)]), product(3, x));
  assert.deepEqual(sum([x, product(-1, x)]), number(0));
  assert.deepEqual(product(0, x), number(0));
  assert.deepEqual(power(number(3), 2), number(9));
  assert.deepEqual(power(sum([product(2, x), number(4)]), 2), product(4, { kind: "power", base: sum([x, number(2)]), exponent: 2 }));
  assert.equal(power(product(-2, x), 0.5).kind, "power", "a negative number has no root to take out");
});

const layer = (name: string, affine: number[]) => ({
  I: 1, O: 1, S: 1, knots: Float64Array.of(0, 1, 2), coef: Float64Array.of(0), base: Float64Array.of(0), scale: null,
  mask: Float64Array.of(1), symbolic: new Map([[0, { name, affine }]]),
});

function written(name: string, affine: number[], as: "latex" | "python" | "sympy", input = "x"): string {
  const net = { k: 1, outside: "linear", baseFun: "zero", arity: 2, nodes: [[1, 0], [1, 0]], layers: [layer(name, affine)] } as unknown as Net;
  const explored = { inputs: [variable(input)], outputs: [variable("y")] } as unknown as Explored;
  const composed = compose(explored, net, false);
  return as === "latex" ? asLatex(explored, composed) : as === "sympy" ? asSympy(explored, composed) : asPython(explored, net, composed);
}

test("every way of writing", () => {
  assert.equal(written("sin", [2, -1, -0.5, 3, 1], "latex"), "y = -0.5 \\cdot \\sin\\left(2 \\cdot x - 1\\right) + 3");
  assert.equal(written("1/x^2", [1, 0, 4, 0, 1], "latex"), "y = \\frac{4}{x^{2}}");
  assert.equal(written("1/sqrt(x)", [1, 2, 1, 0, 1], "latex"), "y = \\frac{1}{\\sqrt{x + 2}}");
  assert.equal(written("gaussian", [3, 0, 1, 0, 1], "latex"), "y = e^{-9 \\cdot x^{2}}");
  assert.equal(written("x^2", [1, 2, 1, 0, 1], "latex"), "y = \\left(x + 2\\right)^{2}");
  assert.match(written("j0", [1, 0, 2, 0, 1], "sympy"), /^y = 2\*besselj\(0, x\)$/m);
  assert.match(written("x^p", [1, 0, 2, 0, 1.5], "python"), /^ {4}y = 2\*x\*\*1.5$/m);
  assert.match(written("erf", [1e-7, 0, 2, 0, 1], "python"), /from scipy import special\n[^]*y = 2\*special.erf\(1e-7\*x\)$/m);
});

test("names of strangers stay names", () => {
  const hostile = 'x"""\nimport os\\</script>';
  const python = written("x", [1, 0, 1, 0, 1], "python", hostile);
  assert.match(python, /def network\(x_import_os_script\):\n {4}"""x_import_os_script: x''' import os'<\/script>"""\n/);
  assert.equal(written("x", [1, 0, 1, 0, 1], "sympy", "lambda").split("\n")[2], 'lambda_ = symbols("lambda_")');
  assert.equal(written("x", [1, 0, 1, 0, 1], "latex", "a_b$"), "y = \\text{a\\_b\\$}");
});
