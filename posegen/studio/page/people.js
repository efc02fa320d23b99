// Whom it is about: a person of the gallery, or one found in a photo.

import { json } from "./api.js";
import { commit, onChange, store } from "./store.js";

const COUNT = 9;
const $ = (id) => document.querySelector(id);
let report, photo = null;

export async function setUp(tell) {
  report = tell;
  const gallery = $("#gallery");
  for (let number = 0; number < COUNT; number++) {
    let scene;
    try { scene = await json(`/api/people/${number}`); } catch (error) {
      if (error.status !== 422) report(error);
      else if (!number) gallery.hidden = true;
      if (!store.doc) tell({ message: "No embedded people are installed: choose a photo." });
      return;
    }
    const button = document.createElement("button"), image = new Image();
    image.src = scene.picture;
    image.alt = `Embedded person ${number + 1}`;
    button.append(image);
    button.onclick = () => { photo = null; take(scene); };
    button.dataset.picture = scene.picture;
    gallery.append(button);
    if (!store.doc) take(scene);
    mark();
  }
}

// Put a person on the page; `target` is what a data set shows of them in the wanted pose.
export function take(scene, keys, target = null) {
  store.view.frame = 0;
  store.view.mode = "wanted";
  commit({
    person: { picture: scene.picture, pose: scene.pose },
    keys: keys || [{ at: 0, pose: scene.pose }], target,
    fps: store.doc?.fps || 25, smooth: store.doc?.smooth || false,
  });
}

function mark() {
  for (const button of $("#gallery").children) {
    button.setAttribute("aria-pressed", store.doc?.person.picture === button.dataset.picture);
  }
}
onChange(mark);

async function send(file, which = 0) {
  if (!file) return;
  if (!["image/jpeg", "image/png", "image/webp"].includes(file.type)) {
    report({ message: "This is no JPEG, PNG or WebP picture." });
    return;
  }
  photo = file;
  tell("Looking for the person…");
  try {
    const scene = await json(`/api/photo?person=${which}`, file, file.type);
    take(scene);
    if (!scene.people) {
      tell("Nobody is found: put the joints on the person under “in the photo”.");
      store.view.mode = "photo";
      commit({});
    } else tell(scene.people > 1 ? `Person ${scene.which + 1} of ${scene.people}.` : "", scene);
  } catch (error) {
    tell("");
    report(error);
  }
}

// A line below the photo; with several people, a way to the next.
function tell(text, scene) {
  const line = $("#found");
  line.hidden = !text;
  line.textContent = text;
  if (!scene || scene.people < 2) return;
  const button = document.createElement("button");
  button.textContent = "Next";
  button.onclick = () => send(photo, scene.which + 1);
  line.append(" ", button);
}

const drop = $("#drop");
$("#file").addEventListener("change", (event) => { send(event.target.files[0]); event.target.value = ""; });
drop.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); $("#file").click(); } });
addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
addEventListener("dragleave", () => drop.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  send(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files][0];
  if (file) { event.preventDefault(); send(file); }
});
