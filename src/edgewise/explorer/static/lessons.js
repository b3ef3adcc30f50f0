"use strict";
(() => {
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

  // src/app/theme.ts
  var Theme = class {
    #chosen = null;
    #root;
    #onChange;
    #system = matchMedia("(prefers-color-scheme: dark)");
    #observer = new MutationObserver(() => this.#update());
    #update = () => this.#apply();
    constructor(root, onChange) {
      this.#root = root;
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
  function hostScheme(root) {
    const named2 = outermost(root).closest("[data-theme]")?.dataset.theme ?? document.documentElement.dataset.theme;
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
    const root = element2.getRootNode();
    return root instanceof ShadowRoot ? root.host : element2;
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

  // src/charts/ticks.ts
  function roundTicks(lo, hi, wanted) {
    if (!(hi > lo) || !Number.isFinite(hi - lo)) return Number.isFinite(lo) ? [lo] : [];
    const raw = (hi - lo) / Math.max(wanted, 1);
    const power2 = 10 ** Math.floor(Math.log10(raw));
    const step2 = power2 * ([1, 2, 5, 10].find((m) => m * power2 >= raw * 0.999) ?? 10);
    const first = Math.ceil(lo / step2 - 1e-9);
    const count = Math.floor(hi / step2 + 1e-9) - first + 1;
    return Array.from({ length: Math.max(count, 0) }, (_, n) => Number(((first + n) * step2).toPrecision(12)));
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
    const step2 = all.length > 1 ? Math.min(...all.slice(1).map((v, n) => v - all[n])) : Math.abs(value) || 1;
    const most = Math.max(...all.map(Math.abs));
    if (most >= 1e5 || most < 1e-3) return shown(value, 1 + Math.max(0, Math.round(Math.log10(most / step2))));
    return value.toFixed(Math.min(8, Math.max(0, -Math.floor(Math.log10(step2) + 1e-9)))).replace("-", "−");
  }
  function logText(value) {
    return value >= 1e-3 && value < 1e5 ? String(Number(value.toPrecision(2))) : shown(value, 2);
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
  function area(frame, xs, ys, base = 0, kind = "area") {
    const last = xs.length - 1;
    const [left, right, ground] = [frame.x(xs[0]), frame.x(xs[last]), frame.y(base)].map(place);
    return svg("path", { class: kind, d: `${pathOf(frame, xs, ys)}L${right},${ground}L${left},${ground}Z` });
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
  function allBasis(knots, k, x, order = 0, outside = "linear") {
    const size = knots.length - k - 1;
    const local = new Float64Array(k + 1);
    const first = localBasis(knots, k, x, local, order, outside);
    const all = new Float64Array(size);
    for (let n = 0; n <= k; n++) if (first + n >= 0 && first + n < size) all[first + n] = local[n];
    if (x !== x) all.fill(NaN);
    return all;
  }
  function uniformKnots(lo, hi, grid, k) {
    return Float64Array.from({ length: grid + 2 * k + 1 }, (_, n) => lo + (hi - lo) * ((n - k) / grid));
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
    const [scale2, weight] = [layer.scale ? layer.scale[edge] : 1, layer.base[edge]];
    const base = baseNamed(net.baseFun);
    return base ? (x) => mask * (scale2 * f(x) + weight * base.value(x)) : (x) => mask * scale2 * f(x);
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
  function edgeCurve(net, l, i, j, lo, hi, n, spline = false) {
    const f = edgeFunction(net, l, i, j, spline);
    return Float64Array.from({ length: n }, (_, m) => f(lo + (hi - lo) * m / (n - 1)));
  }

  // src/maths/grid.ts
  function project(coef, O, knots, newKnots, k, outside) {
    const size = newKnots.length - k - 1;
    const mass = new Float64Array(size * size);
    const right = new Float64Array(size * O);
    for (const [x, weight] of gaussPoints(knots, newKnots, k)) {
      const [old, now] = [allBasis(knots, k, x, 0, outside), allBasis(newKnots, k, x, 0, "linear")];
      for (let r = 0; r < size; r++) {
        if (now[r] === 0) continue;
        for (let c = 0; c < size; c++) mass[r * size + c] += weight * now[r] * now[c];
        for (let s = 0; s < old.length; s++) {
          for (let j = 0; j < O; j++) right[r * O + j] += weight * now[r] * old[s] * coef[s * O + j];
        }
      }
    }
    const unit = Float64Array.from({ length: size }, (_, r) => 1 / Math.sqrt(mass[r * size + r]));
    for (let r = 0; r < size; r++) {
      for (let c = 0; c < size; c++) mass[r * size + c] *= unit[r] * unit[c];
      for (let j = 0; j < O; j++) right[r * O + j] *= unit[r];
    }
    solveInPlace(mass, right, size, O);
    return right.map((v, at2) => v * unit[Math.floor(at2 / O)]);
  }
  function onKnots(net, layer, rows) {
    const S = rows[0].length - net.k - 1;
    const [knots, coef] = [new Float64Array(layer.I * rows[0].length), new Float64Array(layer.I * S * layer.O)];
    rows.forEach((row2, i) => {
      const old = layer.coef.subarray(i * layer.S * layer.O, (i + 1) * layer.S * layer.O);
      knots.set(row2, i * row2.length);
      coef.set(project(old, layer.O, knotsOf(net, layer, i), row2, net.k, net.outside), i * S * layer.O);
    });
    return { ...layer, S, knots, coef };
  }
  function refined(net, grid) {
    const layers = net.layers.map((layer, l) => {
      const rows = Array.from({ length: layer.I }, (_, i) => uniformKnots(...domainOf(net, l, i), grid, net.k));
      return onKnots(net, layer, rows);
    });
    return { ...net, layers };
  }
  function covering(net, layer, values2, margin) {
    const grid = layer.S - net.k;
    const rows = Array.from({ length: layer.I }, (_, i) => {
      let [lo, hi] = [Infinity, -Infinity];
      for (let at2 = i; at2 < values2.length; at2 += layer.I) [lo, hi] = [Math.min(lo, values2[at2]), Math.max(hi, values2[at2])];
      const beyond = hi > lo ? margin * (hi - lo) : 1;
      return uniformKnots(lo - beyond, hi + beyond, grid, net.k);
    });
    return onKnots(net, layer, rows);
  }
  function gaussPoints(knots, newKnots, k) {
    const breaks = newKnots.subarray(k, newKnots.length - k);
    const [lo, hi] = [breaks[0], breaks[breaks.length - 1]];
    const ends = Float64Array.from([...knots.filter((t) => t > lo && t < hi), ...breaks]).sort();
    const rule = legendre(k + 1);
    const points = [];
    for (let n = 0; n + 1 < ends.length; n++) {
      const half = (ends[n + 1] - ends[n]) / 2;
      if (half > 0) for (const [node, weight] of rule) points.push([ends[n] + half * (1 + node), half * weight]);
    }
    return points;
  }
  function legendre(n) {
    return Array.from({ length: n }, (_, m) => {
      let x = Math.cos(Math.PI * (m + 0.75) / (n + 0.5));
      let slope = 1;
      for (let step2 = 0; step2 < 30; step2++) {
        let [before, value] = [1, x];
        for (let p = 2; p <= n; p++) [before, value] = [value, ((2 * p - 1) * x * value - (p - 1) * before) / p];
        slope = n * (x * value - before) / (x * x - 1);
        const move = value / slope;
        x -= move;
        if (Math.abs(move) < 1e-16) break;
      }
      return [x, 2 / ((1 - x * x) * slope * slope)];
    });
  }
  function solveInPlace(A, B, n, columns) {
    for (let c = 0; c < n; c++) {
      for (let r = c; r < n; r++) {
        let sum2 = A[r * n + c];
        for (let m = 0; m < c; m++) sum2 -= A[r * n + m] * A[c * n + m];
        A[r * n + c] = r === c ? Math.sqrt(sum2) : sum2 / A[c * n + c];
      }
    }
    for (let j = 0; j < columns; j++) {
      for (let r = 0; r < n; r++) {
        let sum2 = B[r * columns + j];
        for (let m = 0; m < r; m++) sum2 -= A[r * n + m] * B[m * columns + j];
        B[r * columns + j] = sum2 / A[r * n + r];
      }
      for (let r = n - 1; r >= 0; r--) {
        let sum2 = B[r * columns + j];
        for (let m = r + 1; m < n; m++) sum2 -= A[m * n + r] * B[m * columns + j];
        B[r * columns + j] = sum2 / A[r * n + r];
      }
    }
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
    if (sums.some((now, m) => !(MOST_CANCELLATION * largest(now) >= largest(trace.sums[l + m])))) return predict(tail(net, l), values2[l]);
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
  function largest(values2) {
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
    const { I, S, O, scale: scale2, mask, symbolic } = layer;
    if (!scale2 && symbolic.size === 0 && mask.every((m) => m === 1)) return layer;
    const present = mask.map((m, edge) => symbolic.has(edge) ? 0 : m);
    const coef = new Float64Array(layer.coef.length);
    for (let i = 0; i < I; i++) {
      for (let s = 0; s < S; s++) {
        for (let j = 0; j < O; j++) {
          const at2 = (i * S + s) * O + j;
          coef[at2] = layer.coef[at2] * present[i * O + j] * (scale2 ? scale2[i * O + j] : 1);
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

  // src/maths/backward.ts
  function backward(net, trace, cotangent, sizes) {
    const layers = [];
    let g = cotangent;
    for (let l = net.layers.length - 1; l >= 0; l--) {
      const sums = multiplyBack(trace.sums[l], g, trace.rows, net.nodes[l + 1], net.arity);
      const below = new Float64Array(trace.rows * net.layers[l].I);
      layers.unshift(layerBack(net, net.layers[l], trace.values[l], sums, below, sizes?.[l]));
      g = below;
    }
    return { layers, input: g };
  }
  function layerBack(net, layer, x, g, below, sizes) {
    const { I, O, S, mask, scale: scale2, symbolic } = layer;
    const { k } = net;
    const rows = x.length / I;
    const weights = effectiveWeights(layer);
    const coef = new Float64Array(layer.coef.length);
    const base = new Float64Array(I * O);
    const residual = baseNamed(net.baseFun);
    const [values2, slopes2] = [new Float64Array(k + 1), new Float64Array(k + 1)];
    const own = new Float64Array(O);
    for (let i = 0; i < I; i++) {
      for (let row2 = 0; row2 < rows; row2++) {
        const at2 = row2 * I + i;
        const first = localBasis(layer.knots, k, x[at2], values2, 0, net.outside, i * (S + k + 1), S + k + 1);
        localBasis(layer.knots, k, x[at2], slopes2, 1, net.outside, i * (S + k + 1), S + k + 1);
        const [from, to] = [Math.max(0, -first), Math.min(k, S - 1 - first)];
        const b = residual ? residual.value(x[at2]) : 0;
        for (let j = 0; j < O; j++) own[j] = g[row2 * O + j];
        if (sizes) addSigns(weights, values2, first, from, to, b, i, O, S, sizes, rows, own);
        let sum2 = 0;
        for (let n = from; n <= to; n++) {
          const c = (i * S + first + n) * O;
          for (let j = 0; j < O; j++) {
            coef[c + j] += values2[n] * own[j];
            sum2 += slopes2[n] * weights.coef[c + j] * own[j];
          }
        }
        if (residual) {
          const slope = residual.slope(x[at2]);
          for (let j = 0; j < O; j++) {
            base[i * O + j] += b * own[j];
            sum2 += slope * weights.base[i * O + j] * own[j];
          }
        }
        below[at2] += sum2;
      }
    }
    const scales = scale2 ? scaleGradient(layer, coef) : null;
    for (let at2 = 0; at2 < coef.length; at2++) {
      const edge = Math.floor(at2 / (S * O)) * O + at2 % O;
      coef[at2] *= symbolic.has(edge) ? 0 : mask[edge] * (scale2 ? scale2[edge] : 1);
    }
    const affine = /* @__PURE__ */ new Map();
    for (const edge of symbolic.keys()) affine.set(edge, symbolicBack(layer, edge, x, g, below, sizes));
    return { coef, base: base.map((v, edge) => symbolic.has(edge) ? 0 : v * mask[edge]), scale: scales, affine };
  }
  function addSigns(weights, values2, first, from, to, b, i, O, S, sizes, rows, own) {
    for (let j = 0; j < O; j++) {
      let value = b * weights.base[i * O + j];
      for (let n = from; n <= to; n++) value += values2[n] * weights.coef[(i * S + first + n) * O + j];
      own[j] += Math.sign(value) * sizes[i * O + j] / rows;
    }
  }
  function scaleGradient(layer, coef) {
    const { I, O, S, mask, symbolic } = layer;
    return Float64Array.from({ length: I * O }, (_, edge) => {
      if (symbolic.has(edge)) return 0;
      const [i, j] = [Math.floor(edge / O), edge % O];
      let sum2 = 0;
      for (let s = 0; s < S; s++) sum2 += coef[(i * S + s) * O + j] * layer.coef[(i * S + s) * O + j];
      return sum2 * mask[edge];
    });
  }
  function symbolicBack(layer, edge, x, g, below, sizes) {
    const { I, O } = layer;
    const [i, j, mask] = [Math.floor(edge / O), edge % O, layer.mask[edge]];
    const symbolic = layer.symbolic.get(edge);
    const gradient = new Float64Array(5);
    if (mask === 0) return gradient;
    const rows = x.length / I;
    const [value, slope] = [symbolicFunction(symbolic), symbolicFunction(symbolic, 1)];
    const [a, b, c, , p] = symbolic.affine;
    const f = symbolic.sampled ? null : functionNamed(symbolic.name);
    for (let row2 = 0; row2 < rows; row2++) {
      const at2 = row2 * I + i;
      const own = mask * (g[row2 * O + j] + (sizes ? Math.sign(value(x[at2])) * sizes[edge] / rows : 0));
      below[at2] += own * slope(x[at2]);
      if (!f) continue;
      const z = a * x[at2] + b;
      const [inside, inner] = [f.value(z, p), own * c * f.slope(z, p)];
      gradient[0] += inner * x[at2];
      gradient[1] += inner;
      gradient[2] += own * inside;
      gradient[3] += own;
      if (f.freeExponent) gradient[4] += own * c * inside * Math.log(z);
    }
    return gradient;
  }
  function multiplyBack(sums, g, rows, [plain, products], arity) {
    if (products === 0) return g;
    const [wide, narrow] = [plain + arity * products, plain + products];
    const out = new Float64Array(rows * wide);
    for (let row2 = 0; row2 < rows; row2++) {
      for (let n = 0; n < plain; n++) out[row2 * wide + n] = g[row2 * narrow + n];
      for (let m = 0; m < products; m++) {
        const at2 = row2 * wide + plain + m * arity;
        for (let f = 0; f < arity; f++) {
          let others = g[row2 * narrow + plain + m];
          for (let h2 = 0; h2 < arity; h2++) if (h2 !== f) others *= sums[at2 + h2];
          out[at2 + f] = others;
        }
      }
    }
    return out;
  }

  // src/maths/sparsity.ts
  var TINY = 1e-12;
  function penaltyOf(net, l, x, { l1, entropy }) {
    const layer = net.layers[l];
    const size = meanSizes(net, l, x);
    const present = [...layer.mask.keys()].filter((edge) => layer.mask[edge] !== 0);
    const total = present.reduce((sum2, edge) => sum2 + size[edge], 0);
    const weights = layer.mask.map((m) => m !== 0 ? l1 / layer.O : 0);
    let value = l1 * total / layer.O;
    if (entropy && present.length > 1 && total > TINY) {
      const most = Math.log(present.length);
      const logs = size.map((a) => Math.log(Math.max(a / total, TINY)));
      const h2 = -present.reduce((sum2, edge) => sum2 + size[edge] / total * logs[edge], 0);
      value += entropy * h2 / most;
      for (const edge of present) weights[edge] -= entropy * (logs[edge] + h2) / (total * most);
    }
    return { value, weights };
  }
  function meanSizes(net, l, x) {
    const { I, O } = net.layers[l];
    const rows = x.length / I;
    return Float64Array.from({ length: I * O }, (_, edge) => {
      const i = Math.floor(edge / O);
      const f = edgeFunction(net, l, i, edge % O);
      let sum2 = 0;
      for (let row2 = 0; row2 < rows; row2++) sum2 += Math.abs(f(x[row2 * I + i]));
      return sum2 / rows;
    });
  }

  // src/maths/train.ts
  var PAIRS = 12;
  var MOST_TRIALS = 25;
  function evaluate(net, x, y, sparsity) {
    const trace = forward(net, x);
    const output = trace.values[net.layers.length];
    let error = 0;
    const cotangent = output.map((value, n) => {
      error += (value - y[n]) ** 2 / output.length;
      return 2 * (value - y[n]) / output.length;
    });
    const penalties = sparsity && net.layers.map((_, l) => penaltyOf(net, l, trace.values[l], sparsity));
    const loss = (penalties ?? []).reduce((sum2, p) => sum2 + p.value, error);
    return { loss, error, gradient: backward(net, trace, cotangent, penalties?.map((p) => p.weights)) };
  }
  function meanSquaredError(net, x, y) {
    const output = forward(net, x).values[net.layers.length];
    return output.reduce((sum2, value, n) => sum2 + (value - y[n]) ** 2, 0) / output.length;
  }
  var Trainer = class {
    /** The network as far as it is trained; a new object after each step. */
    net;
    /** After the last step. */
    loss;
    error;
    #point;
    #gradient;
    #moves = [];
    #changes = [];
    #x;
    #y;
    #sparsity;
    constructor(net, x, y, sparsity) {
      this.#x = x;
      this.#y = y;
      this.#sparsity = sparsity;
      const { loss, error, gradient } = evaluate(net, x, y, sparsity);
      [this.net, this.loss, this.error] = [net, loss, error];
      this.#point = pack(net);
      this.#gradient = packGradient(net, gradient);
    }
    /** One step; false when no step makes the loss smaller. */
    step() {
      const direction = this.#direction();
      const slope = dot(direction, this.#gradient);
      if (!(slope < 0)) return false;
      let [length, low, high] = [this.#moves.length ? 1 : Math.min(1, 0.1 / Math.sqrt(-slope)), 0, Infinity];
      for (let trial = 0; trial < MOST_TRIALS; trial++) {
        const point2 = this.#point.map((v, n) => v + length * direction[n]);
        const net = unpack(this.net, point2);
        const { loss, error, gradient } = evaluate(net, this.#x, this.#y, this.#sparsity);
        const packed = packGradient(net, gradient);
        const descends = loss <= this.loss + 1e-4 * length * slope;
        if (descends && (dot(packed, direction) >= 0.9 * slope || trial === MOST_TRIALS - 1)) {
          this.#remember(point2, packed);
          [this.net, this.loss, this.error, this.#point, this.#gradient] = [net, loss, error, point2, packed];
          return true;
        }
        if (descends) low = length;
        else high = length;
        length = high < Infinity ? (low + high) / 2 : 2 * length;
      }
      if (this.#moves.length === 0) return false;
      this.#moves.length = this.#changes.length = 0;
      return this.step();
    }
    #remember(point2, gradient) {
      const move = point2.map((v, n) => v - this.#point[n]);
      const change = gradient.map((v, n) => v - this.#gradient[n]);
      if (dot(move, change) <= 1e-12 * Math.sqrt(dot(move, move) * dot(change, change))) return;
      this.#moves.push(move);
      this.#changes.push(change);
      if (this.#moves.length > PAIRS) [this.#moves, this.#changes].forEach((list2) => list2.shift());
    }
    /** The two-loop recursion (Nocedal and Wright, algorithm 7.4). */
    #direction() {
      const q = this.#gradient.map((v) => -v);
      const shares = [];
      for (let n = this.#moves.length - 1; n >= 0; n--) {
        shares[n] = dot(this.#moves[n], q) / dot(this.#moves[n], this.#changes[n]);
        addScaled(q, -shares[n], this.#changes[n]);
      }
      const last = this.#moves.length - 1;
      if (last >= 0) scale(q, dot(this.#moves[last], this.#changes[last]) / dot(this.#changes[last], this.#changes[last]));
      for (let n = 0; n <= last; n++) {
        addScaled(q, shares[n] - dot(this.#changes[n], q) / dot(this.#moves[n], this.#changes[n]), this.#moves[n]);
      }
      return q;
    }
  };
  function pack(net) {
    return concat(net.layers.flatMap((layer) => [
      layer.coef,
      layer.base,
      layer.scale ?? [],
      ...[...layer.symbolic.values()].map((edge) => edge.affine)
    ]));
  }
  function packGradient(net, gradient) {
    return concat(gradient.layers.flatMap((layer) => [
      layer.coef,
      net.baseFun === "zero" ? layer.base.map(() => 0) : layer.base,
      layer.scale ?? [],
      ...layer.affine.values()
    ]));
  }
  function unpack(net, vector) {
    let at2 = 0;
    const take = (count) => vector.slice(at2, at2 += count);
    const layers = net.layers.map((layer) => ({
      ...layer,
      coef: take(layer.coef.length),
      base: take(layer.base.length),
      scale: layer.scale && take(layer.scale.length),
      symbolic: new Map([...layer.symbolic].map(([edge, own]) => [edge, { ...own, affine: [...take(5)] }]))
    }));
    return { ...net, layers };
  }
  function concat(parts) {
    const all = new Float64Array(parts.reduce((sum2, part) => sum2 + part.length, 0));
    let at2 = 0;
    for (const part of parts) {
      all.set(part, at2);
      at2 += part.length;
    }
    return all;
  }
  function dot(a, b) {
    let sum2 = 0;
    for (let n = 0; n < a.length; n++) sum2 += a[n] * b[n];
    return sum2;
  }
  function addScaled(a, factor, b) {
    for (let n = 0; n < a.length; n++) a[n] += factor * b[n];
  }
  function scale(a, factor) {
    for (let n = 0; n < a.length; n++) a[n] *= factor;
  }

  // src/lessons/kit.ts
  function say(text2, attributes = {}) {
    const parts = text2.split(/(\*[^*]+\*|`[^`]+`)/).filter(Boolean).map((part) => {
      if (part.startsWith("*")) return h("em", {}, part.slice(1, -1));
      return part.startsWith("`") ? h("code", {}, part.slice(1, -1)) : part;
    });
    return h("p", attributes, ...parts);
  }
  function step(heading, ...content) {
    return h("section", { class: "step" }, h("h2", {}, heading), ...content);
  }
  function figure(tryThis, ...content) {
    return h("figure", {}, ...content, h("figcaption", {}, h("strong", {}, "Try: "), ...say(tryThis).childNodes));
  }
  function slider({ label, min, max, step: step2, value, text: text2 = String }, onchange) {
    const input = h("input", { type: "range", min, max, step: step2, value });
    const output = h("output", { class: "number" }, text2(value));
    const told = () => {
      output.textContent = text2(input.valueAsNumber);
      input.setAttribute("aria-valuetext", text2(input.valueAsNumber));
    };
    input.addEventListener("input", () => {
      told();
      onchange(input.valueAsNumber);
    });
    told();
    return {
      element: h("label", { class: "field" }, h("span", {}, label), input, output),
      get value() {
        return input.valueAsNumber;
      },
      set value(to) {
        input.value = String(to);
        told();
      }
    };
  }
  var Clock = class {
    #frame = 0;
    #tick;
    #onstop;
    constructor(tick, onstop = () => {
    }) {
      this.#tick = tick;
      this.#onstop = onstop;
    }
    get isRunning() {
      return this.#frame !== 0;
    }
    start() {
      if (this.isRunning) return;
      const turn = () => {
        this.#frame = requestAnimationFrame(turn);
        if (!this.#tick()) this.stop();
      };
      this.#frame = requestAnimationFrame(turn);
    }
    stop() {
      if (!this.isRunning) return;
      cancelAnimationFrame(this.#frame);
      this.#frame = 0;
      this.#onstop();
    }
  };
  function randomNumbers(seed) {
    let state = seed >>> 0;
    return () => {
      state = state + 1831565813 >>> 0;
      let mixed = Math.imul(state ^ state >>> 15, state | 1);
      mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
      return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
    };
  }
  function normalNumbers(seed) {
    const random = randomNumbers(seed);
    return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
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
  function changes(layer, edit, place3) {
    switch (edit.op) {
      case "coef":
        return { coef: withValue(layer.coef, coefPlace(layer, edit.edge, edit.index), edit.value) };
      case "base":
        return { base: withValue(layer.base, place3, edit.value) };
      case "prune":
      case "restore":
        return { mask: withValue(layer.mask, place3, edit.op === "prune" ? 0 : 1) };
      case "fix":
        return { symbolic: new Map(layer.symbolic).set(place3, { name: edit.name, affine: edit.affine }) };
      case "unfix": {
        const symbolic = new Map(layer.symbolic);
        symbolic.delete(place3);
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
    const place3 = i * layer.O + j;
    switch (edit.op) {
      case "coef":
        return Object.is(layer.coef[coefPlace(layer, edit.edge, edit.index)], edit.value);
      case "base":
        return Object.is(layer.base[place3], edit.value);
      case "prune":
        return layer.mask[place3] === 0;
      case "restore":
        return layer.mask[place3] !== 0;
      case "unfix":
        return !layer.symbolic.has(place3);
      case "fix": {
        const before = layer.symbolic.get(place3);
        return before?.name === edit.name && before.affine.every((value, n) => Object.is(value, edit.affine[n]));
      }
    }
  }
  function withValue(array, place3, value) {
    const copy = array.slice();
    copy[place3] = value;
    return copy;
  }

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
    const sample3 = p.sample == null ? null : decodeSample(p.sample, levelSize(first), levelSize(last));
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
      sample: sample3,
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
      symbolic: [...layer.symbolic].map(([place3, { name, affine, sampled }]) => ({
        i: Math.floor(place3 / layer.O),
        j: place3 % layer.O,
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

  // src/model/importance.ts
  function importancesOf(deviations) {
    return { deviations: deviations.map((d) => d.slice()), largest: deviations.map(largest2) };
  }
  function withChanged(explored, before, net, quantiles, edges) {
    const deviations = before.deviations.slice();
    for (const [l, i, j] of edges) {
      const place3 = i * net.layers[l].O + j;
      if (deviations[l] === before.deviations[l]) deviations[l] = before.deviations[l].slice();
      const now = spread(net, l, i, j, quantiles[l]);
      const then = spread(explored.net, l, i, j, explored.nodeQuantiles[l]);
      const known2 = explored.deviations[l][place3];
      deviations[l][place3] = then > 0 && known2 > 0 ? known2 * now / then : now;
    }
    return { deviations, largest: deviations.map(largest2) };
  }
  function importancesFrom(net, quantiles) {
    return importancesOf(
      net.layers.map(
        ({ I, O }, l) => Float64Array.from({ length: I * O }, (_, place3) => spread(net, l, Math.floor(place3 / O), place3 % O, quantiles[l]))
      )
    );
  }
  function importance({ deviations, largest: largest3 }, l, place3) {
    return largest3[l] > 0 ? deviations[l][place3] / largest3[l] : 0;
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
      const step2 = y - mean;
      mean += weight / total * step2;
      squares += weight * step2 * (y - mean);
    }
    return Math.sqrt(squares / total);
  }
  function largest2(values2) {
    return values2.reduce((top, value) => value > top ? value : top, 0);
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
      const { net, sample: sample3 } = explored;
      const edges = net.layers.reduce((sum2, layer) => sum2 + layer.I * layer.O, 0);
      const most = Math.max(64, Math.floor(MOST_EDGE_VALUES / edges));
      const all = sample3 ?? { n: MADE_UP_POINTS, x: madeUpPoints(explored.nodeQuantiles[0], MADE_UP_POINTS), y: null };
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
      this.words = this.hasTargets ? `${what} on ${some} points of the attached data` : `mean squared change of the output against the saved model, on ${some} points ` + (sample3 ? "of the attached inputs" : "drawn from the quantiles of each input (no data is attached)");
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
    const next = randomNumbers2(7);
    return Float64Array.from({ length: n * I }, (_, m) => {
      const at2 = next() * (QUANTILES - 1);
      const below = Math.floor(at2);
      const place3 = m % I * QUANTILES + below;
      return quantiles[place3] + (at2 - below) * (quantiles[Math.min(place3 + 1, quantiles.length - 1)] - quantiles[place3]);
    });
  }
  function randomNumbers2(seed) {
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
      (layer, l) => Array.from({ length: layer.I * layer.O }, (_, place3) => [l, Math.floor(place3 / layer.O), place3 % layer.O])
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

  // src/lessons/live.ts
  function freshNet(widths, grid, k, seed) {
    const normal2 = normalNumbers(seed);
    const layers = widths.slice(1).map((O, l) => {
      const I = widths[l];
      const S = grid + k;
      return {
        I,
        O,
        S,
        knots: repeated(uniformKnots(-1, 1, grid, k), I),
        coef: Float64Array.from({ length: I * S * O }, () => 0.2 * normal2() / Math.sqrt(I)),
        base: Float64Array.from({ length: I * O }, () => normal2() / Math.sqrt(I)),
        scale: null,
        mask: new Float64Array(I * O).fill(1),
        symbolic: /* @__PURE__ */ new Map()
      };
    });
    return { k, outside: "linear", baseFun: "silu", arity: 2, nodes: widths.map((n) => [n, 0]), layers };
  }
  function fitted(net, x) {
    const layers = [...net.layers];
    for (let l = 0; l < layers.length; l++) {
      const { values: nodes } = forward({ ...net, layers }, x);
      layers[l] = covering(net, layers[l], nodes[l], l === 0 ? 0.01 : 0.1);
    }
    return { ...net, layers };
  }
  function repeated(row2, times3) {
    const all = new Float64Array(row2.length * times3);
    for (let n = 0; n < times3; n++) all.set(row2, n * row2.length);
    return all;
  }
  var Live = class {
    store;
    #kept;
    #data;
    #names;
    #title;
    #output;
    constructor(net, data, names, title, output = "y") {
      this.#data = data;
      this.#names = names;
      this.#title = title;
      this.#output = output;
      this.#kept = values({ payload: this.#payload(net), edits: [], selection: null, training: null });
      const host = { kind: "page", ...this.#kept, save() {
      }, send() {
      }, onMessage: () => () => {
      } };
      this.store = new Store(host);
    }
    /** Another network takes the place of the one shown. */
    show(net) {
      this.#kept.set("payload", this.#payload(net));
      this.store.reload();
    }
    #payload(net) {
      const { x, y } = this.#data;
      const { values: nodes } = forward(net, x);
      const variable2 = (name) => ({ name, unit: null, shift: 0, scale: 1 });
      const [I, O] = [net.layers[0].I, y.length / (x.length / net.layers[0].I)];
      return {
        format: "edgewise-explorer",
        version: 1,
        edgewise: "",
        title: this.#title,
        model: encodeNet(net),
        inputs: this.#names.map((name, i) => ({ ...variable2(name), quantiles: [...quantilesOf(x, I).subarray(i * QUANTILES, (i + 1) * QUANTILES)] })),
        outputs: [{ ...variable2(this.#output), quantiles: [] }],
        link: "identity",
        classes: null,
        nodes: net.layers.map((layer, l) => encodeArray(quantilesOf(nodes[l], layer.I), [layer.I, QUANTILES])),
        deviations: net.layers.map((layer, l) => encodeArray(deviationsOf(net, l, nodes[l]), [layer.I, layer.O])),
        loss: null,
        formula: null,
        source: null,
        sample: { x: encodeArray(x, [x.length / I, I]), y: encodeArray(y, [y.length / O, O]) }
      };
    }
  };
  function deviationsOf(net, l, x) {
    const { I, O } = net.layers[l];
    const rows = x.length / I;
    return Float64Array.from({ length: I * O }, (_, edge) => {
      const i = Math.floor(edge / O);
      const f = edgeFunction(net, l, i, edge % O);
      const own = Float64Array.from({ length: rows }, (_v, row2) => f(x[row2 * I + i]));
      const mean = own.reduce((a, b) => a + b, 0) / rows;
      return Math.sqrt(own.reduce((sum2, v) => sum2 + (v - mean) ** 2, 0) / rows);
    });
  }

  // src/lessons/grid.ts
  var CURVE = [0.1, 0.9, -0.7, 0.8, -0.2, 0.5];
  function refineFigure() {
    const chart = new Chart({ label: "", height: 230 });
    const words = h("p", { class: "reading", role: "status" });
    const first = uniformKnots(-1, 1, 3, 3);
    const original = Float64Array.from(CURVE);
    const xs = spaced([-1, 1], 241);
    const before = xs.map(splineFunction(first, 3, original));
    const draw = (grid) => {
      const knots = uniformKnots(-1, 1, grid, 3);
      const coef = project(original, 1, first, knots, 3, "linear");
      const now = xs.map(splineFunction(knots, 3, coef));
      const apart = now.reduce((most, v, n) => Math.max(most, Math.abs(v - before[n])), 0);
      const sites = controlSites(knots, 3);
      chart.show([-1.8, 1.8], [-0.9, 1.1], (frame) => [
        ...[...knots.subarray(3, knots.length - 3)].map((t) => upright(frame, t, "event")),
        line(frame, xs, before, "line quiet dashed"),
        line(frame, xs, now),
        ...Array.from(sites, (x, s) => point(frame, x, coef[s], "point handle", 5))
      ], `A spline on ${grid} intervals`);
      const same = apart < 1e-9;
      words.textContent = `${grid} intervals, ${coef.length} weights. ${same ? "Exactly the same curve." : `The closest curve on these knots; ${shown(apart, 2)} away at most.`}`;
    };
    const control = slider({ label: "intervals", min: 2, max: 24, step: 1, value: 3 }, draw);
    draw(3);
    return figure("go to 6, 9 or 12: every multiple of 3 keeps all old knots, so nothing changes. At 4 or 5 the old knots are gone.", h("div", { class: "tools" }, control.element), chart.element, words);
  }
  var GRIDS = [3, 6, 12, 24, 48];
  var STEPS_PER_GRID = 60;
  var Staircase = class {
    element;
    #chart = new Chart({ label: "", height: 280, xLabel: "step", yLabel: "mean squared error", logY: true });
    #words = h("p", { class: "reading", role: "status" });
    #play = button("Train", () => this.#clock.isRunning ? this.#clock.stop() : this.#begin(), { class: "main" });
    #finer = button("Refine now", () => this.#refine());
    #clock = new Clock(() => this.#tick(), () => this.#tell());
    #test = sample(500, 0, 2);
    #data;
    #trainer;
    #train = [];
    #tested = [];
    #jumps = [];
    #sinceJump = 0;
    #pace = 0;
    #count = 300;
    #noise = 0;
    constructor() {
      const rows = slider({ label: "points", min: 40, max: 400, step: 20, value: this.#count }, (v) => this.#again(() => this.#count = v));
      const noise = slider({ label: "noise", min: 0, max: 0.3, step: 0.05, value: 0, text: (v) => v.toFixed(2) }, (v) => this.#again(() => this.#noise = v));
      this.element = h("div", {}, h("div", { class: "tools" }, this.#play, this.#finer, button("Start over", () => this.#again(() => {
      })), rows.element, noise.element), this.#words, this.#chart.element);
      this.#again(() => {
      });
    }
    #again(change) {
      change();
      this.#clock.stop();
      this.#data = sample(this.#count, this.#noise, 1);
      this.#train = [];
      this.#tested = [];
      this.#jumps = [];
      this.#use(fitted(freshNet([2, 2, 1], GRIDS[0], 3, 1), this.#data.x), GRIDS[0]);
      this.#record();
      this.#draw();
    }
    #begin() {
      if (this.#isFinished) this.#again(() => {
      });
      this.#clock.start();
      this.#tell();
    }
    get #isFinished() {
      return this.#jumps.length === GRIDS.length && this.#sinceJump >= STEPS_PER_GRID;
    }
    #use(net, grid) {
      this.#trainer = new Trainer(net, this.#data.x, this.#data.y);
      this.#jumps.push({ at: this.#train.length, grid });
      this.#sinceJump = 0;
    }
    #refine() {
      const next = GRIDS[this.#jumps.length];
      if (next !== void 0) this.#use(refined(this.#trainer.net, next), next);
      this.#draw();
    }
    #tick() {
      this.#pace += 1;
      if (this.#pace % (matchMedia("(prefers-reduced-motion: reduce)").matches ? 30 : 1)) return true;
      if (this.#sinceJump >= STEPS_PER_GRID) {
        if (this.#jumps.length === GRIDS.length) return false;
        this.#refine();
      }
      if (this.#train.length === 10 || this.#train.length === 30) {
        this.#trainer = new Trainer(fitted(this.#trainer.net, this.#data.x), this.#data.x, this.#data.y);
      }
      this.#trainer.step();
      this.#sinceJump += 1;
      this.#record();
      this.#draw();
      return !this.#isFinished;
    }
    #record() {
      this.#train.push(this.#trainer.error);
      this.#tested.push(meanSquaredError(this.#trainer.net, this.#test.x, this.#test.y));
    }
    #tell() {
      this.#play.textContent = this.#clock.isRunning ? "Pause" : this.#isFinished ? "Train again" : "Train";
      this.#finer.disabled = this.#jumps.length === GRIDS.length;
    }
    #draw() {
      const steps = Float64Array.from(this.#train, (_, n) => n);
      const [lo, hi] = rangeOf(this.#train, this.#tested);
      const grid = this.#jumps[this.#jumps.length - 1].grid;
      const weights = this.#trainer.net.layers.reduce((sum2, layer) => sum2 + layer.coef.length, 0);
      this.#chart.show([0, Math.max(GRIDS.length * STEPS_PER_GRID, steps.length)], [lo / 2, hi * 2], (frame) => [
        ...this.#jumps.slice(1).map(({ at: at2 }) => upright(frame, at2, "event")),
        line(frame, steps, this.#train),
        line(frame, steps, this.#tested, "line dashed second")
      ], `Error over ${steps.length - 1} steps on grids of ${this.#jumps.map((jump) => jump.grid).join(", ")} intervals`);
      this.#words.textContent = `${grid} intervals, ${weights} weights, ${this.#count} points: error ${shown(this.#train[steps.length - 1])} on the points (solid), ${shown(this.#tested[steps.length - 1])} on new ones (dashed).`;
      this.#tell();
    }
  };
  function sample(count, noise, seed) {
    const [random, normal2] = [randomNumbers(seed), normalNumbers(seed + 100)];
    const x = Float64Array.from({ length: 2 * count }, () => 2 * random() - 1);
    const y = Float64Array.from({ length: count }, (_, n) => Math.exp(Math.sin(Math.PI * x[2 * n]) + x[2 * n + 1] ** 2) + noise * normal2());
    return { x, y };
  }
  function tooFineFigure() {
    const chart = new Chart({ label: "", height: 230 });
    const words = h("p", { class: "reading", role: "status" });
    const normal2 = normalNumbers(5);
    const truth2 = (x2) => Math.sin(4 * x2) * Math.exp(-x2 * x2);
    const x = spaced([-1, 1], 24);
    const y = x.map((v) => truth2(v) + 0.08 * normal2());
    const xs = spaced([-1, 1], 241);
    const draw = (grid) => {
      const net = { ...freshNet([1, 1], grid, 3, 1), baseFun: "zero" };
      const trainer = new Trainer(net, x, y);
      for (let n = 0; n < 150 && trainer.step(); n++) ;
      const f = splineFunction(trainer.net.layers[0].knots, 3, trainer.net.layers[0].coef);
      const curve = xs.map(f);
      const wrong = Math.sqrt(xs.reduce((sum2, v, n) => sum2 + (curve[n] - truth2(v)) ** 2, 0) / xs.length);
      chart.show([-1, 1], widened([-1, 1], 0.15), (frame) => [
        line(frame, xs, xs.map(truth2), "line quiet dashed"),
        line(frame, xs, curve),
        dots(frame, x, y, "dots second", 3.5)
      ], `A spline on ${grid} intervals through 24 noisy points`);
      words.textContent = `${grid} intervals, ${grid + 3} weights for 24 points: typical error ${shown(Math.sqrt(trainer.error), 2)} on the points, ${shown(wrong, 2)} against the true curve.`;
    };
    const control = slider({ label: "intervals", min: 1, max: 40, step: 1, value: 4 }, draw);
    draw(4);
    return figure("find the number of intervals with the least error against the true (dashed) curve. Then go far beyond it.", h("div", { class: "tools" }, control.element), chart.element, words);
  }
  function gridLesson() {
    return [
      say("A spline with few knots learns fast but cannot follow details. One with many can, but has much to learn. A KAN need not choose: it starts coarse and becomes finer *while it keeps what it knows*.", { class: "lead" }),
      step(
        "The same curve with more pegs",
        say("If the new knots contain the old ones, the finer spline can be the very same curve. Its weights follow from the old ones by arithmetic alone; no data is needed."),
        refineFigure()
      ),
      step(
        "A staircase of errors",
        say("Here a KAN of shape 2 → 2 → 1 learns *exp(sin πx + y²)*. After every 60 steps its grid is made twice as fine. At that moment the error does not move at all. Then it falls, because the finer splines can follow what the coarse ones could not."),
        figure("press Train and watch the stairs. Then add noise and train again: the solid line keeps falling, the dashed one turns back up.", new Staircase().element),
        say("For a smooth curve the best cubic spline comes closer with the fourth power of the grid: twice as fine, 16 times closer, and the *squared* error falls by 256. In 60 steps training gets part of the way.")
      ),
      step(
        "Too fine",
        say("Finer is not always better. When there are about as many weights as points, the spline begins to pass through the noise, and between the points it does what it likes."),
        tooFineFigure(),
        say('So refine while the error on held-out rows falls, and stop when it turns. `model.fit(data, grids="auto")` climbs the stairs and stops where rows that it holds back get worse; `grids=[3, 5, 10, 20]` takes the steps you name.')
      )
    ];
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
  function seen({ shift, scale: scale2, bend: bend2 }, input) {
    const z = product(1 / scale2, sum([named({ input }), number(-shift)]));
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
  var POWERS = {
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
    return name in POWERS ? power(z, POWERS[name]) : call(name, z);
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
      let place3 = start;
      let missing = this.missing(fun2, place3);
      const unknowns = fun2.freeExponent ? 3 : 2;
      let damping = 1e-3;
      let fresh = false;
      for (let step2 = 0; step2 < steps && missing > ARRIVED && damping < STUCK; step2++) {
        if (!fresh) this.#linearize(fun2, place3, unknowns);
        fresh = true;
        const move = this.#solve(unknowns, damping);
        const promised = this.#gain(move, unknowns) / (this.#total * missing);
        const trial = [place3[0] + move[0], place3[1] + move[1], place3[2] + move[2]];
        const missed = this.missing(fun2, trial);
        const gained = missing - missed > 1e-6 * missing;
        if (missed < missing) [place3, missing, damping, fresh] = [trial, missed, Math.max(damping * 0.2, 1e-14), false];
        else damping *= 5;
        if (!gained && !(promised > 1e-12)) break;
      }
      return [place3, missing];
    }
    /** c and d of the best linear fit, the largest |f| and the range of y. */
    linear(fun2, place3) {
      this.missing(fun2, place3);
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
      let ends = best(starts.map((place3) => this.#search.follow(f, place3, 4)), 3);
      ends = best(ends.map(([place3]) => this.#search.follow(f, place3, 12)), 2);
      ends = best(ends.map(([place3]) => this.#all.follow(f, place3, 60)), 1);
      return ends.length ? this.#candidate(f, ...ends[0]) : null;
    }
    #candidate(f, place3, missing) {
      const { c, d, largest: largest3, range } = this.#all.linear(f, place3);
      const [s, t, p] = place3;
      const affine = [s / this.#half, t - s * this.#middle / this.#half, c * this.spread, d * this.spread + this.#mean, p];
      if (!affine.every(Number.isFinite) || !(missing <= 1)) return null;
      const cancellation = Math.abs(c) * largest3 / range;
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
  var POWERS2 = [-2.5, -1.5, -0.5, 0.3, 0.7, 1.5, 2.5];
  var AFFINE = (slopes2) => slopes2.flatMap((s) => CENTRES.map((centre) => [s, -s * centre, 1]));
  var ONE_SIGN = AFFINE(SLOPES);
  var BOTH_SIGNS = AFFINE([...SLOPES, ...SLOPES.map((s) => -s)]);
  var FREQUENCIES = Array.from({ length: Math.floor(HIGHEST_FREQUENCY / 0.6) }, (_, n) => 0.3 + 0.6 * n);
  var OSCILLATING = [...ONE_SIGN, ...FREQUENCIES.flatMap((s) => [0, 1, 2, 3].map((n) => [s, n * Math.PI / 4, 1]))];
  var WITH_POWER = [1, -1].flatMap((s) => OUTSIDE.flatMap((t) => POWERS2.map((p) => [s, t, p])));
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
  var STYLES = [
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
      for (const style of STYLES) {
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

  // src/views/edges.ts
  var STYLES2 = 8;
  var POINTS = 33;
  function kindOf(store, edge) {
    if (store.isRemoved(edge)) return "removed";
    return symbolicOf(store, edge) ? "symbolic" : "spline";
  }
  function symbolicOf({ net }, [l, i, j]) {
    return net.layers[l].symbolic.get(i * net.layers[l].O + j);
  }
  function styleOf(store, [l, i, j]) {
    return Math.min(STYLES2 - 1, Math.floor(store.importance(l, i, j) * STYLES2));
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
    const step2 = gap + Math.min(spare, 90);
    const total = used2 + 2 * step2 * net.layers.length;
    let position = labels[0] + Math.max(0, (along - labels[0] - labels[1] - total) / 2);
    addLevel(scene, net, 0, position, across);
    perLayer2.forEach((own, l) => {
      position += step2;
      addTiles(scene, own, columns[l], position, across, pitch, long);
      position += columns[l] * long + step2;
      addLevel(scene, net, l + 1, position, across);
      scene.sums.push(sumsBefore(scene, net, l, step2));
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
  function sumsBefore(scene, net, l, step2) {
    const nodes = scene.nodes[l + 1];
    const reach = Math.min(26, step2 * 0.45);
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
  var REST_MS = 140;
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
      this.#timer = setTimeout(() => this.#settle(camera), REST_MS);
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
      const colour = (name) => style.getPropertyValue(name).trim();
      const thin = 1 / Math.sqrt(this.#camera.zoom);
      if (!this.#isSettled) this.#settle(scene, colour, thin);
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, this.element.width, this.element.height);
      context.drawImage(this.#settled, 0, 0);
      this.#aim(context);
      const dragged = this.#bundle(scene, this.#dragged);
      this.#paintBoxes(context, dragged, colour, thin);
      this.#paintCurves(context, dragged, colour, thin);
      this.#paintMarks(context, scene, colour, thin);
      this.#paintNodes(context, scene, colour);
    }
    #settle(scene, colour, thin) {
      const start = performance.now();
      const bundles = this.#bundles ??= this.#bundle(scene, scene.tiles);
      const ground = this.#paintedGround(bundles, colour, thin);
      [this.#settled.width, this.#settled.height] = [this.element.width, this.element.height];
      const context = this.#settled.getContext("2d");
      context.drawImage(ground, 0, 0);
      this.#aim(context);
      this.#paintCurves(context, bundles, colour, thin);
      this.#isSettled = true;
      this.#took = performance.now() - start;
    }
    #aim(context) {
      const { x, y, zoom } = this.#camera;
      const sharpness = this.element.width / this.#scene.width;
      context.setTransform(sharpness * zoom, 0, 0, sharpness * zoom, sharpness * x, sharpness * y);
    }
    #paintedGround(bundles, colour, thin) {
      const styles = [...bundles.map(({ key, count }) => `${key}:${count}`), colour("--tile")].join();
      if (this.#ground && this.#groundStyles === styles) return this.#ground;
      const ground = this.#ground = document.createElement("canvas");
      this.#groundStyles = styles;
      [ground.width, ground.height] = [this.element.width, this.element.height];
      const context = ground.getContext("2d");
      this.#aim(context);
      for (const { style, kind, away, wires } of bundles) {
        context.globalAlpha = away ? 0.1 : this.#wireOpacity(style);
        context.setLineDash(kind === "removed" ? [3, 3] : []);
        context.strokeStyle = colour(kind === "removed" ? "--soft" : `--edge-${style}`);
        context.lineWidth = 0.5 * thin;
        context.stroke(wires);
      }
      this.#paintBoxes(context, bundles, colour, thin);
      return ground;
    }
    #paintBoxes(context, bundles, colour, thin) {
      for (const { kind, away, boxes } of bundles) {
        context.globalAlpha = away ? 0.1 : 1;
        context.setLineDash(kind === "removed" ? [3, 3] : []);
        context.fillStyle = colour("--tile");
        context.fill(boxes);
        context.strokeStyle = colour(kind === "symbolic" ? "--symbolic" : "--line");
        context.lineWidth = (kind === "symbolic" ? 2 : 0.5) * thin;
        context.stroke(boxes);
      }
    }
    #paintCurves(context, bundles, colour, thin) {
      if (2 * this.#scene.tile.w * this.#camera.zoom < LEAST_TILE) return;
      context.lineJoin = "round";
      for (const { style, kind, away, curves } of bundles) {
        context.globalAlpha = away ? 0.1 : 1;
        context.setLineDash(kind === "removed" ? [3, 3] : []);
        context.strokeStyle = colour(kind === "removed" ? "--soft" : `--edge-${style}`);
        context.lineWidth = (0.8 + 0.16 * style) * thin;
        context.stroke(curves);
      }
      context.globalAlpha = 1;
      context.setLineDash([]);
    }
    /** Thousands of wires in one place would hide the few that matter. */
    #wireOpacity(style) {
      const least = Math.min(0.45, 180 / this.#scene.tiles.length);
      return least + (1 - least) * (style / (STYLES2 - 1)) ** 2;
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
      const step2 = 2 * w < 16 ? 4 : 2 * w < 30 ? 2 : 1;
      for (let n = 0; n < curve.length; n += step2) {
        const x = spot.x - 0.8 * w + 1.6 * w * n / (curve.length - 1);
        const y = spot.y + 0.7 * h2 * (2 * curve[n] - 1);
        if (n === 0) curves.moveTo(x, y);
        else curves.lineTo(x, y);
      }
    }
    #spotOf(edge) {
      return edge === null ? void 0 : this.#scene?.tiles.find(({ edge: own }) => own.every((n, at2) => n === edge[at2]));
    }
    #paintMarks(context, scene, colour, thin) {
      const { w, h: h2 } = scene.tile;
      for (const role of ["hover", "selection", "cursor"]) {
        const spot = this.#spotOf(this.#marks[role]);
        if (!spot) continue;
        const wire = new Path2D();
        traceWire(wire, scene, spot);
        context.strokeStyle = colour(role === "hover" ? "--ink" : "--select");
        context.lineWidth = 2 * thin;
        context.setLineDash(role === "cursor" ? [4, 2] : []);
        context.stroke(wire);
        context.strokeRect(spot.x - w - 1, spot.y - h2 - 1, 2 * w + 2, 2 * h2 + 2);
      }
      context.setLineDash([]);
    }
    #paintNodes(context, scene, colour) {
      const { inputs, outputs } = this.#store.explored;
      context.font = "12px system-ui, sans-serif";
      context.textBaseline = "middle";
      for (const level2 of scene.nodes) {
        for (const spot of level2) {
          context.globalAlpha = this.#sight.isNodeAway(spot) ? 0.25 : 1;
          context.fillStyle = colour(spot.isProduct ? "--symbolic" : "--ink");
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
  var [FARTHEST, NEAREST] = [0.5, 24];
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
      const next = Math.min(NEAREST, Math.max(FARTHEST, zoom * factor));
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
  var FEW = 40;
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
      this.#motion.look(camera, this.#drawn.size <= FEW);
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
      const place3 = scene.vertical ? { x: 0, y: isFirst ? -12 : 21, "text-anchor": "middle" } : { x: isFirst ? -12 : 12, y: 4, "text-anchor": isFirst ? "end" : "start" };
      return svg("text", { class: "label", ...place3 }, shortened(full, room));
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

  // src/lessons/naming.ts
  var NAMES = ["x^2", "x", "x^3", "exp", "log", "sqrt", "sin", "tanh", "abs", "gaussian", "1/x", "0"];
  var SPARSE_STEPS = 200;
  var CLEAN_STEPS = 120;
  var GRID = 5;
  function sample2(count, seed) {
    const random = randomNumbers(seed);
    const x = Float64Array.from({ length: 2 * count }, () => 2 * random() - 1);
    return { x, y: Float64Array.from({ length: count }, (_, n) => Math.exp(Math.sin(Math.PI * x[2 * n]) + x[2 * n + 1] ** 2)) };
  }
  var Walk = class {
    element;
    #data = sample2(200, 3);
    #test = sample2(400, 4);
    #words = h("p", { class: "reading", role: "status" });
    #names = h("div", { class: "names" });
    #formula = h("div", { class: "formula-lines", role: "region", "aria-label": "Formula", tabindex: 0 });
    #buttons;
    #live;
    #strength = 0.05;
    #threshold = 0.05;
    #stage = "fresh";
    #net;
    #clock = null;
    #chosen = /* @__PURE__ */ new Map();
    constructor() {
      this.#net = this.#start();
      this.#live = new Live(this.#net, this.#data, ["x", "y"], "exp(sin πx + y²)", "f");
      const graph = networkView(this.#live.store);
      graph.element.classList.add("small-graph");
      this.#buttons = [
        button("1 Train sparsely", () => this.#sparsify()),
        button("2 Prune", () => this.#prune()),
        button("3 Name", () => this.#name()),
        button("4 Tune the numbers", () => this.#tune()),
        button("Start over", () => this.#again())
      ];
      const strength = slider({ label: "sparsity", min: 0, max: 0.2, step: 0.01, value: this.#strength, text: (v) => v.toFixed(2) }, (v) => this.#strength = v);
      const threshold = slider({ label: "prune below", min: 0, max: 0.3, step: 0.01, value: this.#threshold, text: (v) => v.toFixed(2) }, (v) => this.#threshold = v);
      this.element = h(
        "div",
        {},
        h("div", { class: "tools" }, strength.element, threshold.element),
        h("div", { class: "tools" }, ...this.#buttons),
        this.#words,
        graph.element,
        this.#names,
        this.#formula
      );
      this.#update("A fresh network: 15 random curves.");
    }
    #start() {
      return fitted(freshNet([2, 5, 1], GRID, 3, 3), this.#data.x);
    }
    #again() {
      this.#clock?.stop();
      [this.#net, this.#stage] = [this.#start(), "fresh"];
      this.#chosen.clear();
      this.#update("A fresh network: 15 random curves.");
    }
    // ---------------------------------------------------------------- the five steps
    #sparsify() {
      const sparsity = this.#strength > 0 ? { l1: this.#strength, entropy: 2 * this.#strength } : void 0;
      this.#run(SPARSE_STEPS, sparsity, () => {
        this.#stage = "sparse";
        this.#update("Most edges have faded. What is left carries the function.");
      });
    }
    #prune() {
      const { values: values2 } = forward(this.#net, this.#data.x);
      let kept = 0;
      const importances = this.#net.layers.map((_, l) => {
        const deviations = deviationsOf(this.#net, l, values2[l]);
        const most = deviations.reduce((a, b) => Math.max(a, b), 0);
        return deviations.map((v) => v / most);
      });
      const layers = this.#net.layers.map((layer, l) => {
        const mask = layer.mask.map((m, edge) => importances[l][edge] < this.#threshold ? 0 : m);
        return { ...layer, mask };
      });
      this.#net = refined(withoutDeadEnds({ ...this.#net, layers }), 2 * GRID);
      this.#net.layers.forEach((layer) => layer.mask.forEach((m) => kept += m));
      this.#run(CLEAN_STEPS, void 0, () => {
        this.#stage = "pruned";
        this.#update(`${kept} of 15 edges are left. Finer splines and a few steps without the penalty have sharpened them.`);
      });
    }
    #name() {
      this.#chosen.clear();
      for (const edge of presentEdges(this.#net)) {
        const [best2] = this.#guesses(edge);
        if (best2) this.#chosen.set(edge.join(), best2);
      }
      this.#stage = "named";
      this.#useNames();
    }
    #tune() {
      this.#run(CLEAN_STEPS, void 0, () => {
        this.#stage = "tuned";
        this.#update("All numbers were trained together. Read the formula below.");
      });
    }
    #useNames() {
      const layers = this.#net.layers.map((layer, l) => {
        const symbolic = new Map(layer.symbolic);
        for (const [key, { name, affine }] of this.#chosen) {
          const [own, i, j] = key.split(",").map(Number);
          if (own === l) symbolic.set(i * layer.O + j, { name, affine });
        }
        return { ...layer, symbolic };
      });
      this.#net = { ...this.#net, layers };
      this.#update("Every edge has a name. Take another one where you know better.");
    }
    /** Formulas for an edge, by what it did before it was named. */
    #guesses([l, i, j]) {
      const { values: values2 } = forward(this.#net, this.#data.x);
      const { I } = this.#net.layers[l];
      const xs = values2[l].filter((_, at2) => at2 % I === i);
      return candidates(xs, xs.map(edgeFunction(this.#net, l, i, j, true)), null, NAMES).slice(0, 5);
    }
    #run(steps, sparsity, done) {
      this.#clock?.stop();
      let trainer = new Trainer(this.#net, this.#data.x, this.#data.y, sparsity);
      let taken = 0;
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.#clock = new Clock(() => {
        const begun = performance.now();
        let goesOn = true;
        do {
          if ((taken === 20 || taken === 60) && this.#stage === "fresh") trainer = new Trainer(fitted(trainer.net, this.#data.x), this.#data.x, this.#data.y, sparsity);
          goesOn = trainer.step() && ++taken < steps;
        } while (goesOn && performance.now() - begun < (calm ? 400 : 12));
        this.#net = trainer.net;
        this.#update(`Step ${taken} of ${steps}.`, !goesOn);
        return goesOn;
      }, done);
      this.#clock.start();
    }
    // ---------------------------------------------------------------- drawing
    #update(words, withNames = true) {
      this.#live.show(this.#net);
      const error = meanSquaredError(this.#net, this.#test.x, this.#test.y);
      this.#words.textContent = `${words} Mean squared error on new points: ${shown(error)}.`;
      const order = ["fresh", "sparse", "pruned", "named"];
      const at2 = this.#stage === "tuned" ? 3 : order.indexOf(this.#stage);
      this.#buttons.slice(0, 4).forEach((control, n) => {
        control.disabled = n !== at2;
        control.classList.toggle("main", n === at2);
      });
      if (!withNames) return;
      this.#showNames();
      const named2 = this.#stage === "named" || this.#stage === "tuned";
      this.#formula.hidden = !named2;
      if (named2) fillWith(this.#formula, ...asMathml(this.#live.store.explored, compose(this.#live.store.explored, this.#net, false), 3));
    }
    #showNames() {
      this.#names.hidden = this.#stage !== "named";
      if (this.#names.hidden) return;
      const { explored } = this.#live.store;
      const pickers = [...this.#chosen.keys()].map((key) => {
        const edge = key.split(",").map(Number);
        const list2 = this.#guesses(edge);
        const options = list2.map((one) => [one.name, `${formulaText(one)}   R² ${shown(one.r2, 5)}`]);
        const picker = choice(edgeName(explored, this.#net, edge), options, (name) => {
          this.#chosen.set(key, list2.find((one) => one.name === name));
          this.#useNames();
        });
        picker.select.value = this.#chosen.get(key).name;
        return picker.element;
      });
      fillWith(this.#names, ...pickers);
    }
  };
  function presentEdges(net) {
    return net.layers.flatMap((layer, l) => [...layer.mask.keys()].filter((edge) => layer.mask[edge] !== 0).map((edge) => [l, Math.floor(edge / layer.O), edge % layer.O]));
  }
  function withoutDeadEnds(net) {
    const [first, second] = net.layers;
    const reached = (j) => Array.from({ length: first.I }, (_, i) => first.mask[i * first.O + j]).some((m) => m !== 0);
    const read = (j) => second.mask.subarray(j * second.O, (j + 1) * second.O).some((m) => m !== 0);
    const alive = Array.from({ length: first.O }, (_, j) => reached(j) && read(j));
    return {
      ...net,
      layers: [
        { ...first, mask: first.mask.map((m, edge) => alive[edge % first.O] ? m : 0) },
        { ...second, mask: second.mask.map((m, edge) => alive[Math.floor(edge / second.O)] ? m : 0) }
      ]
    };
  }
  function namingLesson() {
    return [
      say("A trained KAN is a picture. With five steps it becomes a formula. The data come from *f = exp(sin πx + y²)*, but the network is not told. It starts with five hidden nodes, far more than it needs.", { class: "lead" }),
      step(
        "The five steps",
        h(
          "ol",
          { class: "steps" },
          h("li", {}, ...say("*Train sparsely.* To the error a small price is added for every edge that does something. Edges that help little fade away.").childNodes),
          h("li", {}, ...say("*Prune.* Edges whose output hardly varies are removed, and nodes that lead nowhere go with them.").childNodes),
          h("li", {}, ...say("*Name.* Every curve that is left is compared with elementary functions `c f(ax + b) + d`. The closest simple one takes its place.").childNodes),
          h("li", {}, ...say("*Tune.* The numbers a, b, c, d of all edges are trained together, which removes the last error.").childNodes),
          h("li", {}, ...say("*Read.* The network is now a formula. Round what is clearly round.").childNodes)
        ),
        figure("press the buttons from 1 to 4. Click an edge in between to see which curve it has. Then start over with sparsity 0: nothing fades, and naming fails.", new Walk().element)
      ),
      step(
        "How to read the result",
        say("The formula may not look like the one that made the data, and still be the same: `e^(sin(3.14x) + …)` times a constant is the same as adding to the exponent. Look for numbers near π, near whole numbers, near simple fractions."),
        say("A name with an R² below about 0.999 is a guess. Ask for another start, more data or a finer grid before you believe it."),
        say("In Python the steps are `model.fit(data, lamb=0.01)`, `model.prune()`, `model.auto_symbolic()`, `model.fit(data)` and `model.symbolic_formula()`.")
      )
    ];
  }

  // src/lessons/splineFigure.ts
  var POINTS2 = 241;
  var DOMAIN = [-1, 1];
  var SplineFigure = class {
    element = h("div", { class: "spline" });
    #chart;
    #below;
    #words = h("p", { class: "reading", role: "status" });
    #sliders = h("div", { class: "weights", role: "group", "aria-label": "Weights" });
    #which;
    #weightSliders = [];
    #k;
    #grid;
    #bunched = 0;
    #weights;
    #chosen = 0;
    #place = 0.34;
    #options;
    constructor(options) {
      this.#options = options;
      [this.#k, this.#grid] = [options.k ?? 3, options.grid ?? 5];
      this.#weights = Float64Array.from({ length: this.#grid + this.#k }, (_, s) => options.start?.[s % options.start.length] ?? 1);
      const onpoint = options.weights ? (x, y, begins) => this.#drag(x, y, begins) : options.at ? (x) => this.#moveTo(x) : options.one ? (x) => this.#chooseNear(x) : void 0;
      this.#chart = new Chart({ label: "", height: 250, ...onpoint && { onpoint } });
      this.#below = options.derivative ? new Chart({ label: "", height: 130, yLabel: "its slope" }) : null;
      this.#which = options.one ? slider({ label: "basis function", min: 0, max: this.#grid + this.#k - 1, step: 1, value: 3 }, (s) => this.#choose(s)) : null;
      this.#chosen = options.one ? 3 : -1;
      fillWith(this.element, this.#controls(), this.#chart.element, this.#below?.element, this.#words, options.weights && this.#sliders);
      this.#makeSliders();
      this.#draw();
    }
    get #knots() {
      const even = uniformKnots(...DOMAIN, this.#grid, this.#k);
      const bend2 = this.#bunched;
      return even.map((t) => t + bend2 * (t * t - 1) / 2.2);
    }
    #controls() {
      const options = this.#options;
      const at2 = options.at && slider({ label: "x", min: -1, max: 1, step: 0.01, value: this.#place, text: (v) => v.toFixed(2) }, (x) => this.#moveTo(x));
      return h(
        "div",
        { class: "tools" },
        this.#which?.element,
        at2 && at2.element,
        options.degree && slider({ label: "degree", min: 0, max: 5, step: 1, value: this.#k, text: degreeName }, (k) => this.#rebuild(k, this.#grid)).element,
        options.knots && slider({ label: "intervals", min: 1, max: 12, step: 1, value: this.#grid }, (grid) => this.#rebuild(this.#k, grid)).element,
        options.knots && slider({ label: "bunching", min: 0, max: 0.9, step: 0.05, value: 0, text: (v) => v.toFixed(2) }, (v) => {
          this.#bunched = v;
          this.#draw();
        }).element,
        options.weights && button("All to 1", () => this.#setAll(() => 1)),
        options.weights && button("Shuffle", () => this.#setAll(() => 2 * Math.random() - 1))
      );
    }
    #makeSliders() {
      if (!this.#options.weights) return;
      this.#weightSliders = [...this.#weights].map((value, s) => slider({ label: `w${s}`, min: -2, max: 2, step: 0.05, value, text: (v) => v.toFixed(2) }, (v) => this.#setWeight(s, v)));
      fillWith(this.#sliders, ...this.#weightSliders.map((one) => one.element));
    }
    #setWeight(s, value) {
      this.#weights[s] = value;
      this.#chosen = s;
      this.#draw();
    }
    #setAll(value) {
      this.#weights = this.#weights.map(value);
      this.#weightSliders.forEach((one, s) => one.value = this.#weights[s]);
      this.#chosen = -1;
      this.#draw();
    }
    /** Other knots keep the curve as nearly as they can; another degree takes its weights from the curve at the pegs. */
    #rebuild(k, grid) {
      const [knots, before] = [this.#knots, splineFunction(this.#knots, this.#k, this.#weights)];
      const isSameDegree = k === this.#k;
      [this.#k, this.#grid] = [k, grid];
      this.#weights = isSameDegree ? project(this.#weights, 1, knots, this.#knots, k, "linear") : controlSites(this.#knots, k).map((x) => before(Math.min(1, Math.max(-1, x))));
      this.#chosen = -1;
      this.#makeSliders();
      this.#draw();
    }
    #drag(x, y, begins) {
      if (begins) this.#chosen = nearest(controlSites(this.#knots, this.#k), x);
      const value = Math.min(2, Math.max(-2, Math.round(y * 20) / 20));
      this.#weightSliders[this.#chosen].value = value;
      this.#setWeight(this.#chosen, value);
    }
    #moveTo(x) {
      this.#place = x;
      this.#draw();
    }
    #choose(s) {
      this.#chosen = s;
      this.#draw();
    }
    #chooseNear(x) {
      this.#choose(nearest(controlSites(this.#knots, this.#k), x));
      if (this.#which) this.#which.value = this.#chosen;
    }
    // ---------------------------------------------------------------- drawing
    #draw() {
      const [k, knots, weights, options, chosen] = [this.#k, this.#knots, this.#weights, this.#options, this.#chosen];
      const shown2 = options.weights === true;
      const sites = controlSites(knots, k);
      const reach = Math.max(1.25, shown2 ? 0.15 - sites[0] : 0);
      const xs = withJumps(spaced([-reach, reach], POINTS2), knots);
      const inside = withJumps(spaced(DOMAIN, POINTS2), knots);
      const bases = Array.from(weights, (_, s) => xs.map((x) => allBasis(knots, k, x, 0, "extend")[s]));
      const curve = inside.map(splineFunction(knots, k, weights));
      const paint = (frame) => [
        ...[...knots].map((t) => upright(frame, t, "event")),
        ...chosen >= 0 ? [this.#support(frame, knots, chosen)] : [],
        ...bases.map((b, s) => line(frame, xs, shown2 ? b.map((v) => v * weights[s]) : b, s === chosen ? "line second" : "line quiet")),
        level(frame, 0),
        ...shown2 ? [line(frame, inside, curve)] : [],
        ...shown2 ? Array.from(sites, (x, s) => point(frame, x, weights[s], s === chosen ? "point" : "point handle", 7)) : [],
        ...options.at ? this.#atPoint(frame, knots) : []
      ];
      const range = shown2 ? [-2.15, 2.15] : [-0.05, 1.15];
      this.#chart.show([-reach, reach], range, paint, this.#label());
      this.#showSlope(knots, reach);
      this.#words.textContent = this.#reading(knots);
    }
    #support(frame, knots, s) {
      const [from, to] = [knots[s], knots[s + this.#k + 1]];
      return area(frame, [from, to], [9, 9], -9, "area support");
    }
    #atPoint(frame, knots) {
      const values2 = allBasis(knots, this.#k, this.#place);
      return [upright(frame, this.#place), ...[...values2].flatMap((v) => v > 0 ? [point(frame, this.#place, v, "point", 5)] : []), point(frame, this.#place, 1, "point ring", 6)];
    }
    #showSlope(knots, reach) {
      if (!this.#below) return;
      const xs = withJumps(spaced(DOMAIN, POINTS2), knots);
      const slope = xs.map(splineFunction(knots, this.#k, this.#weights, "linear", 1));
      const most = Math.max(1, ...slope.map(Math.abs));
      this.#below.show([-reach, reach], [-1.1 * most, 1.1 * most], (frame) => [level(frame, 0), line(frame, xs, slope, "line third")], "The slope of the spline");
    }
    #label() {
      return `${this.#weights.length} basis functions of degree ${this.#k} over ${this.#grid} intervals${this.#options.weights ? ", and the spline they add up to" : ""}`;
    }
    #reading(knots) {
      const [k, chosen, options] = [this.#k, this.#chosen, this.#options];
      if (options.at) {
        const values2 = [...allBasis(knots, k, this.#place)].filter((v) => v > 0);
        return `At x = ${this.#place.toFixed(2)}: ${values2.map((v) => v.toFixed(3)).join(" + ")} = ${values2.reduce((a, b) => a + b, 0).toFixed(3)}`;
      }
      if (chosen < 0) return `${this.#weights.length} basis functions: ${this.#grid} intervals + degree ${k}.`;
      const ends = `${knots[chosen].toFixed(2)} to ${knots[chosen + k + 1].toFixed(2)}`;
      return options.weights ? `w${chosen} = ${this.#weights[chosen].toFixed(2)} moves the curve from ${ends} and nowhere else.` : `Function ${chosen} lives from ${ends}: ${k + 1} intervals. Everywhere else it is exactly 0.`;
    }
  };
  function withJumps(xs, knots) {
    const between = [...knots].filter((t) => t > xs[0] && t < xs[xs.length - 1]);
    return Float64Array.from([...xs, ...between.flatMap((t) => [t - 1e-9, t + 1e-9])]).sort();
  }
  function nearest(places, x) {
    return places.reduce((best2, place3, n) => Math.abs(place3 - x) < Math.abs(places[best2] - x) ? n : best2, 0);
  }
  function degreeName(k) {
    return ["0, steps", "1, lines", "2, parabolas", "3, cubic", "4", "5"][k];
  }

  // src/lessons/spline.ts
  function splineLesson() {
    const made = (tryThis, options) => figure(tryThis, new SplineFigure(options).element);
    return [
      say(
        "A KAN learns *curves*. It needs a way to write any smooth curve with a handful of numbers, so that moving one number bends the curve a little, in one place. That way is the B-spline.",
        { class: "lead" }
      ),
      step(
        "A row of small hills",
        say("Cut the interval from −1 to 1 into equal pieces. The cuts are called *knots*. Over the knots stands a row of identical hills, the *basis functions*."),
        say("Each hill covers four pieces and is exactly zero everywhere else. Some reach beyond the ends, so that every piece is covered alike."),
        made("move the slider, or press a hill. The shaded band is all that one hill covers.", { one: true })
      ),
      step(
        "Stretch the hills, add them up",
        say("Multiply every hill by a number, its *weight*, and add the results. The sum is the spline. A network that learns this curve learns nothing but these weights."),
        say("The curve follows the weights like a ribbon follows pegs: near them, seldom through them."),
        made("drag a peg up or down. Only the shaded part of the blue curve moves. This is *locality*: what is learned here does no harm there.", {
          weights: true,
          start: [0.2, -0.6, 0.9, 1.2, -0.3, -0.9, 0.5, 0.8]
        })
      ),
      step(
        "The hills share everything",
        say("At any x inside the interval only four hills are above zero, and their heights add up to exactly 1. So the curve at x is an *average* of four weights."),
        say("That is why a spline never runs away between its weights, and why equal weights give a flat line."),
        made("slide x along. The heights change, their sum does not.", { at: true })
      ),
      step(
        "Degree: how smooth",
        say("Each hill is glued together from polynomials. Their degree says how smoothly the pieces meet. Degree 0 gives steps, 1 gives corners; with degree 3 you cannot see where the pieces meet."),
        say("The lower picture is the slope. It is a spline too, one degree lower, made from differences of neighbouring weights."),
        made("go from degree 0 to 5. A hill of degree k covers k + 1 pieces, so higher degrees are smoother and less local.", {
          weights: true,
          degree: true,
          derivative: true,
          start: [0.2, -0.6, 0.9, 1.2, -0.3, -0.9, 0.5, 0.8]
        })
      ),
      step(
        "Knots: how fine",
        say("More intervals mean more hills, and finer detail: G intervals and degree k make G + k weights. The intervals need not be equal. Knots can crowd where the curve is busy or where the data are."),
        made("go from 5 to 10 intervals: the same curve, twice as many pegs, and each of them moves less of it. Then bunch the knots and watch the hills crowd to the left.", {
          weights: true,
          knots: true,
          start: [0.2, -0.6, 0.9, 1.2, -0.3, -0.9, 0.5, 0.8]
        })
      ),
      step(
        "In a KAN",
        say("Every edge of a KAN carries one such curve, and beside it a fixed smooth function with a weight of its own: `w · silu(x) + Σ wᵢ Bᵢ(x)`. The nodes only add."),
        say("Where the data end, edgewise lets value and slope go on in a straight line, so that a prediction outside does not drop to zero.")
      )
    ];
  }

  // src/lessons/training.ts
  var truth = (x) => 0.5 * Math.sin(4 * x) * Math.exp(-x - 1);
  var STEPS = 100;
  var TEST = { x: spaced([-1, 1], 201), y: spaced([-1, 1], 201).map(truth) };
  var TrainingFigure = class {
    element;
    #fit = new Chart({ label: "", height: 230, xLabel: "x" });
    #losses = new Chart({ label: "", height: 230, xLabel: "step", yLabel: "mean squared error", logY: true });
    #edge = new Chart({ label: "", height: 190 });
    #edgeWords = h("p", { class: "reading", role: "status" });
    #words = h("p", { class: "reading", role: "status" });
    #play = button("Train", () => this.#clock.isRunning ? this.#clock.stop() : this.#begin(), { class: "main" });
    #clock = new Clock(() => this.#tick(), () => this.#tell());
    #live;
    #history = [];
    #data;
    #trainer;
    #count = 20;
    #noise = 0;
    #seed = 1;
    #pace = 0;
    constructor() {
      this.#data = this.#sample();
      this.#trainer = new Trainer(this.#start(), this.#data.x, this.#data.y);
      this.#live = new Live(this.#trainer.net, TEST, ["x"], "0.5 sin(4x) exp(−x−1)");
      const graph = networkView(this.#live.store);
      graph.element.classList.add("small-graph");
      this.#live.store.on("selection", () => this.#showEdge());
      const points = slider({ label: "points", min: 8, max: 60, step: 1, value: this.#count }, (v) => this.#again(() => this.#count = v));
      const noise = slider({ label: "noise", min: 0, max: 0.1, step: 0.01, value: 0, text: (v) => v.toFixed(2) }, (v) => this.#again(() => this.#noise = v));
      this.element = h(
        "div",
        {},
        h("div", { class: "tools" }, this.#play, button("One step", () => this.#once()), button("New start", () => this.#again(() => this.#seed += 1)), points.element, noise.element),
        this.#words,
        h("div", { class: "pair" }, this.#fit.element, this.#losses.element),
        h("h3", {}, "The network"),
        graph.element,
        this.#edgeWords,
        this.#edge.element
      );
      this.#again(() => {
      });
      this.#live.store.select([0, 0, 0]);
    }
    #sample() {
      const normal2 = normalNumbers(7);
      const x = spaced([-1, 1], this.#count);
      return { x, y: x.map((v) => truth(v) + this.#noise * normal2()) };
    }
    #start() {
      return fitted(freshNet([1, 2, 1], 5, 3, this.#seed), this.#data.x);
    }
    #again(change) {
      change();
      this.#clock.stop();
      this.#data = this.#sample();
      this.#trainer = new Trainer(this.#start(), this.#data.x, this.#data.y);
      this.#history = [];
      this.#record();
      this.#draw();
    }
    #begin() {
      if (this.#history.length > STEPS) this.#again(() => {
      });
      this.#clock.start();
      this.#tell();
    }
    #once() {
      this.#clock.stop();
      this.#advance();
      this.#draw();
    }
    /** Slow at first, where most happens; calm for who asked for less motion. */
    #tick() {
      this.#pace += 1;
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (this.#pace % (calm ? 60 : this.#history.length < 20 ? 6 : 2)) return true;
      const goesOn = this.#advance() && this.#history.length <= STEPS;
      this.#draw();
      return goesOn;
    }
    #advance() {
      if (this.#history.length === 12) this.#trainer = new Trainer(fitted(this.#trainer.net, this.#data.x), this.#data.x, this.#data.y);
      const moved = this.#trainer.step();
      this.#record();
      return moved;
    }
    #record() {
      const { net, error } = this.#trainer;
      this.#history.push({ train: error, test: meanSquaredError(net, TEST.x, TEST.y) });
    }
    #tell() {
      this.#play.textContent = this.#clock.isRunning ? "Pause" : this.#history.length > STEPS ? "Train again" : "Train";
    }
    // ---------------------------------------------------------------- drawing
    #draw() {
      const { net } = this.#trainer;
      const { x, y } = this.#data;
      this.#live.show(net);
      const range = widened(rangeOf(y, TEST.y), 0.15);
      const output = predict(net, TEST.x);
      this.#fit.show([-1, 1], range, (frame) => [
        line(frame, TEST.x, TEST.y, "line quiet dashed"),
        line(frame, TEST.x, output),
        dots(frame, x, y, "dots second", 3.5)
      ], "The network's curve, the true curve and the points it learns from");
      const steps = Float64Array.from(this.#history, (_, n) => n);
      const [train, test] = [this.#history.map((m) => m.train), this.#history.map((m) => m.test)];
      const [lo, hi] = rangeOf(train, test);
      const last = this.#history[this.#history.length - 1];
      this.#losses.show([0, Math.max(20, steps.length)], [Math.max(lo, 1e-14) / 2, hi * 2], (frame) => [
        line(frame, steps, train),
        line(frame, steps, test, "line dashed second")
      ], `Error over ${steps.length - 1} steps: ${shown(last.train)} on the points, ${shown(last.test)} on the whole curve`);
      this.#words.textContent = `Step ${this.#history.length - 1}: error ${shown(last.train)} on the points (solid), ${shown(last.test)} on the whole curve (dashed).`;
      this.#tell();
      this.#showEdge();
    }
    #showEdge() {
      const { store } = this.#live;
      const edge = store.selection ?? [0, 0, 0];
      const [l, i, j] = edge;
      const [lo, hi] = store.domain(l, i);
      const xs = spaced([lo, hi], 121);
      const ys = edgeCurve(store.net, l, i, j, lo, hi, 121);
      const quantiles = store.quantiles[l].subarray(i * QUANTILES, (i + 1) * QUANTILES);
      const name = edgeName(store.explored, store.net, edge);
      const paint = (frame) => [density(frame, quantiles), level(frame, 0), line(frame, xs, ys)];
      this.#edge.show([lo, hi], widened(rangeOf(ys), 0.1), paint, `The function of the edge ${name}`);
      this.#edgeWords.textContent = `The edge ${name}: what it adds to its node, over the values that reach it.`;
    }
  };
  function trainingLesson() {
    const playground = new TrainingFigure();
    const place3 = figure(
      "press Train. Click an edge, or go to one with the arrow keys, and watch its function grow below.",
      playground.element
    );
    return [
      say("Twenty points of the curve *0.5 sin(4x) exp(−x−1)*, and a network with one input, two hidden nodes and one output. It has four edges, so it has four curves to learn.", { class: "lead" }),
      step(
        "Watch it learn",
        say("Training changes the weights of all four splines together, a little at every step, so that the mean squared error falls. Nothing else is going on: no hidden tricks, and no server. This page computes the network and its gradient itself."),
        place3
      ),
      step(
        "What to look for",
        say("The hidden nodes only *add*. All bending happens on edges. So you can read the network: the first two edges say how x is bent into each hidden node, the last two how these are bent into y."),
        say("Press *New start* a few times. The four curves come out differently, yet their composition is the same. A KAN is not unique until something, such as sparsity, makes it so."),
        say("Now add noise, or take fewer points, and train again. The error on the points still falls, while the error on the whole curve does not: the network starts to learn the noise.")
      ),
      step(
        "The same in Python",
        h("pre", { class: "code", tabindex: 0, role: "region", "aria-label": "Python" }, h("code", {}, PYTHON))
      )
    ];
  }
  var PYTHON = `import torch
from edgewise import KAN

x = torch.linspace(-1, 1, 20)[:, None]
y = 0.5 * torch.sin(4 * x) * torch.exp(-x - 1)
model = KAN([1, 2, 1], grid=5, k=3, seed=0)
model.fit((x, y), steps=100)
model.explore(x)`;

  // src/lessons/index.ts
  var LESSONS = [
    ["spline", "What a B-spline is", splineLesson],
    ["training", "A KAN learns a curve", trainingLesson],
    ["grid", "Finer grids", gridLesson],
    ["naming", "From network to formula", namingLesson]
  ];
  function mountLesson(root, name) {
    root.classList.add("edgewise-explorer", "ew", "lessons");
    const theme = new Theme(root, () => {
    });
    const article = h("article", { tabindex: -1 });
    const links = LESSONS.map(([own, title], n) => h("a", { href: `#${own}` }, `${n + 1} ${title}`));
    const toggle = button("◐", () => theme.toggle(), { "aria-label": "Light or dark", title: "Light or dark" });
    fillWith(root, h("div", { class: "ex" }, h("header", { class: "top" }, h("nav", { "aria-label": "Lessons" }, ...links), toggle), article));
    const open = (wanted, moveFocus) => {
      const at2 = Math.max(0, LESSONS.findIndex(([own]) => own === wanted));
      const [, title, make] = LESSONS[at2];
      document.title = `${title} · edgewise`;
      links.forEach((link, n) => n === at2 ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current"));
      const next = LESSONS[at2 + 1];
      fillWith(article, h("h1", {}, title), ...make(), h("p", { class: "next" }, next ? h("a", { href: `#${next[0]}` }, `Next: ${next[1]} →`) : "That was the last lesson."));
      if (moveFocus) {
        scrollTo(0, 0);
        article.focus();
      }
    };
    addEventListener("hashchange", () => open(location.hash.slice(1), true));
    open(location.hash.slice(1) || (name ?? ""), false);
  }
  var place2 = document.getElementById("edgewise-explorer");
  var payload = document.getElementById("edgewise-payload");
  if (place2 && payload) mountLesson(place2, JSON.parse(payload.textContent ?? "null")?.lesson ?? null);
})();
