"use strict";
// A trained network in a page: it is read, pruned and run here, by the same rules as in the kit.
// The first half computes and knows no page; the second half is the page. Nothing is loaded from anywhere.

const data = JSON.parse(document.getElementById("data").textContent);

// ---- the network ------------------------------------------------------------------------------------------------

const ROWS = data.gates * data.hidden;  // of each weight matrix: the gates lie one below the other, as torch stacks them
const MATRICES = { both: ["ih", "hh"], i2h: ["ih"], h2h: ["hh"] };

function floats(text) {  // five digits of base 85 are the bits of one
  const bits = new Uint32Array(text.length / 5);
  for (let k = 0; k < text.length; k++) bits[Math.floor(k / 5)] = 85 * bits[Math.floor(k / 5)] + data.digits.indexOf(text[k]);
  return new Float32Array(bits.buffer);
}

function unpack() {
  const all = floats(data.weights);
  let start = 0;
  const take = (count) => all.subarray(start, (start += count));
  const embedding = take((1 + data.alphabet.length) * data.embedding);
  const layers = [];
  for (let k = 0; k < data.layers; k++) {
    const inputs = k ? data.hidden : data.embedding;
    layers.push({ inputs, ih: take(ROWS * inputs), hh: take(ROWS * data.hidden), biasIh: take(ROWS), biasHh: take(ROWS) });
  }
  return { embedding, layers, weight: take(2 * data.hidden), bias: take(2) };
}

const dense = unpack();

/** Token of each letter: its row in the embedding. Row 0 is padding. */
const token = (letter) => data.alphabet.indexOf(letter) + 1;

// ---- pruning: as sparsekit.pruning.prune.magnitude --------------------------------------------------------------

/** The targeted matrices, in the order in which the kit ranks them: by layer, input-to-hidden first. */
function targeted(target) {
  return dense.layers.flatMap((layer) => MATRICES[target].map((name) => layer[name]));
}

const sortedMagnitudes = new Map();

function magnitudes(target) {
  if (!sortedMagnitudes.has(target)) {
    const parts = targeted(target);
    const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let start = 0;
    for (const part of parts) for (const weight of part) all[start++] = Math.abs(weight);
    sortedMagnitudes.set(target, all.sort());
  }
  return sortedMagnitudes.get(target);
}

/** To a whole number as Python rounds: a half goes to the even one. */
function rounded(x) {
  const down = Math.floor(x);
  return x - down === 0.5 ? down + (down % 2) : Math.round(x);
}

/** Which weights of each targeted matrix stay, 1 or 0, by layer: { ih, hh }; null where nothing was targeted. */
function mask(percent, target) {
  const sorted = magnitudes(target);
  const gone = rounded((percent / 100) * sorted.length);
  const limit = gone ? sorted[gone - 1] : -1;
  // Of equal weights at the limit the first ones go, as many as are needed.
  let ties = gone ? gone - sorted.indexOf(limit) : 0;
  return dense.layers.map((layer) => {
    const own = { ih: null, hh: null };
    for (const name of MATRICES[target]) {
      own[name] = Uint8Array.from(layer[name], (weight) => {
        const size = Math.abs(weight);
        if (size > limit) return 1;
        return size === limit && ties-- <= 0 ? 1 : 0;
      });
    }
    return own;
  });
}

// ---- running: as sparsekit.networks.recurrence.step -------------------------------------------------------------

/** A matrix by rows, without what is gone: of row r the entries from starts[r] to starts[r + 1]. */
function sparse(weights, columns, stays) {
  const starts = new Int32Array(ROWS + 1), places = [], values = [];
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < columns; column++) {
      const k = row * columns + column;
      if (!stays || stays[k]) {
        places.push(column);
        values.push(weights[k]);
      }
    }
    starts[row + 1] = places.length;
  }
  return { starts, places: Int32Array.from(places), values: Float64Array.from(values) };
}

function times(matrix, vector, bias, out) {
  const { starts, places, values } = matrix;
  for (let row = 0; row < ROWS; row++) {
    let sum = bias[row];
    for (let k = starts[row]; k < starts[row + 1]; k++) sum += values[k] * vector[places[k]];
    out[row] = sum;
  }
}

const networks = new Map();

/** The network with so many per cent of the target's weights pruned. The last few are kept. */
function network(percent, target) {
  const key = percent ? `${percent} ${target}` : "dense";
  if (!networks.has(key)) {
    if (networks.size > 8) networks.delete([...networks.keys()].find((other) => other !== "dense"));
    const stays = percent ? mask(percent, target) : dense.layers.map(() => ({ ih: null, hh: null }));
    const layers = dense.layers.map((layer, k) => ({
      ih: sparse(layer.ih, layer.inputs, stays[k].ih),
      hh: sparse(layer.hh, data.hidden, stays[k].hh),
      biasIh: layer.biasIh,
      biasHh: layer.biasHh,
    }));
    networks.set(key, { layers, stays, products: [], accuracy: null });
  }
  return networks.get(key);
}

/** What a letter adds to the first layer's gates: the same wherever it stands, so computed once. */
function product(net, k) {
  if (!net.products[k]) {
    net.products[k] = new Float64Array(ROWS);
    const row = dense.embedding.subarray(k * data.embedding, (k + 1) * data.embedding);
    times(net.layers[0].ih, row, net.layers[0].biasIh, net.products[k]);
  }
  return net.products[k];
}

const fresh = () => Array.from({ length: data.layers }, () => ({ h: new Float64Array(data.hidden), c: new Float64Array(data.hidden) }));
const copied = (states) => states.map(({ h, c }) => ({ h: h.slice(), c: c.slice() }));
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

const CELLS = {
  rnn_tanh(x, a, { h }, n) {
    for (let i = 0; i < n; i++) h[i] = Math.tanh(x[i] + a[i]);
  },
  rnn_relu(x, a, { h }, n) {
    for (let i = 0; i < n; i++) h[i] = Math.max(0, x[i] + a[i]);
  },
  gru(x, a, { h }, n) {  // gates: reset, update, new
    for (let i = 0; i < n; i++) {
      const r = sigmoid(x[i] + a[i]), z = sigmoid(x[n + i] + a[n + i]);
      const fresh = Math.tanh(x[2 * n + i] + r * a[2 * n + i]);
      h[i] = fresh + z * (h[i] - fresh);
    }
  },
  lstm(x, a, { h, c }, n) {  // gates: input, forget, cell, output
    for (let i = 0; i < n; i++) {
      c[i] = sigmoid(x[n + i] + a[n + i]) * c[i] + sigmoid(x[i] + a[i]) * Math.tanh(x[2 * n + i] + a[2 * n + i]);
      h[i] = sigmoid(x[3 * n + i] + a[3 * n + i]) * Math.tanh(c[i]);
    }
  },
};

const fromInput = new Float64Array(ROWS), fromHidden = new Float64Array(ROWS);

/** One step of all layers: the states become those after the token. */
function advance(net, states, k) {
  net.layers.forEach((layer, depth) => {
    let x = fromInput;
    if (depth) times(layer.ih, states[depth - 1].h, layer.biasIh, x);
    else x = product(net, k);
    times(layer.hh, states[depth].h, layer.biasHh, fromHidden);
    CELLS[data.variant](x, fromHidden, states[depth], data.hidden);
  });
}

function readout(states) {
  const h = states[data.layers - 1].h;
  return [0, 1].map((label) => {
    let sum = dense.bias[label];
    for (let i = 0; i < data.hidden; i++) sum += dense.weight[label * data.hidden + i] * h[i];
    return sum;
  });
}

const chance = ([invalid, valid]) => sigmoid(valid - invalid);  // P(valid)

/** Logits [invalid, valid] of a string, read at a step from 0; after its own letters come those of padding. */
function logits(net, string, position) {
  const states = fresh();
  for (let step = 0; step <= position; step++) advance(net, states, step < string.length ? token(string[step]) : 0);
  return readout(states);
}

/** At each letter: logits if the string ended there, read as the run reads strings, and all layers' states. */
function trace(net, string) {
  if (net.traced?.string === string) return net.traced.history;
  const states = fresh();
  const history = [...string].map((letter, step) => {
    advance(net, states, token(letter));
    const end = copied(states);
    const seen = end.map(({ h }) => h.slice());
    for (let pad = step + 1; pad < data.padded; pad++) advance(net, end, 0);
    return { logits: readout(end), hidden: seen };
  });
  net.traced = { string, history };
  return history;
}

/** Whether a test string is classified rightly; the larger logit wins, the first of equal ones. */
function hit(net, k) {
  const [invalid, valid] = logits(net, data.strings[k], data.positions[k]);
  return (valid > invalid ? 1 : 0) === data.labels[k];
}

/** Share of the carried test strings that a network classifies rightly, at once. */
function accuracy(percent, target) {
  const net = network(percent, target);
  return data.strings.filter((_, k) => hit(net, k)).length / data.strings.length;
}

// ---- the automaton: as sparsekit.tasks.grammars -----------------------------------------------------------------

/** States before and after each letter, -1 once the language has been left. */
function walk(string) {
  const states = [0];
  for (const letter of string) states.push(data.automaton[states.at(-1)]?.[letter] ?? -1);
  return states;
}

/** Index of the first letter after which no string of the language is possible; its length if it only ends too early; -1 if valid. */
function violation(string) {
  const states = walk(string);
  if (states.at(-1) === -1) return states.indexOf(-1) - 1;
  return states.at(-1) in data.automaton ? string.length : -1;
}

// ---- the page ---------------------------------------------------------------------------------------------------

const $ = (id) => document.getElementById(id);
const TARGETS = { both: "of all recurrent weights", i2h: "of the input-to-hidden weights", h2h: "of the hidden-to-hidden weights" };
const START = { s: data.example, p: "50", t: "both", l: String(data.layers) };
const inPercent = (share) => `${(100 * share).toFixed(1).replace(/\.0$/, "")} %`;
const sure = (p) => `${p > 0.5 ? "valid" : "invalid"}, ${inPercent(Math.max(p, 1 - p))}`;

function svg(parent, name, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return parent.appendChild(node);
}

function html(parent, name, text, attributes = {}) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return parent.appendChild(node);
}

const state = () => ({ string: $("string").value, percent: Number($("percent").value), target: $("target").value, layer: Number($("layer").value) });

/** Letters that the network knows; small ones are taken for capitals where it knows only these. Says what it refuses. */
function typed() {
  const known = (letter) => data.alphabet.includes(letter);
  const letters = [...$("string").value].map((letter) => (known(letter) ? letter : letter.toUpperCase()));
  const refused = [...new Set(letters.filter((letter) => !known(letter) && letter.trim()))];
  $("refused").hidden = !refused.length;
  $("refused").textContent = refused.length ? `Left out: ${refused.join(" ")}. The network has learnt nothing of it: no string of the task has it.` : "";
  const string = letters.filter(known).slice(0, data.longest).join("");
  if (string !== $("string").value) $("string").value = string;
}

function chip(id, text, kind) {
  $(id).textContent = text;
  $(id).className = `verdict ${kind}`;
}

/** What the rule says of a string: words, a class, and the letter that breaks it, -1 for none. */
function ruled(string) {
  if (!data.automaton) return null;
  const states = walk(string), broken = states.at(-1) === -1 ? states.indexOf(-1) - 1 : -1;
  const label = data.ends[states.at(-1)];
  if (broken >= 0) return { text: `invalid at letter ${broken + 1}, ${string[broken]}`, kind: "invalid", broken, states };
  if (label === 1) return { text: "valid", kind: "valid", broken, states };
  if (label === 0) return { text: "invalid", kind: "invalid", broken, states };
  return { text: data.grammar ? "invalid: it ends too early" : "neither yet", kind: data.grammar ? "invalid" : "undecided", broken, states };
}

function drawPath(string, rule) {
  const drawing = document.querySelector(".automaton");
  if (!drawing || !rule) return;
  const { states, broken } = rule;
  const taken = new Set(states.slice(1).map((to, k) => `${states[k]} ${to}`));
  const here = broken >= 0 ? states[broken] : states.at(-1);
  for (const edge of drawing.querySelectorAll(".edge")) {
    edge.classList.toggle("taken", taken.has(edge.dataset.edge));
    edge.setAttribute("stroke-width", taken.has(edge.dataset.edge) ? 3 : 1);
  }
  for (const node of drawing.querySelectorAll(".state")) {
    const own = Number(node.dataset.state) === here;
    node.classList.toggle("here", own && broken < 0);
    node.classList.toggle("stuck", own && broken >= 0);
    node.setAttribute("stroke-width", own ? 3 : 1.3);
  }
  $("path").textContent = broken >= 0
    ? `From state ${here} no arrow has letter ${broken + 1}, ${string[broken]}. Bold: the path up to there.`
    : `Bold: the path taken. It ends in state ${here}.`;
  $("path").className = broken >= 0 ? "broken" : "";
}

function drawVerdicts(string, before, after, broken) {
  const drawing = $("verdicts"), step = 27, left = 42, top = 8, high = 110, width = left + step * Math.max(string.length, 4) + 8;
  drawing.replaceChildren();
  for (const [key, value] of Object.entries({ viewBox: `0 0 ${width} 160`, width, height: 160 })) drawing.setAttribute(key, value);
  const y = (p) => top + high * (1 - p);
  for (const p of [0, 0.5, 1]) {
    svg(drawing, "text", { x: left - 6, y: y(p) + 4, "text-anchor": "end", "font-size": 11, class: "quiet" }, `${100 * p} %`);
    svg(drawing, "path", { d: `M${left} ${y(p)}H${width - 4}`, stroke: "currentColor", opacity: 0.45, "stroke-dasharray": p === 0.5 ? "2 4" : "none" });
  }
  [...string].forEach((letter, k) => {
    const x = left + 3 + k * step, p = chance(after[k].logits), p0 = chance(before[k].logits);
    const group = svg(drawing, "g", { opacity: broken >= 0 && k > broken ? 0.6 : 1 });
    svg(group, "rect", { x, y: y(p), width: step - 6, height: Math.max(high * p, 0.5), fill: "var(--bar)" });
    svg(group, "path", { d: `M${x - 2} ${y(p0)}H${x + step - 4}`, stroke: "currentColor", "stroke-width": 3 });
    const own = k === broken ? { class: "broken", fill: "currentColor" } : {};
    const place = { x: x + (step - 6) / 2, "text-anchor": "middle", "font-size": 15, "font-weight": 600, "font-family": "ui-monospace, Menlo, Consolas, monospace" };
    svg(group, "text", { ...place, y: top + high + 19, ...own }, letter);
    if (k === broken) svg(group, "text", { ...place, y: top + high + 38, ...own }, "✗");
    svg(group, "title", {}, `${k + 1}, ${letter}: pruned ${inPercent(p)}, unpruned ${inPercent(p0)} valid`);
  });
  const list = [...string].map((letter, k) => `${letter} ${Math.round(100 * chance(after[k].logits))}`).join(", ");
  drawing.setAttribute("aria-label", `P(valid) of the pruned network after each letter, in per cent: ${list || "no letter yet"}`);
}

/** Hidden states as pixels: a row a unit, a column a letter; the less, the more the page shines through. */
function drawStates(string, id, history, layer, largest, broken) {
  const canvas = $(id), units = data.hidden, style = getComputedStyle(document.documentElement);
  const [high, low] = ["--high", "--low"].map((name) => style.getPropertyValue(name).trim().match(/[0-9a-f]{2}/g).map((pair) => parseInt(pair, 16)));
  canvas.width = Math.max(1, history.length);
  canvas.height = units;
  const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, units);
  history.forEach(({ hidden }, column) => {
    hidden[layer].forEach((value, row) => {
      const share = Math.min(1, Math.abs(value) / largest);
      image.data.set([...(value > 0 ? high : low), 255 * share], 4 * (row * canvas.width + column));
    });
  });
  context.putImageData(image, 0, 0);
  const letters = canvas.nextElementSibling;
  letters.replaceChildren();
  [...string].forEach((letter, k) => html(letters, "span", letter, { class: k === broken ? "broken" : broken >= 0 && k > broken ? "after" : "" }));
}

function drawLeft(net) {
  const names = { ih: "input-to-hidden", hh: "hidden-to-hidden" }, table = $("left");
  table.replaceChildren();
  const head = html(html(table, "thead"), "tr");
  html(head, "th", "matrix", { scope: "col", class: "text" });
  dense.layers.forEach((_, k) => html(head, "th", `layer ${k + 1}`, { scope: "col", class: "text" }));
  const body = html(table, "tbody");
  for (const [name, label] of Object.entries(names)) {
    const row = html(body, "tr");
    html(row, "th", label, { scope: "row" });
    net.stays.forEach((stays) => {
      const share = stays[name] ? stays[name].reduce((sum, one) => sum + one, 0) / stays[name].length : 1;
      const cell = html(row, "td", undefined, { class: "text" });
      const bar = svg(cell, "svg", { viewBox: "0 0 30 10", width: 30, height: 10, "aria-hidden": "true" });
      svg(bar, "rect", { width: 30, height: 10, fill: "var(--line)" });
      svg(bar, "rect", { width: 30 * share, height: 10, fill: "var(--bar)" });
      html(cell, "span", ` ${inPercent(share)}`);
    });
  }
}

function drawNumbers(string, before, after) {
  if (!$("numbers").open) return;
  const table = $("list");
  table.replaceChildren();
  const head = html(html(table, "thead"), "tr");
  for (const name of ["letter", "P(valid), unpruned", "P(valid), pruned"]) html(head, "th", name, { scope: "col" });
  const body = html(table, "tbody");
  [...string].forEach((letter, k) => {
    const row = html(body, "tr");
    html(row, "th", `${k + 1} ${letter}`, { scope: "row" });
    for (const history of [before, after]) html(row, "td", chance(history[k].logits).toFixed(4));
  });
}

/** Wilson's interval of a share. */
function wilson(share, n) {
  const z = data.z, middle = share + (z * z) / (2 * n), half = z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  return [Math.max(0, (middle - half) / (1 + (z * z) / n)), Math.min(1, (middle + half) / (1 + (z * z) / n))];
}

const ones = data.labels.filter((label) => label === 1).length;
const MAJORITY = Math.max(ones, data.labels.length - ones) / data.labels.length;

function drawAccuracy(before, after) {
  const drawing = $("accuracy"), left = 74, wide = 170, n = data.strings.length;
  drawing.replaceChildren();
  const rows = [["unpruned", before], ["pruned", after], ["chance", MAJORITY]];
  svg(drawing, "text", { x: 0, y: 12, "font-size": 12, class: "quiet" }, `Accuracy on ${n} test strings`);
  rows.forEach(([label, share], k) => {
    const y = 22 + 23 * k;
    svg(drawing, "text", { x: 0, y: y + 13, "font-size": 13 }, label);
    svg(drawing, "rect", { x: left, y: y + 2, width: wide, height: 14, fill: "var(--card)" });
    if (share === null) return;
    svg(drawing, "rect", { x: left, y: y + 2, width: wide * share, height: 14, fill: label === "chance" ? "var(--soft)" : "var(--bar)" });
    if (label !== "chance") {
      const [low, high] = wilson(share, n);
      svg(drawing, "path", { d: `M${left + wide * low} ${y + 9}H${left + wide * high}M${left + wide * low} ${y + 5}v8M${left + wide * high} ${y + 5}v8`, stroke: "currentColor", "stroke-width": 1.5, fill: "none" });
    }
    svg(drawing, "text", { x: left + wide + 8, y: y + 14, "font-size": 14, "font-weight": 700 }, inPercent(share));
  });
  const [low, high] = after === null ? [] : wilson(after, n);
  drawing.setAttribute("aria-label", after === null ? "Accuracy is being computed" : `Accuracy on ${n} test strings: pruned ${inPercent(after)}, interval ${inPercent(low)} to ${inPercent(high)}; unpruned ${inPercent(before)}; chance ${inPercent(MAJORITY)}`);
}

const LINES = {
  both: { label: "both kinds", dashes: "none" },
  i2h: { label: "input-to-hidden", dashes: "8 3" },
  h2h: { label: "hidden-to-hidden", dashes: "3 2" },
};

/** Accuracy by percentage, a line a target, the chosen one thick, with what the page itself has found as a dot. */
function drawCurves(percent, target, found) {
  const drawing = $("curves"), left = 46, right = 350, top = 8, bottom = 150;
  drawing.replaceChildren();
  const accuracy = (name, k) => data.curves[name][k] / data.strings.length;
  const lowest = Math.min(0.5, ...Object.values(data.curves).flat().map((hits) => hits / data.strings.length)), low = Math.floor(10 * lowest) / 10;
  const x = (share) => left + ((right - left) * share) / 100, y = (share) => bottom - ((bottom - top) * (share - low)) / (1 - low);
  for (const share of [low, (low + 1) / 2, 1]) {
    svg(drawing, "path", { d: `M${left} ${y(share)}H${right}`, stroke: "var(--line)" });
    svg(drawing, "text", { x: left - 6, y: y(share) + 4, "text-anchor": "end", class: "quiet" }, `${Math.round(100 * share)} %`);
  }
  for (const share of [0, 25, 50, 75, 100]) svg(drawing, "text", { x: x(share), y: bottom + 18, "text-anchor": "middle", class: "quiet" }, `${share} %`);
  const chanceLook = { stroke: "currentColor", "stroke-dasharray": "2 4" };
  svg(drawing, "path", { d: `M${left} ${y(MAJORITY)}H${right}`, ...chanceLook });
  svg(drawing, "path", { d: `M${x(percent)} ${top}V${bottom}`, stroke: "currentColor", opacity: 0.5 });
  const look = (name) => ({ fill: "none", stroke: name === target ? "var(--bar)" : "var(--soft)", "stroke-width": name === target ? 3 : 1.3, "stroke-dasharray": LINES[name].dashes });
  const order = Object.keys(data.curves).sort((one, other) => (one === target) - (other === target));
  for (const name of order) {
    const line = data.measured.map((share, k) => `${k ? "L" : "M"}${x(share).toFixed(1)} ${y(accuracy(name, k)).toFixed(1)}`).join("");
    svg(drawing, "path", { d: line, ...look(name) });
  }
  [...Object.keys(LINES), "chance"].forEach((name, k) => {
    const place = left + 165 * (k % 2), line = 194 + 20 * (k >> 1);
    svg(drawing, "path", { d: `M${place} ${line}h24`, ...(name === "chance" ? chanceLook : look(name)) });
    svg(drawing, "text", { x: place + 30, y: line + 4, "font-weight": name === target ? 700 : 400 }, LINES[name]?.label ?? name);
  });
  if (found === null) return;
  const [from, to] = wilson(found, data.strings.length);
  svg(drawing, "path", { d: `M${x(percent)} ${y(Math.max(low, from))}V${y(to)}`, stroke: "var(--bar)", "stroke-width": 8, opacity: 0.35 });
  svg(drawing, "circle", { cx: x(percent), cy: y(Math.max(low, found)), r: 5, fill: "var(--bar)", stroke: "var(--paper)", "stroke-width": 1.5 });
  drawing.setAttribute("aria-label", `Accuracy by percentage pruned ${TARGETS[target]}: ${data.measured.map((share, k) => `${share} %: ${inPercent(accuracy(target, k))}`).filter((_, k) => k % 2 === 0).join("; ")}`);
}

let job = 0;

/** Accuracy a little at a time, so that keys and slider stay quick; a newer request ends it. */
async function measured(net, mine) {
  if (net.accuracy !== null) return net.accuracy;
  let hits = 0, since = performance.now();
  for (let k = 0; k < data.strings.length; k++) {
    hits += hit(net, k);
    if (performance.now() - since > 12) {
      await new Promise((go) => setTimeout(go));
      if (mine !== job) return null;
      since = performance.now();
    }
  }
  return (net.accuracy = hits / data.strings.length);
}

let later;

async function draw() {
  const mine = ++job, { string, percent, target, layer } = state();
  const whole = network(0, "both"), net = network(percent, target);
  const before = trace(whole, string), after = trace(net, string), rule = ruled(string), broken = rule ? rule.broken : -1;
  document.body.dataset.ready = "";
  $("share").textContent = `${percent} %`;
  $("percent").setAttribute("aria-valuetext", `${percent} % ${TARGETS[target]} pruned`);
  if (rule) chip("rule", rule.text, rule.kind);
  for (const [id, history] of [["dense", before], ["pruned", after]]) {
    const p = string ? chance(history.at(-1).logits) : null;
    chip(id, string ? sure(p) : "no letter yet", !string ? "undecided" : p > 0.5 ? "valid" : "invalid");
  }
  drawPath(string, rule);
  drawVerdicts(string, before, after, broken);
  const values = [...before, ...after].flatMap(({ hidden }) => [...hidden[layer - 1]]);
  const largest = data.variant === "rnn_relu" ? Math.max(1e-9, ...values) : 1;
  drawStates(string, "before", before, layer - 1, largest, broken);
  drawStates(string, "after", after, layer - 1, largest, broken);
  const scale = data.variant === "rnn_relu" ? `Blue: up to ${largest.toFixed(2)}.` : "Blue: up to +1, orange: down to −1.";
  document.querySelector(".scale").textContent = scale;
  let change = 0;
  before.forEach(({ hidden }, k) => hidden[layer - 1].forEach((value, i) => (change += Math.abs(value - after[k].hidden[layer - 1][i]))));
  const mean = string ? change / (string.length * data.hidden) : 0;
  $("change").textContent = `On average a unit's state has changed by ${mean.toFixed(2)}. ${scale}`;
  $("before").setAttribute("aria-label", `Hidden states of layer ${layer}, unpruned: ${data.hidden} units at ${string.length} letters`);
  $("after").setAttribute("aria-label", `The same when pruned: on average a state has changed by ${mean.toFixed(2)}`);
  drawLeft(net);
  drawNumbers(string, before, after);
  remember();
  drawAccuracy(whole.accuracy, net.accuracy);
  drawCurves(percent, target, net.accuracy);
  const base = await measured(whole, mine);
  const own = base === null ? null : await measured(net, mine);
  if (mine !== job || own === null) return;
  drawAccuracy(base, own);
  drawCurves(percent, target, own);
  document.body.dataset.ready = "yes";
  // Read out once one has stopped moving, not at every step of the slider.
  clearTimeout(later);
  later = setTimeout(() => {
    const verdicts = string ? `Network, unpruned: ${$("dense").textContent}. Pruned: ${$("pruned").textContent}.` : "";
    $("spoken").textContent = `${string || "No letter"}; ${percent} % ${TARGETS[target]} pruned. ${rule ? `${data.grammar ? "Grammar" : "Rule"}: ${rule.text}. ` : ""}${verdicts} Accuracy: ${inPercent(own)}, unpruned ${inPercent(base)}, chance ${inPercent(MAJORITY)}.`;
  }, 400);
}

/** Keep what is shown in the address, for a link to it, and hand it on to the other variants. */
function remember() {
  const { string, percent, target, layer } = state();
  const hash = `#${new URLSearchParams({ s: string, p: percent, t: target, l: layer })}`;
  try {
    history.replaceState(null, "", hash);
  } catch {
    // a frame without an address of its own has none to change
  }
  for (const link of document.querySelectorAll(".variants a")) link.hash = hash;
}

function recall() {
  const given = { ...START, ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))) };
  $("string").value = given.s;
  $("percent").value = given.p;
  $("target").value = Object.hasOwn(MATRICES, given.t) ? given.t : START.t;
  $("layer").value = Number(given.l) - 1 in dense.layers ? given.l : START.l;
  typed();
  draw();
}

function code() {
  const { string, percent, target } = state();
  const padding = data.padded ? `.ljust(${data.padded}, "\\0")` : "";
  return [
    data.code,
    `prune.magnitude(network, sparsity=${percent / 100}, target="${target}")`,
    `string = ${JSON.stringify(string)}${padding}`,
    "with torch.no_grad():",
    "    logits = network(torch.tensor([[ord(letter) for letter in string]]))",
    "print(logits.softmax(-1))  # P(invalid), P(valid)",
    "",
  ].join("\n");
}

async function copyCode() {
  try {
    await navigator.clipboard.writeText(code());
  } catch {  // a page from a file may not use it everywhere
    const area = html(document.body, "textarea", code());
    area.select();
    document.execCommand("copy");
    area.remove();
    $("copy").focus();
  }
  $("copy").textContent = "Copied";
  setTimeout(() => ($("copy").textContent = "Copy as Python"), 1500);
}

/** Another letter at a random place. */
function changeLetter() {
  const letters = [...$("string").value];
  if (!letters.length) return;
  const place = Math.floor(Math.random() * letters.length);
  const others = [...data.alphabet].filter((letter) => letter !== letters[place]);
  letters[place] = others[Math.floor(Math.random() * others.length)];
  $("string").value = letters.join("");
  draw();
}

function begin() {
  html($("examples"), "option", "choose one", { value: "" });
  data.strings.slice(0, 24).forEach((string, k) => html($("examples"), "option", `${data.labels[k] ? "✓" : "✗"} ${string}`, { value: string }));
  $("examples").addEventListener("change", () => {
    if ($("examples").value) $("string").value = $("examples").value;
    typed();
    draw();
  });
  $("string").addEventListener("input", () => {
    $("examples").value = "";
    typed();
    draw();
  });
  for (const id of ["percent", "target", "layer"]) $(id).addEventListener("input", draw);
  $("edit").addEventListener("click", changeLetter);
  $("reset").addEventListener("click", () => {
    history.replaceState(null, "", "#");
    $("examples").value = "";
    recall();
  });
  $("copy").addEventListener("click", copyCode);
  $("controls").addEventListener("submit", (event) => event.preventDefault());
  $("numbers").addEventListener("toggle", draw);
  window.addEventListener("hashchange", recall);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  document.documentElement.classList.add("scripted");
  recall();
}

begin();
