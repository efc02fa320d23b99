// A run in progress: its numbers as curves, its newest sample grid, its newest weights.

import { json } from "./api.js";
import { look } from "./store.js";

const $ = (id) => document.querySelector(id);
const EVERY = 2000, POINTS = 300;
const plain = ["step", "epoch"];
let place = 0, series = new Map(), sample = "", report, onModels, started = false;

export function setUp(about, tell, models) {
  report = tell;
  onModels = models;
  $("#run").hidden = !about.run;
  if (about.run && !started) { started = true; poll(); }
}

async function poll() {
  try {
    const news = await json(`/api/run/${place}`);
    if (news.anew) series = new Map();
    place = news.place;
    for (const { step, ...values } of news.lines) {
      for (const [name, value] of Object.entries(values)) {
        if (plain.includes(name)) continue;
        if (!series.has(name)) series.set(name, []);
        series.get(name).push([step, value]);
      }
    }
    if (news.lines.length || news.anew) paint();
    $("#run-title").textContent = `Run ${news.name}`;
    $("#try").disabled = !news.weights;
    const newest = news.samples.at(-1);
    $("#grid").hidden = !newest;
    if (newest && newest !== sample) { sample = newest; $("#grid").src = `/api/sample/${encodeURIComponent(newest)}`; $("#grid").alt = `Sample grid ${newest}`; }
  } catch (error) { if (error.status) report(error); }
  setTimeout(poll, EVERY);
}

function paint() {
  $("#charts").replaceChildren(...[...series].map(([name, points]) => chart(name, points)));
}

// Neighbours are averaged where there are more points than pixels to show them.
function thinned(points) {
  const size = Math.ceil(points.length / POINTS), made = [];
  for (let n = 0; n < points.length; n += size) {
    const some = points.slice(n, n + size);
    made.push([0, 1].map((i) => some.reduce((sum, point) => sum + point[i], 0) / some.length));
  }
  return made;
}

function chart(name, points) {
  const figure = document.createElement("figure"), shown = thinned(points);
  const [steps, values] = [0, 1].map((i) => shown.map((point) => point[i]));
  const [left, right, low, high] = [Math.min(...steps), Math.max(...steps), Math.min(...values), Math.max(...values)];
  const path = shown.map(([x, y], n) => `${n ? "L" : "M"}${(100 * (x - left)) / (right - left || 1)} ${38 - (36 * (y - low)) / (high - low || 1)}`).join("");
  figure.innerHTML = "<svg viewBox='0 0 100 40' preserveAspectRatio='none' role='img'><path/></svg><figcaption><b></b><span></span></figcaption>";
  figure.querySelector("path").setAttribute("d", path);
  const now = points.at(-1);
  figure.querySelector("svg").setAttribute("aria-label", `${name}: ${now[1].toPrecision(4)} at step ${now[0]}`);
  figure.querySelector("b").textContent = name;
  figure.querySelector("span").textContent = `${now[1].toPrecision(4)} · step ${now[0].toLocaleString()}`;
  return figure;
}

$("#try").onclick = async () => {
  $("#try").disabled = true;
  try {
    const { model, models } = await json("/api/newest", null);
    onModels(models);
    look({ models: [model] });
    report({ message: `${models[model].label}: the weights of step ${models[model].step ?? "?"}.`, good: true });
  } catch (error) { report(error); }
  $("#try").disabled = false;
};
