// One walk over a formula for every way to write it: a dialect says how each piece looks.
import type { Called, Expr, Name } from "./expression.ts";

export interface Dialect<T> {
  /** A number that is not negative. */
  number(value: number): T;
  name(name: Name): T;
  call(name: Called, argument: T): T;
  /** Absolute signs and the like, where the argument needs no brackets. */
  power(base: T, exponent: number): T;
  root(base: T): T;
  fraction(above: T, below: T): T;
  product(parts: readonly T[]): T;
  /** Terms with their signs. */
  sum(terms: readonly { readonly negative: boolean; readonly body: T }[]): T;
  group(body: T): T;
}

/** How tightly a piece holds together: sums, products, everything else. */
const SUM = 0;
export const PRODUCT = 1;
const ATOM = 2;

/** @param least groups what holds together less tightly */
export function print<T>(expr: Expr, dialect: Dialect<T>, least = SUM): T {
  return write(expr, dialect, least);
}

function write<T>(expr: Expr, dialect: Dialect<T>, least: number): T {
  const grouped = (body: T, own: number): T => (own < least ? dialect.group(body) : body);
  const { negative, size } = signOf(expr);
  if (negative) return grouped(dialect.sum([{ negative, body: write(size, dialect, PRODUCT) }]), SUM);
  switch (expr.kind) {
    case "number":
      return dialect.number(expr.value);
    case "name":
      return dialect.name(expr.name);
    case "call":
      return dialect.call(expr.name, write(expr.argument, dialect, SUM));
    case "power":
      return expr.exponent < 0 ? grouped(quotient(1, [expr], dialect), PRODUCT) : raised(expr.base, expr.exponent, dialect);
    case "product":
      return grouped(quotient(expr.factor, expr.parts, dialect), PRODUCT);
    case "sum":
      return grouped(dialect.sum(expr.terms.map((term) => {
        const { negative: minus, size: body } = signOf(term);
        return { negative: minus, body: write(body, dialect, PRODUCT) };
      })), SUM);
  }
}

/** Whether a minus sign goes before it, and what follows the sign. */
export function signOf(expr: Expr): { negative: boolean; size: Expr } {
  if (expr.kind === "number" && expr.value < 0) return { negative: true, size: { kind: "number", value: -expr.value } };
  if (expr.kind !== "product" || expr.factor >= 0) return { negative: false, size: expr };
  if (expr.factor === -1 && expr.parts.length === 1) return { negative: true, size: expr.parts[0] };
  return { negative: true, size: { ...expr, factor: -expr.factor } };
}

/** Parts with negative exponents go below the line. */
function quotient<T>(factor: number, parts: readonly Expr[], dialect: Dialect<T>): T {
  const above = parts.filter((part) => !isBelow(part));
  const below = parts.filter(isBelow);
  const many = above.length + (factor === 1 ? 0 : 1) > 1;
  const top = above.map((part) => write(part, dialect, many || below.length ? ATOM : PRODUCT));
  if (factor !== 1 || top.length === 0) top.unshift(dialect.number(factor));
  const upper = top.length === 1 ? top[0] : dialect.product(top);
  if (below.length === 0) return upper;
  const under = below.map((part) => raised(part.base, -part.exponent, dialect, below.length > 1));
  return dialect.fraction(upper, under.length === 1 ? under[0] : dialect.product(under));
}

function isBelow(part: Expr): part is Expr & { kind: "power" } {
  return part.kind === "power" && part.exponent < 0;
}

function raised<T>(base: Expr, exponent: number, dialect: Dialect<T>, tight = true): T {
  if (exponent === 1) return write(base, dialect, tight ? ATOM : SUM);
  if (exponent === 0.5) return dialect.root(write(base, dialect, SUM));
  const isPlain = base.kind === "name" || base.kind === "number";
  const body = write(base, dialect, isPlain ? ATOM : SUM);
  return dialect.power(isPlain ? body : dialect.group(body), exponent);
}
