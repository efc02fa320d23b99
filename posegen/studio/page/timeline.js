// Key poses in time: scrubbed, played, exported.

import { ask, json, Newest } from "./api.js";
import { take } from "./people.js";
import { again, models, put } from "./results.js";
import { commit, drag, keyAt, last, look, onChange, pose, store } from "./store.js";

const $ = (id) => document.querySelector(id);
const STEP = 12; // frames to a new key pose
const scrub = $("#scrub"), keys = $("#keys");
let about, report, known = null, tracked = null, clip = new Map();

export function setUp(described, tell) {
  about = described;
  report = tell;
  const box = $("#motion");
  if (box.length > 1) return;
  for (const { name, summary } of about.motions) {
    const option = new Option(name, name);
    option.title = summary;
    box.add(option);
  }
}

// The poses between keys come from the server; until they do, the last key before is shown.
function retrack() {
  const { doc } = store, wanted = JSON.stringify([doc.keys, doc.smooth]);
  if (known !== wanted) {
    known = wanted;
    clip = new Map();
    tracked = load(doc, wanted);
  }
  return tracked;
}

async function load(doc, wanted) {
  if (doc.keys.length === 1) { store.track = [doc.keys[0].pose]; return; }
  try {
    const { poses } = await json("/api/track", { keys: doc.keys, smooth: doc.smooth });
    if (known === wanted) { store.track = poses; look({}); }
  } catch (error) { known = null; report(error); }
}

const tracks = new Newest(retrack);

function paint() {
  const { doc, view } = store;
  if (!doc) return;
  const end = Math.max(last(), 0);
  view.frame = Math.min(view.frame, end);
  scrub.max = end;
  scrub.value = view.frame;
  scrub.disabled = $("#play").disabled = !end;
  $("#frame").textContent = end ? `${view.frame} / ${end}` : "one pose";
  $("#remove-key").disabled = doc.keys.length < 2 || !keyAt(view.frame);
  $("#fps").value = doc.fps;
  $("#smooth").checked = doc.smooth;
  $("#format").value = view.format;
  $("#scale").value = view.scale;
  $("#scale-field").hidden = ["png", "json"].includes(view.format);
  keys.hidden = !end;
  while (keys.childElementCount < doc.keys.length) keys.append(button());
  while (keys.childElementCount > doc.keys.length) keys.lastChild.remove();
  doc.keys.forEach((key, n) => {
    const node = keys.children[n];
    node.style.left = `${end ? (100 * key.at) / end : 0}%`;
    node.setAttribute("aria-pressed", key.at === view.frame);
    node.setAttribute("aria-label", `Key pose ${n + 1}, at frame ${key.at}; moved with the arrow keys`);
  });
}

function button() {
  const node = document.createElement("button");
  const number = () => [...keys.children].indexOf(node);
  node.onclick = () => look({ frame: store.doc.keys[number()].at });
  node.onkeydown = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) { event.preventDefault(); shift(number(), store.doc.keys[number()].at + by, true); }
  };
  node.onpointerdown = (event) => { node.setPointerCapture(event.pointerId); node.first = true; };
  node.onpointermove = (event) => {
    if (!node.hasPointerCapture(event.pointerId)) return;
    const box = keys.getBoundingClientRect();
    const at = Math.round(((event.clientX - box.left) / box.width) * last());
    if (shift(number(), at, node.first)) node.first = false;
  };
  return node;
}

// Move a key in time, between its neighbours; the first stays.
function shift(number, at, first) {
  const all = store.doc.keys;
  if (number < 1) return false;
  const low = all[number - 1].at + 1, high = all[number + 1] ? all[number + 1].at - 1 : 1999;
  at = Math.min(high, Math.max(low, at));
  if (at === all[number].at) return false;
  drag({ keys: all.map((key, n) => (n === number ? { ...key, at } : key)) }, first);
  look({ frame: at });
  return true;
}

$("#add-key").onclick = () => {
  const now = pose(), { frame } = store.view;
  const at = keyAt(frame) ? last() + STEP : frame;
  commit({ keys: [...store.doc.keys, { at, pose: now }].sort((a, b) => a.at - b.at) });
  look({ frame: at });
};
$("#remove-key").onclick = () => {
  const rest = store.doc.keys.filter((key) => key.at !== store.view.frame);
  const shiftBy = rest[0].at;
  commit({ keys: rest.map((key) => ({ ...key, at: key.at - shiftBy })) });
  look({ frame: Math.min(store.view.frame, last()) });
};
scrub.oninput = () => look({ frame: +scrub.value });
$("#smooth").onchange = (event) => commit({ smooth: event.target.checked });
$("#fps").onchange = (event) => commit({ fps: Math.min(60, Math.max(1, +event.target.value || 25)) });
$("#format").onchange = (event) => look({ format: event.target.value });
$("#scale").onchange = (event) => look({ scale: Math.min(8, Math.max(1, Math.round(+event.target.value) || 3)) });
$("#motion").onchange = async (event) => {
  const name = event.target.value;
  if (!name) return;
  try {
    const scene = await json("/api/motion", { name, person: store.doc.person });
    take(scene, scene.keys);
    commit({ fps: scene.fps });
    play();
  } catch (error) { report(error); }
  event.target.value = "";
};

// Play: frames are made a few at a time, and kept until the clip changes.
async function frames(model, start) {
  const size = about.at_once, first = Math.floor(start / size) * size;
  const version = known, name = `${model} ${first} ${store.view.overlay}`;
  if (!clip.has(name)) {
    const made = await json("/api/generate", {
      model, person: store.doc.person, poses: store.track.slice(first, first + size), overlays: store.view.overlay !== "",
    });
    if (version !== known) return null;
    clip.set(name, made);
  }
  return [clip.get(name), start - first];
}

async function play() {
  if (store.playing) { store.playing = false; return; }
  await retrack();
  store.playing = true;
  $("#play").textContent = "❚❚";
  $("#play").setAttribute("aria-label", "Pause");
  try {
    let next = performance.now();
    while (store.playing && last()) {
      const frame = (store.view.frame + 1) % (last() + 1);
      for (const model of models()) {
        const found = await frames(model, frame);
        if (found) await put(model, ...found);
      }
      look({ frame });
      next = Math.max(next + 1000 / store.doc.fps, performance.now());
      await new Promise((go) => setTimeout(go, next - performance.now()));
    }
  } catch (error) { report(error); }
  store.playing = false;
  $("#play").textContent = "▶";
  $("#play").setAttribute("aria-label", "Play");
  again();
}
$("#play").onclick = play;

const wanted = () => ({
  model: models()[0], person: store.doc.person, format: store.view.format,
  fps: store.doc.fps, scale: store.view.scale,
  timeline: { keys: store.doc.keys, smooth: store.doc.smooth },
});

$("#export").onclick = async () => {
  const button = $("#export");
  button.disabled = true;
  report({ message: "Making the file…", good: true });
  try {
    const answer = await ask("/api/export", wanted());
    const name = answer.headers.get("content-disposition").match(/filename="(.+)"/)[1];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    report({ message: `${name} is saved.`, good: true });
  } catch (error) { report(error); }
  button.disabled = false;
};

$("#command").onclick = async () => {
  try {
    const made = await json("/api/command", wanted());
    $("#shell").textContent = made.shell;
    $("#python").textContent = made.python;
    $("#commands").showModal();
  } catch (error) { report(error); }
};
for (const button of document.querySelectorAll("[data-copy]")) {
  button.onclick = async () => {
    await navigator.clipboard.writeText($(`#${button.dataset.copy}`).textContent);
    report({ message: "Copied.", good: true });
  };
}

onChange((what) => {
  if (!store.doc) return;
  if (what === "doc") store.playing = false;
  tracks.do();
  paint();
});
