// What is made on the page: a document with undo and redo, kept over a reload.
//
// doc   the person (picture, pose), the key poses in time, pace; every change can be undone
// view  what is looked at: frame, models, overlay; never undone
//
// A tab keeps its own; a new tab begins with what was made last.

const KEY = "posegen-studio";
const MOST = 60;

export const store = {
  doc: null, past: [], future: [], track: [], busy: false,
  view: { frame: 0, mode: "wanted", overlay: "", models: [0], format: "webp", scale: 3 },
};
const listeners = [];
export function onChange(listener) { listeners.push(listener); }
function tell(what) { for (const listener of listeners) listener(what); save(); }

export function commit(changes) {
  if (store.doc) store.past = [...store.past, store.doc].slice(-MOST);
  store.future = [];
  store.doc = { ...store.doc, ...changes };
  tell("doc");
}

// While something is dragged: `before` is kept for undo by the first call.
export function drag(changes, first) {
  if (first) commit(changes);
  else { store.doc = { ...store.doc, ...changes }; tell("doc"); }
}

export function look(changes) { Object.assign(store.view, changes); tell("view"); }

export function undo() { step(store.past, store.future); }
export function redo() { step(store.future, store.past); }
function step(from, to) {
  if (!from.length) return;
  to.push(store.doc);
  store.doc = from.pop();
  store.view.frame = Math.min(store.view.frame, last());
  tell("doc");
}

export const last = () => (store.doc ? store.doc.keys.at(-1).at : 0);
export const keyAt = (frame) => store.doc.keys.find((key) => key.at === frame);

export function pose() {
  if (store.view.mode === "photo") return store.doc.person.pose;
  const { frame } = store.view, key = keyAt(frame);
  if (key) return key.pose;
  const first = store.doc.keys[0].at;
  return store.track[frame - first] || store.doc.keys.filter((k) => k.at <= frame).at(-1)?.pose
    || store.doc.keys[0].pose;
}

// The changes of a document by which the pose that is edited becomes another.
export function posed(changed) {
  const { doc, view } = store;
  if (view.mode === "photo") return { person: { ...doc.person, pose: changed } };
  const rest = doc.keys.filter((key) => key.at !== view.frame);
  const keys = [...rest, { at: view.frame, pose: changed }].sort((a, b) => a.at - b.at);
  return { keys };
}

// Pictures are written once, however many steps of the history have them.
function packed() {
  const pictures = [];
  const number = (picture) => {
    const at = pictures.indexOf(picture);
    return at < 0 ? pictures.push(picture) - 1 : at;
  };
  const place = (doc) => ({
    ...doc, person: { ...doc.person, picture: number(doc.person.picture) }, target: number(doc.target ?? null),
  });
  const { doc, past, future, view } = store;
  const tree = { doc: place(doc), past: past.map(place), future: future.map(place), view };
  return JSON.stringify({ ...tree, pictures });
}

let timer = 0;
function save() {
  clearTimeout(timer);
  timer = setTimeout(write, 150);
}
function write() {
  if (!store.doc) return;
  for (const storage of [sessionStorage, localStorage]) {
    try { storage.setItem(KEY, packed()); } catch { /* full, or not allowed: nothing is kept */ }
  }
}
addEventListener("pagehide", write);

export function restore(joints) {
  const text = sessionStorage.getItem(KEY) || localStorage.getItem(KEY);
  try {
    const { pictures, view, ...tree } = JSON.parse(text);
    const place = (doc) => ({
      ...doc, person: { ...doc.person, picture: pictures[doc.person.picture] }, target: pictures[doc.target],
    });
    const doc = place(tree.doc);
    if (doc.keys[0].pose.length !== joints || !doc.person.picture) return false;
    store.doc = doc;
    store.past = tree.past.map(place);
    store.future = tree.future.map(place);
    Object.assign(store.view, view);
    return true;
  } catch {
    return false;
  }
}
