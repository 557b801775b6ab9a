"use strict";
// The run as it comes: all that was, then a second at a time. Text goes into the page by textContent
// alone, so nothing that the target or a script said is ever markup.

const $ = (id) => document.getElementById(id);
const token = location.hash.slice(1) || sessionStorage.getItem("token") || "";
if (location.hash) {
  sessionStorage.setItem("token", token);
  history.replaceState(null, "", location.pathname);
}
const auth = token ? { Authorization: "Bearer " + token } : {};

let hello = { name: "", edges_ms: [], length_s: null };
let points = [];
let tables = {};
let over = null;

// Numbers -----------------------------------------------------------------------------------------

const whole = new Intl.NumberFormat("en");
function count(n) { return n == null ? "" : whole.format(Math.round(n)); }
function ms(v) {
  if (v == null) return "";
  if (v >= 1000) return (v / 1000).toPrecision(3) + " s";
  if (v > 0 && v < 1) return (v * 1000).toPrecision(3) + " µs";
  return (v >= 100 ? v.toFixed(0) : v.toPrecision(3)) + " ms";
}
function bytes(v) {
  if (v == null) return "";
  for (const [unit, one] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) if (v >= one) return (v / one).toPrecision(3) + " " + unit;
  return v + " B";
}
function clock(s) {
  const parts = [Math.floor(s / 60) % 60, Math.floor(s) % 60].map((n) => String(n).padStart(2, "0"));
  return (s >= 3600 ? Math.floor(s / 3600) + ":" : "") + parts.join(":");
}
function share(part, all) { return all ? (100 * part / all).toPrecision(2) + " %" : ""; }

function put(parent, tag, text, cls) {
  const node = document.createElement(tag);
  if (text != null) node.textContent = text;
  if (cls) node.className = cls;
  parent.append(node);
  return node;
}

// Charts ------------------------------------------------------------------------------------------

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const CHARTS = [
  { title: "Calls per second", series: [["calls", "--c0", (p) => p.calls], ["failed", "--c4", (p) => p.failed]] },
  { title: "Latency of calls", note: "on a logarithmic scale", unit: "ms", log: true, series: [["p50", "--c0", (p) => p.p50], ["p95", "--c1", (p) => p.p95], ["p99", "--c2", (p) => p.p99]] },
  { title: "Users", series: [["active", "--c0", (p) => p.vus], ["waiting arrivals", "--c1", (p) => p.backlog]] },
  { title: "Arrivals per second", series: [["planned", "--c5", (p) => p.planned], ["started", "--c0", (p) => p.started], ["late", "--c1", (p) => p.late], ["dropped", "--c4", (p) => p.dropped]] },
  { title: "Load generator", note: "100 % is one core", unit: "%", series: [["process", "--c0", (p) => p.health.cpu], ["busiest worker", "--c1", (p) => p.health.busiest], ["steal", "--c4", (p) => p.health.steal]] },
  { title: "Bytes per second", unit: "B", series: [["received", "--c0", (p) => p.in], ["sent", "--c1", (p) => p.out]] },
];

function shown(unit) { return unit === "ms" ? ms : unit === "B" ? bytes : (v) => v == null ? "" : (Number.isInteger(v) || v >= 10 ? count(v) : v.toPrecision(2)) + (unit ? " " + unit : ""); }

// Spans of one stage each, for every other to be shaded.
function stages() {
  const spans = [];
  for (const p of points) {
    const last = spans[spans.length - 1];
    if (last && last.name === p.stage) last.to = p.s + 1;
    else spans.push({ name: p.stage, from: last ? last.to : 0, to: p.s + 1 });
  }
  return spans;
}

function shade(plot) {
  const spans = stages();
  if (spans.length < 2) return;
  const { left, top, width, height } = plot.bbox;
  plot.ctx.save();
  plot.ctx.beginPath();
  plot.ctx.rect(left, top, width, height);
  plot.ctx.clip();
  spans.forEach(({ name, from, to }, index) => {
    const [start, end] = [from, to].map((at) => Math.max(left, plot.valToPos(at, "x", true)));
    plot.ctx.fillStyle = colour("--line");
    plot.ctx.globalAlpha = index % 2 ? 0 : 0.45;
    plot.ctx.fillRect(start, top, end - start, height);
    plot.ctx.globalAlpha = 1;
    plot.ctx.fillStyle = colour("--faint");
    plot.ctx.font = 10 * devicePixelRatio + "px system-ui";
    plot.ctx.textAlign = "left";
    if (plot.ctx.measureText(name).width + 6 < end - start) plot.ctx.fillText(name, start + 3, top + 10 * devicePixelRatio);
  });
  plot.ctx.restore();
}

function chart(spec, place = $("charts")) {
  const figure = put(place, "figure");
  const caption = put(figure, "figcaption", spec.title + " ");
  if (spec.note) put(caption, "small", spec.note);
  const axis = { stroke: () => colour("--faint"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { show: false } };
  const text = shown(spec.unit);
  // Under the cursor, or else the latest.
  const told = (format) => (plot, value, at, index) => { const one = index == null ? plot.data[at].at(-1) : value; return one == null ? "–" : format(one); };
  const options = {
    width: figure.clientWidth - 20, height: 170, legend: { live: true },
    cursor: { sync: { key: "run" } },
    hooks: { drawClear: [shade] },
    scales: { x: { time: false }, y: spec.log ? { distr: 3 } : { range: (_, low, high) => [0, Math.max(high, 1)] } },
    axes: [{ ...axis, size: 26, values: (_, all) => all.map(clock) }, { ...axis, size: 62, values: (_, all) => all.map((v) => v == null ? "" : text(v)) }],
    series: [{ label: "at", value: told(clock) }].concat(spec.series.map(([label, name]) =>
      ({ label, stroke: () => colour(name), width: 1.5, points: { show: false }, value: told(text) }))),
  };
  const plot = new uPlot(options, [[], ...spec.series.map(() => [])], figure);
  return {
    draw() {
      plot.setData([points.map((p) => p.s + 1), ...spec.series.map(([, , of]) => points.map((p) => {
        const value = of(p);
        return value == null || (spec.log && value <= 0) ? null : value;
      }))]);
    },
    fit() { plot.setSize({ width: figure.clientWidth - 20, height: 170 }); },
  };
}

// Errors by category: a curve for each, as categories appear; those beyond the colours as one.
function failures() {
  const place = put($("charts"), "div", null, "place");
  let names = [], known = "", drawn = null;
  const of = (name) => (p) => name ? p.errors[name] || 0 : Object.entries(p.errors).reduce((sum, [one, count]) => sum + (names.includes(one) ? 0 : count), 0);
  return {
    draw() {
      const all = Object.entries(tables.categories || {}).map(([name]) => name).sort();
      if (all.join() !== known || !drawn) {
        known = all.join();
        names = all.length > 6 ? all.slice(0, 5) : all;
        place.replaceChildren();
        const series = names.map((name, index) => [name, "--c" + ((index + 4) % 6), of(name)]);
        if (all.length > 6) series.push(["others", "--c5", of("")]);
        drawn = chart({ title: "Errors per second", note: all.length ? "" : "none", series: series.length ? series : [["errors", "--c4", () => 0]] }, place);
      }
      drawn.draw();
    },
    fit() { drawn?.fit(); },
  };
}

// Time to the right, latency upwards, the darker the more calls.
function heat() {
  const figure = put($("charts"), "figure");
  const caption = put(figure, "figcaption", "How long calls took ");
  const note = put(caption, "small", "");
  const canvas = put(figure, "canvas", null, "heat");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Heat map of latency over time; the tables below give the percentiles");
  return {
    draw() {
      const edges = hello.edges_ms, rows = edges.length + 1;
      const used = points.filter((p) => p.heat.length);
      const seen = [...Array(rows).keys()].filter((row) => used.some((p) => p.heat[row]));
      const low = Math.max(0, Math.min(...seen) - 1), high = Math.min(rows - 1, Math.max(...seen) + 1);
      const scale = window.devicePixelRatio || 1;
      canvas.width = canvas.clientWidth * scale;
      canvas.height = canvas.clientHeight * scale;
      const pen = canvas.getContext("2d");
      pen.clearRect(0, 0, canvas.width, canvas.height);
      if (!seen.length) return;
      const last = points[points.length - 1].s + 1;
      const left = 62 * scale, wide = (canvas.width - left) / last, tall = canvas.height / (high - low + 1);
      pen.fillStyle = colour("--c0");
      for (const p of used) {
        const most = Math.max(...p.heat);
        for (let row = low; row <= high; row++) {
          if (!p.heat[row]) continue;
          pen.globalAlpha = 0.12 + 0.88 * Math.sqrt(p.heat[row] / most);
          pen.fillRect(left + p.s * wide, canvas.height - (row - low + 1) * tall, Math.ceil(wide), Math.ceil(tall));
        }
      }
      pen.globalAlpha = 1;
      pen.fillStyle = colour("--faint");
      pen.font = 11 * scale + "px system-ui";
      pen.textAlign = "right";
      for (let row = low; row < high; row++) pen.fillText(ms(edges[row]), left - 6 * scale, canvas.height - (row - low + 1) * tall + 4 * scale);
      note.textContent = "each second by itself; the darker, the more of it";
    },
    fit() { this.draw(); },
  };
}

// Tables ------------------------------------------------------------------------------------------

const text = (value) => value || "–";
const COLUMNS = {
  calls: [["scenario"], ["step"], ["method", null, "short"], ["name"], ["count", count], ["failed", count, "bad"], ["p50", ms], ["p95", ms], ["p99", ms], ["max", ms]],
  steps: [["scenario"], ["step"], ["count", count], ["failed", count, "bad"], ["p50", ms], ["p95", ms], ["p99", ms], ["max", ms]],
  thresholds: [["standing"], ["metric"], ["condition"], ["observed", text], ["margin", text]],
  generator: [["what"], ["now", text], ["most", text]],
  scenarios: [["scenario"], ["planned", count], ["started", count], ["late", count, "bad"], ["dropped", count, "bad"], ["reasons"], ["completed", count], ["failed", count, "bad"], ["interrupted", count], ["vus", count], ["in_flight", count], ["reserve", count], ["backlog", count]],
  own: [["metric"], ["kind", null, "short"], ["samples", count], ["value", text], ["p50", text], ["p95", text], ["p99", text], ["max", text]],
  checks: [["step"], ["check"], ["passed", count], ["failed", count, "bad"]],
};
const sorted = {};

function table(id) {
  const filter = document.querySelector(`[data-filter="${id}"]`)?.value.toLowerCase();
  let rows = tables[id] || [];
  if (filter) rows = rows.filter((row) => [row.scenario, row.step, row.method, row.name].join(" ").toLowerCase().includes(filter));
  const by = sorted[id];
  if (by) {
    const way = by.down ? -1 : 1;
    rows = [...rows].sort((a, b) => way * (typeof a[by.key] === "number" || typeof b[by.key] === "number"
      ? (a[by.key] ?? -1) - (b[by.key] ?? -1) : String(a[by.key]).localeCompare(String(b[by.key]))));
  }
  const focused = document.activeElement?.dataset?.sort;
  const node = $(id);
  node.replaceChildren();
  if (!rows.length) { put(put(node, "tr"), "td", filter ? "none of that name" : "none yet", "none name"); return; }
  const one = id !== "scenarios" && rows.every((row) => row.scenario === rows[0].scenario); // then it need not be told
  const columns = COLUMNS[id].filter(([key]) => key !== "scenario" || !one);
  const head = put(node, "tr");
  for (const [key, format, cls] of columns) {
    const cell = put(head, "th", null, format ? "" : cls || "name");
    cell.scope = "col";
    if (by?.key === key) cell.ariaSort = by.down ? "descending" : "ascending";
    const button = put(cell, "button", key.replace("_", " ") + (by?.key === key ? (by.down ? " ▼" : " ▲") : ""));
    button.dataset.sort = id + key;
    button.onclick = () => { sorted[id] = { key, down: by?.key === key ? !by.down : Boolean(format) }; table(id); };
    if (focused === id + key) button.focus();
  }
  for (const row of rows) {
    const line = put(node, "tr");
    for (const [key, format, cls] of columns) {
      const tone = key === "standing" || key === "observed" ? row.tone : cls && row[key] ? cls : "";
      put(line, "td", format ? format(row[key]) : row[key], format ? tone : (cls || "name") + " " + tone);
    }
  }
}

// How this tool fares: its last second, and the worst one.
function generator() {
  const rows = [
    ["CPU (100 % is one core)", (h) => h.cpu, (v) => count(v) + " %"], ["busiest worker", (h) => h.busiest, (v) => count(v) + " %"],
    ["loops woke late by", (h) => h.lag, ms], ["memory", (h) => h.memory, bytes], ["descriptors", (h) => h.fds, count],
    ["out of CPU quota", (h) => h.throttled, (v) => count(v) + " %"], ["CPU that other guests took", (h) => h.steal, (v) => count(v) + " %"],
  ];
  const last = points[points.length - 1];
  tables.generator = last ? rows.flatMap(([what, of, format]) => {
    const seen = points.map((p) => of(p.health)).filter((value) => value != null);
    if (!seen.length) return [];
    const now = of(last.health);
    return [{ what, now: now == null ? "–" : format(now), most: format(seen.reduce((a, b) => Math.max(a, b))) }];
  }) : [];
}

function errors() {
  const open = new Set([...document.querySelectorAll("#errors details[open]")].map((node) => node.dataset.key));
  const node = $("errors");
  if (node.contains(document.getSelection()?.anchorNode) && !document.getSelection().isCollapsed) return;
  node.replaceChildren();
  for (const error of tables.errors || []) {
    const details = put(node, "details");
    details.dataset.key = error.category + error.message;
    details.open = open.has(details.dataset.key);
    put(details, "summary", `${count(error.count)} × ${error.category}${error.step ? " in " + error.step : ""}: ${error.message}`);
    put(details, "pre", error.exemplar || "no example was kept");
  }
  if (!node.firstChild) put(node, "p", "none", "none");
}

// Head and controls -------------------------------------------------------------------------------

function keys() {
  const p = points[points.length - 1];
  const node = $("keys");
  node.replaceChildren();
  if (!p) return;
  const calls = (tables.calls || []).reduce((sum, row) => sum + row.count, 0);
  const failed = (tables.calls || []).reduce((sum, row) => sum + row.failed, 0);
  const percent = (value) => value == null ? "–" : count(value) + " %";
  const now = over // of the last second, or of the whole
    ? [["calls/s, whole run", count(over.calls_per_s)], ["users at most", count(over.users)], ["p95, whole run", ms(over.p95_ms) || "–"], ["generator CPU at most", percent(over.cpu_percent)]]
    : [["calls/s", count(p.calls)], ["users", count(p.vus)], ["p95", ms(p.p95) || "–"], ["generator CPU", percent(p.health.cpu)], ["waiting arrivals", count(p.backlog), p.backlog ? "bad" : ""]];
  for (const [label, value, cls] of [
    ...now, ["calls in all", count(calls)], ["failed", count(failed) + (failed ? ` (${share(failed, calls)})` : ""), failed ? "bad" : "good"],
  ]) {
    const box = put(node, "div");
    put(box, "span", label);
    put(box, "b", value, cls);
  }
  $("time").replaceChildren(clock(over ? over.duration_s : p.s + 1) + (hello.length_s ? " of " + clock(hello.length_s) : "") + (p.stage && !over ? ", " + p.stage : ""));
  if (!over) put($("time"), "span", ", " + tables.outlook, { "all thresholds hold": "good", "threshold crossed": "bad" }[tables.outlook]);
}

async function act(command) {
  const answer = await fetch("steer", { method: "POST", headers: auth, body: JSON.stringify(command) }).catch((error) => ({ ok: false, text: async () => String(error) }));
  $("word").textContent = answer.ok ? "" : await answer.text();
}

let sure = 0; // until when a second click stops the run
const SURE_MS = 4000;

function controls() {
  const node = $("controls");
  const rows = tables.steered || [];
  node.hidden = !token || Boolean(over);
  if (node.hidden || node.contains(document.activeElement) && document.activeElement.tagName === "INPUT") return;
  const focused = document.activeElement?.dataset?.act;
  node.replaceChildren();
  const button = (parent, label, key, command) => {
    const made = put(parent, "button", label, "act");
    made.dataset.act = key;
    made.onclick = () => act(command());
    if (focused === key) made.focus();
  };
  for (const row of rows) {
    const line = put(node, "div");
    put(line, "b", row.scenario);
    button(line, row.paused ? "Resume" : "Pause", "pause" + row.scenario, () => ({ do: row.paused ? "resume" : "pause", scenario: row.scenario }));
    const input = put(line, "input");
    input.type = "number"; input.min = 0; input.max = row.most; input.value = row.users ?? row.most;
    input.setAttribute("aria-label", "users of " + row.scenario);
    input.onkeydown = (event) => { if (event.key === "Enter") { act({ do: "scale", scenario: row.scenario, users: Number(input.value) }); input.blur(); } };
    button(line, "Set users", "scale" + row.scenario, () => ({ do: "scale", scenario: row.scenario, users: Number(input.value) }));
    put(line, "span", `at most ${count(row.most)}${row.users == null ? ", as planned" : ""}${row.paused ? ", paused" : ""}`, "none");
  }
  for (const row of tables.paced || []) {
    const line = put(node, "div");
    put(line, "b", row.scenario);
    const input = put(line, "input");
    input.type = "number"; input.min = 0; input.max = row.most; input.step = "any"; input.value = row.per_s ?? "";
    input.placeholder = "planned";
    input.setAttribute("aria-label", "iterations per second of " + row.scenario);
    const set = () => ({ do: "rate", scenario: row.scenario, per_s: Number(input.value) });
    input.onkeydown = (event) => { if (event.key === "Enter") { act(set()); input.blur(); } };
    button(line, "Set iterations/s", "rate" + row.scenario, set);
    put(line, "span", `at most ${count(row.most)}${row.per_s == null ? ", as planned" : ""}`, "none");
  }
  const stop = put(put(node, "div"), "button", Date.now() < sure ? "Really stop" : "Stop the run", "act");
  stop.dataset.act = "stop";
  stop.onclick = () => { if (Date.now() < sure) { sure = 0; act({ do: "stop" }); } else { sure = Date.now() + SURE_MS; setTimeout(controls, SURE_MS); } controls(); };
  if (focused === "stop") stop.focus();
}

function verdict() {
  if (!over) return;
  state(over.verdict, over.verdict);
  $("over").hidden = false;
  $("reasons").replaceChildren();
  for (const reason of over.reasons) put($("reasons"), "li", reason);
  tables.thresholds = over.thresholds;
}

function state(word, cls) {
  $("state").textContent = word;
  $("state").className = cls || "";
  document.title = `${word} ${hello.name}`.trim();
}

// The stream --------------------------------------------------------------------------------------

let charts = [];
let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    const first = !charts.length;
    if (first) charts = [...CHARTS.map((spec) => chart(spec)), failures(), heat()];
    charts.forEach((one) => one.draw());
    if (first) charts.forEach((one) => one.fit()); // each took what there was before the next came
    verdict(); generator();
    ["thresholds", "calls", "steps", "scenarios", "checks", "own", "generator"].forEach(table);
    $("metrics").hidden = !tables.own?.length;
    errors(); keys(); controls();
  });
}

function take(message) {
  if (message.kind === "hello") { hello = message; points = []; over = null; $("name").textContent = hello.name; state("running"); }
  else if (message.kind === "past") { points = message.points; tables = message.tables; }
  else if (message.kind === "second") { points.push(message.point); tables = message.tables; }
  else if (message.kind === "end") over = message;
  redraw();
}

// The run says something every two seconds; after so long without a word it has been lost.
const PATIENCE_MS = 7000;

async function follow() {
  const cut = new AbortController();
  let silence;
  const heard = () => { clearTimeout(silence); silence = setTimeout(() => cut.abort(), PATIENCE_MS); };
  try {
    heard();
    const answer = await fetch("events", { headers: auth, cache: "no-store", signal: cut.signal });
    if (!answer.ok) throw Object.assign(new Error(await answer.text()), { final: true });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard();
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) if (part.startsWith("data: ")) take(JSON.parse(part.slice(6)));
    }
  } finally { clearTimeout(silence); }
}

async function stay() {
  for (let pause = 500; ; pause = Math.min(pause * 2, 5000)) {
    const before = points.length;
    try { await follow(); } catch (error) {
      if (error.final) { state("refused", "lost"); $("word").textContent = error.message; return; }
    }
    if (over) { $("word").textContent = "The run is over; this page keeps what it showed."; return; }
    state("connection lost", "lost");
    if (points.length > before) pause = 500;
    await new Promise((wake) => setTimeout(wake, pause));
  }
}

for (const input of document.querySelectorAll("[data-filter]")) input.oninput = () => table(input.dataset.filter);
addEventListener("resize", () => charts.forEach((one) => one.fit()));
// Legends keep the colours that they were made with.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { $("charts").replaceChildren(); charts = []; redraw(); });
stay();
