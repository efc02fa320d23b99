// The skeleton over the picture: drawn, dragged, selected, zoomed.

import { dragged, moved, rounded, shown } from "./geometry.js";
import { json } from "./api.js";
import { drag, look, onChange, pose, posed, redo, store, undo } from "./store.js";

const NS = "http://www.w3.org/2000/svg";
const REACH = 26; // pixels of the screen within which a joint is taken hold of
const svg = document.querySelector("#canvas");
const $ = (id) => document.querySelector(id);
const EDGE = 0.02; // of the picture's height
let about, report, background = "";
let selected = new Set(), held = null;
const zoom = { scale: 1, x: 0, y: 0 };

const make = (name, attributes, parent) => {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent?.append(node);
  return node;
};
const side = (joint) => (joint.startsWith("right") ? "right" : joint.startsWith("left") ? "left" : "middle");
const spoken = (joint) => joint.replaceAll("_", " ");

let image, shade, limbs, joints;

export function setUp(described, tell) {
  about = described;
  report = tell;
  const [height, width] = about.size, bones = about.skeleton;
  svg.replaceChildren();
  image = make("image", { x: -0.5, y: -0.5, width, height, preserveAspectRatio: "none" }, svg);
  shade = make("rect", { x: -0.5, y: -0.5, width, height, class: "shade" }, svg);
  const unit = height / 128;
  limbs = bones.limbs.map(([a, b]) => make("line", {
    class: `limb ${side(bones.joints[b] === "neck" ? bones.joints[a] : bones.joints[b])}`,
    "stroke-width": 1.5 * unit }, svg));
  joints = bones.joints.map((joint, k) => {
    const group = make("g", { class: `joint ${side(joint)}`, tabindex: 0, role: "button", "data-joint": joint }, svg);
    make("circle", { r: (/eye|ear|nose|face|finger|thumb/.test(joint) ? 1.0 : 1.55) * unit, "stroke-width": 0.45 * unit }, group);
    group.addEventListener("focus", () => { if (!selected.has(k)) select([k]); });
    return group;
  });
  view();
}

export function show(picture) { background = picture; paint(); }

// What is selected; announced by the buttons that act on it.
function select(some) {
  selected = new Set(some);
  $("#all").setAttribute("aria-pressed", selected.size > 1);
  paint();
}
const everything = () => pose().map((_, k) => k);

function paint() {
  if (!store.doc || !image) return;
  const now = pose();
  const behind = store.view.mode === "photo" || !background ? store.doc.person.picture : background;
  if (image.getAttribute("href") !== behind) image.setAttribute("href", behind);
  about.skeleton.limbs.forEach(([a, b], n) => {
    const there = now[a][2] > 0 && now[b][2] > 0;
    limbs[n].toggleAttribute("hidden", !there);
    if (there) for (const [key, value] of [["x1", now[a][0]], ["y1", now[a][1]], ["x2", now[b][0]], ["y2", now[b][1]]]) limbs[n].setAttribute(key, value);
  });
  joints.forEach((group, k) => {
    const [x, y, v] = now[k], name = spoken(about.skeleton.joints[k]);
    group.toggleAttribute("hidden", !(v > 0));
    group.setAttribute("transform", `translate(${x} ${y})`);
    group.setAttribute("aria-label", `${name}, at ${x.toFixed(0)}, ${y.toFixed(0)}`);
    group.setAttribute("aria-pressed", selected.has(k));
    group.classList.toggle("selected", selected.has(k));
    group.classList.toggle("occluded", v > 0 && v < 1);
  });
  $("#undo").disabled = !store.past.length;
  $("#redo").disabled = !store.future.length;
  missing(now);
}

// The joints that are hidden, each with a button that shows it again.
function missing(now) {
  const box = $("#hidden"), gone = now.flatMap(([, , v], k) => (v > 0 ? [] : [k]));
  if (box.dataset.gone === String(gone)) return;
  box.dataset.gone = gone;
  box.hidden = !gone.length;
  box.replaceChildren(gone.length ? "Hidden: " : "");
  for (const k of gone) {
    const button = document.createElement("button");
    button.textContent = spoken(about.skeleton.joints[k]);
    button.title = "Show it again";
    button.onclick = () => change((p) => shown(p, [k], true, about.skeleton.grips, about.size));
    box.append(button);
  }
}

// Change the pose in one step that can be undone.
function change(how) { drag(posed(rounded(how(pose()))), true); }

function place(event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [at.x, at.y];
}
const perPixel = () => 1 / svg.getScreenCTM().a;

function nearest([x, y]) {
  let best = -1, least = REACH * perPixel();
  pose().forEach(([jx, jy, v], k) => {
    const away = Math.hypot(jx - x, jy - y);
    if (v > 0 && away < least) { best = k; least = away; }
  });
  return best;
}

svg.addEventListener("pointerdown", (event) => {
  if (event.button || !store.doc) return;
  const at = place(event), joint = nearest(at);
  const whole = selected.size > 1;
  if (joint < 0 && !whole && zoom.scale === 1) { select([]); return; }
  event.preventDefault();
  svg.setPointerCapture(event.pointerId);
  held = { joint, at, whole, start: pose(), first: true, pan: joint < 0 && !whole, screen: [event.clientX, event.clientY] };
  if (joint >= 0 && !whole) { select([joint]); joints[joint].focus({ preventScroll: true }); }
});

svg.addEventListener("pointermove", (event) => {
  if (!held) return;
  if (held.pan) {
    zoom.x -= (event.clientX - held.screen[0]) * perPixel();
    zoom.y -= (event.clientY - held.screen[1]) * perPixel();
    held.screen = [event.clientX, event.clientY];
    view();
    return;
  }
  const [x, y] = place(event), [sx, sy] = held.at;
  const { joint, start } = held;
  const next = held.whole
    ? moved(start, everything(), x - sx, y - sy)
    : dragged(start, joint, [start[joint][0] + x - sx, start[joint][1] + y - sy],
      about.skeleton.grips[joint], event.shiftKey || store.view.mode === "photo");
  store.dragged = performance.now();
  drag(posed(rounded(next)), held.first);
  held.first = false;
});
for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { held = null; });

svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  magnify(Math.exp(-event.deltaY / 400), place(event));
}, { passive: false });

function magnify(factor, [x, y]) {
  const before = zoom.scale;
  zoom.scale = Math.min(8, Math.max(1, before * factor));
  zoom.x = x + 0.5 - (x + 0.5 - zoom.x) * (before / zoom.scale); // the view begins half a pixel before
  zoom.y = y + 0.5 - (y + 0.5 - zoom.y) * (before / zoom.scale);
  view();
}

// A little is seen beyond the picture's edge, so that a joint there can be taken hold of.
function view() {
  const [height, width] = about.size, edge = EDGE * height;
  const wide = (width + 2 * edge) / zoom.scale, high = (height + 2 * edge) / zoom.scale;
  zoom.x = Math.min(Math.max(zoom.x, -edge), width + edge - wide);
  zoom.y = Math.min(Math.max(zoom.y, -edge), height + edge - high);
  svg.setAttribute("viewBox", `${zoom.x - 0.5} ${zoom.y - 0.5} ${wide} ${high}`);
  $("#out").disabled = zoom.scale === 1;
}

async function edited(what, factor = 1) {
  try {
    const answer = await json("/api/edit", { what, factor, pose: pose() });
    drag(posed(answer.pose), true);
  } catch (error) { report(error); }
}

function hide() {
  if (!selected.size) return;
  const some = [...selected];
  change((p) => shown(p, some, false, about.skeleton.grips, about.size));
  select([]);
}
const whole = () => select(selected.size > 1 ? [] : everything());
const centre = () => [zoom.x + about.size[1] / zoom.scale / 2, zoom.y + about.size[0] / zoom.scale / 2];

const actions = {
  undo, redo, hide, all: whole,
  mirror: () => edited("mirror"),
  smaller: () => edited("scale", 0.95),
  larger: () => edited("scale", 1 / 0.95),
  reset: () => drag(posed(store.doc.person.pose), true),
  in: () => magnify(1.5, centre()),
  out: () => magnify(1 / 1.5, centre()),
};
for (const [id, act] of Object.entries(actions)) $(`#${id}`).addEventListener("click", act);
for (const input of document.querySelectorAll("input[name=mode]")) {
  input.addEventListener("change", () => look({ mode: input.value }));
}

const keys = { m: "mirror", a: "all", h: "hide", "[": "smaller", "]": "larger", "+": "in", "-": "out" };
const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

document.addEventListener("keydown", (event) => {
  if (!store.doc || event.target.closest("dialog, input[type=number], input[type=text], select")) return;
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key.toLowerCase() === "z") { event.preventDefault(); (event.shiftKey ? redo : undo)(); }
  else if (command && event.key.toLowerCase() === "y") { event.preventDefault(); redo(); }
  else if (!command && !event.altKey && svg.contains(event.target)) onSkeleton(event);
});

function onSkeleton(event) {
  const arrow = arrows[event.key];
  if (arrow && selected.size) {
    event.preventDefault();
    const [dx, dy] = arrow.map((d) => d * about.size[0] / 128 * (event.shiftKey ? 5 : 1));
    const [joint] = selected, grip = about.skeleton.grips[joint];
    change((p) => (selected.size > 1 ? moved(p, [...selected], dx, dy)
      : dragged(p, joint, [p[joint][0] + dx, p[joint][1] + dy], grip, store.view.mode === "photo")));
  } else if (event.key === "Escape") select([]);
  else if (keys[event.key]) { event.preventDefault(); actions[keys[event.key]](); }
}

onChange(() => {
  const input = document.querySelector(`input[name=mode][value=${store.view.mode}]`);
  input.checked = true;
  paint();
});
