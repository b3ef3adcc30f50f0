// Formulas drawn by the browser: MathML elements, numbers rounded for reading.
import type { Called, Name } from "./expression.ts";
import { type Dialect, print } from "./print.ts";
import type { Composed } from "./compose.ts";
import type { Explored } from "../model/payload.ts";

const MATHML = "http://www.w3.org/1998/Math/MathML";

function element(tag: string, ...children: (Node | string)[]): Element {
  const made = document.createElementNS(MATHML, tag);
  made.append(...children);
  return made;
}

const row = (...children: Node[]): Element => element("mrow", ...children);
const operator = (sign: string): Element => element("mo", sign);
const bracketed = (body: Node, open = "(", close = ")"): Element => row(operator(open), body, operator(close));

const WORDS: Readonly<Record<string, string>> = { log: "ln", arctanh: "artanh", sgn: "sgn", arcsin: "arcsin" };

function dialect(explored: Explored, digits: number): Dialect<Element> {
  const name = (of: Name): Element => ("input" in of ? variable(explored.inputs[of.input].name) : indexed("h", `${of.level},${of.node}`));
  return {
    number: (value) => numeral(value, digits),
    name,
    call: (called, z) => calledWith(called, z),
    power: (base, exponent) => element("msup", base, exponent % 1 ? numeral(exponent, digits) : element("mn", String(exponent))),
    root: (base) => element("msqrt", base),
    fraction: (above, below) => element("mfrac", above, below),
    product: (parts) => row(...parts.flatMap((part, n) => (n === 0 ? [part] : [times(parts[n - 1], part), part]))),
    sum: (terms) => row(...terms.flatMap(({ negative, body }, n) => (n === 0 && !negative ? [body] : [operator(negative ? "−" : "+"), body]))),
    group: (body) => bracketed(body),
  };
}

/** Nothing between a number and what it multiplies, a dot between two numbers. */
function times(before: Element, after: Element): Element {
  return operator(before.tagName === "mn" && /^(mn|mrow|mfrac)$/.test(after.tagName) && after.textContent?.match(/^\d/) ? "·" : "\u2062");
}

function calledWith(called: Called, z: Element): Element {
  if (typeof called !== "string") return row(indexed("f", called.edge.join(",")), bracketed(z));
  if (called === "exp") return element("msup", element("mi", "e"), z);
  if (called === "abs") return bracketed(z, "|", "|");
  if (called === "relu") return row(element("mi", "max"), bracketed(row(element("mn", "0"), operator(","), z)));
  if (called === "j0" || called === "j1") return row(indexed("J", called[1]), bracketed(z));
  return row(element("mi", WORDS[called] ?? called), operator("\u2061"), bracketed(z));
}

function numeral(value: number, digits: number): Element {
  const text = value !== 0 && (value < 1e-3 || value >= 1e5) ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
  const [mantissa, exponent] = text.split("e");
  if (!exponent) return element("mn", mantissa);
  const power = element("msup", element("mn", "10"), element("mn", String(Number(exponent)).replace("-", "−")));
  return Number(mantissa) === 1 ? power : row(element("mn", mantissa), operator("·"), power);
}

/** x_1 and x1 get a low index; longer names stand upright. */
function variable(name: string): Element {
  const parts = /^(\p{L})_?(\d+)$/u.exec(name);
  return parts ? indexed(parts[1], parts[2]) : element("mi", name);
}

function indexed(letter: string, index: string): Element {
  return element("msub", element("mi", letter), element("mn", index));
}

/** One `math` element per line. */
export function asMathml(explored: Explored, composed: Composed, digits: number): Element[] {
  const last = composed.lines[composed.lines.length - 1].target.level;
  return composed.lines.map(({ target, expr }) => {
    const left = target.level === last ? variable(explored.outputs[target.node].name) : indexed("h", `${target.level},${target.node}`);
    const math = element("math", row(left, operator("="), print(expr, dialect(explored, digits))));
    math.setAttribute("display", "block");
    return math;
  });
}
