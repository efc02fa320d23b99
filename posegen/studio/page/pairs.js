// Test pairs with their scores, worst first; a click puts one on the canvas.

import { json } from "./api.js";
import { take } from "./people.js";
import { models } from "./results.js";
import { store } from "./store.js";

const $ = (id) => document.querySelector(id);
const SHOWN = 40;
let about, report, rows = [], going = false, by = "";

export function setUp(described, tell) {
  about = described.pairs;
  report = tell;
  $("#pairs").hidden = !about;
  if (!about) return;
  const names = Object.keys(about.metrics);
  by ||= names[0];
  $("#by").replaceChildren(...names.map((name) => new Option(name, name)));
  $("#by").value = by;
  $("#pairs-head").replaceChildren(...["source", "target", ...names].map((name) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = name;
    return cell;
  }));
}

async function score() {
  if (going) { going = false; return; }
  going = true;
  rows = [];
  $("#score").textContent = "Stop";
  const model = models()[0], most = Math.min(about.count, +$("#count").value || 64);
  try {
    while (going && rows.length < most) {
      rows.push(...await json(`/api/pairs/${model}/${rows.length}`));
      paint();
      $("#scored").textContent = `${Math.min(rows.length, most)} of ${most}`;
    }
  } catch (error) { report(error); }
  going = false;
  $("#score").textContent = "Score pairs";
}

function paint() {
  const sign = about.metrics[by] === "higher" ? 1 : -1;
  const sorted = rows.toSorted((a, b) => sign * (a.scores[by] - b.scores[by])).slice(0, SHOWN);
  $("#pairs-body").replaceChildren(...sorted.map((row) => {
    const line = document.createElement("tr");
    line.tabIndex = 0;
    line.setAttribute("aria-label", `Pair ${row.source}, ${row.target}: put it on the canvas`);
    const texts = [row.source, row.target, ...Object.keys(about.metrics).map((name) => row.scores[name]?.toFixed(4) ?? "")];
    texts.forEach((text, n) => {
      const cell = line.insertCell();
      cell.textContent = text;
      if (n > 1) cell.className = "number";
    });
    line.onclick = () => load(row.index);
    line.onkeydown = (event) => { if (event.key === "Enter") load(row.index); };
    return line;
  }));
}

async function load(index) {
  try {
    const pair = await json(`/api/pair/${index}`);
    take(pair, [{ at: 0, pose: pair.target.pose }], pair.target.picture);
    $("#stage").scrollIntoView({ behavior: "smooth", block: "nearest" });
  } catch (error) { report(error); }
}

$("#score").onclick = score;
$("#by").onchange = (event) => { by = event.target.value; paint(); };
