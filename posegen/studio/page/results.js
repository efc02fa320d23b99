// What the models make of the pose, side by side; the last good picture stays until a new one is there.

import { json, Newest } from "./api.js";
import { look, onChange, pose, store } from "./store.js";

const panels = document.querySelector("#panels");
const source = document.querySelector("#source img");
let about, report, onPicture;
const shown = new Map(); // number of a model -> its panel

class Panel {
  constructor(number) {
    this.number = number;
    this.root = document.createElement("figure");
    this.root.className = "result";
    this.root.innerHTML = "<div><img alt=''><img class='over' alt='' hidden></div><figcaption><b></b><span></span></figcaption>";
    const { label } = about.models[number];
    [this.image, this.over] = this.root.querySelectorAll("img");
    this.label = label;
    this.image.alt = `What ${label} makes of the pose`;
    this.root.querySelector("b").textContent = label;
    this.told = this.root.querySelector("span");
    this.root.dataset.model = number;
    this.root.dataset.serial = 0;
    this.newest = new Newest((wanted, began) => this.make(wanted, began));
  }

  async make(wanted, began) {
    const { person } = store.doc, overlay = store.view.overlay;
    this.root.ariaBusy = true;
    try {
      const made = await json("/api/generate", {
        model: this.number, person: { picture: person.picture, pose: person.pose },
        poses: [wanted], overlays: overlay !== "",
      });
      await this.put(made, 0);
      const took = performance.now() - began;
      this.told.textContent = `${took.toFixed(0)} ms`;
      this.told.title = `from the drag to the picture; the model took ${made.milliseconds} ms`;
      this.root.dataset.latency = took;
      this.root.dataset.serial = +this.root.dataset.serial + 1;
      report(null);
    } catch (error) { report(error); }
    this.root.ariaBusy = this.newest.next !== null;
  }

  async put(made, number) {
    const next = new Image();
    next.src = made.pictures[number];
    await next.decode();
    this.image.src = next.src;
    const over = store.view.overlay && made[store.view.overlay]?.[number];
    this.over.hidden = !over;
    if (over) this.over.src = over;
    if (this.number === chosen()[0]) onPicture(next.src);
  }
}

const chosen = () => store.view.models.filter((n) => n < about.models.length);

export function setUp(described, tell, picture) {
  about = described;
  report = tell;
  onPicture = picture;
  for (const [number, panel] of shown) {
    if (about.models[number]?.label !== panel.label) { panel.root.remove(); shown.delete(number); }
  }
  if (!chosen().length) store.view.models = [0];
  lay();
  selector();
}

// Which models are side by side, where there are several.
function selector() {
  const box = document.querySelector("#models");
  box.replaceChildren();
  if (about.models.length < 2) return;
  about.models.forEach((model, number) => {
    const label = document.createElement("label"), input = document.createElement("input");
    input.type = "checkbox";
    input.checked = chosen().includes(number);
    input.onchange = () => {
      const rest = chosen().filter((n) => n !== number);
      const next = input.checked ? [...rest, number].sort((a, b) => a - b) : rest;
      if (next.length) look({ models: next });
      else input.checked = true;
    };
    label.append(input, model.label);
    box.append(label);
  });
}

function lay() {
  const now = chosen();
  for (const [number, panel] of shown) if (!now.includes(number)) { panel.root.remove(); shown.delete(number); }
  for (const number of now) if (!shown.has(number)) shown.set(number, new Panel(number));
  panels.prepend(...now.map((number) => shown.get(number).root));
  panels.classList.toggle("many", now.length > 1);
}

let asked = "";
function refresh() {
  if (!store.doc) return;
  lay();
  const { person } = store.doc;
  if (source.src !== person.picture) source.src = person.picture;
  const { target } = store.doc;
  document.querySelector("#target").hidden = !target;
  if (target) document.querySelector("#target img").src = target;
  const wanted = store.view.mode === "photo" ? poseWanted() : pose();
  const now = JSON.stringify([wanted, person, store.view.overlay, store.view.models]);
  if (now === asked || store.playing) return;
  asked = now;
  const began = store.dragged || performance.now();
  store.dragged = 0;
  for (const panel of shown.values()) panel.newest.do(wanted, began);
}

function poseWanted() {
  const { mode } = store.view;
  store.view.mode = "wanted";
  const wanted = pose();
  store.view.mode = mode;
  return wanted;
}

// Ask again for what is shown: the server is back, or has newer weights.
export function again() { asked = ""; refresh(); }

// Show a frame of a clip in a model's panel; `made` is an answer of several pictures.
export const put = (model, made, number) => shown.get(model)?.put(made, number);
export const models = chosen;

for (const input of document.querySelectorAll("input[name=overlay]")) {
  input.addEventListener("change", () => look({ overlay: input.value }));
}
onChange(() => {
  document.querySelector(`input[name=overlay][value="${store.view.overlay}"]`).checked = true;
  refresh();
});
