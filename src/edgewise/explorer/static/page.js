"use strict";
(() => {
  // src/model/payload.ts
  var QUANTILES = 33;
  var VERSION = 1;
  var PayloadError = class extends Error {
  };
  function decode(payload2) {
    const p = record(payload2, "payload");
    if (p.format !== "edgewise-explorer") fail("format", "must be 'edgewise-explorer'", p.format);
    if (p.version !== VERSION) fail("version", `must be ${VERSION}: this page is of another edgewise than the data`, p.version);
    const net = decodeNet(p.model);
    const [first, last] = [net.nodes[0], net.nodes[net.nodes.length - 1]];
    const sample = p.sample == null ? null : decodeSample(p.sample, levelSize(first), levelSize(last));
    return {
      title: text(p.title ?? "", "title"),
      edgewise: text(p.edgewise ?? "", "edgewise"),
      net,
      inputs: variables(p.inputs, "inputs", levelSize(first)),
      outputs: variables(p.outputs, "outputs", levelSize(last)),
      link: oneOf(p.link ?? "identity", ["identity", "softmax", "sigmoid"], "link"),
      classes: p.classes == null ? null : list(p.classes, "classes").map(String),
      nodeQuantiles: perLayer(p.nodes, "nodes", net, (layer) => [layer.I, QUANTILES]),
      deviations: perLayer(p.deviations, "deviations", net, (layer) => [layer.I, layer.O]),
      loss: p.loss == null ? null : decodeLoss(record(p.loss, "loss")),
      sample,
      formula: p.formula == null ? null : list(p.formula, "formula").map((f, n) => decodeFormula(f, `formula[${n}]`)),
      source: p.source == null ? null : text(p.source, "source")
    };
  }
  function decodeNet(model) {
    const m = record(model, "model");
    const k = whole(m.k, "model.k");
    const arity = whole(m.mult_arity ?? 2, "model.mult_arity");
    const nodes = list(m.width, "model.width").map((level2, n) => decodeLevel(level2, `model.width[${n}]`));
    const layers = list(m.layers, "model.layers");
    if (layers.length !== nodes.length - 1) fail("model.layers", `must be ${nodes.length - 1}, one less than levels`, layers.length);
    return {
      k,
      outside: oneOf(m.outside, ["linear", "extend"], "model.outside"),
      baseFun: text(m.base_fun, "model.base_fun"),
      arity,
      nodes,
      layers: layers.map(
        (layer, l) => decodeLayer(layer, `model.layers[${l}]`, k, levelSize(nodes[l]), nodes[l + 1][0] + arity * nodes[l + 1][1])
      )
    };
  }
  function levelSize(level2) {
    return level2[0] + level2[1];
  }
  function decodeArray(value, where, shape) {
    const a = record(value, where);
    const got = list(a.shape, `${where}.shape`);
    if (got.length !== shape.length || shape.some((n, d) => n !== -1 && n !== got[d])) {
      fail(`${where}.shape`, `must be (${shape.join(", ")})`, `(${got.join(", ")})`);
    }
    const bytes = Uint8Array.from(atob(text(a.data, `${where}.data`)), (c) => c.charCodeAt(0));
    const dtype = oneOf(a.dtype, ["f4", "f8"], `${where}.dtype`);
    const count = got.reduce((product2, n) => product2 * n, 1);
    const width = dtype === "f4" ? 4 : 8;
    if (bytes.length !== count * width) fail(`${where}.data`, `must be ${count * width} bytes`, bytes.length);
    const view = new DataView(bytes.buffer);
    return Float64Array.from(
      { length: count },
      (_, n) => dtype === "f4" ? view.getFloat32(4 * n, true) : view.getFloat64(8 * n, true)
    );
  }
  function encodeNet(net) {
    const layers = net.layers.map((layer) => ({
      knots: encodeArray(layer.knots, [layer.I, layer.S + net.k + 1]),
      coef: encodeArray(layer.coef, [layer.I, layer.S, layer.O]),
      base: encodeArray(layer.base, [layer.I, layer.O]),
      spline_scale: layer.scale && encodeArray(layer.scale, [layer.I, layer.O]),
      mask: encodeArray(layer.mask, [layer.I, layer.O]),
      symbolic: [...layer.symbolic].map(([place2, { name, affine, sampled }]) => ({
        i: Math.floor(place2 / layer.O),
        j: place2 % layer.O,
        name,
        affine,
        ...sampled && {
          sampled: { knots: encodeArray(sampled.knots, [1, sampled.knots.length]), coef: encodeArray(sampled.coef, [sampled.coef.length]) }
        }
      }))
    }));
    const { k, arity, outside, baseFun, nodes } = net;
    return { width: nodes, k, mult_arity: arity, base_fun: baseFun, outside, layers };
  }
  function encodeArray(values2, shape) {
    const bytes = new DataView(new ArrayBuffer(8 * values2.length));
    values2.forEach((value, n) => bytes.setFloat64(8 * n, value, true));
    let text2 = "";
    for (const byte of new Uint8Array(bytes.buffer)) text2 += String.fromCharCode(byte);
    return { shape, dtype: "f8", data: btoa(text2) };
  }
  function decodeLayer(value, where, k, I, O) {
    const layer = record(value, where);
    const knots = record(layer.knots, `${where}.knots`);
    const S = list(knots.shape, `${where}.knots.shape`)[1] - k - 1;
    if (!(S >= 1)) fail(`${where}.knots`, `must have at least ${k + 2} columns`, S + k + 1);
    const symbolic = /* @__PURE__ */ new Map();
    for (const item of list(layer.symbolic ?? [], `${where}.symbolic`)) {
      const edge = record(item, `${where}.symbolic`);
      const [i, j] = [whole(edge.i, `${where}.symbolic.i`), whole(edge.j, `${where}.symbolic.j`)];
      if (i >= I || j >= O) fail(`${where}.symbolic`, `must be edges of (${I}, ${O})`, `(${i}, ${j})`);
      const affine = list(edge.affine, `${where}.symbolic.affine`).map(Number);
      const sampled = edge.sampled == null ? void 0 : decodeSampled(edge.sampled, `${where}.symbolic.sampled`);
      symbolic.set(i * O + j, { name: text(edge.name, `${where}.symbolic.name`), affine, ...sampled && { sampled } });
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
      symbolic
    };
  }
  function decodeSampled(value, where) {
    const s = record(value, where);
    return { knots: decodeArray(s.knots, `${where}.knots`, [1, -1]), coef: decodeArray(s.coef, `${where}.coef`, [-1]) };
  }
  function decodeLevel(level2, where) {
    if (typeof level2 === "number") return [whole(level2, where), 0];
    const pair = list(level2, where);
    return [whole(pair[0], where), whole(pair[1] ?? 0, where)];
  }
  function decodeSample(value, I, O) {
    const s = record(value, "sample");
    const x = decodeArray(s.x, "sample.x", [-1, I]);
    const n = x.length / I;
    return { n, x, y: s.y == null ? null : decodeArray(s.y, "sample.y", [n, O]) };
  }
  function variables(value, where, count) {
    const items = list(value, where);
    if (items.length !== count) fail(where, `must be ${count}`, items.length);
    return items.map((item, n) => {
      const v = record(item, `${where}[${n}]`);
      return {
        name: text(v.name, `${where}[${n}].name`),
        unit: v.unit == null ? null : text(v.unit, `${where}[${n}].unit`),
        shift: Number(v.shift ?? 0),
        scale: Number(v.scale ?? 1),
        bend: v.bend == null ? null : Number(v.bend),
        category: v.category == null ? null : decodeCategory(v.category, `${where}[${n}].category`),
        quantiles: v.quantiles == null ? [] : list(v.quantiles, `${where}[${n}].quantiles`).map(Number)
      };
    });
  }
  function decodeCategory(value, where) {
    const category = record(value, where);
    return { column: text(category.column, `${where}.column`), level: text(category.level, `${where}.level`) };
  }
  function perLayer(value, where, net, shape) {
    const items = list(value, where);
    if (items.length !== net.layers.length) fail(where, `must be ${net.layers.length}, one per layer`, items.length);
    return items.map((item, l) => decodeArray(item, `${where}[${l}]`, shape(net.layers[l])));
  }
  function decodeLoss(loss) {
    const number2 = (v) => typeof v === "number" ? v : null;
    return { name: text(loss.name, "loss.name"), train: number2(loss.train), test: number2(loss.test) };
  }
  function decodeFormula(value, where) {
    const f = record(value, where);
    return {
      latex: text(f.latex, `${where}.latex`),
      python: text(f.python, `${where}.python`),
      sympy: text(f.sympy, `${where}.sympy`)
    };
  }
  function record(value, where) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) fail(where, "must be an object", value);
    return value;
  }
  function list(value, where) {
    if (!Array.isArray(value)) fail(where, "must be a list", value);
    return value;
  }
  function text(value, where) {
    if (typeof value !== "string") fail(where, "must be a string", value);
    return value;
  }
  function whole(value, where) {
    if (!Number.isInteger(value) || value < 0) fail(where, "must be an integer >= 0", value);
    return value;
  }
  function oneOf(value, known2, where) {
    if (!known2.includes(value)) fail(where, `must be one of ${known2.join(", ")}`, value);
    return value;
  }
  function fail(where, rule, value) {
    const shown2 = typeof value === "object" ? JSON.stringify(value)?.slice(0, 60) : String(value);
    throw new PayloadError(`\`${where}\` ${rule}; got ${shown2}.`);
  }

  // src/app/dom.ts
  var SVG = "http://www.w3.org/2000/svg";
  function h(tag, attributes = {}, ...children) {
    return fill(document.createElement(tag), attributes, children);
  }
  function svg(tag, attributes = {}, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
  }
  function set(element2, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") element2.addEventListener(name.slice(2), value);
      else if (value === false || value == null) element2.removeAttribute(name);
      else element2.setAttribute(name, value === true ? "" : String(value));
    }
  }
  function fillWith(element2, ...children) {
    element2.replaceChildren(...children.filter(isThere).map(asNode));
  }
  function button(words, onclick, attributes = {}) {
    return h("button", { type: "button", onclick, ...attributes }, words);
  }
  function choice(label, options, onchange) {
    const select = h("select", { onchange: () => onchange(select.value) });
    select.append(...options.map(([value, words]) => h("option", { value }, words)));
    return { element: h("label", { class: "field" }, h("span", {}, label), select), select };
  }
  function fill(element2, attributes, children) {
    set(element2, attributes);
    element2.append(...children.filter(isThere).map(asNode));
    return element2;
  }
  function isThere(child) {
    return child !== null && child !== void 0 && child !== false;
  }
  function asNode(child) {
    return typeof child === "number" ? String(child) : child;
  }

  // src/model/wording.ts
  function shown(value, digits = 3) {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "∞" : "−∞";
    if (value === 0) return "0";
    const size = Math.abs(value);
    const text2 = size < 1e-3 || size >= 1e5 ? value.toExponential(digits - 1) : value.toPrecision(digits);
    const [mantissa, exponent] = text2.split("e");
    const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
    return (exponent ? `${short}e${Number(exponent)}` : short).replaceAll("-", "−");
  }
  function withUnit({ name, unit }) {
    return unit ? `${name} (${unit})` : name;
  }
  function shortened(text2, most) {
    return text2.length <= most ? text2 : `${text2.slice(0, Math.max(1, most - 1))}…`;
  }
  function nodeOfSum(net, l, j) {
    const [sums] = net.nodes[l + 1];
    if (j < sums) return { node: j, factor: -1 };
    return { node: sums + Math.floor((j - sums) / net.arity), factor: (j - sums) % net.arity };
  }
  function nodeName({ inputs, outputs }, net, level2, node) {
    if (level2 === 0) return inputs[node]?.name ?? `input ${node}`;
    if (level2 === net.layers.length) return outputs[node]?.name ?? `output ${node}`;
    return node < net.nodes[level2][0] ? `node ${level2}.${node}` : `product ${level2}.${node}`;
  }
  function targetName(explored, net, l, j) {
    const { node, factor } = nodeOfSum(net, l, j);
    const name = nodeName(explored, net, l + 1, node);
    return factor < 0 ? name : `${name}, factor ${factor + 1}`;
  }
  function edgeName(explored, net, [l, i, j]) {
    return `${nodeName(explored, net, l, i)} → ${targetName(explored, net, l, j)}`;
  }
  function shapeText(net) {
    return net.nodes.map(([sums, products]) => products ? `${sums} + ${products}×` : `${sums}`).join(" → ");
  }
  var TEMPLATES = {
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
    gaussian: (z) => `exp(−${group(z)}²)`
  };
  function formulaText({ name, affine, sampled }, digits = 3, variable2 = "x") {
    if (sampled) return `${name}(${variable2})`;
    const [a, b, c, d, p] = affine;
    const inner = plus(times(a, variable2, digits), b, digits);
    const template = TEMPLATES[name] ?? ((z) => `${name}(${z})`);
    if (name === "0" || c === 0) return shown(d, digits);
    const body = template(inner, shown(p, digits));
    const needsGroup = name === "x" && inner.includes(" ");
    return plus(times(c, needsGroup && shown(c, digits) !== "1" ? `(${body})` : body, digits), d, digits);
  }
  function formulaWithin(edge, letters) {
    const bare = { ...edge, affine: [1, 0, 1, 0, edge.affine[4]] };
    return [formulaText(edge, 2), formulaText(bare, 2), edge.name].find((text2) => text2.length <= letters) ?? "";
  }
  function times(factor, body, digits) {
    const number2 = shown(factor, digits);
    if (number2 === "1") return body;
    if (number2 === "−1") return `−${body}`;
    const tight = /^[\p{L}(|√]$/u.test(body) || body.startsWith("(");
    return tight ? `${number2}${body}` : /^\d/.test(body) ? `${number2} · ${body}` : `${number2} ${body}`;
  }
  function plus(body, term, digits) {
    if (term === 0) return body;
    return `${body} ${term < 0 ? "−" : "+"} ${shown(Math.abs(term), digits)}`;
  }
  function group(z) {
    return /^[\p{L}\d]$/u.test(z) ? z : `(${z})`;
  }

  // src/model/edits.ts
  function applyEdit(net, edit) {
    const [l, i, j] = edit.edge;
    const layer = net.layers[l];
    if (!layer || i >= layer.I || j >= layer.O || i < 0 || j < 0) throw new RangeError(`there is no edge (${l}, ${i}, ${j})`);
    const layers = net.layers.slice();
    layers[l] = { ...layer, ...changes(layer, edit, i * layer.O + j) };
    return { ...net, layers };
  }
  function changes(layer, edit, place2) {
    switch (edit.op) {
      case "coef":
        return { coef: withValue(layer.coef, coefPlace(layer, edit.edge, edit.index), edit.value) };
      case "base":
        return { base: withValue(layer.base, place2, edit.value) };
      case "prune":
      case "restore":
        return { mask: withValue(layer.mask, place2, edit.op === "prune" ? 0 : 1) };
      case "fix":
        return { symbolic: new Map(layer.symbolic).set(place2, { name: edit.name, affine: edit.affine }) };
      case "unfix": {
        const symbolic = new Map(layer.symbolic);
        symbolic.delete(place2);
        return { symbolic };
      }
    }
  }
  function applyEdits(net, edits) {
    return edits.reduce(applyEdit, net);
  }
  function withEdit(original, edits, edit) {
    const kept = edits.filter((other) => fieldOf(other) !== fieldOf(edit));
    return isAsBefore(original, edit) ? kept : [...kept, edit];
  }
  function coefPlace(layer, [, i, j], index) {
    return (i * layer.S + index) * layer.O + j;
  }
  function asPython(edits, source) {
    const lines = edits.map((edit) => `    ${pythonDict(edit)},`);
    return [
      "from edgewise import KAN",
      "from edgewise.explorer import apply_edits",
      "",
      source === null ? "model = ...  # your trained model" : `model = ${source}`,
      "# the edits made in the explorer, in full precision",
      `model = apply_edits(model, [${lines.length ? `
${lines.join("\n")}
` : ""}])`,
      ""
    ].join("\n");
  }
  function checkedEdits(value) {
    if (!Array.isArray(value)) throw new Error("edits must be a list");
    return value.map((item, n) => {
      const edit = item;
      const known2 = ["coef", "base", "fix", "unfix", "prune", "restore"].includes(edit?.op);
      if (!known2 || !Array.isArray(edit.edge) || edit.edge.length !== 3) throw new Error(`edits[${n}] is not an edit`);
      return edit;
    });
  }
  function fieldOf(edit) {
    const field = { coef: "coef", base: "base", fix: "symbolic", unfix: "symbolic", prune: "mask", restore: "mask" }[edit.op];
    return [field, ...edit.edge, edit.op === "coef" ? edit.index : ""].join();
  }
  function isAsBefore(net, edit) {
    const [l, i, j] = edit.edge;
    const layer = net.layers[l];
    const place2 = i * layer.O + j;
    switch (edit.op) {
      case "coef":
        return Object.is(layer.coef[coefPlace(layer, edit.edge, edit.index)], edit.value);
      case "base":
        return Object.is(layer.base[place2], edit.value);
      case "prune":
        return layer.mask[place2] === 0;
      case "restore":
        return layer.mask[place2] !== 0;
      case "unfix":
        return !layer.symbolic.has(place2);
      case "fix": {
        const before = layer.symbolic.get(place2);
        return before?.name === edit.name && before.affine.every((value, n) => Object.is(value, edit.affine[n]));
      }
    }
  }
  function withValue(array, place2, value) {
    const copy = array.slice();
    copy[place2] = value;
    return copy;
  }
  function pythonDict(edit) {
    const entries = Object.entries(edit).map(([key, value]) => `"${key}": ${pythonValue(value)}`);
    return `{${entries.join(", ")}}`;
  }
  function pythonValue(value) {
    if (Array.isArray(value)) return `[${value.map(pythonValue).join(", ")}]`;
    if (typeof value === "number") return pythonNumber(value);
    return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  }
  function pythonNumber(value) {
    return Object.is(value, -0) ? "-0.0" : String(value);
  }

  // src/maths/basis.ts
  var near = new Float64Array(16);
  var slopes = new Float64Array(9);
  function findCell(knots, x, first, last, at2 = 0) {
    let lo = first;
    let hi = last;
    while (lo < hi) {
      const middle = lo + hi + 1 >> 1;
      if (x >= knots[at2 + middle]) lo = middle;
      else hi = middle - 1;
    }
    return lo;
  }
  function localBasis(knots, k, x, out, order = 0, outside = "linear", at2 = 0, count = knots.length) {
    return outside === "linear" ? linearBasis(knots, k, x, out, order, at2, count) : extendedBasis(knots, k, x, out, order, at2, count);
  }
  function linearBasis(knots, k, x, out, order, at2, count) {
    const lo = knots[at2 + k];
    const hi = knots[at2 + count - k - 1];
    const inside = x < lo ? lo : x > hi ? hi : x;
    const cell = findCell(knots, inside, k, count - k - 2, at2);
    if (near.length < 2 * k) grow(k);
    for (let n = 0; n < 2 * k; n++) near[n] = knots[at2 + cell - k + 1 + n];
    if (inside === x || order === 1) fill2(k, inside, out, order);
    else if (order > 1) out.fill(0, 0, k + 1);
    else {
      fill2(k, inside, out, 0);
      fill2(k, inside, slopes, 1);
      for (let n = 0; n <= k; n++) out[n] = out[n] + slopes[n] * (x - inside);
    }
    if (x !== x) out.fill(NaN, 0, k + 1);
    return cell - k;
  }
  function extendedBasis(knots, k, x, out, order, at2, count) {
    if (!(x >= knots[at2] && x < knots[at2 + count - 1])) {
      out.fill(x !== x ? NaN : 0, 0, k + 1);
      return 0;
    }
    const cell = findCell(knots, x, 0, count - 2, at2);
    if (near.length < 2 * k) grow(k);
    const width = knots[at2 + count - 1] - knots[at2];
    for (let n = 0; n < 2 * k; n++) {
      const m = cell - k + 1 + n;
      near[n] = m < 0 ? knots[at2] + m * width : m >= count ? knots[at2 + count - 1] + (m - count + 1) * width : knots[at2 + m];
    }
    fill2(k, x, out, order);
    const first = cell - k;
    for (let n = 0; n <= k; n++) if (first + n < 0 || first + n > count - k - 2) out[n] = 0;
    return first;
  }
  function fill2(k, x, out, order) {
    if (order > k) {
      out.fill(0, 0, k + 1);
      return;
    }
    out[0] = 1;
    for (let p = 1; p <= k - order; p++) {
      let carry = 0;
      for (let r = 0; r < p; r++) {
        const left = near[k + r - p];
        const right = near[k + r];
        const quotient2 = out[r] / (right - left);
        out[r] = carry + quotient2 * (right - x);
        carry = quotient2 * (x - left);
      }
      out[p] = carry;
    }
    for (let p = k - order + 1; p <= k; p++) {
      let before = 0;
      for (let n = 0; n < p; n++) {
        const quotient2 = out[n] / (near[k + n] - near[k - p + n]);
        out[n] = p * (before - quotient2);
        before = quotient2;
      }
      out[p] = p * before;
    }
  }
  function controlSites(knots, k) {
    const size = knots.length - k - 1;
    return Float64Array.from({ length: size }, (_, s) => {
      if (k === 0) return (knots[s] + knots[s + 1]) / 2;
      let sum2 = 0;
      for (let n = 1; n <= k; n++) sum2 += knots[s + n];
      return sum2 / k;
    });
  }
  function grow(k) {
    near = new Float64Array(2 * k);
    slopes = new Float64Array(k + 1);
  }

  // src/maths/special.ts
  var ERFC = [
    -0.6513268598908547,
    0.6419697923564902,
    0.019476473204185836,
    -0.00956151478680863,
    -946595344482037e-18,
    366839497852761e-18,
    42523324806908e-18,
    -20278578112534e-18,
    -1624290004647e-18,
    1303655835581e-18,
    15626441722e-18,
    -85238095915e-18,
    6529054439e-18,
    5059343496e-18,
    -991364157e-18,
    -227365122e-18,
    96467911e-18,
    2394038e-18,
    -6886028e-18,
    894488e-18,
    313092e-18,
    -112708e-18,
    381e-18,
    7106e-18,
    -1523e-18,
    -95e-18,
    121e-18,
    -28e-18
  ];
  var J0 = [
    0.15772797147489012,
    -0.008723442352852221,
    0.2651786132033368,
    -0.37009499387264977,
    0.15806710233209725,
    -0.034893769411408884,
    0.004819180069467605,
    -460626166206275e-18,
    32460328821005e-18,
    -1761946907762e-18,
    76081635924e-18,
    -26792535306e-19,
    784869631e-19,
    -1943834687e-21,
    41253206e-21,
    -758851e-21,
    12219e-21
  ];
  var J1 = [
    0.08104484632565812,
    -0.1489751450676521,
    0.1609992623572097,
    -0.08268049176681791,
    0.022213639654966037,
    -0.003646940600769276,
    405033772835482e-18,
    -32555548668573e-18,
    1985877404992e-18,
    -95219847568e-18,
    36871337591e-19,
    -1178026623e-19,
    316015458e-20,
    -72217557e-21,
    1423214e-21,
    -24442e-21
  ];
  var P0 = [
    0.9994603493475187,
    -536522046813212e-18,
    307518478752e-17,
    -51705945376e-18,
    16306464635e-19,
    -786409138e-19,
    5168262387e-21,
    -430457887e-21,
    43265957e-21,
    -5069034e-21,
    674807e-21,
    -100115e-21,
    16306e-21
  ];
  var Q0 = [
    -0.015555854605337009,
    68385199426116e-18,
    -74144984110606e-20,
    17972457247969e-21,
    -7271915936866e-22,
    42201219046687e-24,
    -3206747420997e-24,
    300614512535e-24,
    -33363281853e-24,
    425522504e-23,
    -609993013e-24,
    9662129e-23,
    -16686066e-24
  ];
  var P1 = [
    1.0009030408600137,
    898989833085941e-18,
    -3987284300489e-18,
    6177633960644e-20,
    -18718907491063e-22,
    88168986596e-21,
    -5704863640396e-24,
    469919551523e-24,
    -46842237838e-24,
    5452674896e-24,
    -722118084e-24,
    106676891e-24,
    -17312313e-24
  ];
  var Q1 = [
    0.04677778706953532,
    -96277235491571e-18,
    91386152579555e-20,
    -20959781384084e-21,
    8229193327651e-22,
    -46863636881769e-24,
    3515218794969e-24,
    -326431567433e-24,
    35967765829e-24,
    -4561252395e-24,
    650828296e-24,
    -102691475e-24,
    17676355e-24
  ];
  function chebyshev(c, t) {
    const twice = 4 * t - 2;
    let b1 = 0;
    let b2 = 0;
    for (let n = c.length - 1; n > 0; n--) {
      const b0 = twice * b1 - b2 + c[n];
      b2 = b1;
      b1 = b0;
    }
    return twice / 2 * b1 - b2 + c[0];
  }
  function erf(x) {
    if (Math.abs(x) < 0.5) {
      const square = x * x;
      let term = x;
      let sum2 = x;
      for (let n = 1; n < 13; n++) {
        term *= -square / n;
        sum2 += term / (2 * n + 1);
      }
      return 2 / Math.sqrt(Math.PI) * sum2;
    }
    return x < 0 ? erfc(-x) - 1 : 1 - erfc(x);
  }
  function erfc(x) {
    if (x < 0) return 2 - erfc(-x);
    const t = 2 / (2 + x);
    return t * Math.exp(-x * x + chebyshev(ERFC, t));
  }
  function besselJ0(x) {
    const size = Math.abs(x);
    if (size === Infinity) return 0;
    if (!(size > 8)) return chebyshev(J0, (size / 8) ** 2);
    const [sin, cos] = [Math.sin(size), Math.cos(size)];
    const t = (8 / size) ** 2;
    const [p, q] = [chebyshev(P0, t), 8 / size * chebyshev(Q0, t)];
    return (p * (cos + sin) - q * (sin - cos)) / Math.sqrt(Math.PI * size);
  }
  function besselJ1(x) {
    const size = Math.abs(x);
    if (size === Infinity) return 0;
    if (!(size > 8)) return x * chebyshev(J1, (size / 8) ** 2);
    const [sin, cos] = [Math.sin(size), Math.cos(size)];
    const t = (8 / size) ** 2;
    const [p, q] = [chebyshev(P1, t), 8 / size * chebyshev(Q1, t)];
    const value = (p * (sin - cos) + q * (sin + cos)) / Math.sqrt(Math.PI * size);
    return x < 0 ? -value : value;
  }

  // src/maths/functions.ts
  var LOG2E = Math.LOG2E;
  var sigmoid = (z) => z < 0 ? Math.exp(z) / (1 + Math.exp(z)) : 1 / (1 + Math.exp(-z));
  var FUNCTIONS = new Map(
    [
      fun("0", 0, () => 0, () => 0),
      fun("x", 1, (z) => z, () => 1, ["odd"]),
      fun("x^2", 2, (z) => z * z, (z) => 2 * z, ["even"]),
      fun("x^3", 3, (z) => z * z * z, (z) => 3 * z * z, ["odd"]),
      fun("x^4", 3, (z) => z * z * z * z, (z) => 4 * z * z * z, ["even"]),
      fun("x^5", 3, (z) => z * z * z * z * z, (z) => 5 * z * z * z * z, ["odd"]),
      inverse(1, 2),
      inverse(2, 2),
      inverse(3, 3),
      inverse(4, 4),
      inverse(5, 5),
      fun("sqrt", 2, Math.sqrt, (z) => 0.5 / Math.sqrt(z)),
      fun("x^0.5", 2, Math.sqrt, (z) => 0.5 / Math.sqrt(z), [], "sqrt"),
      fun("x^1.5", 4, (z) => z * Math.sqrt(z), (z) => 1.5 * Math.sqrt(z)),
      fun("1/sqrt(x)", 2, (z) => 1 / Math.sqrt(z), (z) => -0.5 / (z * Math.sqrt(z))),
      fun("1/x^0.5", 2, (z) => 1 / Math.sqrt(z), (z) => -0.5 / (z * Math.sqrt(z)), [], "1/sqrt(x)"),
      fun("x^p", 5, (z, p) => z ** p, (z, p) => p * z ** (p - 1), ["free"]),
      fun("exp", 2, Math.exp, Math.exp),
      fun("log", 2, Math.log, (z) => 1 / z),
      fun("abs", 3, Math.abs, Math.sign, ["even"]),
      fun("sin", 2, Math.sin, Math.cos, ["odd", "periodic"]),
      fun("cos", 2, Math.cos, (z) => -Math.sin(z), ["even", "periodic"], "sin"),
      fun("tan", 3, Math.tan, (z) => 1 + Math.tan(z) ** 2, ["odd", "periodic"]),
      fun("tanh", 3, Math.tanh, (z) => 1 / Math.cosh(z) ** 2, ["odd"]),
      fun("sigmoid", 3, sigmoid, (z) => sigmoid(z) * sigmoid(-z), [], "tanh"),
      fun("sinh", 3, Math.sinh, Math.cosh, ["odd"]),
      fun("cosh", 3, Math.cosh, Math.sinh, ["even"]),
      fun("sgn", 3, Math.sign, () => 0, ["odd"]),
      fun("relu", 3, (z) => Math.max(z, 0), (z) => z > 0 ? 1 : 0),
      fun("arcsin", 4, Math.asin, (z) => 1 / Math.sqrt(1 - z * z), ["odd"]),
      fun("arccos", 4, Math.acos, (z) => -1 / Math.sqrt(1 - z * z), [], "arcsin"),
      fun("arctan", 4, Math.atan, (z) => 1 / (1 + z * z), ["odd"]),
      fun("arctanh", 4, Math.atanh, (z) => 1 / (1 - z * z), ["odd"]),
      fun("gaussian", 3, (z) => Math.exp(-z * z), (z) => -2 * z * Math.exp(-z * z), ["even"]),
      fun("erf", 4, erf, (z) => 2 / Math.sqrt(Math.PI) * Math.exp(-z * z), ["odd"]),
      fun("j0", 4, besselJ0, (z) => -besselJ1(z), ["even", "periodic"]),
      fun("j1", 4, besselJ1, j1Slope, ["odd", "periodic"])
    ].map((f) => [f.name, f])
  );
  var silu = (x) => x / (1 + Math.exp(-x));
  var normal = (x) => 0.5 * (1 + erf(x / Math.SQRT2));
  var BASE_FUNCTIONS = /* @__PURE__ */ new Map([
    ["silu", { value: silu, slope: (x) => sigmoid(x) * (1 + x * sigmoid(-x)) }],
    ["identity", { value: (x) => x, slope: () => 1 }],
    ["tanh", { value: Math.tanh, slope: (x) => 1 / Math.cosh(x) ** 2 }],
    ["gelu", { value: (x) => x * normal(x), slope: (x) => normal(x) + x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI) }],
    ["relu", { value: (x) => Math.max(x, 0), slope: (x) => x > 0 ? 1 : 0 }],
    ["zero", null]
  ]);
  function functionNamed(name) {
    const found = FUNCTIONS.get(name);
    if (!found) throw new RangeError(`there is no function "${name}"; known are ${[...FUNCTIONS.keys()].join(", ")}.`);
    return found;
  }
  function baseNamed(name) {
    const found = BASE_FUNCTIONS.get(name);
    if (found === void 0) throw new RangeError(`there is no base function "${name}"; known are ${[...BASE_FUNCTIONS.keys()].join(", ")}.`);
    return found;
  }
  function description(missing, complexity) {
    return 2 * Math.log(missing + 1e-14) * LOG2E + complexity;
  }
  function fun(name, complexity, value, slope, traits = [], twinOf = null) {
    const has = (trait) => traits.includes(trait);
    return {
      name,
      complexity,
      value,
      slope,
      twinOf,
      odd: has("odd"),
      even: has("even"),
      periodic: has("periodic"),
      freeExponent: has("free")
    };
  }
  function inverse(n, complexity) {
    const name = n === 1 ? "1/x" : `1/x^${n}`;
    const powers = [(z) => z, (z) => z * z, (z) => z * z * z, (z) => z * z * z * z, (z) => z * z * z * z * z];
    const below = powers[n - 1];
    return fun(name, complexity, (z, p) => 1 / below(z, p), (z, p) => -n / (below(z, p) * z), [n % 2 ? "odd" : "even"]);
  }
  function j1Slope(z) {
    return Math.abs(z) < 1e-8 ? 0.5 : besselJ0(z) - besselJ1(z) / z;
  }

  // src/maths/edge.ts
  function domainOf(net, l, i) {
    const layer = net.layers[l];
    const at2 = i * (layer.S + net.k + 1);
    return [layer.knots[at2 + net.k], layer.knots[at2 + layer.S]];
  }
  function knotsOf(net, layer, i) {
    const count = layer.S + net.k + 1;
    return layer.knots.subarray(i * count, (i + 1) * count);
  }
  function coefOf(layer, i, j) {
    return Float64Array.from({ length: layer.S }, (_, s) => layer.coef[(i * layer.S + s) * layer.O + j]);
  }
  function edgeFunction(net, l, i, j, spline = false) {
    const layer = net.layers[l];
    const edge = i * layer.O + j;
    const mask = spline ? 1 : layer.mask[edge];
    if (mask === 0) return () => 0;
    const symbolic = spline ? void 0 : layer.symbolic.get(edge);
    if (symbolic) {
      const f2 = symbolicFunction(symbolic);
      return mask === 1 ? f2 : (x) => mask * f2(x);
    }
    const f = splineFunction(knotsOf(net, layer, i), net.k, coefOf(layer, i, j), net.outside);
    const [scale, weight] = [layer.scale ? layer.scale[edge] : 1, layer.base[edge]];
    const base = baseNamed(net.baseFun);
    return base ? (x) => mask * (scale * f(x) + weight * base.value(x)) : (x) => mask * scale * f(x);
  }
  function splineFunction(knots, k, coef, outside = "linear", order = 0) {
    const local = new Float64Array(k + 1);
    return (x) => {
      const first = localBasis(knots, k, x, local, order, outside);
      let sum2 = 0;
      for (let n = Math.max(0, -first); n <= k && first + n < coef.length; n++) sum2 += local[n] * coef[first + n];
      return sum2;
    };
  }
  function symbolicFunction(edge, order = 0) {
    if (edge.sampled) return splineFunction(edge.sampled.knots, 3, edge.sampled.coef, "linear", order);
    const [a, b, c, d, p] = edge.affine;
    const f = functionNamed(edge.name);
    return order === 0 ? (x) => c * f.value(a * x + b, p) + d : (x) => c * a * f.slope(a * x + b, p);
  }
  function edgeValue(net, l, i, j, x) {
    return edgeFunction(net, l, i, j)(x);
  }

  // src/model/importance.ts
  function importancesOf(deviations) {
    return { deviations: deviations.map((d) => d.slice()), largest: deviations.map(largest) };
  }
  function withChanged(explored, before, net, quantiles, edges) {
    const deviations = before.deviations.slice();
    for (const [l, i, j] of edges) {
      const place2 = i * net.layers[l].O + j;
      if (deviations[l] === before.deviations[l]) deviations[l] = before.deviations[l].slice();
      const now = spread(net, l, i, j, quantiles[l]);
      const then = spread(explored.net, l, i, j, explored.nodeQuantiles[l]);
      const known2 = explored.deviations[l][place2];
      deviations[l][place2] = then > 0 && known2 > 0 ? known2 * now / then : now;
    }
    return { deviations, largest: deviations.map(largest) };
  }
  function importancesFrom(net, quantiles) {
    return importancesOf(
      net.layers.map(
        ({ I, O }, l) => Float64Array.from({ length: I * O }, (_, place2) => spread(net, l, Math.floor(place2 / O), place2 % O, quantiles[l]))
      )
    );
  }
  function importance({ deviations, largest: largest4 }, l, place2) {
    return largest4[l] > 0 ? deviations[l][place2] / largest4[l] : 0;
  }
  function quantilesOf(values2, I) {
    const n = values2.length / I;
    const quantiles = new Float64Array(I * QUANTILES);
    for (let i = 0; i < I; i++) {
      const column = Float64Array.from({ length: n }, (_, row2) => values2[row2 * I + i]).sort();
      for (let q = 0; q < QUANTILES; q++) {
        const at2 = q / (QUANTILES - 1) * (n - 1);
        const below = Math.floor(at2);
        quantiles[i * QUANTILES + q] = column[below] + (at2 - below) * (column[Math.min(below + 1, n - 1)] - column[below]);
      }
    }
    return quantiles;
  }
  function spread(net, l, i, j, quantiles) {
    let [total, mean, squares] = [0, 0, 0];
    for (let q = 0; q < QUANTILES; q++) {
      const weight = q === 0 || q === QUANTILES - 1 ? 0.5 : 1;
      const y = edgeValue(net, l, i, j, quantiles[i * QUANTILES + q]);
      total += weight;
      const step = y - mean;
      mean += weight / total * step;
      squares += weight * step * (y - mean);
    }
    return Math.sqrt(squares / total);
  }
  function largest(values2) {
    return values2.reduce((top, value) => value > top ? value : top, 0);
  }

  // src/maths/network.ts
  function forward(net, x) {
    const rows = x.length / net.layers[0].I;
    const values2 = [x];
    const sums = [];
    net.layers.forEach((layer, l) => {
      sums.push(layerSums(net, layer, values2[l], rows));
      values2.push(multiply(sums[l], rows, net.nodes[l + 1], net.arity));
    });
    return { rows, values: values2, sums };
  }
  function predict(net, x) {
    return forward(net, x).values[net.layers.length];
  }
  var MOST_CANCELLATION = 1e6;
  function outputsAfter(net, before, trace, edge) {
    const { rows, values: values2 } = trace;
    const l = edge[0];
    const sums = [sumsAfter(net, before, trace, edge)];
    let entering = multiply(sums[0], rows, net.nodes[l + 1], net.arity);
    if (l + 1 < net.layers.length) {
      const { node } = nodeOfSum(net, l, edge[2]);
      sums.push(trace.sums[l + 1].slice());
      for (const [x, sign] of [[entering, 1], [values2[l + 1], -1]]) addInput(net, net.layers[l + 1], node, x, rows, sums[1], sign);
      entering = multiply(sums[1], rows, net.nodes[l + 2], net.arity);
    }
    if (sums.some((now, m) => !(MOST_CANCELLATION * largest2(now) >= largest2(trace.sums[l + m])))) return predict(tail(net, l), values2[l]);
    return l + 2 < net.layers.length ? predict(tail(net, l + 2), entering) : entering;
  }
  function sumsAfter(net, before, { rows, values: values2, sums }, [l, i, j]) {
    const { I, O } = net.layers[l];
    const [now, then] = [net, before].map((one) => edgeFunction(one, l, i, j));
    const after = sums[l].slice();
    for (let row2 = 0; row2 < rows; row2++) {
      const x = values2[l][row2 * I + i];
      after[row2 * O + j] += now(x) - then(x);
    }
    return after;
  }
  function tail(net, from) {
    return { ...net, layers: net.layers.slice(from), nodes: net.nodes.slice(from) };
  }
  function largest2(values2) {
    let most = 0;
    for (const value of values2) most = Math.max(most, Math.abs(value));
    return most;
  }
  var known = /* @__PURE__ */ new WeakMap();
  function effectiveWeights(layer) {
    let weights = known.get(layer);
    if (!weights) known.set(layer, weights = multipliedIn(layer));
    return weights;
  }
  function multipliedIn(layer) {
    const { I, S, O, scale, mask, symbolic } = layer;
    if (!scale && symbolic.size === 0 && mask.every((m) => m === 1)) return layer;
    const present = mask.map((m, edge) => symbolic.has(edge) ? 0 : m);
    const coef = new Float64Array(layer.coef.length);
    for (let i = 0; i < I; i++) {
      for (let s = 0; s < S; s++) {
        for (let j = 0; j < O; j++) {
          const at2 = (i * S + s) * O + j;
          coef[at2] = layer.coef[at2] * present[i * O + j] * (scale ? scale[i * O + j] : 1);
        }
      }
    }
    return { coef, base: layer.base.map((b, edge) => b * present[edge]) };
  }
  function layerSums(net, layer, x, rows) {
    const out = new Float64Array(rows * layer.O);
    for (let i = 0; i < layer.I; i++) addInput(net, layer, i, x, rows, out);
    return out;
  }
  function addInput(net, layer, i, x, rows, out, sign = 1) {
    const { I, O, S } = layer;
    const { k } = net;
    const { coef, base } = effectiveWeights(layer);
    const local = new Float64Array(k + 1);
    const T = S + k + 1;
    const residual = baseNamed(net.baseFun);
    for (let row2 = 0; row2 < rows; row2++) {
      const value = x[row2 * I + i];
      const first = localBasis(layer.knots, k, value, local, 0, net.outside, i * T, T);
      for (let n = Math.max(0, -first); n <= k && first + n < S; n++) {
        const b = sign * local[n];
        const from = (i * S + first + n) * O;
        for (let j = 0; j < O; j++) out[row2 * O + j] += b * coef[from + j];
      }
      if (residual) {
        const b = sign * residual.value(value);
        for (let j = 0; j < O; j++) out[row2 * O + j] += b * base[i * O + j];
      }
    }
    if (layer.symbolic.size === 0) return;
    for (let j = 0; j < O; j++) {
      const [symbolic, mask] = [layer.symbolic.get(i * O + j), sign * layer.mask[i * O + j]];
      if (!symbolic || mask === 0) continue;
      const f = symbolicFunction(symbolic);
      for (let row2 = 0; row2 < rows; row2++) out[row2 * O + j] += mask * f(x[row2 * I + i]);
    }
  }
  function multiply(sums, rows, [plain, products], arity) {
    if (products === 0) return sums;
    const [wide, narrow] = [plain + arity * products, plain + products];
    const out = new Float64Array(rows * narrow);
    for (let row2 = 0; row2 < rows; row2++) {
      for (let n = 0; n < plain; n++) out[row2 * narrow + n] = sums[row2 * wide + n];
      for (let m = 0; m < products; m++) {
        let product2 = 1;
        for (let f = 0; f < arity; f++) product2 *= sums[row2 * wide + plain + m * arity + f];
        out[row2 * narrow + plain + m] = product2;
      }
    }
    return out;
  }
  function respond(explored, outputs) {
    const O = explored.outputs.length;
    for (let at2 = 0; at2 < outputs.length; at2 += O) {
      if (explored.link === "softmax") softmax(outputs.subarray(at2, at2 + O));
      else {
        for (let j = 0; j < O; j++) {
          const { shift, scale } = explored.outputs[j];
          const value = outputs[at2 + j] * scale + shift;
          outputs[at2 + j] = explored.link === "sigmoid" ? 1 / (1 + Math.exp(-value)) : value;
        }
      }
    }
    return outputs;
  }
  function softmax(row2) {
    const most = row2.reduce((a, b) => Math.max(a, b), -Infinity);
    let total = 0;
    row2.forEach((v, n) => total += row2[n] = Math.exp(v - most));
    row2.forEach((v, n) => row2[n] = v / total);
  }

  // src/model/measure.ts
  var MOST_EDGE_VALUES = 2e5;
  var MADE_UP_POINTS = 256;
  var Measure = class {
    /** Rows used. */
    n;
    /** (n, I) in network units. */
    x;
    /** What is measured, in words: "mean squared error on 200 points of the data". */
    words;
    /** Short name for a label: "loss" or "change of output". */
    name;
    /** Whether true values are at hand; otherwise the saved model takes their place. */
    hasTargets;
    /** Loss of the model as loaded. */
    first;
    #target;
    #link;
    #net;
    #trace;
    constructor(explored) {
      const { net, sample } = explored;
      const edges = net.layers.reduce((sum2, layer) => sum2 + layer.I * layer.O, 0);
      const most = Math.max(64, Math.floor(MOST_EDGE_VALUES / edges));
      const all = sample ?? { n: MADE_UP_POINTS, x: madeUpPoints(explored.nodeQuantiles[0], MADE_UP_POINTS), y: null };
      const rows = everyNth(all.n, most);
      this.n = rows.length;
      this.x = pick(all.x, all.n, rows);
      this.hasTargets = all.y !== null;
      this.#link = this.hasTargets ? explored.link : "identity";
      this.#net = net;
      this.#trace = forward(net, this.x);
      this.#target = all.y === null ? this.#output : pick(all.y, all.n, rows);
      this.first = lossOf(this.#output, this.#target, this.#link, this.n);
      const some = this.n < all.n ? `${this.n} of the ${all.n}` : `${this.n}`;
      this.name = this.hasTargets ? "loss" : "change";
      const what = { identity: "mean squared error", softmax: "cross-entropy", sigmoid: "cross-entropy" }[this.#link];
      this.words = this.hasTargets ? `${what} on ${some} points of the attached data` : `mean squared change of the output against the saved model, on ${some} points ` + (sample ? "of the attached inputs" : "drawn from the quantiles of each input (no data is attached)");
    }
    /** Remember the node values of a model, so that of an edit only what it changes need be computed; its loss. */
    rebase(net) {
      this.#net = net;
      this.#trace = forward(net, this.x);
      return lossOf(this.#output, this.#target, this.#link, this.n);
    }
    get #output() {
      return this.entering(this.#trace.values.length - 1);
    }
    /** (n, I) values that enter layer l of the remembered model. */
    entering(l) {
      return this.#trace.values[l];
    }
    /** Loss of a model that differs from the remembered one in this edge only. */
    loss(net, edge) {
      return lossOf(outputsAfter(net, this.#net, this.#trace, edge), this.#target, this.#link, this.n);
    }
  };
  function lossOf(output, target, link, n) {
    let sum2 = 0;
    if (link === "identity") {
      for (let m = 0; m < output.length; m++) sum2 += (output[m] - target[m]) ** 2;
      return sum2 / output.length;
    }
    if (link === "sigmoid") {
      for (let m = 0; m < output.length; m++) sum2 += softplus(output[m]) - target[m] * output[m];
      return sum2 / output.length;
    }
    const classes = output.length / n;
    for (let row2 = 0; row2 < n; row2++) {
      const logits = output.subarray(row2 * classes, (row2 + 1) * classes);
      const top = Math.max(...logits);
      const logSum = top + Math.log(logits.reduce((total, z) => total + Math.exp(z - top), 0));
      for (let c = 0; c < classes; c++) sum2 += target[row2 * classes + c] * (logSum - logits[c]);
    }
    return sum2 / n;
  }
  function softplus(z) {
    return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
  }
  function everyNth(n, most) {
    const count = Math.min(n, most);
    return Array.from({ length: count }, (_, m) => Math.floor(m * n / count));
  }
  function pick(matrix, n, rows) {
    const width = matrix.length / n;
    const picked = new Float64Array(rows.length * width);
    rows.forEach((row2, m) => picked.set(matrix.subarray(row2 * width, (row2 + 1) * width), m * width));
    return picked;
  }
  function madeUpPoints(quantiles, n) {
    const I = quantiles.length / QUANTILES;
    const next = randomNumbers(7);
    return Float64Array.from({ length: n * I }, (_, m) => {
      const at2 = next() * (QUANTILES - 1);
      const below = Math.floor(at2);
      const place2 = m % I * QUANTILES + below;
      return quantiles[place2] + (at2 - below) * (quantiles[Math.min(place2 + 1, quantiles.length - 1)] - quantiles[place2]);
    });
  }
  function randomNumbers(seed) {
    let state = seed;
    return () => {
      state = state + 1831565813 | 0;
      let t = Math.imul(state ^ state >>> 15, 1 | state);
      t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
      return ((t ^ t >>> 14) >>> 0) / 4294967296;
    };
  }

  // src/app/store.ts
  var [FRAME_ROWS, MANY_EDGES, EVERY] = [128, 500, 10];
  var Store = class {
    host;
    explored;
    look = { threshold: 0, focus: null, showRemoved: true };
    selection = null;
    /** Inputs, in network units, at which single predictions are shown. */
    point;
    quantiles;
    changed = "all";
    /** What happened last, for those who listen. */
    said = "";
    #importances;
    #measured = null;
    #history;
    #at = 0;
    #draft = null;
    #frame = null;
    #frames = 0;
    /** Quantiles and importances of the loaded model while frames are shown. */
    #resting = null;
    #listeners = /* @__PURE__ */ new Map();
    #waiting = /* @__PURE__ */ new Set();
    #pendingChange = /* @__PURE__ */ new Map();
    #scheduled = false;
    constructor(host) {
      this.host = host;
      this.explored = decode(host.get("payload"));
      this.point = medians(this.explored);
      this.quantiles = this.explored.nodeQuantiles;
      this.#importances = importancesOf(this.explored.deviations);
      this.#history = [{ net: this.original, edits: [], loss: null }];
      this.receiveEdits(host.get("edits"));
    }
    /** Another model takes the place of this one, as when training ends. */
    reload() {
      this.explored = decode(this.host.get("payload"));
      this.point = this.point.length === this.explored.net.layers[0].I ? this.point : medians(this.explored);
      this.#measured = null;
      this.quantiles = this.explored.nodeQuantiles;
      this.#importances = importancesOf(this.explored.deviations);
      this.#history = [{ net: this.original, edits: [], loss: null }];
      this.#at = 0;
      this.#draft = this.#frame = this.#resting = null;
      if (this.selection && !this.hasEdge(this.selection)) this.select(null);
      this.emit("payload");
      this.#markAll();
    }
    // ---------------------------------------------------------------- reading
    get original() {
      return this.explored.net;
    }
    /** The model as shown: a frame of training, a half-done edit, or the last edit. */
    get net() {
      return this.#frame ?? this.#draft?.net ?? this.#history[this.#at].net;
    }
    get edits() {
      return this.#history[this.#at].edits;
    }
    get canUndo() {
      return this.#at > 0;
    }
    get canRedo() {
      return this.#at < this.#history.length - 1;
    }
    /** Made when first asked for: it computes the whole model on many points, and the picture must not wait for that. */
    get measure() {
      return this.#measured ??= new Measure(this.explored);
    }
    /** Whether frames of training are shown, which cannot be edited. */
    get isLive() {
      return this.#frame !== null;
    }
    get loss() {
      const { first } = this.measure;
      return { before: first, after: this.#draft?.loss ?? this.#history[this.#at].loss ?? first };
    }
    /** Whether an edit is shown that is not done yet. */
    get isDraft() {
      return this.#draft !== null;
    }
    importance(l, i, j) {
      return importance(this.#importances, l, i * this.net.layers[l].O + j);
    }
    /** The interval over which the function of an edge from node i is drawn. */
    domain(l, i) {
      const q = this.quantiles[l];
      const [lo, hi] = [q[i * QUANTILES], q[(i + 1) * QUANTILES - 1]];
      return hi > lo ? [lo, hi] : [lo - 0.5, lo + 0.5];
    }
    hasEdge([l, i, j]) {
      const layer = this.net.layers[l];
      return layer !== void 0 && i < layer.I && j < layer.O;
    }
    isRemoved([l, i, j]) {
      return this.net.layers[l].mask[i * this.net.layers[l].O + j] === 0;
    }
    // ---------------------------------------------------------------- editing
    /** Show an edit that is not done yet, as while a point is dragged. */
    preview(edit) {
      if (this.isLive) return;
      const net = applyEdit(this.#history[this.#at].net, edit);
      this.#draft = { net, edit, loss: this.measure.loss(net, edit.edge) };
      this.#mark([edit.edge]);
    }
    /** Do what was previewed. */
    commit() {
      if (this.#draft) this.apply(this.#draft.edit);
    }
    apply(edit) {
      if (this.isLive) return;
      const { net, edits } = this.#history[this.#at];
      this.#push({ net: applyEdit(net, edit), edits: withEdit(this.original, edits, edit), loss: null }, [edit.edge]);
    }
    /** Several edits as one step. */
    applyAll(edits) {
      if (this.isLive || edits.length === 0) return;
      const now = this.#history[this.#at];
      const list2 = edits.reduce((all, edit) => withEdit(this.original, all, edit), now.edits);
      this.#push({ net: applyEdits(now.net, edits), edits: list2, loss: null }, edits.map((edit) => edit.edge));
    }
    undo() {
      this.#travel(this.#at - 1);
    }
    redo() {
      this.#travel(this.#at + 1);
    }
    /** Back to the model as it was loaded, as a step that can be undone. */
    reset() {
      if (this.edits.length) this.#push({ net: this.original, edits: [], loss: null }, editedEdges(this.edits));
    }
    /** One edge back to what it was when loaded. */
    resetEdge(edge) {
      const edits = this.edits.filter((edit) => edit.edge.join() !== edge.join());
      if (edits.length < this.edits.length) this.#push({ net: applyEdits(this.original, edits), edits, loss: null }, [edge]);
    }
    isEdited(edge) {
      return this.edits.some((edit) => edit.edge.join() === edge.join());
    }
    /** Edits from the other side (Python): they replace those made here. */
    receiveEdits(value) {
      if (value == null || JSON.stringify(value) === JSON.stringify(this.edits)) return;
      const edits = checkedEdits(value);
      const changed = [...editedEdges(this.edits), ...editedEdges(edits)];
      this.#push({ net: applyEdits(this.original, edits), edits, loss: null }, changed, false);
    }
    // ---------------------------------------------------------------- looking
    select(edge) {
      if (edge?.join() === this.selection?.join()) return;
      this.selection = edge;
      if (this.#draft) this.#mark([this.#draft.edit.edge]);
      this.#draft = null;
      this.host.set("selection", edge === null ? null : [...edge]);
      this.host.save();
      this.emit("selection");
    }
    /** A choice made on the other side; anything that is no edge means none. */
    receiveSelection(value) {
      const edge = Array.isArray(value) && value.length === 3 ? value.map(Number) : null;
      this.select(edge && this.hasEdge(edge) ? edge : null);
    }
    setLook(look) {
      this.look = { ...this.look, ...look };
      this.emit("view");
    }
    say(words) {
      this.said = words;
      this.emit("said");
    }
    setPoint(point2) {
      this.point = point2;
      this.emit("view");
    }
    /** A frame of training; null goes back to the loaded model. */
    showFrame(net) {
      const before = this.net;
      this.#frame = net;
      if (net) this.#followFrame(net, before);
      else if (this.#resting) [{ quantiles: this.quantiles, importances: this.#importances }, this.#resting] = [this.#resting, null];
      if (this.selection && !this.hasEdge(this.selection)) this.select(null);
      this.#markAll();
    }
    /** Call back at most once per animation frame after the topic changed. */
    on(topic, callback) {
      const set2 = this.#listeners.get(topic) ?? /* @__PURE__ */ new Set();
      this.#listeners.set(topic, set2.add(callback));
      return () => set2.delete(callback);
    }
    emit(topic) {
      this.#waiting.add(topic);
      if (this.#scheduled) return;
      this.#scheduled = true;
      requestAnimationFrame(() => this.#flush());
    }
    // ---------------------------------------------------------------- inside
    #push(moment, edges, tellHost = true) {
      this.#history = [...this.#history.slice(0, this.#at + 1), moment];
      this.#at += 1;
      this.#settle(edges, tellHost);
    }
    #travel(to) {
      if (to < 0 || to >= this.#history.length || this.isLive) return;
      const edges = [...editedEdges(this.edits), ...editedEdges(this.#history[to].edits)];
      this.#at = to;
      this.#settle(edges, true);
    }
    /** After the model changed for good: node values, quantiles, importances, host. */
    #settle(edges, tellHost) {
      this.#draft = null;
      this.#history[this.#at].loss = this.measure.rebase(this.net);
      let touched = [...edges];
      if (this.explored.sample) touched = this.#followQuantiles(touched);
      this.#importances = withChanged(this.explored, this.#importances, this.net, this.quantiles, touched);
      if (tellHost) {
        this.host.set("edits", this.edits);
        this.host.save();
      }
      this.#mark(touched);
    }
    /** With data at hand the values that reach later layers are known too; returns all edges that see others. */
    #followQuantiles(edges) {
      const { net, measure } = this;
      const first = Math.min(...edges.map(([l]) => l));
      this.quantiles = this.edits.length === 0 ? this.explored.nodeQuantiles : this.quantiles.map((q, l) => l > first ? quantilesOf(measure.entering(l), net.layers[l].I) : q);
      return [...edges, ...allEdges(net).filter(([l]) => l > first)];
    }
    /** Node values and importances of a frame: of large models not of every one. */
    #followFrame(net, before) {
      this.#resting ??= { quantiles: this.quantiles, importances: this.#importances };
      const edges = net.layers.reduce((sum2, { I, O }) => sum2 + I * O, 0);
      const isAsBefore2 = net.layers.every(({ I, O }, l) => before.layers[l]?.I === I && before.layers[l].O === O);
      this.#frames += 1;
      if (isAsBefore2 && edges > MANY_EDGES && this.#frames % EVERY !== 0) return;
      const { values: values2 } = forward(net, this.measure.x.subarray(0, FRAME_ROWS * net.layers[0].I));
      this.quantiles = net.layers.map(({ I }, l) => quantilesOf(values2[l], I));
      this.#importances = importancesFrom(net, this.quantiles);
    }
    #mark(edges) {
      if (this.#pendingChange !== "all") for (const edge of edges) this.#pendingChange.set(edge.join(), edge);
      this.emit("net");
    }
    #markAll() {
      this.#pendingChange = "all";
      this.emit("net");
    }
    #flush() {
      this.#scheduled = false;
      const topics = [...this.#waiting];
      this.#waiting.clear();
      this.changed = this.#pendingChange;
      this.#pendingChange = /* @__PURE__ */ new Map();
      for (const topic of topics) for (const callback of [...this.#listeners.get(topic) ?? []]) callback();
    }
  };
  function allEdges(net) {
    return net.layers.flatMap(
      (layer, l) => Array.from({ length: layer.I * layer.O }, (_, place2) => [l, Math.floor(place2 / layer.O), place2 % layer.O])
    );
  }
  function editedEdges(edits) {
    return [...new Map(edits.map((edit) => [edit.edge.join(), edit.edge])).values()];
  }
  function medians({ net, nodeQuantiles: [quantiles], inputs }) {
    const middle = (QUANTILES - 1) / 2;
    const point2 = Float64Array.from({ length: levelSize(net.nodes[0]) }, (_, i) => quantiles[i * QUANTILES + middle]);
    const commonest = /* @__PURE__ */ new Map();
    inputs.forEach(({ category }, i) => {
      if (!category) return;
      const count = quantiles.subarray(i * QUANTILES, (i + 1) * QUANTILES).reduce((sum2, value) => sum2 + value, 0);
      point2[i] = 0;
      if (count > (commonest.get(category.column)?.count ?? 0)) commonest.set(category.column, { i, count });
    });
    for (const { i } of commonest.values()) point2[i] = 1;
    return point2;
  }

  // src/charts/ticks.ts
  function roundTicks(lo, hi, wanted) {
    if (!(hi > lo) || !Number.isFinite(hi - lo)) return Number.isFinite(lo) ? [lo] : [];
    const raw = (hi - lo) / Math.max(wanted, 1);
    const power2 = 10 ** Math.floor(Math.log10(raw));
    const step = power2 * ([1, 2, 5, 10].find((m) => m * power2 >= raw * 0.999) ?? 10);
    const first = Math.ceil(lo / step - 1e-9);
    const count = Math.floor(hi / step + 1e-9) - first + 1;
    return Array.from({ length: Math.max(count, 0) }, (_, n) => Number(((first + n) * step).toPrecision(12)));
  }

  // src/charts/scale.ts
  function rangeOf(...lists) {
    let [lo, hi] = [Infinity, -Infinity];
    for (const list2 of lists) {
      for (let n = 0; n < list2.length; n++) {
        if (!Number.isFinite(list2[n])) continue;
        lo = Math.min(lo, list2[n]);
        hi = Math.max(hi, list2[n]);
      }
    }
    if (lo > hi) return [0, 1];
    if (hi - lo > 1e-12 * Math.max(Math.abs(lo), Math.abs(hi))) return [lo, hi];
    const room = Math.abs(lo) * 0.1 || 1;
    return [lo - room, lo + room];
  }
  function widened([lo, hi], share) {
    return [lo - share * (hi - lo), hi + share * (hi - lo)];
  }
  function spaced([lo, hi], count) {
    return Float64Array.from({ length: count }, (_, n) => lo + (hi - lo) * n / (count - 1));
  }
  function logTicks([lo, hi], count) {
    const [first, last] = [Math.ceil(Math.log10(lo) - 1e-9), Math.floor(Math.log10(hi) + 1e-9)];
    const every = Math.max(1, Math.ceil((last - first + 1) / count));
    const all = [];
    for (let power2 = first; power2 <= last; power2 += every) all.push(Number(`1e${power2}`));
    return all.length >= 2 ? all : roundTicks(lo, hi, 3).filter((v) => v > 0);
  }
  function tickText(value, all) {
    const step = all.length > 1 ? Math.min(...all.slice(1).map((v, n) => v - all[n])) : Math.abs(value) || 1;
    const most = Math.max(...all.map(Math.abs));
    if (most >= 1e5 || most < 1e-3) return shown(value, 1 + Math.max(0, Math.round(Math.log10(most / step))));
    return value.toFixed(Math.min(8, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))).replace("-", "−");
  }
  function logText(value) {
    return value >= 1e-3 && value < 1e5 ? String(Number(value.toPrecision(2))) : shown(value, 2);
  }

  // src/model/units.ts
  var NEAREST = 1 - 1e-9;
  function toUser({ shift, scale, bend: bend2 }, seen2) {
    if (bend2 === null) return seen2 * scale + shift;
    const share = Math.min(Math.max(seen2 / bend2, -NEAREST), NEAREST);
    return seen2 / Math.sqrt(1 - share ** 2) * scale + shift;
  }
  function toNetwork({ shift, scale, bend: bend2 }, value) {
    const z = (value - shift) / scale;
    return bend2 === null ? z : z / Math.sqrt(1 + (z / bend2) ** 2);
  }

  // src/views/edges.ts
  var STYLES = 8;
  var POINTS = 33;
  function kindOf(store, edge) {
    if (store.isRemoved(edge)) return "removed";
    return symbolicOf(store, edge) ? "symbolic" : "spline";
  }
  function symbolicOf({ net }, [l, i, j]) {
    return net.layers[l].symbolic.get(i * net.layers[l].O + j);
  }
  function styleOf(store, [l, i, j]) {
    return Math.min(STYLES - 1, Math.floor(store.importance(l, i, j) * STYLES));
  }
  function edgeSentence(store, edge) {
    const name = edgeName(store.explored, store.net, edge);
    if (store.isRemoved(edge)) return `${name}: removed`;
    return `${name}: ${kindText(store, edge)}, importance ${percent(store.importance(...edge))}`;
  }
  function kindText(store, edge) {
    const symbolic = symbolicOf(store, edge);
    return symbolic ? formulaText(symbolic) : "spline";
  }
  function percent(share) {
    return share > 0 && share < 0.01 ? "under 1 %" : `${Math.round(100 * share)} %`;
  }
  var Curves = class {
    #known = /* @__PURE__ */ new Map();
    #store;
    constructor(store) {
      this.#store = store;
    }
    /** Forget the edges that the store says changed. */
    refresh() {
      const { changed } = this.#store;
      if (changed === "all") this.#known.clear();
      else for (const key of changed.keys()) this.#known.delete(key);
    }
    /** Of a removed edge: what waits behind. */
    of(edge) {
      const key = edge.join();
      let curve = this.#known.get(key);
      if (!curve) this.#known.set(key, curve = this.#compute(edge));
      return curve;
    }
    #compute([l, i, j]) {
      const { net } = this.#store;
      const [lo, hi] = this.#store.domain(l, i);
      const f = edgeFunction(net, l, i, j, net.layers[l].mask[i * net.layers[l].O + j] === 0);
      const y = Float64Array.from({ length: POINTS }, (_, n) => f(lo + (hi - lo) * n / (POINTS - 1)));
      let [low, high] = [Infinity, -Infinity];
      for (const value of y) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
      const size = high - low;
      const flat = !(size > 1e-12 * Math.max(Math.abs(low), Math.abs(high), 1e-300)) || !Number.isFinite(size);
      return { heights: y.map((value) => flat ? 0.5 : (high - value) / size), size: flat ? 0 : size };
    }
  };
  function curvePath({ heights: curve }, x, y, w, h2) {
    let path = "";
    for (let n = 0; n < curve.length; n++) {
      const px = x - w + 2 * w * n / (curve.length - 1);
      const py = y - h2 + 2 * h2 * curve[n];
      path += `${n ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`;
    }
    return path;
  }

  // src/views/edgePlot.ts
  var SIZE = { width: 352, height: 232 };
  var FRAME = { left: 44, right: 344, top: 10, bottom: 190 };
  var SAMPLES = 200;
  var BINS = 40;
  var EdgePlot = class {
    element = svg("svg", { class: "edge-plot", viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, "aria-hidden": "true" });
    #store;
    #edge = null;
    #window = { x: [0, 1], y: [0, 1] };
    #dragged = null;
    /** What stays where it is while a point is dragged, and what it was drawn for. */
    #still = svg("g");
    #moving = svg("g");
    #drawn = [];
    constructor(store) {
      this.#store = store;
      this.element.append(this.#still, this.#moving);
      this.element.addEventListener("pointermove", (event) => this.#drag(event));
      for (const end of ["pointerup", "pointercancel"]) this.element.addEventListener(end, () => this.#drop());
    }
    draw(edge) {
      const isSame = this.#edge?.join() === edge.join();
      this.#edge = edge;
      if (this.#dragged === null) this.#window = isSame && this.#store.isDraft ? this.#grown(this.#windowOf(edge)) : this.#windowOf(edge);
      const { net, original, quantiles } = this.#store;
      const drawn = [edge.join(), ...this.#window.x, ...this.#window.y, net.layers[edge[0]].knots, original, quantiles[edge[0]]];
      if (drawn.some((part, n) => part !== this.#drawn[n])) {
        this.#drawn = drawn;
        const still = [...this.#ground(edge), ...this.#axes(edge), this.#density(edge), this.#knots(edge), this.#framed(this.#curve(edge, "before"))];
        this.#still.replaceChildren(...still);
      }
      const points = this.#controlPoints(edge);
      this.#moving.replaceChildren(this.#framed(this.#curve(edge, "now"), this.#polygon(points)), ...points.map((point2) => this.#handle(point2)));
    }
    // ---------------------------------------------------------------- scales
    #windowOf(edge) {
      const [l, i] = edge;
      const [grid, data] = [domainOf(this.#store.net, l, i), this.#store.domain(l, i)];
      const [lo, hi] = [Math.min(grid[0], data[0]), Math.max(grid[1], data[1])];
      const x = [lo - 0.03 * (hi - lo), hi + 0.03 * (hi - lo)];
      let [low, high] = [Infinity, -Infinity];
      const values2 = [...this.#values(edge, "now", x), ...this.#values(edge, "before", x), ...this.#controlPoints(edge).map(({ y }) => y)];
      for (const value of values2.filter(Number.isFinite)) [low, high] = [Math.min(low, value), Math.max(high, value)];
      if (!(high > low)) [low, high] = [(Number.isFinite(low) ? low : 0) - 0.5, (Number.isFinite(low) ? low : 0) + 0.5];
      return { x, y: [low - 0.24 * (high - low), high + 0.08 * (high - low)] };
    }
    /** While a slider moves the window only grows, and then by some more, so that axes seldom change. */
    #grown({ x, y: [low, high] }) {
      const { y } = this.#window;
      if (low >= y[0] && high <= y[1]) return this.#window;
      const room = 0.3 * (high - low);
      return { x, y: [low < y[0] ? low - room : y[0], high > y[1] ? high + room : y[1]] };
    }
    #px(x) {
      const [lo, hi] = this.#window.x;
      return FRAME.left + (x - lo) / (hi - lo) * (FRAME.right - FRAME.left);
    }
    #py(y) {
      const [lo, hi] = this.#window.y;
      return FRAME.bottom - (y - lo) / (hi - lo) * (FRAME.bottom - FRAME.top);
    }
    #values([l, i, j], when, [lo, hi]) {
      const net = when === "now" ? this.#store.net : this.#store.original;
      if (!net.layers[l] || j >= net.layers[l].O || i >= net.layers[l].I) return [];
      const f = edgeFunction(net, l, i, j, when === "now" && this.#store.isRemoved([l, i, j]));
      return Array.from({ length: SAMPLES + 1 }, (_, n) => f(lo + (hi - lo) * n / SAMPLES));
    }
    // ---------------------------------------------------------------- parts
    #ground([l, i]) {
      const [lo, hi] = domainOf(this.#store.net, l, i);
      const beyond = ([from, to]) => svg("rect", { class: "beyond", x: this.#px(from), y: FRAME.top, width: Math.max(0, this.#px(to) - this.#px(from)), height: FRAME.bottom - FRAME.top });
      return [beyond([this.#window.x[0], lo]), beyond([hi, this.#window.x[1]])];
    }
    #axes([l, i]) {
      const { explored, net } = this.#store;
      const variable2 = l === 0 ? explored.inputs[i] : null;
      const [x0, x1] = this.#window.x.map((x) => variable2 ? toUser(variable2, x) : x);
      const place2 = (value) => this.#px(variable2 ? toNetwork(variable2, value) : value);
      let free = -Infinity;
      const xTicks = roundTicks(Math.min(x0, x1), Math.max(x0, x1), 5).filter((value) => {
        const fits = place2(value) >= free && place2(value) <= FRAME.right - 4;
        if (fits) free = place2(value) + 34;
        return fits;
      });
      const xs = xTicks.map((value, _, all) => {
        const x = place2(value);
        return svg(
          "g",
          {},
          svg("line", { class: "grid", x1: x, x2: x, y1: FRAME.top, y2: FRAME.bottom }),
          svg("text", { x, y: FRAME.bottom + 15, "text-anchor": "middle" }, tickText(value, all))
        );
      });
      const ys = roundTicks(...this.#window.y, 4).map((value, _, all) => {
        const y = this.#py(value);
        return svg(
          "g",
          {},
          svg("line", { class: value === 0 ? "grid zero" : "grid", x1: FRAME.left, x2: FRAME.right, y1: y, y2: y }),
          svg("text", { x: FRAME.left - 6, y: y + 4, "text-anchor": "end" }, tickText(value, all))
        );
      });
      const name = variable2 ? withUnit(variable2) : nodeName(explored, net, l, i);
      const title = svg("text", { class: "title", x: (FRAME.left + FRAME.right) / 2, y: SIZE.height - 8, "text-anchor": "middle" }, name);
      return [...xs, ...ys, title];
    }
    /** Parts that must not leave the frame. */
    #framed(...parts) {
      const [x, y, width, height] = [FRAME.left, FRAME.top - 3, FRAME.right - FRAME.left, FRAME.bottom - FRAME.top + 6];
      return svg("svg", { x, y, width, height, viewBox: `${x} ${y} ${width} ${height}` }, ...parts);
    }
    /** How often each value occurs: equal shares between the quantiles, counted into bins. */
    #density([l, i]) {
      const q = this.#store.quantiles[l].subarray(i * QUANTILES, (i + 1) * QUANTILES);
      const [lo, hi] = [q[0], q[QUANTILES - 1]];
      const shares = new Float64Array(BINS);
      for (let n = 0; n < BINS; n++) {
        const [from, to] = [lo + (hi - lo) * n / BINS, lo + (hi - lo) * (n + 1) / BINS];
        shares[n] = shareBelow(q, to) - shareBelow(q, from);
      }
      const most = Math.max(...shares, 1e-12);
      const tall = 0.16 * (FRAME.bottom - FRAME.top);
      const path = Array.from(shares, (share, n) => {
        const [a, b] = [this.#px(lo + (hi - lo) * n / BINS), this.#px(lo + (hi - lo) * (n + 1) / BINS)];
        const top = FRAME.bottom - tall * share / most;
        return `M${a} ${FRAME.bottom}V${top}H${b}V${FRAME.bottom}Z`;
      });
      return svg("path", { class: "density", d: hi > lo ? path.join("") : "" });
    }
    #knots([l, i]) {
      const { net } = this.#store;
      const [lo, hi] = this.#window.x;
      const inside = [...knotsOf(net, net.layers[l], i)].filter((t) => t >= lo && t <= hi);
      return svg("path", { class: "knots", d: inside.map((t) => `M${this.#px(t)} ${FRAME.bottom}v-6`).join("") });
    }
    #curve(edge, when) {
      const [lo, hi] = this.#window.x;
      let pen = "M";
      const path = this.#values(edge, when, this.#window.x).map((y, n) => {
        if (!Number.isFinite(y)) return pen = "M", "";
        const at2 = `${pen}${this.#px(lo + (hi - lo) * n / SAMPLES).toFixed(1)} ${clamp(this.#py(y)).toFixed(1)}`;
        pen = "L";
        return at2;
      });
      return svg("path", { class: `function ${when} ${when === "now" ? kindOf(this.#store, edge) : ""}`, d: path.join("") });
    }
    // ---------------------------------------------------------------- control points
    /** Where the control points lie: the coefficient over its site, the residual function added, as the curve has it. */
    #controlPoints([l, i, j]) {
      if (kindOf(this.#store, [l, i, j]) !== "spline") return [];
      const { net } = this.#store;
      const layer = net.layers[l];
      const { factor, residual } = this.#parts([l, i, j]);
      return Array.from(controlSites(knotsOf(net, layer, i), net.k), (x, index) => ({
        index,
        x,
        y: factor * layer.coef[coefPlace(layer, [l, i, j], index)] + residual(x)
      }));
    }
    /** phi = factor * spline + residual */
    #parts([l, i, j]) {
      const { net } = this.#store;
      const layer = net.layers[l];
      const place2 = i * layer.O + j;
      const base = baseNamed(net.baseFun);
      const mask = layer.mask[place2];
      return {
        factor: mask * (layer.scale ? layer.scale[place2] : 1),
        residual: (x) => base ? mask * layer.base[place2] * base.value(x) : 0
      };
    }
    #polygon(points) {
      const path = points.map(({ x, y }, n) => `${n ? "L" : "M"}${this.#px(x)} ${clamp(this.#py(y))}`);
      return svg("path", { class: "polygon", d: path.join("") });
    }
    #handle({ index, x, y }) {
      const [cx, cy] = [this.#px(x), clamp(this.#py(y))];
      const handle = svg("g", { class: "handle" }, svg("circle", { class: "reach", cx, cy, r: 11 }), svg("circle", { cx, cy, r: 4.5 }));
      if (cx < FRAME.left - 4 || cx > FRAME.right + 4) set(handle, { display: "none" });
      if (this.#dragged === index) handle.classList.add("held");
      handle.addEventListener("pointerdown", (event) => {
        if (this.#store.isLive || event.button !== 0) return;
        this.#dragged = index;
        this.element.setPointerCapture(event.pointerId);
        event.preventDefault();
      });
      return handle;
    }
    #drag(event) {
      if (this.#dragged === null || !this.#edge) return;
      const edit = this.#editTo(event, this.#dragged);
      if (edit) this.#store.preview(edit);
    }
    #editTo(event, index) {
      const edge = this.#edge;
      const box = this.element.getBoundingClientRect();
      const py = (event.clientY - box.top) / box.height * SIZE.height;
      const [lo, hi] = this.#window.y;
      const y = lo + (FRAME.bottom - py) / (FRAME.bottom - FRAME.top) * (hi - lo);
      const { factor, residual } = this.#parts(edge);
      if (factor === 0) return null;
      const { net } = this.#store;
      const site = controlSites(knotsOf(net, net.layers[edge[0]], edge[1]), net.k)[index];
      return { op: "coef", edge, index, value: (y - residual(site)) / factor };
    }
    #drop() {
      if (this.#dragged === null) return;
      this.#dragged = null;
      this.#store.commit();
      if (this.#edge) this.draw(this.#edge);
    }
  };
  function clamp(y) {
    return Math.min(Math.max(y, FRAME.top - 6), FRAME.bottom + 6);
  }
  function shareBelow(quantiles, x) {
    const last = quantiles.length - 1;
    if (x <= quantiles[0]) return 0;
    if (x >= quantiles[last]) return 1;
    let n = 0;
    while (quantiles[n + 1] < x) n++;
    const width = quantiles[n + 1] - quantiles[n];
    return (n + (width > 0 ? (x - quantiles[n]) / width : 1)) / last;
  }

  // src/maths/descent.ts
  var ARRIVED = 1e-30;
  var STUCK = 1e6;
  var Descent = class {
    #f;
    #J;
    #A = new Float64Array(9);
    #B = new Float64Array(9);
    #g = new Float64Array(3);
    #total;
    /** Of the linear fit at the place looked at last: factor, mean of f, square of f less its mean. */
    #c = 0;
    #mean = 0;
    #own = 0;
    /**
     * @param u inputs from -1 to 1
     * @param y values, in place brought to a weighted mean of 0
     * @param w weights, in place brought to a sum of 1
     */
    #u;
    #y;
    #w;
    constructor(u, y, w) {
      this.#u = u;
      this.#y = y;
      this.#w = w;
      const weight = w.reduce((a, b) => a + b, 0);
      for (let n = 0; n < w.length; n++) w[n] /= weight;
      const mean = this.#dot(y, null);
      for (let n = 0; n < y.length; n++) y[n] -= mean;
      this.#f = new Float64Array(u.length);
      this.#J = [0, 1, 2].map(() => new Float64Array(u.length));
      this.#total = this.#dot(y, y);
    }
    /** A first look: `missing` to a few digits, in one pass. */
    glance(fun2, s, t, p) {
      const [u, y, w] = [this.#u, this.#y, this.#w];
      const value = fun2.value;
      let sum2 = 0;
      let size = 0;
      let shared = 0;
      for (let n = 0; n < u.length; n++) {
        const v = value(s * u[n] + t, p);
        const weighted = w[n] * v;
        sum2 += weighted;
        size += weighted * v;
        shared += weighted * y[n];
      }
      const own = size - sum2 * sum2;
      return own > 1e-12 * size ? 1 - shared * shared / (own * this.#total) : NaN;
    }
    /** Share of the variance left unexplained by the best c and d; NaN where f is not defined, or constant. */
    missing(fun2, [s, t, p]) {
      const [u, y, f, w] = [this.#u, this.#y, this.#f, this.#w];
      const value = fun2.value;
      let sum2 = 0;
      let size = 0;
      for (let n = 0; n < u.length; n++) {
        f[n] = value(s * u[n] + t, p);
        sum2 += w[n] * f[n];
        size += w[n] * f[n] * f[n];
      }
      if (!Number.isFinite(size)) return NaN;
      let own = 0;
      let shared = 0;
      for (let n = 0; n < u.length; n++) {
        f[n] -= sum2;
        own += w[n] * f[n] * f[n];
        shared += w[n] * f[n] * y[n];
      }
      if (own <= 1e-20 * size) return NaN;
      this.#c = shared / own;
      this.#mean = sum2;
      this.#own = own;
      let left = 0;
      for (let n = 0; n < u.length; n++) left += w[n] * (y[n] - this.#c * f[n]) ** 2;
      return left / this.#total;
    }
    /** Levenberg-Marquardt from a place. */
    follow(fun2, start, steps) {
      let place2 = start;
      let missing = this.missing(fun2, place2);
      const unknowns = fun2.freeExponent ? 3 : 2;
      let damping = 1e-3;
      let fresh = false;
      for (let step = 0; step < steps && missing > ARRIVED && damping < STUCK; step++) {
        if (!fresh) this.#linearize(fun2, place2, unknowns);
        fresh = true;
        const move = this.#solve(unknowns, damping);
        const promised = this.#gain(move, unknowns) / (this.#total * missing);
        const trial = [place2[0] + move[0], place2[1] + move[1], place2[2] + move[2]];
        const missed = this.missing(fun2, trial);
        const gained = missing - missed > 1e-6 * missing;
        if (missed < missing) [place2, missing, damping, fresh] = [trial, missed, Math.max(damping * 0.2, 1e-14), false];
        else damping *= 5;
        if (!gained && !(promised > 1e-12)) break;
      }
      return [place2, missing];
    }
    /** c and d of the best linear fit, the largest |f| and the range of y. */
    linear(fun2, place2) {
      this.missing(fun2, place2);
      const [c, mean, f, y] = [this.#c, this.#mean, this.#f, this.#y];
      return {
        c,
        d: -c * mean,
        largest: f.reduce((most, v) => Math.max(most, Math.abs(v + mean)), 0),
        range: y.reduce((most, v) => Math.max(most, v), -Infinity) - y.reduce((least, v) => Math.min(least, v), Infinity)
      };
    }
    /** Gram matrix and gradient of the residuals at the place looked at last, what c and d can do projected out. */
    #linearize(fun2, [s, t, p], unknowns) {
      const [u, y, f, w, J, A, g, c, own] = [this.#u, this.#y, this.#f, this.#w, this.#J, this.#A, this.#g, this.#c, this.#own];
      for (let n = 0; n < u.length; n++) {
        const z = s * u[n] + t;
        const inner = c * fun2.slope(z, p);
        J[0][n] = inner * u[n];
        J[1][n] = inner;
        if (unknowns === 3) J[2][n] = c * (f[n] + this.#mean) * Math.log(z);
      }
      for (let m = 0; m < unknowns; m++) {
        const column = J[m];
        let mean = 0;
        let share = 0;
        for (let n = 0; n < u.length; n++) {
          mean += w[n] * column[n];
          share += w[n] * column[n] * f[n];
        }
        share /= own;
        let sum2 = 0;
        for (let n = 0; n < u.length; n++) {
          column[n] -= mean + share * f[n];
          sum2 += w[n] * column[n] * (y[n] - c * f[n]);
        }
        g[m] = sum2;
        for (let q = 0; q <= m; q++) A[3 * m + q] = A[3 * q + m] = this.#dot(column, J[q]);
      }
    }
    /** `(A + damping diag A) move = g`, by elimination; at most three unknowns. */
    #solve(unknowns, damping) {
      const B = this.#B;
      B.set(this.#A);
      const move = [this.#g[0], this.#g[1], unknowns === 3 ? this.#g[2] : 0];
      const floor = 1e-12 * Math.max(B[0], B[4], unknowns === 3 ? B[8] : 0);
      for (let m = 0; m < unknowns; m++) B[4 * m] += damping * (B[4 * m] + floor) + 1e-300;
      for (let m = 0; m < unknowns; m++) {
        for (let r = m + 1; r < unknowns; r++) {
          const factor = B[3 * r + m] / B[4 * m];
          for (let q = m; q < unknowns; q++) B[3 * r + q] -= factor * B[3 * m + q];
          move[r] -= factor * move[m];
        }
      }
      for (let m = unknowns - 1; m >= 0; m--) {
        for (let q = m + 1; q < unknowns; q++) move[m] -= B[3 * m + q] * move[q];
        move[m] /= B[4 * m];
      }
      return [move[0], move[1], move[2]];
    }
    /** What a move takes away if all is linear. */
    #gain(move, unknowns) {
      let gain = 0;
      for (let m = 0; m < unknowns; m++) {
        gain += 2 * move[m] * this.#g[m];
        for (let q = 0; q < unknowns; q++) gain -= move[m] * this.#A[3 * m + q] * move[q];
      }
      return gain;
    }
    #dot(a, b) {
      let sum2 = 0;
      for (let n = 0; n < a.length; n++) sum2 += this.#w[n] * a[n] * (b ? b[n] : 1);
      return sum2;
    }
  };

  // src/maths/fit.ts
  var SCAN_ROWS = 32;
  var SEARCH_ROWS = 100;
  var MOST_ROWS = 2e3;
  var FOLLOWED = 4;
  var HIGHEST_FREQUENCY = 120;
  var DISTINCT = [...FUNCTIONS.values()].filter((f) => f.twinOf === null).map((f) => f.name);
  function candidates(xs, ys, weights = null, names = DISTINCT) {
    const functions = [...names].map(functionNamed);
    const samples = new Samples(xs, ys, weights);
    const found = [];
    for (const f of functions) {
      const fit = f.name === "0" ? samples.constant() : samples.spread > 0 ? samples.fit(f) : null;
      if (fit) found.push(fit);
    }
    const score = (one) => description(one.missing, one.complexity);
    return found.sort((a, b) => score(a) - score(b));
  }
  var Samples = class {
    #scan;
    #search;
    #all;
    #middle;
    #half;
    #mean;
    /** Largest distance of a value from the mean; 0 where nothing is to be fitted. */
    spread;
    constructor(xs, ys, weights) {
      const weight = (n) => weights ? weights[n] : 1;
      const rows = Array.from({ length: xs.length }, (_, n) => n).filter((n) => Number.isFinite(xs[n]) && Number.isFinite(ys[n]) && weight(n) > 0).sort((a, b) => xs[a] - xs[b]);
      const [lo, hi] = rows.length ? [xs[rows[0]], xs[rows[rows.length - 1]]] : [0, 0];
      [this.#middle, this.#half] = [lo + (hi - lo) / 2, (hi - lo) / 2];
      const total = rows.reduce((sum2, n) => sum2 + weight(n), 0);
      this.#mean = rows.reduce((sum2, n) => sum2 + weight(n) / total * ys[n], 0);
      const most = rows.reduce((max, n) => Math.max(max, Math.abs(ys[n] - this.#mean)), 0);
      this.spread = this.#half > 0 && most > 4 * Number.EPSILON * Math.abs(this.#mean) ? most : 0;
      const some = (count) => {
        const few = spreadOut(rows, count);
        return new Descent(
          Float64Array.from(few, (n) => (xs[n] - this.#middle) / this.#half),
          Float64Array.from(few, (n) => (ys[n] - this.#mean) / this.spread),
          Float64Array.from(few, (n) => weight(n) / total)
        );
      };
      [this.#scan, this.#search, this.#all] = [some(SCAN_ROWS), some(SEARCH_ROWS), some(MOST_ROWS)];
    }
    /** The function "0", which explains a constant completely and anything else not at all. */
    constant() {
      const missing = this.spread > 0 ? 1 : 0;
      return { name: "0", affine: [1, 0, 0, this.#mean, 1], r2: 1 - missing, missing, complexity: 0 };
    }
    /** The best numbers of one function; null where it is defined on all samples for no numbers. */
    fit(f) {
      const starts = bestStarts(f, f.periodic ? this.#search : this.#scan);
      let ends = best(starts.map((place2) => this.#search.follow(f, place2, 4)), 3);
      ends = best(ends.map(([place2]) => this.#search.follow(f, place2, 12)), 2);
      ends = best(ends.map(([place2]) => this.#all.follow(f, place2, 60)), 1);
      return ends.length ? this.#candidate(f, ...ends[0]) : null;
    }
    #candidate(f, place2, missing) {
      const { c, d, largest: largest4, range } = this.#all.linear(f, place2);
      const [s, t, p] = place2;
      const affine = [s / this.#half, t - s * this.#middle / this.#half, c * this.spread, d * this.spread + this.#mean, p];
      if (!affine.every(Number.isFinite) || !(missing <= 1)) return null;
      const cancellation = Math.abs(c) * largest4 / range;
      return { name: f.name, affine, r2: 1 - missing, missing, complexity: f.complexity + 0.5 * Math.log2(1 + cancellation) };
    }
  };
  function bestStarts(f, samples) {
    const places = startsOf(f);
    const missing = Float64Array.from(places, ([s, t, p]) => samples.glance(f, s, t, p));
    const order = [...missing.keys()].filter((n) => missing[n] < 1).sort((a, b) => missing[a] - missing[b]);
    const steepness = /* @__PURE__ */ new Map();
    for (const n of order) {
      const kind = Math.abs(places[n][0]) + 1e3 * places[n][2];
      if (steepness.size < FOLLOWED && !steepness.has(kind)) steepness.set(kind, n);
    }
    return [.../* @__PURE__ */ new Set([...order.slice(0, FOLLOWED), ...steepness.values()])].map((n) => places[n]);
  }
  function best(ends, count) {
    return ends.filter(([, missing]) => missing >= 0).sort((a, b) => a[1] - b[1]).slice(0, count);
  }
  var SLOPES = Array.from({ length: 16 }, (_, n) => 10 ** (-1 + 0.18 * n));
  var OUTSIDE = [1.001, 1.01, 1.03, 1.1, 1.3, 2, 4];
  var CENTRES = [...Array.from({ length: 9 }, (_, n) => -1 + n / 4), ...OUTSIDE, ...OUTSIDE.map((v) => -v)];
  var POWERS = [-2.5, -1.5, -0.5, 0.3, 0.7, 1.5, 2.5];
  var AFFINE = (slopes2) => slopes2.flatMap((s) => CENTRES.map((centre) => [s, -s * centre, 1]));
  var ONE_SIGN = AFFINE(SLOPES);
  var BOTH_SIGNS = AFFINE([...SLOPES, ...SLOPES.map((s) => -s)]);
  var FREQUENCIES = Array.from({ length: Math.floor(HIGHEST_FREQUENCY / 0.6) }, (_, n) => 0.3 + 0.6 * n);
  var OSCILLATING = [...ONE_SIGN, ...FREQUENCIES.flatMap((s) => [0, 1, 2, 3].map((n) => [s, n * Math.PI / 4, 1]))];
  var WITH_POWER = [1, -1].flatMap((s) => OUTSIDE.flatMap((t) => POWERS.map((p) => [s, t, p])));
  function startsOf(f) {
    if (f.name === "x") return [[1, 0, 1]];
    if (f.freeExponent) return WITH_POWER;
    if (f.periodic) return OSCILLATING;
    return f.odd || f.even ? ONE_SIGN : BOTH_SIGNS;
  }
  function spreadOut(rows, count) {
    if (rows.length <= count) return [...rows];
    return Array.from({ length: count }, (_, n) => rows[Math.round(n * (rows.length - 1) / (count - 1))]);
  }

  // src/views/guesses.ts
  var MOST_ROWS2 = 240;
  var SLICE_MS = 8;
  function guess(store, [l, i, j], found) {
    const xs = valuesAt(store, l, i);
    const ys = xs.map(edgeFunction(store.net, l, i, j, true));
    const names = [...DISTINCT];
    const best2 = [];
    let timer = setTimeout(step, 0);
    function step() {
      const end = performance.now() + SLICE_MS;
      while (names.length && performance.now() < end) best2.push(...candidates(xs, ys, null, [names.shift()]));
      if (names.length) timer = setTimeout(step, 0);
      else found(best2.sort((a, b) => description(a.missing, a.complexity) - description(b.missing, b.complexity)));
    }
    return () => clearTimeout(timer);
  }
  function agreement(store, [l, i, j]) {
    const xs = valuesAt(store, l, i);
    const [spline, now] = [true, false].map((behind) => xs.map(edgeFunction(store.net, l, i, j, behind)));
    const mean = spline.reduce((sum2, y) => sum2 + y, 0) / spline.length;
    const [rest, all] = [now, spline.map(() => mean)].map((other) => spline.reduce((sum2, y, n) => sum2 + (y - other[n]) ** 2, 0));
    return all > 0 ? 1 - rest / all : Number.NaN;
  }
  function valuesAt(store, l, i) {
    if (store.explored.sample) {
      const { I } = store.net.layers[l];
      const values2 = store.measure.entering(l);
      const step = Math.ceil(store.measure.n / MOST_ROWS2);
      return Float64Array.from({ length: Math.ceil(store.measure.n / step) }, (_, row2) => values2[row2 * step * I + i]);
    }
    const quantiles = store.quantiles[l].subarray(i * QUANTILES, (i + 1) * QUANTILES);
    return Float64Array.from({ length: 4 * (QUANTILES - 1) + 1 }, (_, n) => {
      const below = Math.min(Math.floor(n / 4), QUANTILES - 2);
      return quantiles[below] + (n / 4 - below) * (quantiles[below + 1] - quantiles[below]);
    });
  }
  function r2Text(r2, missing = 1 - r2) {
    if (!Number.isFinite(r2)) return "–";
    if (missing > 0 && missing < 5e-5) return `1 − ${missing.toExponential(0).replace("e-", "e−")}`;
    return r2 < 0 ? "< 0" : r2.toFixed(4);
  }

  // src/views/formulas.ts
  var FEW = 5;
  var REST_MS = 180;
  var Formulas = class {
    element;
    #store;
    #body = h("tbody");
    #status = h("p", { class: "note", role: "status" });
    #caption = h("p", { class: "note" });
    #lossHead = h("th", { scope: "col" });
    #table;
    #more = button("Show all", () => this.#showAll());
    #shownFor = "";
    #found = [];
    #all = false;
    #stop = () => {
    };
    #lossTimer;
    constructor(store) {
      this.#store = store;
      const head = (words) => h("th", { scope: "col" }, words);
      const heads = [head("Formula"), head("R²"), this.#lossHead, head(h("span", { class: "unseen" }, "Choose"))];
      this.#table = h("table", { class: "formulas" }, h("thead", {}, h("tr", {}, ...heads)), this.#body);
      this.element = h("div", {}, h("h3", {}, "Formulas that fit"), this.#status, this.#table, this.#more, this.#caption);
    }
    destroy() {
      this.#stop();
      clearTimeout(this.#lossTimer);
    }
    /** Search again if the edge is another one or its spline changed; else only the losses are new. */
    show(edge) {
      const { net, isLive } = this.#store;
      const [l, i, j] = edge;
      const { coef, base, S, O } = net.layers[l];
      const spline = Array.from({ length: S }, (_, s) => coef[(i * S + s) * O + j]);
      const key = [edge, spline, base[i * O + j]].join();
      this.element.hidden = isLive || this.#store.isRemoved(edge);
      if (this.element.hidden) return this.destroy();
      this.#lossHead.textContent = this.#store.measure.name;
      this.#caption.textContent = `R²: share of the edge's variation that the formula gives. ${this.#store.measure.name}: ${this.#store.measure.words}, with the formula in place.`;
      if (key === this.#shownFor) return this.#list(edge);
      this.#shownFor = key;
      this.destroy();
      this.#found = [];
      this.#all = false;
      this.#list(edge);
      if (this.#store.isDraft) this.#shownFor = "";
      this.#status.textContent = "Searching…";
      if (this.#store.isDraft) return;
      const timer = setTimeout(() => this.#search(edge), REST_MS);
      this.#stop = () => clearTimeout(timer);
    }
    #search(edge) {
      this.#stop = guess(this.#store, edge, (found) => {
        this.#found = found;
        this.#status.textContent = found.length ? "" : "No formula fits: the edge is constant or nothing reaches it.";
        this.#list(edge);
      });
    }
    #showAll() {
      this.#all = true;
      if (this.#store.selection) this.#list(this.#store.selection);
    }
    #list(edge) {
      const listed = this.#all ? this.#found : this.#found.slice(0, FEW);
      const now = symbolicOf(this.#store, edge);
      const cells = [];
      const rows = listed.map((candidate) => {
        const edit = { op: "fix", edge, name: candidate.name, affine: candidate.affine };
        const loss = h("td", { class: "number" }, "…");
        cells.push([loss, edit]);
        const isNow = now?.name === candidate.name && now.affine.every((value, n) => value === candidate.affine[n]);
        const choose = button(isNow ? "In use" : "Use", () => this.#use(edit), { "aria-label": `${isNow ? "In use:" : "Use"} ${formulaText(candidate)}`, disabled: isNow });
        return h(
          "tr",
          {},
          h("th", { scope: "row", title: formulaText(candidate, 6) }, formulaText(candidate, 2)),
          h("td", { class: "number" }, r2Text(candidate.r2, candidate.missing)),
          loss,
          h("td", {}, choose)
        );
      });
      fillWith(this.#body, ...rows);
      this.#table.hidden = listed.length === 0;
      this.#more.hidden = this.#all || this.#found.length <= FEW;
      clearTimeout(this.#lossTimer);
      this.#lossTimer = setTimeout(() => this.#fillLosses(cells), REST_MS);
    }
    /** One loss at a time, between other work. */
    #fillLosses(cells) {
      const next = cells.shift();
      if (!next) return;
      this.#lossTimer = setTimeout(() => {
        const [cell, edit] = next;
        cell.textContent = shown(this.#store.measure.loss(applyEdit(this.#store.net, edit), edit.edge));
        this.#fillLosses(cells);
      });
    }
    #use(edit) {
      this.#store.apply(edit);
      if (edit.op === "fix") this.#store.say(`The edge is now ${formulaText(edit)}. ${this.#store.measure.name} ${shown(this.#store.loss.after)}`);
    }
  };

  // src/views/sliders.ts
  var STEPS = 100;
  var Sliders = class {
    element = h("div", { class: "sliders" });
    #store;
    #rows = [];
    #built = "";
    constructor(store) {
      this.#store = store;
    }
    get isEmpty() {
      return this.#rows.length === 0;
    }
    show(edge) {
      const symbolic = symbolicOf(this.#store, edge);
      const key = `${edge.join()} ${symbolic?.name ?? ""} ${this.#store.net.layers[edge[0]].S}`;
      if (key !== this.#built) this.#build(edge);
      this.#built = key;
      for (const { quantity, range, field } of this.#rows) {
        const value = quantity.read();
        const active = range.getRootNode();
        if (active.activeElement !== field) field.value = String(Number(value.toPrecision(6)));
        if (Number(range.value) !== value) range.value = String(value);
        for (const input of [range, field]) input.disabled = this.#store.isLive;
      }
    }
    #build(edge) {
      const quantities = symbolicOf(this.#store, edge) ? this.#affine(edge) : this.#coefficients(edge);
      const size = Math.max(0.5, ...quantities.map((q) => Math.abs(q.read())));
      this.#rows = quantities.map((quantity) => this.#row(quantity, Number((size / STEPS).toPrecision(1))));
      fillWith(
        this.element,
        ...this.#rows.map(({ quantity, range, field }) => h("div", { class: "slider" }, h("span", {}, quantity.words), range, field))
      );
    }
    #row(quantity, step) {
      const value = quantity.read();
      const range = h("input", { type: "range", "aria-label": quantity.words });
      set(range, { step, min: value - STEPS * step, max: value + STEPS * step });
      range.value = String(value);
      const field = h("input", { type: "number", step: "any", "aria-label": `${quantity.words}, exact value` });
      range.addEventListener("input", () => this.#store.preview(quantity.edit(Number(range.value))));
      range.addEventListener("change", () => this.#store.commit());
      field.addEventListener("change", () => {
        if (field.value !== "" && Number.isFinite(Number(field.value))) this.#store.apply(quantity.edit(Number(field.value)));
      });
      return { quantity, range, field };
    }
    #coefficients(edge) {
      const [l, i, j] = edge;
      const layer = () => this.#store.net.layers[l];
      const sites = controlSites(knotsOf(this.#store.net, layer(), i), this.#store.net.k);
      const quantities = Array.from(sites, (site, index) => ({
        words: `point at ${shown(site, 2)}`,
        read: () => layer().coef[coefPlace(layer(), edge, index)],
        edit: (value) => ({ op: "coef", edge, index, value })
      }));
      if (this.#store.net.baseFun !== "zero") {
        quantities.push({
          words: `share of ${this.#store.net.baseFun}(x)`,
          read: () => layer().base[i * layer().O + j],
          edit: (value) => ({ op: "base", edge, value })
        });
      }
      return quantities;
    }
    #affine(edge) {
      const now = () => symbolicOf(this.#store, edge);
      const { name, sampled } = now();
      if (sampled) return [];
      const words = ["a, stretches x", "b, shifts x", "c, stretches the result", "d, shifts the result", "p, the exponent"];
      const count = functionNamed(name).freeExponent ? 5 : 4;
      return words.slice(0, count).map((text2, n) => ({
        words: text2,
        read: () => now()?.affine[n] ?? 0,
        edit: (value) => ({ op: "fix", edge, name, affine: now().affine.map((old, m) => m === n ? value : old) })
      }));
    }
  };

  // src/views/inspector.ts
  var MOST_OUTPUTS = 4;
  var STRONGEST = 6;
  function inspectorView(store) {
    const view = new Inspector(store);
    return { element: view.element, destroy: () => view.destroy() };
  }
  var Inspector = class {
    element = h("section", { class: "inspector" });
    #store;
    #plot;
    #sliders;
    #formulas;
    #heading = h("h2", { tabindex: -1 });
    #about = h("p", { class: "soft" });
    #effects = h("dl", { class: "effects" });
    #remove = button("Remove edge", () => this.#toggleRemoved());
    #unfix = button("Back to spline", () => this.#edit("unfix", "The edge is a spline again."));
    #reset = button("Undo all on this edge", () => this.#store.selection && this.#store.resetEdge(this.#store.selection));
    #welcome = h("div", { class: "welcome" });
    #numbers;
    #body;
    #offs;
    constructor(store) {
      this.#store = store;
      this.#plot = new EdgePlot(store);
      this.#sliders = new Sliders(store);
      this.#numbers = h("details", { open: true }, h("summary", {}, "Numbers"), this.#sliders.element);
      this.#formulas = new Formulas(store);
      const legend2 = h(
        "p",
        { class: "note legend" },
        "Line: the function. Dots: drag them. Grey: where the data are. Ticks: knots. Dashes: as loaded."
      );
      this.#body = h(
        "div",
        {},
        this.#heading,
        this.#about,
        this.#plot.element,
        legend2,
        this.#effects,
        h("div", { class: "row" }, this.#remove, this.#unfix, this.#reset),
        this.#formulas.element,
        this.#numbers
      );
      this.element.append(this.#welcome, this.#body);
      this.#offs = [store.on("net", () => this.#update()), store.on("selection", () => this.#update()), store.on("view", () => this.#showEffects())];
      this.#update();
    }
    destroy() {
      this.#offs.forEach((off) => off());
      this.#formulas.destroy();
    }
    #update() {
      const store = this.#store;
      const edge = store.selection;
      this.#body.hidden = edge === null;
      this.#welcome.hidden = edge !== null;
      if (!edge) return this.#greet();
      const kind = kindOf(store, edge);
      this.#heading.textContent = edgeName(store.explored, store.net, edge);
      const what = { spline: "a spline", symbolic: kindText(store, edge), removed: "removed" }[kind];
      this.#about.textContent = `${what}; importance ${percent(store.importance(...edge))}; edge (${edge.join(", ")})`;
      this.#plot.draw(edge);
      this.#sliders.show(edge);
      this.#numbers.hidden = this.#sliders.isEmpty;
      this.#formulas.show(edge);
      this.#showEffects();
      this.#remove.textContent = kind === "removed" ? "Bring back" : "Remove edge";
      this.#unfix.hidden = kind !== "symbolic";
      this.#reset.hidden = !store.isEdited(edge);
      for (const control of [this.#remove, this.#unfix, this.#reset]) control.disabled = store.isLive;
    }
    /** Nothing chosen: say what can be done, and offer what matters. */
    #greet() {
      const store = this.#store;
      const strongest2 = allEdges(store.net).map((edge) => ({ edge, strength: store.importance(...edge) })).sort((a, b) => b.strength - a.strength).slice(0, STRONGEST);
      const items = strongest2.map(
        ({ edge, strength }) => h("li", {}, button(edgeName(store.explored, store.net, edge), () => store.select(edge)), h("span", { class: "soft number" }, percent(strength)))
      );
      fillWith(
        this.#welcome,
        h("h2", { tabindex: -1 }, "Choose an edge"),
        h("p", {}, "Every small picture is a function that the network has learned. Click one to move it, name it or remove it."),
        h("h3", {}, "The strongest"),
        h("ul", { class: "strongest" }, ...items)
      );
    }
    /** Loss and prediction, before and now. */
    #showEffects() {
      const store = this.#store;
      if (!store.selection) return;
      const { before, after } = store.loss;
      const rows = [];
      if (!store.isLive) {
        rows.push(h("dt", { title: store.measure.words }, store.measure.hasTargets ? "Loss" : "Change of the output"));
        rows.push(h("dd", { class: "number" }, store.measure.hasTargets ? fromTo(before, after) : shown(after)));
      }
      for (const { name, was, is } of this.#predictions()) rows.push(h("dt", {}, name), h("dd", { class: "number" }, fromTo(was, is)));
      const atPoint = "Outputs at the point chosen in the tab Prediction; the medians of the inputs at first.";
      fillWith(this.#effects, ...rows);
      set(this.#effects, { title: `${store.measure.words}. ${atPoint}` });
    }
    #predictions() {
      const store = this.#store;
      const { explored } = store;
      const at2 = (net) => respond(explored, predict(net, store.point));
      const [was, is] = [at2(store.original), at2(store.net)];
      const all = explored.outputs.map((output, n) => ({ name: explored.classes?.[n] ?? withUnit(output), was: was[n], is: is[n] }));
      return all.sort((a, b) => Math.abs(b.is - b.was) - Math.abs(a.is - a.was)).slice(0, MOST_OUTPUTS);
    }
    #toggleRemoved() {
      const removed = this.#store.selection && this.#store.isRemoved(this.#store.selection);
      this.#edit(removed ? "restore" : "prune", removed ? "The edge is back." : "The edge is removed.");
    }
    #edit(op, said) {
      if (!this.#store.selection) return;
      this.#store.apply({ op, edge: this.#store.selection });
      this.#store.say(`${said} ${this.#store.measure.name} ${shown(this.#store.loss.after)}`);
    }
  };
  function fromTo(was, is) {
    return shown(was, 4) === shown(is, 4) ? shown(is, 4) : `${shown(was, 4)} → ${shown(is, 4)}`;
  }

  // src/app/lazily.ts
  function lazily(element2, redraw) {
    let isStale = false;
    element2.addEventListener("shown", () => {
      if (isStale) redraw();
      isStale = false;
    });
    return () => {
      if (element2.closest("[hidden]")) isStale = true;
      else redraw();
    };
  }

  // src/app/save.ts
  function saveSvg(element2, name) {
    save(new Blob([standalone(element2)], { type: "image/svg+xml" }), `${fileName(name)}.svg`);
  }
  function savePng(element2, name) {
    const { width, height } = element2.viewBox.baseVal;
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [2 * width, 2 * height];
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => blob && save(blob, `${fileName(name)}.png`), "image/png");
    };
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(element2))}`;
  }
  function saveJson(value, name) {
    save(new Blob([JSON.stringify(value)], { type: "application/json" }), `${fileName(name)}.json`);
  }
  async function copyText(text2) {
    try {
      await navigator.clipboard.writeText(text2);
      return true;
    } catch {
      const area = document.createElement("textarea");
      area.value = text2;
      area.style.position = "fixed";
      document.body.append(area);
      area.select();
      const copied = document.execCommand("copy");
      area.remove();
      return copied;
    }
  }
  var STYLES2 = [
    "fill",
    "fill-opacity",
    "stroke",
    "stroke-width",
    "stroke-opacity",
    "stroke-dasharray",
    "stroke-linejoin",
    "stroke-linecap",
    "opacity",
    "font-family",
    "font-size",
    "font-weight",
    "text-anchor",
    "dominant-baseline",
    "paint-order",
    "display"
  ];
  var INHERITED_NONE = ["fill", "stroke", "stroke-dasharray", "display"];
  function standalone(element2) {
    const copy = element2.cloneNode(true);
    const parts = element2.querySelectorAll("*");
    copy.querySelectorAll("*").forEach((part, n) => {
      const computed = getComputedStyle(parts[n]);
      for (const style of STYLES2) {
        const value = computed.getPropertyValue(style);
        if (value && (value !== "none" || INHERITED_NONE.includes(style))) part.setAttribute(style, value);
      }
      part.removeAttribute("class");
    });
    for (const hidden of copy.querySelectorAll("[display=none]")) hidden.remove();
    const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    ground.setAttribute("width", "100%");
    ground.setAttribute("height", "100%");
    ground.setAttribute("fill", getComputedStyle(element2).getPropertyValue("--ground").trim() || "white");
    copy.prepend(ground);
    copy.removeAttribute("class");
    element2.remove();
    return new XMLSerializer().serializeToString(copy);
  }
  function save(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1e4);
  }
  function fileName(title) {
    return title.trim().replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 60) || "network";
  }

  // src/formula/expression.ts
  var number = (value) => ({ kind: "number", value });
  var named = (name) => ({ kind: "name", name });
  var call = (name, argument) => ({ kind: "call", name, argument });
  function sum(terms) {
    const flat = terms.flatMap((term) => term.kind === "sum" ? term.terms : [term]);
    const constant = flat.reduce((total, term) => total + (term.kind === "number" ? term.value : 0), 0);
    const others = merged(flat.filter((term) => term.kind !== "number"));
    if (others.length === 0) return number(constant);
    if (constant !== 0) others.push(number(constant));
    return others.length === 1 ? others[0] : { kind: "sum", terms: others };
  }
  function product(factor, ...parts) {
    const flat = [];
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
  function power(base, exponent) {
    if (base.kind === "number") return number(base.value ** exponent);
    if (exponent === 1) return base;
    const factor = leading(base);
    const canLeave = factor > 0 || factor < 0 && Number.isInteger(exponent);
    if (!canLeave || factor === 1) return { kind: "power", base, exponent };
    return product(factor ** exponent, { kind: "power", base: product(1 / factor, base), exponent });
  }
  function leading(base) {
    const terms = base.kind === "sum" ? base.terms.filter((term) => term.kind !== "number") : [base];
    return terms.length === 1 && terms[0].kind === "product" ? terms[0].factor : 1;
  }
  function merged(terms) {
    const found = /* @__PURE__ */ new Map();
    for (const term of terms) {
      const [factor, rest] = term.kind === "product" ? [term.factor, product(1, ...term.parts)] : [1, term];
      const key = JSON.stringify(rest);
      found.set(key, { factor: factor + (found.get(key)?.factor ?? 0), rest });
    }
    return [...found.values()].map(({ factor, rest }) => product(factor, rest)).filter((term) => term.kind !== "number");
  }
  function sizeOf(expr) {
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

  // src/formula/compose.ts
  function compose(explored, net, byNode) {
    const lines = [];
    const unnamed = [];
    let nodes = explored.inputs.map(seen);
    net.layers.forEach((layer, l) => {
      const sums = Array.from({ length: layer.O }, (_, j) => sum(nodes.map((node, i) => {
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
        nodes = nodes.map((expr, node) => expr.kind === "number" ? expr : named({ level: l + 1, node }));
      }
    });
    return { lines: used(lines, net.layers.length), unnamed, inputs: explored.inputs.length };
  }
  function seen({ shift, scale, bend: bend2 }, input) {
    const z = product(1 / scale, sum([named({ input }), number(-shift)]));
    if (bend2 === null) return z;
    return product(1, z, power(sum([number(1), power(product(1 / bend2, z), 2)]), -0.5));
  }
  function used(lines, last) {
    const wanted = /* @__PURE__ */ new Set();
    const kept = [];
    for (const line2 of [...lines].reverse()) {
      const { level: level2, node } = line2.target;
      if (level2 < last && (line2.expr.kind === "number" || !wanted.has(`${level2}.${node}`))) continue;
      namesIn(line2.expr, (name) => wanted.add(name));
      kept.unshift(line2);
    }
    return kept;
  }
  function namesIn(expr, found) {
    if (expr.kind === "name" && "level" in expr.name) found(`${expr.name.level}.${expr.name.node}`);
    if (expr.kind === "sum") expr.terms.forEach((term) => namesIn(term, found));
    if (expr.kind === "product") expr.parts.forEach((part) => namesIn(part, found));
    if (expr.kind === "power") namesIn(expr.base, found);
    if (expr.kind === "call") namesIn(expr.argument, found);
  }
  function multiplied(sums, [plain, products], arity) {
    const made = Array.from({ length: products }, (_, m) => {
      const first = plain + m * arity;
      return product(1, ...sums.slice(first, first + arity));
    });
    return [...sums.slice(0, plain), ...made];
  }
  function edgeExpression({ name, affine }, x) {
    const [a, b, c, d, p] = affine;
    const z = sum([product(a, x), number(b)]);
    return sum([product(c, functionOf(name, z, p)), number(d)]);
  }
  var POWERS2 = {
    "x": 1,
    "x^2": 2,
    "x^3": 3,
    "x^4": 4,
    "x^5": 5,
    "1/x": -1,
    "1/x^2": -2,
    "1/x^3": -3,
    "1/x^4": -4,
    "1/x^5": -5,
    "sqrt": 0.5,
    "x^0.5": 0.5,
    "x^1.5": 1.5,
    "1/sqrt(x)": -0.5,
    "1/x^0.5": -0.5
  };
  function functionOf(name, z, p) {
    if (name === "0") return number(0);
    if (name === "x^p") return power(z, p);
    if (name === "gaussian") return call("exp", product(-1, power(z, 2)));
    if (name === "sigmoid") return power(sum([number(1), call("exp", product(-1, z))]), -1);
    return name in POWERS2 ? power(z, POWERS2[name]) : call(name, z);
  }

  // src/formula/print.ts
  var SUM = 0;
  var PRODUCT = 1;
  var ATOM = 2;
  function print(expr, dialect2, least = SUM) {
    return write(expr, dialect2, least);
  }
  function write(expr, dialect2, least) {
    const grouped = (body, own) => own < least ? dialect2.group(body) : body;
    const { negative, size } = signOf(expr);
    if (negative) return grouped(dialect2.sum([{ negative, body: write(size, dialect2, PRODUCT) }]), SUM);
    switch (expr.kind) {
      case "number":
        return dialect2.number(expr.value);
      case "name":
        return dialect2.name(expr.name);
      case "call":
        return dialect2.call(expr.name, write(expr.argument, dialect2, SUM));
      case "power":
        return expr.exponent < 0 ? grouped(quotient(1, [expr], dialect2), PRODUCT) : raised(expr.base, expr.exponent, dialect2);
      case "product":
        return grouped(quotient(expr.factor, expr.parts, dialect2), PRODUCT);
      case "sum":
        return grouped(dialect2.sum(expr.terms.map((term) => {
          const { negative: minus, size: body } = signOf(term);
          return { negative: minus, body: write(body, dialect2, PRODUCT) };
        })), SUM);
    }
  }
  function signOf(expr) {
    if (expr.kind === "number" && expr.value < 0) return { negative: true, size: { kind: "number", value: -expr.value } };
    if (expr.kind !== "product" || expr.factor >= 0) return { negative: false, size: expr };
    if (expr.factor === -1 && expr.parts.length === 1) return { negative: true, size: expr.parts[0] };
    return { negative: true, size: { ...expr, factor: -expr.factor } };
  }
  function quotient(factor, parts, dialect2) {
    const above = parts.filter((part) => !isBelow(part));
    const below = parts.filter(isBelow);
    const many = above.length + (factor === 1 ? 0 : 1) > 1;
    const top = above.map((part) => write(part, dialect2, many || below.length ? ATOM : PRODUCT));
    if (factor !== 1 || top.length === 0) top.unshift(dialect2.number(factor));
    const upper = top.length === 1 ? top[0] : dialect2.product(top);
    if (below.length === 0) return upper;
    const under = below.map((part) => raised(part.base, -part.exponent, dialect2, below.length > 1));
    return dialect2.fraction(upper, under.length === 1 ? under[0] : dialect2.product(under));
  }
  function isBelow(part) {
    return part.kind === "power" && part.exponent < 0;
  }
  function raised(base, exponent, dialect2, tight = true) {
    if (exponent === 1) return write(base, dialect2, tight ? ATOM : SUM);
    if (exponent === 0.5) return dialect2.root(write(base, dialect2, SUM));
    const isPlain = base.kind === "name" || base.kind === "number";
    const body = write(base, dialect2, isPlain ? ATOM : SUM);
    return dialect2.power(isPlain ? body : dialect2.group(body), exponent);
  }

  // src/formula/mathml.ts
  var MATHML = "http://www.w3.org/1998/Math/MathML";
  function element(tag, ...children) {
    const made = document.createElementNS(MATHML, tag);
    made.append(...children);
    return made;
  }
  var row = (...children) => element("mrow", ...children);
  var operator = (sign) => element("mo", sign);
  var bracketed = (body, open = "(", close = ")") => row(operator(open), body, operator(close));
  var WORDS = { log: "ln", arctanh: "artanh", sgn: "sgn", arcsin: "arcsin" };
  function dialect(explored, digits) {
    const name = (of) => "input" in of ? variable(explored.inputs[of.input].name) : indexed("h", `${of.level},${of.node}`);
    return {
      number: (value) => numeral(value, digits),
      name,
      call: (called, z) => calledWith(called, z),
      power: (base, exponent) => element("msup", base, exponent % 1 ? numeral(exponent, digits) : element("mn", String(exponent))),
      root: (base) => element("msqrt", base),
      fraction: (above, below) => element("mfrac", above, below),
      product: (parts) => {
        const read = parts.length > 1 && parts[0].textContent === "1" ? parts.slice(1) : parts;
        return row(...read.flatMap((part, n) => n === 0 ? [part] : [times2(part), part]));
      },
      sum: (terms) => row(...terms.flatMap(({ negative, body }, n) => n === 0 && !negative ? [body] : [operator(negative ? "−" : "+"), body])),
      group: (body) => bracketed(body)
    };
  }
  function times2(after) {
    if (/^\d/.test(after.textContent ?? "")) return operator("·");
    const space = element("mspace");
    space.setAttribute("width", "0.14em");
    return space;
  }
  function calledWith(called, z) {
    if (typeof called !== "string") return row(indexed("f", called.edge.join(",")), bracketed(z));
    if (called === "exp") return element("msup", element("mi", "e"), z);
    if (called === "abs") return bracketed(z, "|", "|");
    if (called === "relu") return row(element("mi", "max"), bracketed(row(element("mn", "0"), operator(","), z)));
    if (called === "j0" || called === "j1") return row(indexed("J", called[1]), bracketed(z));
    return row(element("mi", WORDS[called] ?? called), operator("⁡"), bracketed(z));
  }
  function numeral(value, digits) {
    const text2 = value !== 0 && (value < 1e-3 || value >= 1e5) ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
    const [mantissa, exponent] = text2.split("e");
    if (!exponent) return element("mn", mantissa);
    const power2 = element("msup", element("mn", "10"), element("mn", String(Number(exponent)).replace("-", "−")));
    return Number(mantissa) === 1 ? power2 : row(element("mn", mantissa), operator("·"), power2);
  }
  function variable(name) {
    const parts = /^(\p{L})_?(\d+)$/u.exec(name);
    return parts ? indexed(parts[1], parts[2]) : element("mi", name);
  }
  function indexed(letter, index) {
    return element("msub", element("mi", letter), element("mn", index));
  }
  function asMathml(explored, composed, digits) {
    const last = composed.lines[composed.lines.length - 1].target.level;
    const own = dialect(explored, digits);
    return composed.lines.map(({ target, expr }) => {
      const left = target.level === last ? variable(explored.outputs[target.node].name) : indexed("h", `${target.level},${target.node}`);
      const terms = expr.kind === "sum" ? expr.terms : [expr];
      const pieces = terms.map((term, n) => {
        const isFirst = n === 0;
        const { negative, size } = signOf(term);
        const sign = negative ? [operator("−")] : isFirst ? [] : [operator("+")];
        const spaced2 = sign.map((mark) => isFirst ? mark : infix(mark));
        return element("math", row(...isFirst ? [left, operator("=")] : [], ...spaced2, print(size, own, PRODUCT)));
      });
      const line2 = document.createElement("p");
      line2.append(...pieces.flatMap((piece, n) => n === 0 ? [piece] : [" ", piece]));
      return line2;
    });
  }
  function infix(mark) {
    mark.setAttribute("form", "infix");
    return mark;
  }

  // src/formula/text.ts
  var LATEX = {
    exp: (z) => `e^{${z}}`,
    abs: (z) => `\\left|${z}\\right|`,
    log: (z) => `\\ln\\left(${z}\\right)`,
    sgn: (z) => `\\operatorname{sgn}\\left(${z}\\right)`,
    relu: (z) => `\\max\\left(0, ${z}\\right)`,
    arctanh: (z) => `\\operatorname{artanh}\\left(${z}\\right)`,
    erf: (z) => `\\operatorname{erf}\\left(${z}\\right)`,
    j0: (z) => `J_0\\left(${z}\\right)`,
    j1: (z) => `J_1\\left(${z}\\right)`
  };
  function latexDialect(words) {
    return {
      number: latexNumber,
      name: words,
      call: (name, z) => typeof name !== "string" ? `f_{${name.edge.join(",")}}\\left(${z}\\right)` : LATEX[name]?.(z) ?? `\\${name}\\left(${z}\\right)`,
      power: (base, exponent) => `${base}^{${latexNumber(exponent)}}`,
      root: (base) => `\\sqrt{${base}}`,
      fraction: (above, below) => `\\frac{${above}}{${below}}`,
      product: (parts) => parts.join(" \\cdot "),
      sum: (terms) => signed(terms),
      group: (body) => `\\left(${body}\\right)`
    };
  }
  function latexNumber(value) {
    const [mantissa, exponent] = String(value).split("e");
    return exponent ? `${mantissa} \\cdot 10^{${Number(exponent)}}` : mantissa;
  }
  function latexText(name) {
    if (/^[a-zA-Z]$/.test(name)) return name;
    const indexed2 = /^([a-zA-Z])_?(\d+)$/.exec(name);
    if (indexed2) return `${indexed2[1]}_{${indexed2[2]}}`;
    const marks = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };
    return `\\text{${oneLine(name).replace(/[\\~^#$%&_{}]/g, (c) => marks[c] ?? `\\${c}`)}}`;
  }
  function asLatex(explored, composed) {
    const words = (name) => "input" in name ? latexText(explored.inputs[name.input].name) : `h_{${name.level},${name.node}}`;
    const left = ({ target }) => isOutput(composed, target) ? latexText(explored.outputs[target.node].name) : words(target);
    return composed.lines.map((line2) => `${left(line2)} = ${print(line2.expr, latexDialect(words))}`).join(" \\\\\n");
  }
  var NUMPY = {
    abs: "np.abs",
    sgn: "np.sign",
    j0: "special.j0",
    j1: "special.j1",
    erf: "special.erf"
  };
  var SYMPY = {
    abs: (z) => `Abs(${z})`,
    sgn: (z) => `sign(${z})`,
    relu: (z) => `Max(${z}, 0)`,
    j0: (z) => `besselj(0, ${z})`,
    j1: (z) => `besselj(1, ${z})`,
    arcsin: (z) => `asin(${z})`,
    arccos: (z) => `acos(${z})`,
    arctan: (z) => `atan(${z})`,
    arctanh: (z) => `atanh(${z})`
  };
  var edgeWord = (edge) => `f_${edge.join("_")}`;
  function codeDialect(words, call2, root2) {
    return {
      number: (value) => String(value),
      name: words,
      call: call2,
      power: (base, exponent) => `${base}**${exponent}`,
      root: (base) => `${root2}(${base})`,
      fraction: (above, below) => `${above}/(${below})`,
      product: (parts) => parts.join("*"),
      sum: (terms) => signed(terms),
      group: (body) => `(${body})`
    };
  }
  function asPython2(explored, net, composed) {
    const { inputs, outputs } = identifiers(explored);
    const words = (name) => "input" in name ? inputs[name.input] : `h_${name.level}_${name.node}`;
    const call2 = (name, z) => typeof name !== "string" ? `${edgeWord(name.edge)}(${z})` : name === "relu" ? `np.maximum(${z}, 0)` : `${NUMPY[name] ?? `np.${name}`}(${z})`;
    const body = composed.lines.map((line2) => {
      const left = isOutput(composed, line2.target) ? outputs[line2.target.node] : words(line2.target);
      return `    ${left} = ${print(line2.expr, codeDialect(words, call2, "np.sqrt"))}`;
    });
    const known2 = body.join("\n").includes("special.");
    return [
      "import numpy as np",
      ...composed.unnamed.length ? ["from scipy.interpolate import BSpline"] : [],
      ...known2 || net.baseFun === "gelu" ? ["from scipy import special"] : [],
      "",
      ...composed.unnamed.length ? [...edgeHelper(net), ...composed.unnamed.flatMap((edge) => edgeDefinition(net, edge)), ""] : [],
      `def network(${inputs.join(", ")}):`,
      `    """${comment(explored, inputs)}"""`,
      ...body,
      `    return ${outputs.join(", ")}`,
      ""
    ].join("\n");
  }
  function asSympy(explored, composed) {
    const { inputs, outputs } = identifiers(explored);
    const words = (name) => "input" in name ? inputs[name.input] : `h_${name.level}_${name.node}`;
    const call2 = (name, z) => typeof name !== "string" ? `${edgeWord(name.edge)}(${z})` : SYMPY[name]?.(z) ?? `${name}(${z})`;
    const functions = composed.unnamed.map(edgeWord);
    return [
      "from sympy import *",
      "",
      declaration(inputs, "symbols"),
      ...functions.length ? [declaration(functions, "symbols", ", cls=Function")] : [],
      ...composed.lines.map((line2) => {
        const left = isOutput(composed, line2.target) ? outputs[line2.target.node] : words(line2.target);
        return `${left} = ${print(line2.expr, codeDialect(words, call2, "sqrt"))}`;
      }),
      ""
    ].join("\n");
  }
  function declaration(names, maker, more = "") {
    return `${names.join(", ")} = ${maker}("${names.join(" ")}"${more})`;
  }
  var BASES = {
    silu: "x / (1 + np.exp(-x))",
    identity: "x",
    tanh: "np.tanh(x)",
    gelu: "x * special.ndtr(x)",
    relu: "np.maximum(x, 0)"
  };
  function edgeHelper(net) {
    const base = BASES[net.baseFun];
    const inside = net.outside === "linear" ? [
      "    spline = BSpline(knots, coef, k)",
      "    inside = np.clip(x, knots[k], knots[-k - 1])",
      net.k > 0 ? "    value = spline(inside) + spline.derivative()(inside) * (x - inside)" : "    value = spline(inside)"
    ] : [
      '    knots, coef = np.pad(knots, k, mode="linear_ramp", end_values=(knots[0] - 1, knots[-1] + 1)), np.pad(coef, k)',
      "    inside = (x >= knots[k]) & (x < knots[-k - 1])",
      "    value = np.where(inside, BSpline(knots, coef, k)(x), 0.0)"
    ];
    return [
      "",
      "def edge(x, weight, knots, coef, k):",
      "    x, knots, coef = np.asarray(x, dtype=float), np.array(knots), np.array(coef)",
      ...inside,
      base ? `    return weight * (${base}) + value` : "    return value",
      ""
    ];
  }
  function edgeDefinition(net, [l, i, j]) {
    const layer = net.layers[l];
    const at2 = i * layer.O + j;
    const sampled = layer.symbolic.get(at2)?.sampled;
    const scale = layer.scale ? layer.scale[at2] : 1;
    const coef = sampled ? sampled.coef : coefOf(layer, i, j).map((c) => scale * c);
    const knots = sampled ? sampled.knots : knotsOf(net, layer, i);
    const list2 = (values2) => `[${[...values2].join(", ")}]`;
    const weight = sampled ? 0 : layer.base[at2];
    return ["", `def ${edgeWord([l, i, j])}(x):`, `    return edge(x, ${weight}, ${list2(knots)}, ${list2(coef)}, ${sampled ? 3 : net.k})`, ""];
  }
  function identifiers({ inputs, outputs }) {
    const taken = /* @__PURE__ */ new Set(["np", "special", "edge", "network", "BSpline", "symbols", "Function", ...KEYWORDS]);
    const safe = ({ name }, n, letter) => {
      const plain = name.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 40);
      let word = /^[A-Za-z]/.test(plain) ? plain : plain ? `${letter}_${plain}` : `${letter}_${n + 1}`;
      if (/^[fh]_\d/.test(word)) word = `${letter}_${word}`;
      while (taken.has(word)) word += "_";
      taken.add(word);
      return word;
    };
    return { inputs: inputs.map((v, n) => safe(v, n, "x")), outputs: outputs.map((v, n) => safe(v, n, "y")) };
  }
  var KEYWORDS = "False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield E I N O Q S pi beta gamma zeta Abs sign Max besselj exp log sin cos tan sqrt".split(" ");
  function comment({ inputs }, words) {
    const about = inputs.map(({ name, unit }, n) => name !== words[n] || unit ? `${words[n]}: ${oneLine(name)}${unit ? ` (${oneLine(unit)})` : ""}` : "");
    const told = about.filter(Boolean).join("; ").replace(/[\\"]/g, "'");
    return told || "The network as a formula.";
  }
  function oneLine(text2) {
    return text2.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
  }
  function isOutput(composed, { level: level2 }) {
    return level2 === composed.lines[composed.lines.length - 1].target.level;
  }
  function signed(terms) {
    return terms.map(({ negative, body }, n) => n === 0 ? negative ? `-${body}` : body : negative ? ` - ${body}` : ` + ${body}`).join("");
  }

  // src/views/formula.ts
  var READABLE = 160;
  var DRAWABLE = 4e3;
  var MOST_EDGES = 2e3;
  function formulaView(store) {
    return new FormulaPanel(store);
  }
  var FormulaPanel = class {
    element;
    #lines = h("div", { class: "formula-lines", tabindex: 0, role: "region", "aria-label": "Formula" });
    #words = h("p", { class: "note" });
    #said = h("span", { class: "soft", role: "status" });
    #copies;
    #offs;
    #form = "auto";
    #digits = 3;
    #composed = null;
    #store;
    constructor(store) {
      this.#store = store;
      const forms = [["auto", "as it reads best"], ["whole", "in one line"], ["nodes", "node by node"]];
      const form = choice("write it", forms, (value) => this.#change(() => this.#form = value));
      const digits = choice("digits", ["2", "3", "4", "6", "9"].map((d) => [d, d]), (value) => this.#change(() => this.#digits = Number(value)));
      digits.select.value = "3";
      const copy = (words, text2) => button(words, () => void this.#copy(words, text2));
      this.#copies = [
        copy("LaTeX", (c) => asLatex(store.explored, c)),
        copy("Python", (c) => asPython2(store.explored, store.net, c)),
        copy("SymPy", (c) => asSympy(store.explored, c))
      ];
      this.element = h(
        "div",
        { class: "view formula" },
        h("div", { class: "tools" }, form.element, digits.element),
        this.#lines,
        this.#words,
        h("div", { class: "row" }, h("span", { class: "soft" }, "copy with all digits as"), h("span", { class: "buttons" }, ...this.#copies), this.#said)
      );
      this.#offs = [store.on("net", lazily(this.element, () => this.#update()))];
      this.#update();
    }
    destroy() {
      this.#offs.forEach((off) => off());
    }
    #change(edit) {
      edit();
      this.#update();
    }
    #update() {
      const store = this.#store;
      this.#said.textContent = "";
      this.#composed = this.#compose();
      this.#copies.forEach((copy) => copy.disabled = this.#composed === null);
      if (!this.#composed) {
        fillWith(this.#lines, h("p", {}, "This network has too many edges to read as a formula. Remove some first: the Edges tab sorts them by importance."));
        this.#words.textContent = "";
        return;
      }
      const { unnamed } = this.#composed;
      fillWith(this.#lines, ...asMathml(store.explored, this.#composed, this.#digits));
      const { link } = store.explored;
      this.#words.textContent = (unnamed.length === 0 ? "Every edge has a formula." : `${unnamed.length} ${unnamed.length === 1 ? "edge has" : "edges have"} no formula yet: f with its layer, input and output stands for what such an edge has learned. Choose one in the Network tab to try formulas.`) + (link === "identity" ? "" : link === "sigmoid" ? " The share is 1 / (1 + exp(−value))." : " Shares are the softmax of these values.");
    }
    #compose() {
      const { explored, net } = this.#store;
      const present = net.layers.reduce((sum2, layer) => sum2 + layer.mask.reduce((a, m) => a + (m === 0 ? 0 : 1), 0), 0);
      if (present > MOST_EDGES) return null;
      const size = (composed) => composed.lines.reduce((sum2, line2) => sum2 + sizeOf(line2.expr), 0);
      const nodes = compose(explored, net, true);
      if (this.#form === "nodes" || wholeSize(this.#store) > DRAWABLE) return nodes;
      const whole2 = compose(explored, net, false);
      return this.#form === "whole" || size(whole2) <= READABLE ? whole2 : nodes;
    }
    async #copy(words, text2) {
      if (!this.#composed) return;
      const done = await copyText(text2(this.#composed));
      this.#said.textContent = done ? `${words} copied.` : "This browser does not let the page copy.";
    }
  };
  function wholeSize({ net }) {
    let sizes = new Float64Array(net.layers[0].I).fill(1);
    for (const [l, layer] of net.layers.entries()) {
      const sums = new Float64Array(layer.O);
      layer.mask.forEach((m, edge) => sums[edge % layer.O] += m === 0 ? 0 : 2 + sizes[Math.floor(edge / layer.O)]);
      const [plain, products] = net.nodes[l + 1];
      sizes = Float64Array.from({ length: plain + products }, (_, n) => n < plain ? sums[n] : sums.slice(plain + (n - plain) * net.arity, plain + (n - plain + 1) * net.arity).reduce((a, b) => a + b, 0));
    }
    return sizes.reduce((a, b) => a + b, 0);
  }

  // src/views/matrix.ts
  var HEAD = { side: 96, top: 26 };
  var SIZES = [18, 140];
  var LEGIBLE = 44;
  function matrixView(store) {
    const view = new MatrixView(store);
    return { element: view.element, destroy: () => view.destroy() };
  }
  var MatrixView = class {
    element;
    #store;
    #curves;
    #canvas = h("canvas", { "aria-hidden": "true" });
    #spacer = h("div", { class: "spacer" }, this.#canvas);
    #scroller;
    #tip = h("p", { class: "note" }, " ");
    #layers;
    #observer;
    #offs;
    #layer = 0;
    #order = "own";
    #size = 56;
    /** Cells fill the frame until their size is chosen. */
    #isFitted = true;
    #sizer = h("input", {
      type: "range",
      min: SIZES[0],
      max: SIZES[1],
      value: this.#size,
      oninput: () => {
        this.#isFitted = false;
        this.#rebuild({ size: Number(this.#sizer.value) });
      }
    });
    #toScale = false;
    #rows = [];
    #columns = [];
    #cursor = null;
    #waiting = false;
    constructor(store) {
      this.#store = store;
      this.#curves = new Curves(store);
      this.#layers = choice("Layer", [], (value) => this.#rebuild({ layer: Number(value) }));
      this.#scroller = h(
        "div",
        {
          class: "matrix",
          tabindex: 0,
          role: "application",
          "aria-label": "Matrix of edges, inputs down, outputs across. Arrow keys move, Enter opens an edge, Delete removes it.",
          onscroll: () => this.#paintSoon(),
          onclick: (event) => this.#click(event),
          onpointermove: (event) => this.#hover(event),
          onkeydown: (event) => this.#key(event),
          onblur: () => this.#moveTo(null)
        },
        this.#spacer
      );
      this.element = h("section", { class: "view", "aria-label": "Matrix" }, this.#tools(), this.#scroller, this.#tip);
      this.#observer = new ResizeObserver(() => this.#rebuild({}));
      this.#observer.observe(this.#scroller);
      const redraw = lazily(this.element, () => this.#rebuild({}));
      const repaint = lazily(this.element, () => this.#paintSoon());
      this.#offs = [
        store.on("net", () => {
          this.#curves.refresh();
          if (store.isDraft) repaint();
          else redraw();
        }),
        store.on("selection", () => this.#paintSoon()),
        store.on("theme", () => this.#paintSoon())
      ];
    }
    destroy() {
      this.#observer.disconnect();
      this.#offs.forEach((off) => off());
    }
    #tools() {
      const orders = [["own", "as they are"], ["importance", "by importance"], ["name", "by name"]];
      const toScale = h("input", { type: "checkbox", onchange: () => this.#rebuild({ toScale: toScale.checked }) });
      return h(
        "div",
        { class: "tools" },
        this.#layers.element,
        choice("Order", orders, (order) => this.#rebuild({ order })).element,
        h("label", { class: "field" }, h("span", {}, "Size"), this.#sizer),
        h("label", { class: "field" }, toScale, h("span", {}, "Heights to scale"))
      );
    }
    #rebuild(change) {
      this.#layer = change.layer ?? this.#layer;
      this.#order = change.order ?? this.#order;
      this.#size = change.size ?? this.#size;
      this.#toScale = change.toScale ?? this.#toScale;
      const { net, explored } = this.#store;
      this.#layer = Math.min(this.#layer, net.layers.length - 1);
      const level2 = (l2) => l2 === 0 ? "inputs" : l2 === net.layers.length ? "outputs" : `level ${l2}`;
      const options = net.layers.map((_, l2) => h("option", { value: l2 }, `${l2}: ${level2(l2)} → ${level2(l2 + 1)}`));
      this.#layers.select.replaceChildren(...options);
      this.#layers.select.value = String(this.#layer);
      const { I, O } = net.layers[this.#layer];
      const most = (edges) => Math.max(...edges.map((edge) => this.#store.importance(...edge)));
      const all = (n) => Array.from({ length: n }, (_, m) => m);
      const [l, order] = [this.#layer, this.#order];
      this.#rows = sorted(all(I), order, (i) => most(all(O).map((j) => [l, i, j])), (i) => nodeName(explored, net, l, i));
      this.#columns = sorted(all(O), order, (j) => most(all(I).map((i) => [l, i, j])), (j) => targetName(explored, net, l, j));
      if (this.#isFitted) this.#fit(I, O);
      this.#spacer.style.width = `${HEAD.side + O * this.#size + 2}px`;
      this.#spacer.style.height = `${HEAD.top + I * this.#size + 2}px`;
      this.#paintSoon();
    }
    #fit(I, O) {
      const room = Math.min((this.#scroller.clientWidth - HEAD.side - 4) / O, (this.#scroller.clientHeight - HEAD.top - 4) / I);
      this.#size = Math.floor(Math.min(SIZES[1], Math.max(LEGIBLE, room)));
      this.#sizer.value = String(this.#size);
    }
    // ---------------------------------------------------------------- painting
    #paintSoon() {
      if (this.#waiting) return;
      this.#waiting = true;
      requestAnimationFrame(() => {
        this.#waiting = false;
        if (this.#scroller.clientWidth > 0) this.#paint();
      });
    }
    #paint() {
      const [scroller, canvas, size] = [this.#scroller, this.#canvas, this.#size];
      const [width, height] = [scroller.clientWidth, scroller.clientHeight];
      const sharpness = Math.min(2, devicePixelRatio || 1);
      [canvas.width, canvas.height] = [width * sharpness, height * sharpness];
      [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
      const context = canvas.getContext("2d");
      const style = getComputedStyle(canvas);
      const colour2 = (name) => style.getPropertyValue(name).trim();
      context.scale(sharpness, sharpness);
      context.fillStyle = colour2("--ground");
      context.fillRect(0, 0, width, height);
      const [x0, y0] = [HEAD.side - scroller.scrollLeft, HEAD.top - scroller.scrollTop];
      const seen2 = (start, end, count) => [Math.max(0, Math.floor(start / size)), Math.min(count, Math.ceil(end / size))];
      const [fromRow, toRow] = seen2(scroller.scrollTop, height - y0, this.#rows.length);
      const [fromColumn, toColumn] = seen2(scroller.scrollLeft, width - x0, this.#columns.length);
      const largest4 = this.#toScale ? this.#largestSize() : 0;
      for (let r = fromRow; r < toRow; r++) {
        for (let c = fromColumn; c < toColumn; c++) {
          this.#paintCell(context, colour2, this.#edgeAt(r, c), x0 + c * size, y0 + r * size, largest4);
        }
      }
      this.#paintHeads(context, colour2, x0, y0, [fromRow, toRow], [fromColumn, toColumn], width, height);
    }
    #paintCell(context, colour2, edge, x, y, largest4) {
      const [size, store] = [this.#size, this.#store];
      const kind = kindOf(store, edge);
      const level2 = styleOf(store, edge);
      context.setLineDash(kind === "removed" ? [3, 3] : []);
      context.strokeStyle = colour2(kind === "symbolic" ? "--symbolic" : "--line");
      context.lineWidth = 1;
      context.strokeRect(x + 1.5, y + 1.5, size - 3, size - 3);
      if (kind === "symbolic") context.strokeRect(x + 4, y + 4, size - 8, size - 8);
      const { heights, size: range } = this.#curves.of(edge);
      const share = largest4 > 0 ? range / largest4 : 1;
      const [left, wide, tall] = [x + size * 0.14, size * 0.72, size * 0.66 * share];
      context.beginPath();
      heights.forEach((height, n) => context.lineTo(left + wide * n / (heights.length - 1), y + size / 2 + tall * (height - 0.5)));
      context.strokeStyle = colour2(kind === "removed" ? "--soft" : `--edge-${level2}`);
      context.lineWidth = kind === "removed" ? 1 : 1 + 0.22 * level2;
      context.stroke();
      context.setLineDash([]);
      if (kind === "symbolic") {
        context.fillStyle = colour2("--ink");
        context.font = `${Math.min(11, size * 0.2)}px system-ui, sans-serif`;
        context.textAlign = "center";
        context.fillText(formulaWithin(symbolicOf(store, edge), Math.floor((size - 10) / 5.6)), x + size / 2, y + size - 8);
      }
      const isCursor = this.#cursor?.join() === edge.join();
      if (!isCursor && store.selection?.join() !== edge.join()) return;
      context.strokeStyle = colour2("--select");
      context.lineWidth = 2.5;
      context.strokeRect(x + 1.5, y + 1.5, size - 3, size - 3);
    }
    /** Names that stay in view while the cells move beneath them. */
    #paintHeads(context, colour2, x0, y0, rows, columns, width, height) {
      const { explored, net } = this.#store;
      const [l, size] = [this.#layer, this.#size];
      context.fillStyle = colour2("--ground");
      context.fillRect(0, 0, width, HEAD.top);
      context.fillRect(0, 0, HEAD.side, height);
      context.fillStyle = colour2("--ink");
      context.font = `${Math.min(12.5, size * 0.6)}px system-ui, sans-serif`;
      context.textBaseline = "middle";
      context.textAlign = "right";
      context.save();
      context.beginPath();
      context.rect(0, HEAD.top, HEAD.side, height);
      context.clip();
      for (let r = rows[0]; r < rows[1]; r++) {
        context.fillText(shortened(nodeName(explored, net, l, this.#rows[r]), 14), HEAD.side - 8, y0 + (r + 0.5) * size);
      }
      context.restore();
      context.textAlign = "center";
      context.beginPath();
      context.rect(HEAD.side, 0, width, HEAD.top);
      context.clip();
      context.font = "12px system-ui, sans-serif";
      const room = Math.floor(size / 6.6);
      for (let c = columns[0]; c < columns[1]; c++) {
        const name = targetName(explored, net, l, this.#columns[c]);
        const short = name.length < room ? name : name.replace(/^node |^product |, factor /g, (m) => m.startsWith(",") ? "·" : "");
        if (room >= 2) context.fillText(shortened(short, room), x0 + (c + 0.5) * size, HEAD.top / 2);
      }
    }
    #largestSize() {
      const { I, O } = this.#store.net.layers[this.#layer];
      let largest4 = 0;
      for (let i = 0; i < I; i++) for (let j = 0; j < O; j++) largest4 = Math.max(largest4, this.#curves.of([this.#layer, i, j]).size);
      return largest4;
    }
    // ---------------------------------------------------------------- pointing and typing
    #edgeAt(row2, column) {
      return [this.#layer, this.#rows[row2], this.#columns[column]];
    }
    #under(event) {
      const box = this.#scroller.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left - HEAD.side, event.clientY - box.top - HEAD.top];
      if (x < 0 || y < 0) return null;
      const [row2, column] = [Math.floor((y + this.#scroller.scrollTop) / this.#size), Math.floor((x + this.#scroller.scrollLeft) / this.#size)];
      return row2 < this.#rows.length && column < this.#columns.length ? this.#edgeAt(row2, column) : null;
    }
    #click(event) {
      const edge = this.#under(event);
      if (edge) this.#store.select(edge);
    }
    #hover(event) {
      const edge = this.#under(event);
      this.#tip.textContent = edge ? edgeSentence(this.#store, edge) : " ";
      this.#scroller.style.cursor = edge ? "pointer" : "";
    }
    #key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const [store, rows, columns] = [this.#store, this.#rows, this.#columns];
      const at2 = this.#cursor ?? (store.selection?.[0] === this.#layer ? store.selection : this.#edgeAt(0, 0));
      const [row2, column] = [rows.indexOf(at2[1]), columns.indexOf(at2[2])];
      const steps = {
        ArrowDown: [row2 + 1, column],
        ArrowUp: [row2 - 1, column],
        ArrowRight: [row2, column + 1],
        ArrowLeft: [row2, column - 1],
        Home: [0, 0],
        End: [rows.length - 1, columns.length - 1]
      };
      if (event.key in steps) {
        const [r, c] = this.#cursor ? steps[event.key] : [row2, column];
        this.#moveTo([Math.min(Math.max(r, 0), rows.length - 1), Math.min(Math.max(c, 0), columns.length - 1)]);
      } else if (event.key === "Enter") {
        store.select(at2);
        this.element.dispatchEvent(new CustomEvent("inspect", { bubbles: true }));
      } else if (event.key === "Delete" || event.key === "Backspace") {
        store.apply({ op: store.isRemoved(at2) ? "restore" : "prune", edge: at2 });
        store.say(edgeSentence(store, at2));
      } else return;
      event.preventDefault();
      event.stopPropagation();
    }
    #moveTo(place2) {
      this.#cursor = place2 && this.#edgeAt(...place2);
      if (place2) {
        const [y, x] = place2.map((n) => n * this.#size);
        const [tall, wide] = [this.#scroller.clientHeight - HEAD.top, this.#scroller.clientWidth - HEAD.side];
        const { scrollTop, scrollLeft } = this.#scroller;
        this.#scroller.scrollTop = Math.min(Math.max(scrollTop, y + this.#size - tall), y);
        this.#scroller.scrollLeft = Math.min(Math.max(scrollLeft, x + this.#size - wide), x);
        this.#tip.textContent = edgeSentence(this.#store, this.#cursor);
        this.#store.say(this.#tip.textContent);
      }
      this.#paintSoon();
    }
  };
  function sorted(places, order, strength, name) {
    if (order === "importance") {
      const strengths = places.map(strength);
      return places.sort((a, b) => strengths[b] - strengths[a]);
    }
    if (order === "name") return places.sort((a, b) => name(a).localeCompare(name(b), void 0, { numeric: true }));
    return places;
  }

  // src/views/geometry.ts
  var [SMALLEST, LARGEST] = [7, 84];
  var LEAST_PITCH = [42, 32];
  var LATTICE_PITCH = 46;
  var ASPECT = 1.4;
  var FILL = 0.84;
  function layOut(net, edges, frame, labels) {
    const vertical = frame.width < 0.85 * frame.height;
    const [along, across] = vertical ? [frame.height, frame.width] : [frame.width, frame.height];
    const perLayer2 = net.layers.map((_, l) => edges.filter((edge) => edge[0] === l));
    const stretch = vertical ? 1 / ASPECT : ASPECT;
    const gap = Math.max(26, Math.min(78, along * 0.055));
    const room = along - labels[0] - labels[1] - 2 * gap * net.layers.length;
    const pitch = largestPitch(perLayer2.map((own) => own.length), room, across - 16, stretch);
    const rows = Math.max(1, rowsOf(pitch, across - 16));
    const scene = {
      vertical,
      width: frame.width,
      height: frame.height,
      tile: { w: 0, h: 0 },
      nodes: [],
      sums: [],
      tiles: [],
      spacing: []
    };
    const long = pitch * stretch;
    const columns = perLayer2.map((own) => Math.max(1, Math.ceil(own.length / rows)));
    const used2 = columns.reduce((sum2, c) => sum2 + c * long, 0);
    const spare = Math.max(0, room - used2) / (2 * net.layers.length);
    const step = gap + Math.min(spare, 90);
    const total = used2 + 2 * step * net.layers.length;
    let position = labels[0] + Math.max(0, (along - labels[0] - labels[1] - total) / 2);
    addLevel(scene, net, 0, position, across);
    perLayer2.forEach((own, l) => {
      position += step;
      addTiles(scene, own, columns[l], position, across, pitch, long);
      position += columns[l] * long + step;
      addLevel(scene, net, l + 1, position, across);
      scene.sums.push(sumsBefore(scene, net, l, step));
    });
    const [w, h2] = vertical ? [pitch, long] : [long, pitch];
    scene.tile = { w: w * FILL / 2, h: h2 * FILL / 2 };
    return vertical ? turned(scene) : scene;
  }
  function largestPitch(counts, room, across, stretch) {
    const most = Math.max(...counts, 1);
    const few = [across / most, across / (Math.ceil(most / 2) + 0.5)].find((pitch, n) => pitch >= LEAST_PITCH[n]);
    const start = few ? Math.min(few, LARGEST) : LATTICE_PITCH;
    for (let pitch = start; pitch > SMALLEST; pitch -= 0.5) {
      const rows = rowsOf(pitch, across);
      if (rows < 1) continue;
      const columns = counts.reduce((sum2, count) => sum2 + Math.max(1, Math.ceil(count / rows)), 0);
      if (columns * pitch * stretch <= room) return pitch;
    }
    return SMALLEST;
  }
  function rowsOf(pitch, across) {
    return Math.floor(across / pitch + 1e-9);
  }
  function addLevel(scene, net, level2, along, across) {
    const count = levelSize(net.nodes[level2]);
    const spacing = Math.min(across / count, 130);
    const start = across / 2 - (count - 1) / 2 * spacing;
    scene.spacing.push(spacing);
    scene.nodes.push(
      Array.from({ length: count }, (_, node) => ({
        level: level2,
        node,
        isProduct: node >= net.nodes[level2][0],
        x: along,
        y: start + node * spacing
      }))
    );
  }
  function addTiles(scene, own, columns, along, across, pitch, long) {
    const rows = Math.ceil(own.length / columns);
    const halfRows = columns === 2 ? 0.5 : 0;
    const roomy = Math.min(across / (rows + halfRows), pitch * 1.3);
    const start = across / 2 - (rows - 1 + halfRows) / 2 * roomy;
    own.forEach((edge, n) => {
      const column = n % columns;
      const row2 = Math.floor(n / columns) + column * halfRows;
      scene.tiles.push({ edge, x: along + (column + 0.5) * long, y: start + row2 * roomy });
    });
  }
  function sumsBefore(scene, net, l, step) {
    const nodes = scene.nodes[l + 1];
    const reach = Math.min(26, step * 0.45);
    const spread2 = Math.min(16, scene.spacing[l + 1] / (net.arity + 1));
    return Array.from({ length: net.layers[l].O }, (_, j) => {
      const { node, factor } = nodeOfSum(net, l, j);
      const { x, y } = nodes[node];
      return factor < 0 ? { x, y } : { x: x - reach, y: y + (factor - (net.arity - 1) / 2) * spread2 };
    });
  }
  function turned(scene) {
    const turn = (p) => ({ ...p, x: p.y, y: p.x });
    return {
      ...scene,
      nodes: scene.nodes.map((level2) => level2.map(turn)),
      sums: scene.sums.map((layer) => layer.map(turn)),
      tiles: scene.tiles.map(turn)
    };
  }
  function wireOf(scene, { edge: [l, i, j], x, y }) {
    const { w, h: h2 } = scene.tile;
    const [before, after] = scene.vertical ? [{ x, y: y - h2 }, { x, y: y + h2 }] : [{ x: x - w, y }, { x: x + w, y }];
    return [bend(scene, scene.nodes[l][i], before), bend(scene, after, scene.sums[l][j])];
  }
  function bend({ vertical }, from, to) {
    if (vertical) {
      const middle2 = (from.y + to.y) / 2;
      return [from, { x: from.x, y: middle2 }, { x: to.x, y: middle2 }, to];
    }
    const middle = (from.x + to.x) / 2;
    return [from, { x: middle, y: from.y }, { x: middle, y: to.y }, to];
  }
  function through(net, level2, node) {
    const reached = net.nodes.map((size) => new Array(levelSize(size)).fill(false));
    reached[level2][node] = true;
    const present = (l, i, j) => net.layers[l].mask[i * net.layers[l].O + j] !== 0;
    for (let l = level2 - 1; l >= 0; l--) {
      for (let i = 0; i < net.layers[l].I; i++) {
        for (let j = 0; j < net.layers[l].O; j++) {
          if (present(l, i, j) && reached[l + 1][nodeOfSum(net, l, j).node]) reached[l][i] = true;
        }
      }
    }
    for (let l = level2; l < net.layers.length; l++) {
      for (let i = 0; i < net.layers[l].I; i++) {
        if (!reached[l][i]) continue;
        for (let j = 0; j < net.layers[l].O; j++) if (present(l, i, j)) reached[l + 1][nodeOfSum(net, l, j).node] = true;
      }
    }
    return ([l, i, j]) => reached[l][i] && reached[l + 1][nodeOfSum(net, l, j).node];
  }

  // src/views/picture.ts
  var REST_MS2 = 140;
  var Motion = class {
    #drawn = { x: 0, y: 0, zoom: 1 };
    #timer;
    #element;
    #redraw;
    constructor(element2, redraw) {
      this.#element = element2;
      this.#redraw = redraw;
      element2.style.transformOrigin = "0 0";
    }
    /** @param lightly whether drawing anew is quick enough to be done at every step */
    look(camera, lightly) {
      clearTimeout(this.#timer);
      if (lightly) return this.#settle(camera);
      const ratio = camera.zoom / this.#drawn.zoom;
      const [x, y] = [camera.x - this.#drawn.x * ratio, camera.y - this.#drawn.y * ratio];
      this.#element.style.willChange = "transform";
      this.#element.style.transform = `translate(${x}px, ${y}px) scale(${ratio})`;
      this.#timer = setTimeout(() => this.#settle(camera), REST_MS2);
    }
    #settle(camera) {
      this.#drawn = camera;
      this.#redraw(camera);
      this.#element.style.transform = this.#element.style.willChange = "";
    }
  };
  function targetAt(scene, sight, { x, y }) {
    const { w, h: h2 } = scene.tile;
    const tile = scene.tiles.find(
      (t) => Math.abs(t.x - x) <= w && Math.abs(t.y - y) <= h2 && !sight.isHidden(t.edge) && !sight.isAway(t.edge)
    );
    if (tile) return { kind: "edge", edge: tile.edge };
    for (const level2 of scene.nodes) {
      const radius = Math.max(12, nodeRadius(scene, level2[0]?.level ?? 0) + 3);
      const spot = level2.find((n) => Math.hypot(n.x - x, n.y - y) <= radius);
      if (spot) return { kind: "node", spot };
    }
    return null;
  }
  function nodeRadius(scene, level2) {
    const isEnd = level2 === 0 || level2 === scene.nodes.length - 1;
    return Math.max(1.5, Math.min(isEnd ? 5.5 : 9, scene.spacing[level2] * 0.36));
  }
  function neighbour(scene, sight, from, key, strength) {
    const tiles = scene.tiles.filter(({ edge }) => !sight.isHidden(edge) && !sight.isAway(edge));
    if (tiles.length === 0 || !/^(Arrow|Home$|End$)/.test(key)) return null;
    if (key === "Home" || key === "End") return tiles[key === "Home" ? 0 : tiles.length - 1].edge;
    const here = tiles.find(({ edge }) => edge.join() === from?.join());
    if (!here) return strongest(tiles, strength);
    const [ahead, next, last] = scene.vertical ? ["ArrowDown", "ArrowRight", "ArrowLeft"] : ["ArrowRight", "ArrowDown", "ArrowUp"];
    const layer = tiles.filter(({ edge }) => edge[0] === here.edge[0]);
    const at2 = layer.indexOf(here);
    if (key === next) return layer[(at2 + 1) % layer.length].edge;
    if (key === last) return layer[(at2 + layer.length - 1) % layer.length].edge;
    const wanted = here.edge[0] + (key === ahead ? 1 : -1);
    const others = tiles.filter(({ edge }) => edge[0] === wanted);
    const across = (spot) => scene.vertical ? spot.x : spot.y;
    const meets = others.filter(({ edge }) => {
      const [first, second] = key === ahead ? [here.edge, edge] : [edge, here.edge];
      const [end, start] = [scene.sums[first[0]][first[2]], scene.nodes[second[0]][second[1]]];
      return Math.abs(across(end) - across(start)) <= 26 && Math.hypot(end.x - start.x, end.y - start.y) <= 60;
    });
    return strongest(meets.length ? meets : others, strength);
  }
  function strongest(tiles, strength) {
    return tiles.reduce((best2, tile) => best2 && strength(best2.edge) >= strength(tile.edge) ? best2 : tile, null)?.edge ?? null;
  }

  // src/views/canvasPicture.ts
  var LEAST_TILE = 5;
  var QUICK_MS = 8;
  var CanvasPicture = class {
    element = h("canvas", { class: "picture", "aria-hidden": "true" });
    #store;
    #curves;
    #motion = new Motion(this.element, (camera) => {
      this.#camera = camera;
      this.#ground = null;
      this.#isSettled = false;
      this.#paint();
    });
    #scene = null;
    #sight = null;
    #camera = { x: 0, y: 0, zoom: 1 };
    #marks = { hover: null, cursor: null, selection: null };
    #bundles = null;
    /** Wires and boxes as painted: they seldom change, and there are many. */
    #ground = null;
    #groundStyles = "";
    /** The ground and all functions as painted: what is seen but for marks, nodes, and what is being dragged. */
    #settled = document.createElement("canvas");
    #isSettled = false;
    #dragged = [];
    #waiting = false;
    #took = 0;
    constructor(store, curves) {
      this.#store = store;
      this.#curves = curves;
    }
    draw(scene, sight) {
      this.#scene = scene;
      this.#sight = sight;
      this.#bundles = this.#ground = null;
      this.#isSettled = false;
      this.#dragged = [];
      const sharpness = Math.min(2, globalThis.devicePixelRatio || 1);
      this.element.width = Math.round(scene.width * sharpness);
      this.element.height = Math.round(scene.height * sharpness);
      this.element.style.width = `${scene.width}px`;
      this.element.style.height = `${scene.height}px`;
      this.#paintSoon();
    }
    refresh(edges) {
      const isDrag = this.#store.isDraft && edges !== "all";
      this.#dragged = isDrag ? [...edges.values()].flatMap((edge) => this.#spotOf(edge) ?? []) : [];
      if (!isDrag) this.#bundles = null;
      this.#isSettled &&= isDrag;
      this.#paintSoon();
    }
    mark(marks) {
      this.#marks = { ...marks };
      this.#paintSoon();
    }
    look(camera) {
      this.#motion.look(camera, this.#took < QUICK_MS);
    }
    destroy() {
      this.element.remove();
      this.#scene = null;
    }
    #paintSoon() {
      if (this.#waiting) return;
      this.#waiting = true;
      requestAnimationFrame(() => {
        this.#waiting = false;
        this.#paint();
      });
    }
    #paint() {
      const scene = this.#scene;
      const context = this.element.getContext("2d");
      if (!scene || !context) return;
      const style = getComputedStyle(this.element);
      const colour2 = (name) => style.getPropertyValue(name).trim();
      const thin = 1 / Math.sqrt(this.#camera.zoom);
      if (!this.#isSettled) this.#settle(scene, colour2, thin);
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, this.element.width, this.element.height);
      context.drawImage(this.#settled, 0, 0);
      this.#aim(context);
      const dragged = this.#bundle(scene, this.#dragged);
      this.#paintBoxes(context, dragged, colour2, thin);
      this.#paintCurves(context, dragged, colour2, thin);
      this.#paintMarks(context, scene, colour2, thin);
      this.#paintNodes(context, scene, colour2);
    }
    #settle(scene, colour2, thin) {
      const start = performance.now();
      const bundles = this.#bundles ??= this.#bundle(scene, scene.tiles);
      const ground = this.#paintedGround(bundles, colour2, thin);
      [this.#settled.width, this.#settled.height] = [this.element.width, this.element.height];
      const context = this.#settled.getContext("2d");
      context.drawImage(ground, 0, 0);
      this.#aim(context);
      this.#paintCurves(context, bundles, colour2, thin);
      this.#isSettled = true;
      this.#took = performance.now() - start;
    }
    #aim(context) {
      const { x, y, zoom } = this.#camera;
      const sharpness = this.element.width / this.#scene.width;
      context.setTransform(sharpness * zoom, 0, 0, sharpness * zoom, sharpness * x, sharpness * y);
    }
    #paintedGround(bundles, colour2, thin) {
      const styles = [...bundles.map(({ key, count }) => `${key}:${count}`), colour2("--tile")].join();
      if (this.#ground && this.#groundStyles === styles) return this.#ground;
      const ground = this.#ground = document.createElement("canvas");
      this.#groundStyles = styles;
      [ground.width, ground.height] = [this.element.width, this.element.height];
      const context = ground.getContext("2d");
      this.#aim(context);
      for (const { style, kind, away, wires } of bundles) {
        context.globalAlpha = away ? 0.1 : this.#wireOpacity(style);
        context.setLineDash(kind === "removed" ? [3, 3] : []);
        context.strokeStyle = colour2(kind === "removed" ? "--soft" : `--edge-${style}`);
        context.lineWidth = 0.5 * thin;
        context.stroke(wires);
      }
      this.#paintBoxes(context, bundles, colour2, thin);
      return ground;
    }
    #paintBoxes(context, bundles, colour2, thin) {
      for (const { kind, away, boxes } of bundles) {
        context.globalAlpha = away ? 0.1 : 1;
        context.setLineDash(kind === "removed" ? [3, 3] : []);
        context.fillStyle = colour2("--tile");
        context.fill(boxes);
        context.strokeStyle = colour2(kind === "symbolic" ? "--symbolic" : "--line");
        context.lineWidth = (kind === "symbolic" ? 2 : 0.5) * thin;
        context.stroke(boxes);
      }
    }
    #paintCurves(context, bundles, colour2, thin) {
      if (2 * this.#scene.tile.w * this.#camera.zoom < LEAST_TILE) return;
      context.lineJoin = "round";
      for (const { style, kind, away, curves } of bundles) {
        context.globalAlpha = away ? 0.1 : 1;
        context.setLineDash(kind === "removed" ? [3, 3] : []);
        context.strokeStyle = colour2(kind === "removed" ? "--soft" : `--edge-${style}`);
        context.lineWidth = (0.8 + 0.16 * style) * thin;
        context.stroke(curves);
      }
      context.globalAlpha = 1;
      context.setLineDash([]);
    }
    /** Thousands of wires in one place would hide the few that matter. */
    #wireOpacity(style) {
      const least = Math.min(0.45, 180 / this.#scene.tiles.length);
      return least + (1 - least) * (style / (STYLES - 1)) ** 2;
    }
    #bundle(scene, tiles) {
      const bundles = /* @__PURE__ */ new Map();
      for (const [n, spot] of tiles.entries()) {
        if (this.#sight.isHidden(spot.edge)) continue;
        const [style, kind] = [styleOf(this.#store, spot.edge), kindOf(this.#store, spot.edge)];
        const away = this.#sight.isAway(spot.edge);
        const key = `${away ? 0 : 1}${style}${kind}`;
        if (!bundles.has(key)) {
          bundles.set(key, { key, count: 0, style, kind, away, wires: new Path2D(), boxes: new Path2D(), curves: new Path2D() });
        }
        const bundle = bundles.get(key);
        bundle.count += (n + 1) * (n + 7);
        this.#trace(bundle, scene, spot);
      }
      return [...bundles.keys()].sort().map((key) => bundles.get(key));
    }
    #trace({ wires, boxes, curves }, scene, spot) {
      const { w, h: h2 } = scene.tile;
      traceWire(wires, scene, spot);
      boxes.rect(spot.x - w, spot.y - h2, 2 * w, 2 * h2);
      const { heights: curve } = this.#curves.of(spot.edge);
      const step = 2 * w < 16 ? 4 : 2 * w < 30 ? 2 : 1;
      for (let n = 0; n < curve.length; n += step) {
        const x = spot.x - 0.8 * w + 1.6 * w * n / (curve.length - 1);
        const y = spot.y + 0.7 * h2 * (2 * curve[n] - 1);
        if (n === 0) curves.moveTo(x, y);
        else curves.lineTo(x, y);
      }
    }
    #spotOf(edge) {
      return edge === null ? void 0 : this.#scene?.tiles.find(({ edge: own }) => own.every((n, at2) => n === edge[at2]));
    }
    #paintMarks(context, scene, colour2, thin) {
      const { w, h: h2 } = scene.tile;
      for (const role of ["hover", "selection", "cursor"]) {
        const spot = this.#spotOf(this.#marks[role]);
        if (!spot) continue;
        const wire = new Path2D();
        traceWire(wire, scene, spot);
        context.strokeStyle = colour2(role === "hover" ? "--ink" : "--select");
        context.lineWidth = 2 * thin;
        context.setLineDash(role === "cursor" ? [4, 2] : []);
        context.stroke(wire);
        context.strokeRect(spot.x - w - 1, spot.y - h2 - 1, 2 * w + 2, 2 * h2 + 2);
      }
      context.setLineDash([]);
    }
    #paintNodes(context, scene, colour2) {
      const { inputs, outputs } = this.#store.explored;
      context.font = "12px system-ui, sans-serif";
      context.textBaseline = "middle";
      for (const level2 of scene.nodes) {
        for (const spot of level2) {
          context.globalAlpha = this.#sight.isNodeAway(spot) ? 0.25 : 1;
          context.fillStyle = colour2(spot.isProduct ? "--symbolic" : "--ink");
          context.beginPath();
          context.arc(spot.x, spot.y, nodeRadius(scene, spot.level) * 0.75, 0, 2 * Math.PI);
          context.fill();
          const isFirst = spot.level === 0;
          const variable2 = isFirst ? inputs[spot.node] : spot.level === scene.nodes.length - 1 ? outputs[spot.node] : null;
          if (!variable2 || scene.vertical || scene.spacing[spot.level] * this.#camera.zoom < 11) continue;
          context.font = `${Math.min(12, scene.spacing[spot.level])}px system-ui, sans-serif`;
          context.textAlign = isFirst ? "right" : "left";
          context.fillText(shortened(withUnit(variable2), 24), spot.x + (isFirst ? -10 : 10), spot.y);
        }
      }
      context.globalAlpha = 1;
    }
  };
  function traceWire(path, scene, spot) {
    for (const [from, a, b, to] of wireOf(scene, spot)) {
      path.moveTo(from.x, from.y);
      path.bezierCurveTo(a.x, a.y, b.x, b.y, to.x, to.y);
    }
  }

  // src/views/panzoom.ts
  var [FARTHEST, NEAREST2] = [0.5, 24];
  var CLICK = 4;
  var PanZoom = class {
    camera = { x: 0, y: 0, zoom: 1 };
    #stage;
    #events;
    #pointers = /* @__PURE__ */ new Map();
    #moved = 0;
    /** @param freely whether the bare wheel zooms; else only with Ctrl, so that the page around still scrolls */
    constructor(stage, events, freely) {
      this.#stage = stage;
      this.#events = events;
      stage.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.metaKey && !freely()) return;
        event.preventDefault();
        this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 16e-4)), this.#local(event));
      }, { passive: false });
      stage.addEventListener("pointerdown", (event) => this.#down(event));
      stage.addEventListener("pointermove", (event) => this.#move(event));
      stage.addEventListener("pointerup", (event) => this.#up(event));
      stage.addEventListener("pointercancel", (event) => this.#pointers.delete(event.pointerId));
      stage.addEventListener("pointerleave", () => this.#events.onHover(null));
    }
    /** Zoom about a point of the stage; its middle when absent. */
    zoomBy(factor, about) {
      const { x, y, zoom } = this.camera;
      const next = Math.min(NEAREST2, Math.max(FARTHEST, zoom * factor));
      const at2 = about ?? { x: this.#stage.clientWidth / 2, y: this.#stage.clientHeight / 2 };
      const ratio = next / zoom;
      this.#show({ zoom: next, x: at2.x - (at2.x - x) * ratio, y: at2.y - (at2.y - y) * ratio });
    }
    reset() {
      this.#show({ x: 0, y: 0, zoom: 1 });
    }
    /** Bring a point of the scene into view if it is not. */
    reveal(spot, margin = 40) {
      const { x, y, zoom } = this.camera;
      const [sx, sy] = [spot.x * zoom + x, spot.y * zoom + y];
      const [w, h2] = [this.#stage.clientWidth, this.#stage.clientHeight];
      const dx = Math.max(margin - sx, 0) - Math.max(sx - (w - margin), 0);
      const dy = Math.max(margin - sy, 0) - Math.max(sy - (h2 - margin), 0);
      if (zoom > 1 && (dx || dy)) this.#show({ zoom, x: x + dx, y: y + dy });
    }
    /** Where a point of the stage lies in the scene. */
    toScene({ x, y }) {
      return { x: (x - this.camera.x) / this.camera.zoom, y: (y - this.camera.y) / this.camera.zoom };
    }
    #show(camera) {
      this.camera = camera;
      this.#stage.style.touchAction = camera.zoom > 1 ? "none" : "pan-x pan-y";
      this.#events.onCamera(camera);
    }
    #local(event) {
      const box = this.#stage.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    }
    #down(event) {
      if (event.button !== 0) return;
      this.#pointers.set(event.pointerId, this.#local(event));
      this.#moved = this.#pointers.size > 1 ? CLICK : 0;
    }
    #move(event) {
      const now = this.#local(event);
      const before = this.#pointers.get(event.pointerId);
      if (!before) return this.#events.onHover(now);
      this.#moved += Math.hypot(now.x - before.x, now.y - before.y);
      const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const apart = (p) => Math.hypot(p.x - other.x, p.y - other.y);
        this.zoomBy(apart(now) / Math.max(apart(before), 1), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
      } else if (this.#moved >= CLICK) {
        if (!this.#stage.hasPointerCapture(event.pointerId)) this.#stage.setPointerCapture(event.pointerId);
        const { x, y, zoom } = this.camera;
        this.#show({ zoom, x: x + now.x - before.x, y: y + now.y - before.y });
      }
      this.#pointers.set(event.pointerId, now);
    }
    #up(event) {
      if (this.#pointers.delete(event.pointerId) && this.#moved < CLICK) this.#events.onClick(this.#local(event));
    }
  };

  // src/views/svgPicture.ts
  var FEW2 = 40;
  var SvgPicture = class {
    element = svg("svg", { class: "picture", "aria-hidden": "true", focusable: "false" });
    #world = svg("g");
    /** Edges that are being dragged, above the picture: else the browser would go through all of it at every step. */
    #above = svg("svg", { class: "picture", "aria-hidden": "true" });
    #lifted = /* @__PURE__ */ new Map();
    #motion = new Motion(
      this.element,
      ({ x, y, zoom }) => set(this.#world, { transform: `translate(${x} ${y}) scale(${zoom})` })
    );
    #drawn = /* @__PURE__ */ new Map();
    #store;
    #curves;
    #scene = null;
    #sight = null;
    #marked = { hover: null, cursor: null, selection: null };
    constructor(store, curves) {
      this.#store = store;
      this.#curves = curves;
      this.element.append(this.#world);
    }
    draw(scene, sight) {
      this.#scene = scene;
      this.#sight = sight;
      set(this.element, { viewBox: `0 0 ${scene.width} ${scene.height}`, width: scene.width, height: scene.height });
      this.#drawn.clear();
      const wires = svg("g", { class: "wires" });
      const tiles = svg("g", { class: "tiles" });
      for (const spot of scene.tiles) {
        const drawn = this.#drawTile(scene, spot);
        this.#drawn.set(spot.edge.join(), drawn);
        wires.append(drawn.wire);
        tiles.append(drawn.tile);
      }
      const nodes = svg("g", { class: "nodes" });
      scene.nodes.forEach((level2) => level2.forEach((spot) => nodes.append(this.#drawNode(scene, sight, spot))));
      this.#world.replaceChildren(wires, this.#drawFactors(scene), tiles, nodes);
      this.refresh("all");
      this.mark(this.#marked);
    }
    refresh(edges) {
      const scene = this.#scene;
      if (!scene) return;
      if (this.#store.isDraft && edges !== "all") return this.#lift(scene, edges.keys());
      this.#lifted.clear();
      this.#above.remove();
      const redrawn = edges === "all" ? [...this.#drawn.values()] : [...edges.keys()].flatMap((key) => this.#drawn.get(key) ?? []);
      for (const drawn of redrawn) this.#drawFunction(scene, drawn);
      const layers = edges === "all" ? null : new Set([...edges.values()].map(([l]) => l));
      for (const drawn of this.#drawn.values()) if (!layers || layers.has(drawn.spot.edge[0])) this.#style(drawn);
    }
    mark(marks) {
      const before = Object.values(this.#marked);
      this.#marked = { ...marks };
      for (const edge of [...before, ...Object.values(marks)]) {
        const drawn = edge && this.#drawn.get(edge.join());
        if (drawn) this.#style(drawn);
      }
      const top = marks.hover ?? marks.cursor ?? marks.selection;
      const wire = top && this.#drawn.get(top.join())?.wire;
      if (wire?.nextSibling) wire.parentNode.append(wire);
    }
    look(camera) {
      this.#motion.look(camera, this.#drawn.size <= FEW2);
    }
    destroy() {
      this.element.remove();
      this.#above.remove();
    }
    #lift(scene, keys) {
      for (const key of keys) {
        const below = this.#drawn.get(key);
        const lifted = this.#lifted.get(key) ?? (below && this.#drawTile(scene, below.spot));
        if (!lifted) continue;
        this.#lifted.set(key, lifted);
        this.#style(lifted);
        this.#drawFunction(scene, lifted);
      }
      if (this.#above.isConnected) return;
      for (const name of ["viewBox", "width", "height"]) this.#above.setAttribute(name, this.element.getAttribute(name));
      const tiles = [...this.#lifted.values()].map(({ tile }) => tile);
      this.#above.replaceChildren(svg("g", { transform: this.#world.getAttribute("transform") }, ...tiles));
      this.element.after(this.#above);
    }
    #drawTile(scene, spot) {
      const { w, h: h2 } = scene.tile;
      const round = Math.min(5, h2 / 3);
      const box = (inset, name) => svg("rect", {
        class: name,
        x: inset - w,
        y: inset - h2,
        width: 2 * (w - inset),
        height: 2 * (h2 - inset),
        rx: Math.max(0, round - inset)
      });
      const curve = svg("path", { class: "curve" });
      const words = svg("text", { class: "words", x: 0, y: h2 - Math.min(6, h2 * 0.25), "font-size": Math.min(11, h2 * 0.5) });
      const tile = svg("g", { transform: `translate(${spot.x} ${spot.y})` }, box(0, "box"), box(Math.min(3, h2 / 5), "inner"), curve, words);
      const wire = svg("path", { d: wireOf(scene, spot).map(curveOf).join("") });
      return { spot, styled: "", tile, wire, curve, words };
    }
    #drawFunction(scene, { spot, curve, words }) {
      const { w, h: h2 } = scene.tile;
      const symbolic = symbolicOf(this.#store, spot.edge);
      const room = Math.floor((2 * w - 8) / 5.6);
      words.textContent = symbolic && h2 >= 9 ? formulaWithin(symbolic, room) : "";
      const low = words.textContent ? Math.min(7, h2 * 0.3) : 0;
      set(curve, { d: curvePath(this.#curves.of(spot.edge), 0, -low, w * 0.8, h2 * 0.68 - low) });
    }
    #style(drawn) {
      const { tile, wire } = drawn;
      const { edge } = drawn.spot;
      const hidden = this.#sight.isHidden(edge);
      const kind = kindOf(this.#store, edge);
      const classes = [`s${styleOf(this.#store, edge)}`, kind, ...this.#sight.isAway(edge) ? ["away"] : []];
      for (const role of ["hover", "cursor", "selection"]) {
        if (this.#marked[role]?.join() === edge.join()) classes.push(role);
      }
      const styled = `${classes.join(" ")} ${hidden}`;
      if (drawn.styled === styled) return;
      drawn.styled = styled;
      for (const [part, name] of [[tile, "tile"], [wire, "wire"]]) {
        set(part, { class: [name, ...classes].join(" "), display: hidden && "none" });
      }
    }
    #drawNode(scene, sight, spot) {
      const radius = nodeRadius(scene, spot.level);
      const isHidden = spot.level > 0 && spot.level < scene.nodes.length - 1;
      const sign = spot.isProduct ? "×" : isHidden ? "+" : "";
      const shape = spot.isProduct ? svg("path", { d: diamond(radius * 1.3) }) : svg("circle", { r: radius });
      const name = `node ${isHidden ? "hidden" : "end"}${sight.isNodeAway(spot) ? " away" : ""}`;
      return svg(
        "g",
        { class: name, transform: `translate(${spot.x} ${spot.y})` },
        shape,
        sign && radius >= 5 && svg("text", { class: "sign", "font-size": radius * 1.7 }, sign),
        isHidden && radius >= 7 && svg("text", { class: "number", x: 0, y: -radius * 1.3 - 3 }, `${spot.level}.${spot.node}`),
        this.#label(scene, spot)
      );
    }
    /** Names of inputs before and of outputs after their nodes, where there is room. */
    #label(scene, { level: level2, node }) {
      const isFirst = level2 === 0;
      if (!isFirst && level2 !== scene.nodes.length - 1) return null;
      const variable2 = (isFirst ? this.#store.explored.inputs : this.#store.explored.outputs)[node];
      const full = variable2 ? withUnit(variable2) : nodeName(this.#store.explored, this.#store.net, level2, node);
      const room = scene.vertical ? Math.floor((scene.spacing[level2] - 4) / 6.6) : 24;
      if (scene.vertical ? room < 2 : scene.spacing[level2] < 11) return null;
      const place2 = scene.vertical ? { x: 0, y: isFirst ? -12 : 21, "text-anchor": "middle" } : { x: isFirst ? -12 : 12, y: 4, "text-anchor": isFirst ? "end" : "start" };
      return svg("text", { class: "label", ...place2 }, shortened(full, room));
    }
    /** Factors of product nodes: a dot per sum and its way into the product. */
    #drawFactors(scene) {
      const group2 = svg("g", { class: "factors" });
      scene.sums.forEach((sums, l) => {
        const plain = this.#store.net.nodes[l + 1][0];
        sums.forEach((sum2, j) => {
          if (j < plain) return;
          const product2 = scene.nodes[l + 1][plain + Math.floor((j - plain) / this.#store.net.arity)];
          group2.append(svg("path", { d: `M${at(sum2)}L${at(product2)}` }), svg("circle", { cx: sum2.x, cy: sum2.y, r: 2.5 }));
        });
      });
      return group2;
    }
  };
  function curveOf([from, a, b, to]) {
    return `M${at(from)}C${at(a)} ${at(b)} ${at(to)}`;
  }
  function at({ x, y }) {
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  }
  function diamond(r) {
    return `M0 ${-r}L${r} 0L0 ${r}L${-r} 0Z`;
  }

  // src/views/network.ts
  var MOST_SVG = 400;
  var MOST_DRAWN = 2500;
  function networkView(store) {
    const view = new NetworkView(store);
    return { element: view.element, destroy: () => view.destroy() };
  }
  var NetworkView = class {
    element;
    #store;
    #curves;
    #stage;
    #tip = h("div", { class: "tip", hidden: true });
    #note = h("p", { class: "note" });
    #focusChoice;
    #panZoom;
    #observer;
    #offs;
    #picture = null;
    #scene = null;
    #sight = { isHidden: () => false, isAway: () => false, isNodeAway: () => false };
    #drawnShape = "";
    #isCut = false;
    #marks = { hover: null, cursor: null, selection: null };
    constructor(store) {
      this.#store = store;
      this.#curves = new Curves(store);
      this.#stage = h(
        "div",
        {
          class: "stage",
          tabindex: 0,
          role: "application",
          "aria-label": "Network. Arrow keys move from edge to edge, Enter opens one, Delete removes it. The tab Edges has all of them as a table.",
          onkeydown: (event) => this.#key(event),
          onblur: () => this.#mark({ cursor: null })
        },
        this.#tip
      );
      this.#focusChoice = choice("Follow", [["", "the whole network"]], (value) => this.#focusOn(value));
      this.element = h("section", { class: "view network", "aria-label": "Network" }, this.#tools(), this.#stage, this.#note);
      this.#panZoom = new PanZoom(
        this.#stage,
        {
          onCamera: (camera) => this.#picture?.look(camera),
          onClick: (at2) => this.#click(at2),
          onHover: (at2) => this.#hover(at2)
        },
        () => store.host.kind !== "widget" && document.documentElement.scrollHeight <= innerHeight + 1
      );
      this.#observer = new ResizeObserver(() => this.#build());
      this.#observer.observe(this.#stage);
      const redraw = lazily(this.element, () => this.#build());
      this.#offs = [
        store.on("net", () => this.#netChanged(redraw)),
        store.on("view", redraw),
        store.on("selection", () => this.#mark({ selection: store.selection })),
        store.on("theme", () => this.#picture?.refresh("all"))
      ];
    }
    destroy() {
      this.#observer.disconnect();
      this.#offs.forEach((off) => off());
      this.#picture?.destroy();
    }
    // ---------------------------------------------------------------- what is shown
    #build() {
      const { net, explored, look } = this.#store;
      const frame = { width: this.#stage.clientWidth, height: this.#stage.clientHeight };
      if (frame.width < 40 || frame.height < 40) return;
      const all = allEdges(net);
      const wanted = look.showRemoved ? all : all.filter((edge) => !this.#store.isRemoved(edge));
      const edges = this.#strongest(wanted);
      this.#sight = this.#sightNow();
      const vertical = frame.width < 0.85 * frame.height;
      const room = (names) => vertical ? 34 : Math.min(170, 26 + 7 * Math.max(...names.map((n) => Math.min(n.length, 24))));
      this.#scene = layOut(net, edges, frame, [room(explored.inputs.map(withUnit)), room(explored.outputs.map(withUnit))]);
      this.#usePicture(edges.length > MOST_SVG);
      this.#picture.draw(this.#scene, this.#sight);
      this.#mark({ selection: this.#store.selection });
      this.#picture.mark(this.#marks);
      this.#drawnShape = shapeText(net);
      this.#isCut = edges.length < wanted.length;
      this.#showNote(edges, wanted.length);
      this.#fillFocus();
    }
    /** New functions in the old places, where nothing else can have changed. */
    #netChanged(rebuild) {
      this.#curves.refresh();
      const { changed, look, net } = this.#store;
      const isAsBefore2 = this.#store.isDraft || look.showRemoved && !look.focus && look.threshold === 0 && !this.#isCut;
      if (isAsBefore2 && shapeText(net) === this.#drawnShape && !this.element.closest("[hidden]")) this.#picture?.refresh(changed);
      else rebuild();
    }
    #usePicture(canvas) {
      if (this.#picture && this.#picture instanceof CanvasPicture === canvas) return;
      this.#picture?.destroy();
      this.#picture = canvas ? new CanvasPicture(this.#store, this.#curves) : new SvgPicture(this.#store, this.#curves);
      this.#stage.prepend(this.#picture.element);
      this.#picture.look(this.#panZoom.camera);
    }
    #strongest(edges) {
      if (edges.length <= MOST_DRAWN) return edges;
      const strength = new Map(edges.map((edge) => [edge, this.#store.importance(...edge)]));
      const least = [...strength.values()].sort((a, b) => b - a)[MOST_DRAWN - 1];
      return edges.filter((edge) => strength.get(edge) >= least).slice(0, MOST_DRAWN);
    }
    #sightNow() {
      const { net, look } = this.#store;
      const isIn = look.focus ? through(net, look.focus.level, look.focus.node) : () => true;
      const isHidden = (edge) => this.#store.importance(...edge) < look.threshold && look.threshold > 0;
      const lit = /* @__PURE__ */ new Set();
      if (look.focus) {
        lit.add(`${look.focus.level},${look.focus.node}`);
        for (const tile of allEdges(net)) {
          if (!isIn(tile)) continue;
          lit.add(`${tile[0]},${tile[1]}`);
          const [sums] = net.nodes[tile[0] + 1];
          lit.add(`${tile[0] + 1},${tile[2] < sums ? tile[2] : sums + Math.floor((tile[2] - sums) / net.arity)}`);
        }
      }
      return { isHidden, isAway: (edge) => !isIn(edge), isNodeAway: ({ level: level2, node }) => !!look.focus && !lit.has(`${level2},${node}`) };
    }
    #showNote(edges, wanted) {
      const seen2 = edges.filter((edge) => !this.#sight.isHidden(edge) && !this.#sight.isAway(edge)).length;
      const few = edges.length < wanted ? ` Only the ${MOST_DRAWN} strongest can be drawn here; the tab Matrix shows all.` : "";
      this.#note.textContent = seen2 === wanted ? `${wanted} edges. Thick and dark: important.${few}` : `${seen2} of ${wanted} edges shown.${few}`;
    }
    // ---------------------------------------------------------------- tools
    #tools() {
      const store = this.#store;
      const share = h("output", {}, "0 %");
      const threshold = h("input", {
        type: "range",
        min: 0,
        max: 100,
        step: 1,
        value: 0,
        oninput: () => {
          share.textContent = `${threshold.value} %`;
          store.setLook({ threshold: Number(threshold.value) / 100 });
        }
      });
      const removed = h("input", { type: "checkbox", checked: true, onchange: () => store.setLook({ showRemoved: removed.checked }) });
      return h(
        "div",
        { class: "tools" },
        h("label", { class: "field" }, h("span", {}, "Hide below"), threshold, share),
        this.#focusChoice.element,
        h("label", { class: "field" }, removed, h("span", {}, "Show removed")),
        h("span", { class: "spring" }),
        h(
          "span",
          { class: "buttons", role: "group", "aria-label": "Zoom" },
          button("−", () => this.#panZoom.zoomBy(1 / 1.4), { "aria-label": "Zoom out", title: "Zoom out (−)" }),
          button("Fit", () => this.#panZoom.reset(), { title: "Show everything (0)" }),
          button("+", () => this.#panZoom.zoomBy(1.4), { "aria-label": "Zoom in", title: "Zoom in (+)" })
        ),
        h(
          "span",
          { class: "buttons", role: "group", "aria-label": "Save the picture" },
          button("SVG", () => saveSvg(this.#snapshot(), store.explored.title), { title: "Save the picture as SVG" }),
          button("PNG", () => savePng(this.#snapshot(), store.explored.title), { title: "Save the picture as PNG" })
        )
      );
    }
    #fillFocus() {
      const { explored, net, look } = this.#store;
      const option = (level2, node) => [`${level2},${node}`, nodeName(explored, net, level2, node)];
      const last = net.layers.length;
      const options = [["", "the whole network"]];
      options.push(...explored.outputs.map((_, node) => option(last, node)), ...explored.inputs.map((_, node) => option(0, node)));
      const value = look.focus ? `${look.focus.level},${look.focus.node}` : "";
      if (!options.some(([known2]) => known2 === value)) options.push(option(look.focus.level, look.focus.node));
      fillWith(this.#focusChoice.select, ...options.map(([known2, words]) => h("option", { value: known2 }, words)));
      this.#focusChoice.select.value = value;
    }
    #focusOn(value) {
      const [level2, node] = value.split(",").map(Number);
      this.#store.setLook({ focus: value === "" ? null : { level: level2, node } });
    }
    /** The whole picture as SVG, whatever is on the screen; in the document, so that its styles can be read. */
    #snapshot() {
      const picture = new SvgPicture(this.#store, this.#curves);
      picture.element.classList.add("unseen");
      this.#stage.append(picture.element);
      picture.draw(this.#scene, this.#sight);
      return picture.element;
    }
    // ---------------------------------------------------------------- pointing and typing
    #click(at2) {
      const target = this.#scene && targetAt(this.#scene, this.#sight, this.#panZoom.toScene(at2));
      if (target?.kind === "edge") this.#store.select(target.edge);
      else if (target?.kind === "node") {
        const { level: level2, node } = target.spot;
        const same = this.#store.look.focus?.level === level2 && this.#store.look.focus.node === node;
        this.#store.setLook({ focus: same ? null : { level: level2, node } });
      } else if (this.#store.look.focus) this.#store.setLook({ focus: null });
    }
    #hover(at2) {
      const target = at2 && this.#scene && targetAt(this.#scene, this.#sight, this.#panZoom.toScene(at2));
      this.#mark({ hover: target?.kind === "edge" ? target.edge : null });
      this.#stage.style.cursor = target ? "pointer" : "";
      this.#tip.hidden = !target;
      if (!target || !at2) return;
      this.#tip.textContent = target.kind === "edge" ? edgeSentence(this.#store, target.edge) : this.#nodeSentence(target.spot);
      const right = at2.x > this.#stage.clientWidth / 2;
      this.#tip.style.left = right ? "" : `${at2.x + 14}px`;
      this.#tip.style.right = right ? `${this.#stage.clientWidth - at2.x + 14}px` : "";
      this.#tip.style.top = `${Math.max(4, Math.min(at2.y + 14, this.#stage.clientHeight - 40))}px`;
    }
    #nodeSentence({ level: level2, node }) {
      const variable2 = level2 === 0 ? this.#store.explored.inputs[node] : null;
      const name = variable2 ? withUnit(variable2) : nodeName(this.#store.explored, this.#store.net, level2, node);
      return `${name}: click to follow its paths`;
    }
    #key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.#scene) return;
      const store = this.#store;
      const cursor = this.#marks.cursor ?? store.selection;
      if (event.key === "Enter" && cursor) {
        store.select(cursor);
        this.element.dispatchEvent(new CustomEvent("inspect", { bubbles: true }));
      } else if ((event.key === "Delete" || event.key === "Backspace") && cursor) {
        store.apply({ op: store.isRemoved(cursor) ? "restore" : "prune", edge: cursor });
        store.say(edgeSentence(store, cursor));
      } else if (event.key === "+" || event.key === "=") this.#panZoom.zoomBy(1.4);
      else if (event.key === "-") this.#panZoom.zoomBy(1 / 1.4);
      else if (event.key === "0") this.#panZoom.reset();
      else if (event.key === "Escape" && store.look.focus) store.setLook({ focus: null });
      else if (event.key === "Escape" && store.selection) store.select(null);
      else {
        const next = neighbour(this.#scene, this.#sight, cursor, event.key, (edge) => store.importance(...edge));
        if (!next) return;
        this.#moveCursor(next);
      }
      event.preventDefault();
      event.stopPropagation();
    }
    #moveCursor(edge) {
      this.#mark({ cursor: edge });
      this.#store.say(edgeSentence(this.#store, edge));
      const spot = this.#scene.tiles.find((tile) => tile.edge.join() === edge.join());
      if (spot) this.#panZoom.reveal(spot);
    }
    #mark(marks) {
      const next = { ...this.#marks, ...marks };
      if (JSON.stringify(next) === JSON.stringify(this.#marks)) return;
      this.#marks = next;
      this.#picture?.mark(this.#marks);
    }
  };

  // src/views/inputs.ts
  var STEPS2 = 200;
  function userQuantiles(store, i) {
    const input = store.explored.inputs[i];
    if (input.quantiles.length > 1) return input.quantiles;
    const own = store.explored.nodeQuantiles[0].subarray(i * QUANTILES, (i + 1) * QUANTILES);
    return [...own].map((v) => toUser(input, v)).sort((a, b) => a - b);
  }
  function userRange(store, i) {
    const quantiles = userQuantiles(store, i);
    const [lo, hi] = [quantiles[0], quantiles[quantiles.length - 1]];
    return hi > lo ? [lo, hi] : [lo - 1, lo + 1];
  }
  var Inputs = class {
    element;
    #controls;
    #store;
    constructor(store) {
      this.#store = store;
      const columns = new Set(store.explored.inputs.map(({ category }, i) => category?.column ?? i));
      this.#controls = [...columns].map((column) => typeof column === "string" ? this.#levels(column) : this.#slider(column));
      const elements = this.#controls.map(({ element: element2 }) => element2);
      this.element = h("div", { class: "inputs", role: "group", "aria-label": "Inputs" }, ...elements);
      this.update();
    }
    /** Show the store's point. */
    update() {
      for (const control of this.#controls) control.update();
    }
    #slider(i) {
      const store = this.#store;
      const input = store.explored.inputs[i];
      const [lo, hi] = userRange(store, i);
      const range = h("input", { type: "range", id: `edgewise-input-${i}`, min: 0, max: STEPS2, step: 1 });
      range.addEventListener("input", () => this.#move(i, lo + Number(range.value) / STEPS2 * (hi - lo)));
      const number2 = h("input", { type: "number", step: "any", "aria-label": `${input.name}, exact value` });
      number2.addEventListener("input", () => {
        if (number2.value !== "" && Number.isFinite(number2.valueAsNumber)) this.#move(i, number2.valueAsNumber);
      });
      number2.addEventListener("blur", () => this.update());
      const update = () => {
        const value = toUser(input, store.point[i]);
        range.value = String(Math.round((value - lo) / (hi - lo) * STEPS2));
        set(range, { "aria-valuetext": shown(value, 4) });
        if (number2 !== activeElement(number2)) number2.value = String(Number(value.toPrecision(4)));
      };
      return { element: h("div", { class: "input" }, h("label", { for: range.id }, withUnit(input)), range, number2), update };
    }
    #levels(column) {
      const store = this.#store;
      const members = store.explored.inputs.flatMap(({ category }, i) => category?.column === column ? [{ i, level: category.level }] : []);
      const options = [...members.map(({ i, level: level2 }) => [String(i), level2]), ["", "another"]];
      const { select } = choice(column, options, (chosen) => {
        const point2 = store.point.slice();
        for (const { i } of members) point2[i] = String(i) === chosen ? 1 : 0;
        store.setPoint(point2);
      });
      select.id = `edgewise-input-${members[0].i}`;
      const update = () => void (select.value = String(members.find(({ i }) => store.point[i] === 1)?.i ?? ""));
      return { element: h("div", { class: "input" }, h("label", { for: select.id }, column), select), update };
    }
    #move(i, value) {
      const point2 = this.#store.point.slice();
      point2[i] = toNetwork(this.#store.explored.inputs[i], value);
      this.#store.setPoint(point2);
    }
  };
  function activeElement(element2) {
    return element2.getRootNode().activeElement;
  }

  // src/charts/chart.ts
  var ROOM = { top: 8, right: 12, bottom: 22, left: 46, label: 17 };
  var Chart = class {
    element;
    #picture = svg("svg", { class: "chart-picture", role: "img" });
    #options;
    #observer;
    #state = null;
    #width = 0;
    constructor(options) {
      this.#options = options;
      this.element = h("div", { class: "chart" }, this.#picture);
      this.element.style.height = `${options.height ?? 180}px`;
      this.#observer = new ResizeObserver(() => {
        if (this.element.clientWidth !== this.#width) this.#draw();
      });
      this.#observer.observe(this.element);
      if (options.onpoint) this.#followPointer(options.onpoint);
    }
    destroy() {
      this.#observer.disconnect();
    }
    /** Other names for the axes. */
    rename(xLabel, yLabel) {
      Object.assign(this.#options, { xLabel, yLabel });
    }
    /** Show the ranges and what `paint` makes of them; drawn again when the place changes its size. */
    show(x, y, paint, label) {
      this.#state = { x, y, paint };
      if (label !== void 0) this.#options.label = label;
      this.#draw();
    }
    get #height() {
      return this.#options.height ?? 180;
    }
    #draw() {
      this.#width = this.element.clientWidth;
      if (!this.#state || this.#width < 40) return;
      const { x, y, paint } = this.#state;
      const { frame, left, top } = this.#frame(x, y);
      set(this.#picture, { viewBox: `0 0 ${this.#width} ${this.#height}`, width: this.#width, height: this.#height, "aria-label": this.#options.label });
      const inside = svg("svg", { x: left, y: top, width: frame.width, height: frame.height, class: "plot" }, ...paint(frame));
      fillWith(this.#picture, ...this.#axes(frame, x, y, left, top), inside);
    }
    #frame(x, y) {
      const { xLabel, yLabel, bare, logY } = this.#options;
      const left = bare ? 8 : ROOM.left;
      const top = ROOM.top + (yLabel ? ROOM.label : 0);
      const width = Math.max(10, this.#width - left - ROOM.right);
      const height = Math.max(10, this.#height - top - ROOM.bottom - (xLabel ? ROOM.label : 0));
      const up = logY ? Math.log10 : (v) => v;
      const [lo, hi] = [up(y[0]), up(y[1])];
      return {
        frame: { x: (v) => (v - x[0]) / (x[1] - x[0]) * width, y: (v) => height - (up(v) - lo) / (hi - lo) * height, width, height },
        left,
        top
      };
    }
    #axes(frame, x, y, left, top) {
      const { xLabel, yLabel, bare, plain, logY } = this.#options;
      const across = roundTicks(...x, Math.max(3, Math.floor(frame.width / 70)));
      const count = Math.max(2, Math.floor(frame.height / 34));
      const upward = bare ? [] : logY ? logTicks(y, count) : roundTicks(...y, count);
      const [right, bottom] = [left + frame.width, top + frame.height];
      return [
        ...(plain ? [] : upward).map((v) => svg("line", { class: "grid", x1: left, x2: right, y1: top + frame.y(v), y2: top + frame.y(v) })),
        ...upward.map((v) => svg("text", { class: "tick", x: left - 6, y: top + frame.y(v), dy: "0.32em", "text-anchor": "end" }, logY ? logText(v) : tickText(v, upward))),
        svg("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
        ...across.map((v) => svg("text", { class: "tick", x: left + frame.x(v), y: bottom + 15, "text-anchor": "middle" }, tickText(v, across))),
        ...xLabel ? [svg("text", { class: "name", x: right, y: this.#height - 4, "text-anchor": "end" }, xLabel)] : [],
        ...yLabel ? [svg("text", { class: "name", x: bare ? left : 4, y: 12 }, yLabel)] : []
      ];
    }
    #followPointer(onpoint) {
      const tell = (event, begins) => {
        if (!this.#state) return;
        const { x, y } = this.#state;
        const { frame, left, top } = this.#frame(x, y);
        const box = this.#picture.getBoundingClientRect();
        const across = Math.min(1, Math.max(0, (event.clientX - box.left - left) / frame.width));
        const upward = Math.min(1, Math.max(0, 1 - (event.clientY - box.top - top) / frame.height));
        onpoint(x[0] + across * (x[1] - x[0]), y[0] + upward * (y[1] - y[0]), begins);
      };
      this.element.classList.add("touchable");
      this.#picture.addEventListener("pointerdown", (event) => {
        this.#picture.setPointerCapture(event.pointerId);
        tell(event, true);
      });
      this.#picture.addEventListener("pointermove", (event) => {
        if (this.#picture.hasPointerCapture(event.pointerId)) tell(event, false);
      });
    }
  };

  // src/charts/marks.ts
  function line(frame, xs, ys, kind = "line") {
    return svg("path", { class: kind, d: pathOf(frame, xs, ys) });
  }
  function dots(frame, xs, ys, kind = "dots", radius = 2) {
    let d = "";
    for (let n = 0; n < xs.length; n++) {
      if (Number.isFinite(xs[n]) && Number.isFinite(ys[n])) d += `M${place(frame.x(xs[n]))},${place(frame.y(ys[n]))}h0`;
    }
    return svg("path", { class: kind, d, "stroke-width": 2 * radius });
  }
  function point(frame, x, y, kind = "point", radius = 5) {
    return svg("circle", { class: kind, cx: place(frame.x(x)), cy: place(frame.y(y)), r: radius });
  }
  function upright(frame, x, kind = "here") {
    return svg("line", { class: kind, x1: place(frame.x(x)), x2: place(frame.x(x)), y1: 0, y2: frame.height });
  }
  function level(frame, y, kind = "zero") {
    return svg("line", { class: kind, x1: 0, x2: frame.width, y1: place(frame.y(y)), y2: place(frame.y(y)) });
  }
  function density(frame, all, share = 0.22) {
    const every = Math.max(1, Math.round((all.length - 1) / 16));
    const quantiles = Array.from(all).filter((_, n) => n % every === 0 || n === all.length - 1);
    const count = quantiles.length - 1;
    const spread2 = quantiles[count] - quantiles[0];
    const shortest = spread2 / (6 * count);
    const height = (n) => spread2 > 0 ? spread2 / count / Math.max(quantiles[n + 1] - quantiles[n], shortest) : 0;
    let most = 0;
    for (let n = 0; n < count; n++) most = Math.max(most, height(n));
    let d = `M${place(frame.x(quantiles[0]))},${frame.height}`;
    for (let n = 0; n < count; n++) {
      const y = place(frame.height * (1 - share * height(n) / (most || 1)));
      d += `V${y}H${place(frame.x(quantiles[n + 1]))}`;
    }
    return svg("path", { class: "density", d: `${d}V${frame.height}Z` });
  }
  function pathOf(frame, xs, ys) {
    let d = "";
    let pen = false;
    for (let n = 0; n < xs.length; n++) {
      const [x, y] = [frame.x(xs[n]), frame.y(ys[n])];
      if (Number.isFinite(x) && Number.isFinite(y)) d += `${pen ? "L" : "M"}${place(x)},${place(y)}`;
      pen = Number.isFinite(x) && Number.isFinite(y);
    }
    return d;
  }
  function place(pixels) {
    return Math.round(Math.min(1e5, Math.max(-1e5, pixels)) * 10) / 10;
  }

  // src/views/residuals.ts
  var MOST_CLASSES = 12;
  var Residuals = class {
    element = h("div", { class: "residuals" });
    #words = h("p", { class: "note", role: "status" });
    #table = h("div", { class: "scroll" });
    #chart;
    #store;
    #sample;
    constructor(store, sample) {
      this.#store = store;
      this.#sample = sample;
      const numbers = store.explored.link === "identity";
      this.#chart = numbers ? new Chart({ label: "", height: 260, xLabel: "true value", yLabel: "prediction" }) : null;
      fillWith(this.element, this.#words, this.#chart ? this.#chart.element : this.#table);
    }
    destroy() {
      this.#chart?.destroy();
    }
    update(j) {
      const [store, sample] = [this.#store, this.#sample];
      const O = store.explored.outputs.length;
      const outputs = respond(store.explored, predict(store.net, sample.x));
      if (!this.#chart) return this.#countClasses(outputs, O);
      const output = store.explored.outputs[j];
      const column = (all, value) => Float64Array.from({ length: sample.n }, (_, row2) => value(all[row2 * O + j]));
      const [truth, guess2] = [column(sample.y, (v) => toUser(output, v)), column(outputs, (v) => v)];
      const error = Math.sqrt(truth.reduce((sum2, v, n) => sum2 + (guess2[n] - v) ** 2, 0) / sample.n);
      const range = widened(rangeOf(truth, guess2), 0.04);
      const r2 = 1 - error ** 2 / variance(truth);
      this.#words.textContent = `${sample.n} rows: typical error ${shown(error)}${output.unit ? ` ${output.unit}` : ""}, R² ${shown(r2, 4)}`;
      const paint = (frame) => [line(frame, range, range, "zero"), dots(frame, truth, guess2)];
      this.#chart.show(range, range, paint, `Prediction against true ${withUnit(output)} for ${sample.n} rows; typical error ${shown(error)}`);
    }
    #countClasses(outputs, O) {
      const [store, sample] = [this.#store, this.#sample];
      const names = store.explored.classes ?? store.explored.outputs.map((output) => output.name);
      const C = Math.max(O, 2);
      const chosen = (all, row2) => O === 1 ? Number(all[row2] > 0.5) : largest3(all.subarray(row2 * O, (row2 + 1) * O));
      const counts = new Float64Array(C * C);
      for (let row2 = 0; row2 < sample.n; row2++) counts[chosen(sample.y, row2) * C + chosen(outputs, row2)] += 1;
      const right = Array.from({ length: C }, (_, c) => counts[c * C + c]).reduce((a, b) => a + b, 0);
      this.#words.textContent = `${right} of ${sample.n} rows right (${shown(100 * right / sample.n)} %)`;
      fillWith(this.#table, C <= MOST_CLASSES && confusion(counts, C, (c) => names[c] ?? String(c)));
    }
  };
  function confusion(counts, C, name) {
    const classes = Array.from({ length: C }, (_, c) => c);
    const head = h("tr", {}, h("th", { scope: "col" }, "true \\ predicted"), ...classes.map((c) => h("th", { scope: "col" }, name(c))));
    const rows = classes.map((t) => h("tr", {}, h("th", { scope: "row" }, name(t)), ...classes.map((p) => h("td", { class: t === p ? "right number" : "number" }, counts[t * C + p]))));
    return h("table", { class: "confusion" }, h("thead", {}, head), h("tbody", {}, ...rows));
  }
  function largest3(row2) {
    return row2.reduce((best2, v, n) => v > row2[best2] ? n : best2, 0);
  }
  function variance(values2) {
    const mean = values2.reduce((a, b) => a + b, 0) / values2.length;
    return values2.reduce((sum2, v) => sum2 + (v - mean) ** 2, 0) / values2.length;
  }

  // src/charts/heat.ts
  var COLOURS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"].map((code) => [1, 3, 5].map((at2) => Number.parseInt(code.slice(at2, at2 + 2), 16)));
  function colour(share) {
    const at2 = Math.min(1, Math.max(0, share)) * (COLOURS.length - 1);
    const low = Math.min(COLOURS.length - 2, Math.floor(at2));
    return COLOURS[low].map((c, n) => Math.round(c + (at2 - low) * (COLOURS[low + 1][n] - c)));
  }
  function heat({ width, height }, values2, columns, [lo, hi]) {
    const rows = values2.length / columns;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [columns, rows];
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    for (let row2 = 0; row2 < rows; row2++) {
      for (let column = 0; column < columns; column++) {
        const value = values2[row2 * columns + column];
        const at2 = 4 * ((rows - 1 - row2) * columns + column);
        if (Number.isFinite(value)) image.data.set([...colour((value - lo) / (hi - lo)), 255], at2);
      }
    }
    context.putImageData(image, 0, 0);
    return svg("image", { href: canvas.toDataURL(), width, height, preserveAspectRatio: "none" });
  }
  function contour(values2, columns, wanted, x, y) {
    const rows = values2.length / columns;
    let d = "";
    for (let row2 = 0; row2 + 1 < rows; row2++) {
      for (let column = 0; column + 1 < columns; column++) {
        const at2 = row2 * columns + column;
        const corners = [values2[at2], values2[at2 + 1], values2[at2 + columns + 1], values2[at2 + columns]];
        const crossings = [];
        for (let side = 0; side < 4; side++) {
          const [from, to] = [corners[side], corners[(side + 1) % 4]];
          if (from < wanted === to < wanted || !Number.isFinite(from) || !Number.isFinite(to)) continue;
          const share = (wanted - from) / (to - from);
          const [across, up] = [[share, 0], [1, share], [1 - share, 1], [0, 1 - share]][side];
          crossings.push(`${x(column + across).toFixed(1)},${y(row2 + up).toFixed(1)}`);
        }
        for (let n = 0; n + 1 < crossings.length; n += 2) d += `M${crossings[n]}L${crossings[n + 1]}`;
      }
    }
    return d;
  }

  // src/views/sections.ts
  var BUDGET = 4e5;
  var MOST_SECTIONS = 12;
  function responses(store, j, rows, change) {
    const I = store.point.length;
    const x = new Float64Array(rows * I);
    for (let row2 = 0; row2 < rows; row2++) {
      x.set(store.point, row2 * I);
      change(row2, x.subarray(row2 * I, (row2 + 1) * I));
    }
    const O = store.explored.outputs.length;
    const all = respond(store.explored, predict(store.net, x));
    return Float64Array.from({ length: rows }, (_, row2) => all[row2 * O + j]);
  }
  function edgeCount(net) {
    return net.layers.reduce((sum2, layer) => sum2 + layer.I * layer.O, 0);
  }
  var Sections = class {
    element = h("div", { class: "sections" });
    #charts;
    #store;
    #names;
    constructor(store, names) {
      this.#store = store;
      this.#names = names;
      const { inputs } = store.explored;
      this.#charts = inputs.slice(0, MOST_SECTIONS).map((input, i) => new Chart({ label: "", xLabel: withUnit(input), height: 150, onpoint: (x) => this.#move(i, x) }));
      const more = inputs.length - this.#charts.length;
      fillWith(
        this.element,
        ...this.#charts.map((chart) => chart.element),
        more > 0 && h("p", { class: "note" }, `The first ${MOST_SECTIONS} inputs; the other ${more} move with their sliders.`)
      );
    }
    destroy() {
      this.#charts.forEach((chart) => chart.destroy());
    }
    update(j) {
      const store = this.#store;
      const { inputs } = store.explored;
      const count = Math.max(17, Math.min(81, Math.floor(BUDGET / edgeCount(store.net) / this.#charts.length)));
      const at2 = this.#charts.map((_, i) => spaced(userRange(store, i), count));
      const curves = at2.map((xs, i) => responses(store, j, count, (row2, x) => x[i] = toNetwork(inputs[i], xs[row2])));
      const range = widened(rangeOf(...curves), 0.06);
      const [value] = responses(store, j, 1, () => {
      });
      this.#charts.forEach((chart, i) => {
        const here = toUser(inputs[i], store.point[i]);
        const paint = (frame) => [
          density(frame, userQuantiles(store, i)),
          upright(frame, here),
          line(frame, at2[i], curves[i]),
          point(frame, here, value)
        ];
        const [lo, hi] = rangeOf(curves[i]);
        const says = `${this.#names(j)} along ${inputs[i].name}: from ${shown(lo)} to ${shown(hi)}, ${shown(value)} at ${shown(here)}`;
        chart.show([at2[i][0], at2[i][count - 1]], range, paint, says);
      });
    }
    #move(i, x) {
      const moved = this.#store.point.slice();
      moved[i] = toNetwork(this.#store.explored.inputs[i], x);
      this.#store.setPoint(moved);
    }
  };
  var Field = class {
    element;
    #chart;
    #scale = h("div", { class: "heat-scale" });
    #pickers;
    #j = 0;
    #store;
    #names;
    constructor(store, names) {
      this.#store = store;
      this.#names = names;
      const options = store.explored.inputs.map((input, i) => [String(i), input.name]);
      const pickers = ["across", "upward"].map((words) => choice(words, options, () => this.update(this.#j)));
      this.#pickers = pickers.map((picker) => picker.select);
      this.#pickers[1].value = "1";
      this.#chart = new Chart({ label: "", height: 320, plain: true, onpoint: (x, y) => this.#move(x, y) });
      this.element = h(
        "div",
        { class: "field2d" },
        h("div", { class: "tools" }, ...pickers.map((picker) => picker.element)),
        this.#chart.element,
        this.#scale
      );
    }
    destroy() {
      this.#chart.destroy();
    }
    update(j) {
      this.#j = j;
      const store = this.#store;
      const { inputs } = store.explored;
      const [a, b] = this.#axes();
      const count = Math.max(12, Math.min(56, Math.floor(Math.sqrt(BUDGET / edgeCount(store.net)))));
      const [xs, ys] = [spaced(userRange(store, a), count), spaced(userRange(store, b), count)];
      const values2 = responses(store, j, count * count, (row2, x) => {
        x[a] = toNetwork(inputs[a], xs[row2 % count]);
        if (b !== a) x[b] = toNetwork(inputs[b], ys[Math.floor(row2 / count)]);
      });
      const range = rangeOf(values2);
      const steps = roundTicks(...range, 7);
      const [hereX, hereY] = [toUser(inputs[a], store.point[a]), toUser(inputs[b], store.point[b])];
      const paint = (frame) => [
        heat(frame, values2, count, range),
        ...steps.map((v) => svg("path", {
          class: "contour",
          d: contour(values2, count, v, (c) => c / (count - 1) * frame.width, (r) => (1 - r / (count - 1)) * frame.height)
        })),
        upright(frame, hereX, "here light"),
        level(frame, hereY, "here light"),
        point(frame, hereX, hereY, "point ring")
      ];
      const says = `${this.#names(j)} over ${inputs[a].name} and ${inputs[b].name}: from ${shown(range[0])} to ${shown(range[1])}`;
      this.#chart.rename(withUnit(inputs[a]), withUnit(inputs[b]));
      this.#chart.show([xs[0], xs[count - 1]], [ys[0], ys[count - 1]], paint, says);
      fillWith(this.#scale, legend(range), h("span", { class: "note" }, this.#names(j)));
    }
    #axes() {
      return [Number(this.#pickers[0].value), Number(this.#pickers[1].value)];
    }
    #move(x, y) {
      const [a, b] = this.#axes();
      const moved = this.#store.point.slice();
      moved[a] = toNetwork(this.#store.explored.inputs[a], x);
      if (b !== a) moved[b] = toNetwork(this.#store.explored.inputs[b], y);
      this.#store.setPoint(moved);
    }
  };
  function legend(range) {
    const width = 220;
    const bands = Array.from({ length: 44 }, (_, n) => svg("rect", {
      x: 10 + n * 5,
      y: 0,
      width: 5.5,
      height: 10,
      fill: `rgb(${colour(n / 43).join()})`
    }));
    const marks = roundTicks(...range, 4);
    const words = marks.map((v) => svg("text", {
      class: "tick",
      x: 10 + (v - range[0]) / (range[1] - range[0]) * width,
      y: 23,
      "text-anchor": "middle"
    }, tickText(v, marks)));
    return svg("svg", { width: width + 20, height: 27, viewBox: `0 0 ${width + 20} 27`, "aria-hidden": "true" }, ...bands, ...words);
  }

  // src/views/prediction.ts
  function predictionView(store) {
    return new Prediction(store);
  }
  var Prediction = class {
    element;
    #inputs;
    #sections;
    #field;
    #residuals;
    #answer = h("div", { class: "answer", role: "status", "aria-label": "Prediction" });
    #offs;
    #output = 0;
    #store;
    constructor(store) {
      this.#store = store;
      const { inputs, outputs, sample } = store.explored;
      const name = (j) => this.#name(j);
      this.#inputs = new Inputs(store);
      this.#sections = new Sections(store, name);
      this.#field = inputs.length > 1 ? new Field(store, name) : null;
      this.#residuals = sample?.y ? new Residuals(store, { ...sample, y: sample.y }) : null;
      const picker = choice("output", outputs.map((_, j) => [String(j), this.#name(j)]), (j) => {
        this.#output = Number(j);
        this.#update();
      });
      picker.element.hidden = outputs.length < 2;
      this.element = h(
        "div",
        { class: "view prediction" },
        h("section", { class: "asked" }, h("h2", {}, "At this point"), this.#inputs.element, this.#answer),
        h(
          "section",
          {},
          h("div", { class: "tools" }, h("h2", {}, "Along each input"), picker.element),
          h("p", { class: "note" }, "Each curve moves one input and keeps the others where they are. The hill shows where the data lie."),
          this.#sections.element
        ),
        this.#field && h("section", {}, h("h2", {}, "Over two inputs"), this.#field.element),
        this.#residuals && h("section", {}, h("h2", {}, "Against the data"), this.#residuals.element)
      );
      this.#offs = [
        store.on("net", lazily(this.element, () => this.#update(!store.isDraft))),
        // all rows only once it is let go
        store.on("view", lazily(this.element, () => this.#update(false)))
      ];
      this.#update();
    }
    destroy() {
      this.#offs.forEach((off) => off());
      for (const part of [this.#sections, this.#field, this.#residuals]) part?.destroy();
    }
    #name(j) {
      const { outputs, classes, link } = this.#store.explored;
      if (link === "identity") return outputs[j].name;
      return `share of ${classes?.[outputs.length === 1 ? 1 : j] ?? outputs[j].name}`;
    }
    #update(withData = true) {
      this.#inputs.update();
      fillWith(this.#answer, ...this.#answers());
      this.#sections.update(this.#output);
      this.#field?.update(this.#output);
      if (withData) this.#residuals?.update(this.#output);
    }
    #answers() {
      const { explored, net, point: point2 } = this.#store;
      const values2 = respond(explored, predict(net, point2));
      return [...values2].map((value, j) => {
        const { unit } = explored.outputs[j];
        const share = explored.link !== "identity";
        const bar = share && h("span", { class: "bar", style: `--share: ${Math.min(1, Math.max(0, value))}` });
        return h("p", {}, h("span", { class: "soft" }, `${this.#name(j)} = `), h("strong", { class: "number" }, shown(value, 5)), unit ? ` ${unit}` : null, bar);
      });
    }
  };

  // src/views/table.ts
  var PER_PAGE = 50;
  function tableView(store) {
    const view = new TableView(store);
    return { element: view.element, destroy: () => view.destroy() };
  }
  var TableView = class {
    element;
    #store;
    #curves;
    #body = h("tbody");
    #heads = /* @__PURE__ */ new Map();
    #status = h("p", { class: "note", role: "status" });
    #search;
    #previous = button("Previous", () => this.#turn(-1));
    #next = button("Next", () => this.#turn(1));
    #suggest = button("Find formulas for these", () => this.#suggestAll());
    #guesses = /* @__PURE__ */ new Map();
    #offs;
    #sort = { column: "importance", down: true };
    #page = 0;
    #stop = () => {
    };
    constructor(store) {
      this.#store = store;
      this.#curves = new Curves(store);
      this.#search = h("input", { type: "search", placeholder: "name, formula, removed…", oninput: () => this.#turn(-this.#page) });
      const columns = [
        ["edge", "Layer"],
        ["from", "From"],
        ["to", "To"],
        ["importance", "Importance"],
        ["kind", "Function"],
        ["r2", "R²"]
      ];
      const head = columns.map(([column, words]) => {
        const cell = h("th", { scope: "col" }, button(words, () => this.#sortBy(column)));
        this.#heads.set(column, cell);
        return cell;
      });
      head.splice(4, 0, h("th", { scope: "col" }, "Shape"));
      const action = h("th", { scope: "col" }, h("span", { class: "unseen" }, "Do"));
      const table = h(
        "table",
        { class: "edges" },
        h("caption", { class: "unseen" }, "All edges of the network"),
        h("thead", {}, h("tr", {}, ...head, action)),
        this.#body
      );
      this.element = h(
        "section",
        { class: "view", "aria-label": "Edges" },
        h("div", { class: "tools" }, h("label", { class: "field" }, h("span", {}, "Search"), this.#search), this.#suggest),
        h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of edges" }, table),
        h("div", { class: "row" }, this.#previous, this.#next, this.#status)
      );
      const redraw = lazily(this.element, () => this.#show());
      this.#offs = [
        store.on("net", () => {
          this.#curves.refresh();
          if (store.changed === "all") this.#guesses.clear();
          else for (const key of store.changed.keys()) this.#guesses.delete(key);
          if (!store.isDraft) redraw();
        }),
        store.on("selection", redraw)
      ];
      this.#show();
    }
    destroy() {
      this.#stop();
      this.#offs.forEach((off) => off());
    }
    #show() {
      const found = this.#matching();
      const pages = Math.max(1, Math.ceil(found.length / PER_PAGE));
      this.#page = Math.min(this.#page, pages - 1);
      const start = this.#page * PER_PAGE;
      const focused = this.#body.getRootNode().activeElement?.getAttribute("data-control");
      fillWith(this.#body, ...found.slice(start, start + PER_PAGE).map((entry) => this.#row(entry)));
      if (focused) this.#body.querySelector(`[data-control="${focused}"]`)?.focus();
      for (const [column, cell] of this.#heads) {
        const own = column === this.#sort.column;
        set(cell, { "aria-sort": own && (this.#sort.down ? "descending" : "ascending") });
      }
      this.#previous.disabled = this.#page === 0;
      this.#next.disabled = this.#page === pages - 1;
      const end = Math.min(start + PER_PAGE, found.length);
      this.#status.textContent = found.length ? `Edges ${start + 1} to ${end} of ${found.length}` : "No edge fits the search.";
    }
    #matching() {
      const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const { explored, net } = this.#store;
      const entries = allEdges(net).map((edge) => {
        const kind = kindOf(this.#store, edge);
        return {
          edge,
          from: nodeName(explored, net, edge[0], edge[1]),
          to: targetName(explored, net, edge[0], edge[2]),
          importance: this.#store.importance(...edge),
          kind: kind === "removed" ? "removed" : kindText(this.#store, edge),
          r2: kind === "symbolic" ? agreement(this.#store, edge) : Number.NaN
        };
      });
      const text2 = (e) => `${e.from} ${e.to} ${e.kind} layer ${e.edge[0]} ${this.#guesses.get(e.edge.join())?.formula ?? ""}`.toLowerCase();
      const { column, down } = this.#sort;
      return entries.filter((e) => words.every((word) => text2(e).includes(word))).sort((a, b) => (down ? -1 : 1) * compare(a, b, column));
    }
    #row({ edge, from, to, importance: importance2, kind, r2 }) {
      const store = this.#store;
      const removed = store.isRemoved(edge);
      const bar = h("span", { class: "bar" });
      bar.style.width = `${Math.round(64 * importance2)}px`;
      const shape = svg(
        "svg",
        { class: "spark", viewBox: "0 0 64 24", width: 64, height: 24, "aria-hidden": "true" },
        svg("path", { class: `curve s${styleOf(store, edge)} ${kindOf(store, edge)}`, d: curvePath(this.#curves.of(edge), 32, 12, 30, 9) })
      );
      const name = `${from} to ${to}`;
      const guessed = this.#guesses.get(edge.join());
      const open = button(from, () => this.#open(edge), { class: "plain", "data-control": `open ${edge}`, "aria-label": `Open the edge ${name}` });
      const toggle = button(removed ? "Bring back" : "Remove", () => this.#toggle(edge), { "data-control": `toggle ${edge}`, "aria-label": `${removed ? "Bring back" : "Remove"} the edge ${name}` });
      toggle.disabled = store.isLive;
      return h(
        "tr",
        { class: store.selection?.join() === edge.join() && "chosen" },
        h("td", { class: "number" }, edge[0]),
        h("th", { scope: "row" }, open),
        h("td", {}, to),
        h("td", { class: "number" }, h("span", { class: "track" }, bar), percent(importance2)),
        h("td", {}, shape),
        h("td", {}, kind, guessed && h("span", { class: "soft" }, `, like ${guessed.formula}`)),
        h("td", { class: "number" }, guessed ? h("span", { class: "soft" }, guessed.r2) : r2Text(r2)),
        h("td", {}, toggle)
      );
    }
    #open(edge) {
      this.#store.select(edge);
      this.element.dispatchEvent(new CustomEvent("inspect", { bubbles: true }));
    }
    #toggle(edge) {
      this.#store.apply({ op: this.#store.isRemoved(edge) ? "restore" : "prune", edge });
    }
    #sortBy(column) {
      this.#sort = { column, down: this.#sort.column === column ? !this.#sort.down : column === "importance" || column === "r2" };
      this.#turn(-this.#page);
    }
    #turn(by) {
      this.#page += by;
      this.#show();
    }
    /** The best formula for every edge on this page, one after the other while the page is idle. */
    #suggestAll() {
      const start = this.#page * PER_PAGE;
      const open = this.#matching().slice(start, start + PER_PAGE).filter(({ kind }) => kind === "spline").map(({ edge }) => edge);
      const next = () => {
        const edge = open.shift();
        this.#suggest.textContent = edge ? `${open.length + 1} to go…` : "Find formulas for these";
        this.#suggest.disabled = edge !== void 0;
        if (!edge) return;
        this.#stop = guess(this.#store, edge, ([best2]) => {
          if (best2) this.#guesses.set(edge.join(), { formula: formulaText(best2, 2), r2: r2Text(best2.r2, best2.missing) });
          this.#show();
          next();
        });
      };
      next();
    }
  };
  function compare(a, b, column) {
    const [x, y] = [a[column], b[column]];
    if (typeof x === "string") return x.localeCompare(y, void 0, { numeric: true }) || compare(a, b, "edge");
    if (typeof x === "number") return (Number.isNaN(x) ? -Infinity : x) - (Number.isNaN(y) ? -Infinity : y) || compare(a, b, "edge");
    return a.edge[0] - b.edge[0] || a.edge[1] - b.edge[1] || a.edge[2] - b.edge[2];
  }

  // src/views/history.ts
  var MOST_NETS = 240;
  var History = class {
    moments = [];
    #nets = 0;
    /** A message of the host; false if it is no frame. */
    receive(message) {
      const frame = message;
      if (typeof frame !== "object" || frame === null || frame.type !== "frame" || typeof frame.step !== "number") return false;
      const number2 = (value) => typeof value === "number" && Number.isFinite(value) ? value : null;
      const last = this.moments[this.moments.length - 1];
      if (last && frame.step < last.step) this.moments.length = this.#nets = 0;
      this.moments.push({
        step: frame.step,
        train: number2(frame.train_loss),
        validation: number2(frame.validation_loss),
        event: typeof frame.event === "string" ? frame.event : null,
        model: frame.model
      });
      this.#nets += 1;
      if (this.#nets > MOST_NETS) this.#thin();
      return true;
    }
    /** The network of the moment, or of the nearest one before it that is kept. */
    netAt(index) {
      for (let n = Math.min(index, this.moments.length - 1); n >= 0; n--) {
        if (this.moments[n].model != null) return decodeNet(this.moments[n].model);
      }
      return null;
    }
    #thin() {
      let every = 0;
      for (const moment of this.moments.slice(0, -1)) {
        if (moment.model != null && moment.event === null && every++ % 2) {
          moment.model = null;
          this.#nets -= 1;
        }
      }
    }
  };

  // src/views/training.ts
  var CALM_MS = 2e3;
  var MOST_POINTS = 1200;
  function trainingView(store) {
    return new TrainingPanel(store);
  }
  var TrainingPanel = class {
    element;
    #history = new History();
    #chart = new Chart({ label: "", height: 260, xLabel: "step", yLabel: "loss", logY: true, onpoint: (step) => this.#lookAt(step) });
    #words = h("p", { role: "status" });
    #legend = h("p", { class: "note" });
    #scrubber = h("input", { type: "range", min: 0, max: 0, step: 1, "aria-label": "Moment of the training" });
    #follow = h("input", { type: "checkbox", id: "edgewise-follow", checked: true });
    #pause = button("Pause", () => this.#steer({ action: this.#isPaused ? "resume" : "pause" }), { class: "main" });
    #step = button("One step", () => this.#steer({ action: "step" }));
    #stop = button("Stop", () => this.#steer({ action: "stop" }), { title: "End the training and keep the model" });
    #grid = h("input", { type: "number", min: 1, max: 1e4, step: 1, "aria-label": "Intervals per spline" });
    #threshold = h("input", { type: "number", min: 0, max: 0.99, step: 0.01, value: "0.03", "aria-label": "Threshold of pruning" });
    #steering;
    #events = h("ol", { class: "events" });
    #offs;
    #at = 0;
    #lastShown = 0;
    #store;
    constructor(store) {
      this.#store = store;
      this.#steering = h(
        "div",
        { class: "tools" },
        h("span", { class: "row" }, this.#pause, this.#step, this.#stop),
        h("span", { class: "row" }, button("Refine to", () => this.#refine()), this.#grid, h("span", { class: "soft" }, "intervals")),
        h("span", { class: "row" }, button("Prune below", () => this.#prune()), this.#threshold)
      );
      this.#scrubber.addEventListener("input", () => this.#scrub(Number(this.#scrubber.value)));
      this.#follow.checked = true;
      this.#follow.addEventListener("change", () => this.#follow.checked && this.#scrub(this.#history.moments.length - 1));
      this.element = h(
        "div",
        { class: "view training" },
        this.#steering,
        this.#words,
        this.#chart.element,
        this.#legend,
        h("div", { class: "row scrub" }, this.#scrubber, h("label", { class: "field" }, this.#follow, "follow the newest")),
        h("h2", {}, "What happened"),
        this.#events
      );
      this.#offs = [
        store.host.onMessage((message) => this.#history.receive(message) && store.emit("training")),
        store.on("training", () => this.#update())
      ];
      this.#update();
    }
    destroy() {
      this.#offs.forEach((off) => off());
      this.#chart.destroy();
    }
    get #status() {
      const given = this.#store.host.get("training") ?? {};
      return { state: "running", step: 0, steps: 0, message: "", events: [], ...given };
    }
    get #isPaused() {
      return this.#status.state === "paused";
    }
    get #isOver() {
      return ["done", "stopped", "failed"].includes(this.#status.state);
    }
    // ---------------------------------------------------------------- steering
    #steer(wish) {
      this.#store.host.send({ type: "steer", ...wish });
    }
    #refine() {
      const grid = Math.round(this.#grid.valueAsNumber);
      if (grid >= 1) this.#steer({ action: "refine", grid });
      this.#grid.value = "";
    }
    #prune() {
      const threshold = this.#threshold.valueAsNumber;
      if (threshold >= 0 && threshold < 1) this.#steer({ action: "prune", threshold });
    }
    // ---------------------------------------------------------------- looking
    /** Show the network of one moment; the newest one of a finished training is the model itself. */
    #scrub(index) {
      const newest = this.#history.moments.length - 1;
      this.#at = Math.max(0, Math.min(index, newest));
      if (index < newest) this.#follow.checked = false;
      this.#store.showFrame(this.#isOver && this.#at === newest ? null : this.#history.netAt(this.#at));
      this.#draw();
    }
    #lookAt(step) {
      const { moments } = this.#history;
      let nearest = 0;
      moments.forEach((moment, n) => {
        if (Math.abs(moment.step - step) < Math.abs(moments[nearest].step - step)) nearest = n;
      });
      this.#scrub(nearest);
    }
    #update() {
      const status = this.#status;
      const { moments } = this.#history;
      this.#words.textContent = sentence(status, moments[moments.length - 1]);
      this.#pause.textContent = this.#isPaused ? "Go on" : "Pause";
      for (const control of this.#steering.querySelectorAll("button, input")) control.disabled = this.#isOver;
      if (this.#grid.value === "" && !this.#grid.matches(":focus")) this.#grid.value = String(2 * this.#intervals());
      fillWith(this.#events, ...status.events.map(([step, what]) => h("li", {}, h("span", { class: "number soft" }, `step ${step}: `), what)));
      if (this.#follow.checked && moments.length) this.#showNewest();
      this.#draw();
    }
    #showNewest() {
      const newest = this.#history.moments.length - 1;
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      const isNews = newest !== this.#at || this.#lastShown === 0 || this.#isOver && this.#store.isLive;
      if (!isNews || calm && !this.#isOver && performance.now() - this.#lastShown < CALM_MS) return;
      this.#lastShown = performance.now();
      this.#at = newest;
      this.#store.showFrame(this.#isOver ? null : this.#history.netAt(newest));
    }
    #intervals() {
      const { net } = this.#store;
      return net.layers[0].S - net.k;
    }
    #draw() {
      const { moments } = this.#history;
      set(this.#scrubber, { max: Math.max(0, moments.length - 1) });
      this.#scrubber.value = String(this.#at);
      const here = moments[this.#at];
      set(this.#scrubber, { "aria-valuetext": here ? `step ${here.step}, loss ${here.train === null ? "unknown" : shown(here.train)}` : "nothing yet" });
      const some = everyNth2(moments, MOST_POINTS);
      const steps = some.map((moment) => moment.step);
      const [train, validation] = [some.map((m) => positive(m.train)), some.map((m) => positive(m.validation))];
      const hasValidation = validation.some(Number.isFinite);
      const isPast = this.#isOver && this.#store.isLive && here !== void 0;
      this.#legend.textContent = (hasValidation ? "solid: training, dashed: held-out rows. " : "") + (isPast ? `You see step ${here.step}; the end of the slider is the trained model.` : "");
      const paint = (frame) => [
        ...eventMarks(frame, this.#status.events),
        line(frame, steps, train),
        ...hasValidation ? [line(frame, steps, validation, "line dashed")] : [],
        ...here ? [upright(frame, here.step), ...here.train ? [point(frame, here.step, here.train)] : []] : []
      ];
      const last = steps[steps.length - 1] ?? 1;
      const says = here ? `Loss over ${last} steps, now ${train.length ? shown(train[train.length - 1]) : "unknown"}` : "No loss yet";
      this.#chart.show([Math.min(steps[0] ?? 0, last - 1), last], lossRange(train, validation), paint, says);
    }
  };
  function sentence({ state, step, steps, message }, newest) {
    const loss = newest?.train == null ? "" : `, loss ${shown(newest.train)}`;
    const words = { running: "Training", paused: "Paused", done: "Done", stopped: "Stopped", failed: "Failed" };
    return `${words[state] ?? state}: step ${step}${steps ? ` of ${steps}` : ""}${loss}.${message ? ` ${message}` : ""}`;
  }
  function eventMarks(frame, events) {
    return events.flatMap(([step, what], n) => {
      const x = frame.x(step);
      const side = x > 0.6 * frame.width ? { x: x - 4, "text-anchor": "end" } : { x: x + 4 };
      return [upright(frame, step, "event"), svg("text", { class: "tick", ...side, y: 12 + 14 * (n % 4) }, what)];
    });
  }
  function lossRange(...lists) {
    const [lo, hi] = rangeOf(...lists);
    return Number.isFinite(lo) && lo > 0 ? [lo / 1.3, hi * 1.3] : [0.1, 1];
  }
  function positive(loss) {
    return loss !== null && loss > 0 ? loss : NaN;
  }
  function everyNth2(list2, most) {
    const step = Math.ceil(list2.length / most);
    return step <= 1 ? list2 : list2.filter((_, n) => n % step === 0 || n === list2.length - 1);
  }

  // src/app/keys.ts
  var KEYS = [
    [
      "Everywhere",
      [
        ["Ctrl + Z", "undo the last edit"],
        ["Ctrl + Shift + Z", "do it again"],
        ["Esc", "back from the edge to the picture"],
        ["?", "this help"]
      ]
    ],
    [
      "Network and matrix",
      [
        ["← ↑ → ↓", "from edge to edge"],
        ["Home, End", "first and last edge"],
        ["Enter", "open the edge"],
        ["Delete", "remove the edge, or bring it back"],
        ["+ − 0", "zoom in, zoom out, show everything"],
        ["Esc", "follow no node, choose no edge"]
      ]
    ],
    [
      "Sliders and tabs",
      [
        ["← →", "a step; with Page Up and Page Down ten"],
        ["Home, End", "least and most"]
      ]
    ]
  ];
  function isTyping(event) {
    const target = event.composedPath()[0];
    if (!(target instanceof HTMLElement)) return false;
    if (target instanceof HTMLInputElement) return !["range", "checkbox", "radio", "button"].includes(target.type);
    return target instanceof HTMLTextAreaElement || target.isContentEditable;
  }

  // src/app/dialogs.ts
  function openDialog(parent, heading, ...content) {
    const title = h("h2", { id: "edgewise-dialog-title" }, heading);
    const close = button("Close", () => dialog.close());
    const dialog = h("dialog", { "aria-labelledby": "edgewise-dialog-title" }, title, ...content, h("div", { class: "row end" }, close));
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    parent.append(dialog);
    dialog.showModal();
    return dialog;
  }
  function openHelp(parent) {
    const groups = KEYS.flatMap(([place2, keys]) => [
      h("h3", {}, place2),
      h("dl", { class: "keys" }, ...keys.flatMap(([key, does]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)]))
    ]);
    openDialog(
      parent,
      "How to read and use this page",
      h(
        "p",
        {},
        "A KAN passes every input through functions that it has learned, adds the results up, and does so again layer by layer. Each small picture is one of these functions. Thick and dark ones move the result most; a green double frame is a function with a formula; dashes are edges that were removed."
      ),
      h("p", {}, "Click an edge to see it large, drag its points, try formulas or remove it. Click a node to follow only its paths."),
      ...groups
    );
  }
  function openPython(parent, store) {
    const code = asPython(store.edits, store.explored.source);
    const area = h("textarea", { class: "code", readonly: true, rows: Math.min(16, code.split("\n").length), "aria-label": "Python script", spellcheck: "false" });
    area.value = code;
    const said = h("span", { class: "soft", role: "status" });
    const copy = button("Copy", () => void copyText(code).then((done) => said.textContent = done ? "Copied." : "Select the text and copy it."), { class: "main" });
    openDialog(
      parent,
      "The edits as Python",
      h("p", { class: "soft" }, "Run this to get exactly the model that you see here."),
      area,
      h("div", { class: "row" }, copy, said)
    );
  }

  // src/app/shell.ts
  var TABS = [
    ["network", "Network", networkView],
    ["matrix", "Matrix", matrixView],
    ["edges", "Edges", tableView],
    ["prediction", "Prediction", predictionView],
    ["formula", "Formula", formulaView],
    ["training", "Training", liveView]
    // offered only where a model is trained
  ];
  function liveView(store) {
    const views = [networkView(store), trainingView(store)];
    const element2 = h("div", { class: "live" }, ...views.map((view) => view.element));
    element2.addEventListener("shown", () => views.forEach((view) => view.element.dispatchEvent(new Event("shown"))));
    return { element: element2, destroy: () => views.forEach((view) => view.destroy()) };
  }
  var Shell = class {
    element;
    #store;
    #theme;
    #pages = /* @__PURE__ */ new Map();
    #loss = h("p", { class: "loss" });
    #undo = button("Undo", () => this.#store.undo(), { title: "Undo the last edit (Ctrl + Z)" });
    #redo = button("Redo", () => this.#store.redo(), { title: "Do it again (Ctrl + Shift + Z)" });
    #python = button("Copy as Python", () => openPython(this.element, this.#store), { title: "A script that makes the same edits" });
    #shape = h("p", { class: "shape" });
    #spoken = h("p", { class: "unseen", "aria-live": "polite" });
    #inspector;
    #offs;
    #shownTab = "";
    constructor(store, theme) {
      this.#store = store;
      this.#theme = theme;
      this.#inspector = inspectorView(store);
      const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Views", onkeydown: (e) => this.#tabKey(e) });
      const page = h("div", { class: "page" });
      for (const [name, words, make] of TABS) this.#addTab(tabs, page, name, words, make);
      this.element = h(
        "div",
        { class: "ex" },
        this.#header(),
        tabs,
        h("div", { class: "body" }, page, h("aside", { class: "side", "aria-label": "The chosen edge" }, this.#inspector.element)),
        this.#spoken
      );
      this.element.addEventListener("inspect", () => requestAnimationFrame(() => this.#toInspector()));
      const keys = store.host.kind === "widget" ? this.element : document;
      const listen = (event) => this.#key(event);
      keys.addEventListener("keydown", listen);
      this.#offs = [
        store.on("payload", () => this.#renew()),
        store.on("net", () => {
          if (!store.isDraft) this.#update();
          this.#showLoss();
        }),
        store.host.on("training", () => this.#offerTraining()),
        // not put off: the frames follow at once
        store.on("said", () => this.#spoken.textContent = store.said),
        () => keys.removeEventListener("keydown", listen)
      ];
      this.#open("network");
      this.#update();
      requestAnimationFrame(() => setTimeout(() => this.#showLoss()));
      this.#offerTraining();
    }
    destroy() {
      this.#offs.forEach((off) => off());
      this.#inspector.destroy();
      for (const { view } of this.#pages.values()) view?.destroy();
    }
    #header() {
      const store = this.#store;
      const more = h(
        "div",
        { class: "actions" },
        h("span", { class: "buttons", role: "group", "aria-label": "Edits" }, this.#undo, this.#redo),
        this.#python,
        button("Save model", () => this.#saveModel(), { title: "Download the edited model as JSON" }),
        button("◐", () => this.#theme.toggle(), { "aria-label": "Light or dark", title: "Light or dark" }),
        button("?", () => openHelp(this.element), { "aria-label": "Help", title: "Help (?)" })
      );
      return h(
        "header",
        { class: "top" },
        h("div", {}, h("h1", {}, store.explored.title || "A Kolmogorov-Arnold network"), this.#shape),
        h("span", { class: "spring" }),
        this.#loss,
        more
      );
    }
    #update() {
      const store = this.#store;
      const edges = allEdges(store.net);
      const removed = edges.filter((edge) => store.isRemoved(edge)).length;
      this.#shape.textContent = `${shapeText(store.net)}, ${edges.length - removed} edges${removed ? `, ${removed} removed` : ""}`;
      this.#undo.disabled = !store.canUndo || store.isLive;
      this.#redo.disabled = !store.canRedo || store.isLive;
      this.#python.disabled = store.edits.length === 0;
    }
    #showLoss() {
      fillWith(this.#loss, ...lossParts(this.#store));
      set(this.#loss, { title: this.#store.measure.words });
    }
    #saveModel() {
      const store = this.#store;
      const payload2 = store.host.get("payload");
      saveJson({ ...payload2, model: encodeNet(store.net) }, store.explored.title);
    }
    // ---------------------------------------------------------------- tabs and keys
    #addTab(tabs, page, name, words, make) {
      const tab = button(words, () => this.#open(name), {
        role: "tab",
        id: `edgewise-tab-${name}`,
        "aria-controls": `edgewise-panel-${name}`,
        "aria-selected": "false",
        tabindex: -1
      });
      tab.hidden = name === "training";
      const panel = h("div", {
        class: "page",
        role: "tabpanel",
        id: `edgewise-panel-${name}`,
        "aria-labelledby": `edgewise-tab-${name}`,
        hidden: true
      });
      this.#pages.set(name, { tab, panel, view: null, make });
      tabs.append(tab);
      page.append(panel);
    }
    /** Another model: views that were built around the old one are built again. */
    #renew() {
      for (const [name, page] of this.#pages) {
        if (name === "training" || !page.view) continue;
        page.view.destroy();
        page.view.element.remove();
        page.view = null;
      }
      this.#open(this.#shownTab);
    }
    /** The tab is there once there is training to see, and opens at once, so that it misses nothing. */
    #offerTraining() {
      const page = this.#pages.get("training");
      const isFirst = page.tab.hidden && this.#store.host.get("training") != null;
      page.tab.hidden = this.#store.host.get("training") == null;
      if (isFirst) this.#open("training");
    }
    #make(page) {
      if (page.view) return;
      page.view = page.make(this.#store);
      page.panel.append(page.view.element);
    }
    #open(name) {
      for (const [other, { tab, panel }] of this.#pages) {
        const chosen = other === name;
        set(tab, { "aria-selected": String(chosen), tabindex: chosen ? 0 : -1 });
        panel.hidden = !chosen;
      }
      const page = this.#pages.get(name);
      this.#make(page);
      page.view.element.dispatchEvent(new Event("shown"));
      this.#shownTab = name;
    }
    #tabKey(event) {
      const names = [...this.#pages.keys()].filter((name2) => !this.#pages.get(name2).tab.hidden);
      const at2 = names.indexOf(this.#shownTab);
      const to = { ArrowRight: at2 + 1, ArrowLeft: at2 - 1, Home: 0, End: names.length - 1 }[event.key];
      if (to === void 0) return;
      event.preventDefault();
      const name = names[(to + names.length) % names.length];
      this.#open(name);
      this.#pages.get(name).tab.focus();
    }
    #key(event) {
      if (isTyping(event)) return;
      const command = event.ctrlKey || event.metaKey;
      const letter = event.key.toLowerCase();
      if (command && letter === "z") event.shiftKey ? this.#store.redo() : this.#store.undo();
      else if (command && letter === "y") this.#store.redo();
      else if (event.key === "?") openHelp(this.element);
      else if (event.key === "Escape") this.#backToPicture();
      else return;
      event.preventDefault();
      event.stopPropagation();
    }
    #toInspector() {
      const headings = [...this.#inspector.element.querySelectorAll("h2")];
      headings.find((heading) => !heading.closest("[hidden]"))?.focus();
    }
    #backToPicture() {
      const { panel, tab } = this.#pages.get(this.#shownTab);
      (panel.querySelector("[tabindex='0']") ?? tab).focus();
    }
  };
  function lossParts(store) {
    const { before, after } = store.loss;
    const { name } = store.measure;
    if (store.isLive) return [h("span", { class: "soft" }, "in training")];
    const value = (number2) => h("span", { class: "value" }, shown(number2));
    if (!store.measure.hasTargets) {
      return [h("span", { class: "soft" }, "change of the output"), value(after)];
    }
    if (after === before) return [h("span", { class: "soft" }, name), value(before)];
    const share = before > 0 ? (after - before) / before : Infinity;
    const words = share < 10 ? `${Math.round(Math.abs(100 * share))} % ${share > 0 ? "more" : "less"}` : `× ${shown(after / before, 2)}`;
    return [
      h("span", { class: "soft" }, name),
      h("span", {}, shown(before)),
      h("span", { "aria-label": "becomes" }, "→"),
      value(after),
      h("span", { class: `change ${share > 0 ? "worse" : "better"}` }, words)
    ];
  }

  // src/app/theme.ts
  var Theme = class {
    #chosen = null;
    #root;
    #onChange;
    #system = matchMedia("(prefers-color-scheme: dark)");
    #observer = new MutationObserver(() => this.#update());
    #update = () => this.#apply();
    constructor(root2, onChange) {
      this.#root = root2;
      this.#onChange = onChange;
      this.#system.addEventListener("change", this.#update);
      const options = { attributes: true, attributeFilter: ["class", "data-theme", "data-jp-theme-light", "data-vscode-theme-kind"] };
      for (const element2 of [document.documentElement, document.body]) this.#observer.observe(element2, options);
      this.#apply();
    }
    get scheme() {
      return this.#root.dataset.scheme;
    }
    toggle() {
      this.#chosen = this.scheme === "dark" ? "light" : "dark";
      this.#apply();
    }
    destroy() {
      this.#system.removeEventListener("change", this.#update);
      this.#observer.disconnect();
    }
    #apply() {
      const scheme = this.#chosen ?? hostScheme(this.#root) ?? (this.#system.matches ? "dark" : "light");
      if (this.#root.dataset.scheme === scheme) return;
      this.#root.dataset.scheme = scheme;
      this.#onChange();
    }
  };
  function hostScheme(root2) {
    const named2 = outermost(root2).closest("[data-theme]")?.dataset.theme ?? document.documentElement.dataset.theme;
    if (named2 === "dark" || named2 === "light") return named2;
    const { body, documentElement } = document;
    const jupyter = body.dataset.jpThemeLight;
    if (jupyter) return jupyter === "true" ? "light" : "dark";
    const classes = [...body.classList, ...documentElement.classList];
    if (classes.some((name) => ["vscode-dark", "vscode-high-contrast", "dark", "dark-theme"].includes(name))) return "dark";
    if (classes.some((name) => ["vscode-light", "vscode-high-contrast-light", "light", "light-theme"].includes(name))) return "light";
    return null;
  }
  function outermost(element2) {
    const root2 = element2.getRootNode();
    return root2 instanceof ShadowRoot ? root2.host : element2;
  }

  // src/app/main.ts
  function mountExplorer(root2, host) {
    root2.classList.add("edgewise-explorer", "ew");
    root2.classList.toggle("fills", host.kind !== "widget");
    for (const name of ["data-lm-suppress-shortcuts", "lm-suppress-shortcuts"]) root2.setAttribute(name, "true");
    let store = null;
    const theme = new Theme(root2, () => store?.emit("theme"));
    try {
      store = new Store(host);
    } catch (error) {
      fillWith(root2, failure(error));
      return { destroy: () => theme.destroy() };
    }
    const shell = new Shell(store, theme);
    fillWith(root2, shell.element);
    const offs = [
      host.on("payload", () => store.reload()),
      host.on("edits", (edits) => store.receiveEdits(edits)),
      host.on("selection", (edge) => store.receiveSelection(edge)),
      host.on("training", () => store.emit("training"))
    ];
    return {
      destroy() {
        offs.forEach((off) => off());
        shell.destroy();
        theme.destroy();
        root2.replaceChildren();
      }
    };
  }
  function failure(error) {
    const why = error instanceof PayloadError || error instanceof RangeError ? error.message : String(error);
    return h("div", { class: "ex" }, h("p", { class: "failure", role: "alert" }, `This model cannot be shown: ${why}`));
  }

  // src/hosts/memory.ts
  function values(initial) {
    const known2 = new Map(Object.entries(initial));
    const listeners = /* @__PURE__ */ new Map();
    return {
      get: (key) => known2.get(key) ?? null,
      set: (key, value) => {
        known2.set(key, value);
        listeners.get(key)?.forEach((callback) => callback(value));
      },
      on: (key, callback) => {
        const own = listeners.get(key) ?? /* @__PURE__ */ new Set();
        listeners.set(key, own.add(callback));
        return () => own.delete(callback);
      }
    };
  }

  // src/hosts/server.ts
  var HERE = location.pathname.replace(/\/$/, "");
  function serverHost(payload2) {
    const own = values({ payload: payload2 });
    const changed = /* @__PURE__ */ new Set();
    const receivers = /* @__PURE__ */ new Set();
    let queue = Promise.resolve();
    const post = (body) => {
      queue = queue.then(
        () => fetch(`${HERE}/post`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })
      ).catch(() => {
      });
    };
    const stream = new EventSource(`${HERE}/events`);
    stream.onmessage = (event) => {
      const news = JSON.parse(event.data);
      if ("key" in news) own.set(news.key, news.value);
      else receivers.forEach((receive) => receive(news.message));
    };
    return {
      kind: "server",
      get: own.get,
      set: (key, value) => {
        changed.add(key);
        own.set(key, value);
      },
      save: () => {
        for (const key of changed) post({ key, value: own.get(key) });
        changed.clear();
      },
      on: own.on,
      send: (message) => post({ message }),
      onMessage: (receive) => {
        receivers.add(receive);
        return () => receivers.delete(receive);
      }
    };
  }

  // src/hosts/page.ts
  function memoryHost(payload2) {
    return { kind: "page", ...values({ payload: payload2 }), save: () => {
    }, send: () => {
    }, onMessage: () => () => {
    } };
  }
  var root = document.getElementById("edgewise-explorer");
  var payload = JSON.parse(document.getElementById("edgewise-payload").textContent);
  mountExplorer(root, root.dataset.host === "server" ? serverHost(payload) : memoryHost(payload));
})();
