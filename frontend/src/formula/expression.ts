// Formulas as trees, kept tidy while they are built: sums are flat, numbers are merged and multiplied into sums.

export type Expr =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "name"; readonly name: Name }
  | { readonly kind: "sum"; readonly terms: readonly Expr[] }
  | { readonly kind: "product"; readonly factor: number; readonly parts: readonly Expr[] }
  | { readonly kind: "power"; readonly base: Expr; readonly exponent: number }
  | { readonly kind: "call"; readonly name: Called; readonly argument: Expr };

/** An input, or a hidden node that is written out on a line of its own. */
export type Name = { readonly input: number } | { readonly level: number; readonly node: number };
/** A function by its name, or the function of an edge that has no formula. */
export type Called = string | { readonly edge: readonly [number, number, number] };

export const number = (value: number): Expr => ({ kind: "number", value });
export const named = (name: Name): Expr => ({ kind: "name", name });
export const call = (name: Called, argument: Expr): Expr => ({ kind: "call", name, argument });

export function sum(terms: readonly Expr[]): Expr {
  const flat = terms.flatMap((term) => (term.kind === "sum" ? term.terms : [term]));
  const constant = flat.reduce((total, term) => total + (term.kind === "number" ? term.value : 0), 0);
  const others = merged(flat.filter((term) => term.kind !== "number"));
  if (others.length === 0) return number(constant);
  if (constant !== 0) others.push(number(constant));
  return others.length === 1 ? others[0] : { kind: "sum", terms: others };
}

/** `factor` times all parts. */
export function product(factor: number, ...parts: readonly Expr[]): Expr {
  const flat: Expr[] = [];
  for (const part of parts) {
    if (part.kind === "number") factor *= part.value;
    else if (part.kind === "product") {
      factor *= part.factor;
      flat.push(...part.parts);
    } else flat.push(part);
  }
  if (factor === 0 || flat.length === 0) return number(factor);
  if (flat.length === 1 && flat[0].kind === "sum") return sum(flat[0].terms.map((term) => product(factor, term)));
  return factor === 1 && flat.length === 1 ? flat[0] : { kind: "product", factor, parts: flat };
}

/** A number in front of the only name of the base is taken out: `(2 x + 4)^2` is `4 (x + 2)^2`. */
export function power(base: Expr, exponent: number): Expr {
  if (base.kind === "number") return number(base.value ** exponent);
  if (exponent === 1) return base;
  const factor = leading(base);
  const canLeave = factor > 0 || (factor < 0 && Number.isInteger(exponent));
  if (!canLeave || factor === 1) return { kind: "power", base, exponent };
  return product(factor ** exponent, { kind: "power", base: product(1 / factor, base), exponent });
}

/** The number in front of a base that has one term beside a constant. */
function leading(base: Expr): number {
  const terms = base.kind === "sum" ? base.terms.filter((term) => term.kind !== "number") : [base];
  return terms.length === 1 && terms[0].kind === "product" ? terms[0].factor : 1;
}

/** Terms that differ in their number only, as the same input from two edges, become one. */
function merged(terms: readonly Expr[]): Expr[] {
  const found = new Map<string, { factor: number; rest: Expr }>();
  for (const term of terms) {
    const [factor, rest] = term.kind === "product" ? [term.factor, product(1, ...term.parts)] : [1, term];
    const key = JSON.stringify(rest);
    found.set(key, { factor: factor + (found.get(key)?.factor ?? 0), rest });
  }
  return [...found.values()].map(({ factor, rest }) => product(factor, rest)).filter((term) => term.kind !== "number");
}

/** How many names, calls and numbers there are to read. */
export function sizeOf(expr: Expr): number {
  switch (expr.kind) {
    case "number":
    case "name":
      return 1;
    case "sum":
      return expr.terms.reduce((total, term) => total + sizeOf(term), 0);
    case "product":
      return expr.parts.reduce((total, part) => total + sizeOf(part), expr.factor === 1 ? 0 : 1);
    case "power":
      return 1 + sizeOf(expr.base);
    case "call":
      return 1 + sizeOf(expr.argument);
  }
}
