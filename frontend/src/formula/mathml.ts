// Formulas drawn by the browser: MathML elements, numbers rounded for reading.
import type { Called, Name } from "./expression.ts";
import { type Dialect, print, PRODUCT, signOf } from "./print.ts";
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
    product: (parts) => {
      const read = parts.length > 1 && parts[0].textContent === "1" ? parts.slice(1) : parts; // 1.0003 is read as 1
      return row(...read.flatMap((part, n) => (n === 0 ? [part] : [times(part), part])));
    },
    sum: (terms) => row(...terms.flatMap(({ negative, body }, n) => (n === 0 && !negative ? [body] : [operator(negative ? "−" : "+"), body]))),
    group: (body) => bracketed(body),
  };
}

/** A thin space between what is multiplied, a dot where a number follows. */
function times(after: Element): Element {
  if (/^\d/.test(after.textContent ?? "")) return operator("·");
  const space = element("mspace");
  space.setAttribute("width", "0.14em");
  return space;
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

/** One paragraph per line; a long sum may break before each of its terms. */
export function asMathml(explored: Explored, composed: Composed, digits: number): HTMLElement[] {
  const last = composed.lines[composed.lines.length - 1].target.level;
  const own = dialect(explored, digits);
  return composed.lines.map(({ target, expr }) => {
    const left = target.level === last ? variable(explored.outputs[target.node].name) : indexed("h", `${target.level},${target.node}`);
    const terms = expr.kind === "sum" ? expr.terms : [expr];
    const pieces = terms.map((term, n) => {
      const isFirst = n === 0;
      const { negative, size } = signOf(term);
      const sign = negative ? [operator("−")] : isFirst ? [] : [operator("+")];
      const spaced = sign.map((mark) => (isFirst ? mark : infix(mark)));
      return element("math", row(...(isFirst ? [left, operator("=")] : []), ...spaced, print(size, own, PRODUCT)));
    });
    const line = document.createElement("p");
    line.append(...pieces.flatMap((piece, n) => (n === 0 ? [piece] : [" ", piece])));
    return line;
  });
}

/** A sign between terms, with its spaces although it begins a piece. */
function infix(mark: Element): Element {
  mark.setAttribute("form", "infix");
  return mark;
}
