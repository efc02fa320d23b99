// One picture after the other: seen for a second, judged by a key.

import { json, on } from "./api.js";

const $ = (id) => document.querySelector(id);
const KEY = "posegen-study";
const keys = { r: "real", ArrowLeft: "real", g: "generated", ArrowRight: "generated" };
let about, participant = "", due = null, began = 0, timer = 0, ready = false;

function show(name) {
  for (const id of ["start", "ask", "end"]) $(`#${id}`).hidden = id !== name;
}

function report(text) {
  $("#status").textContent = text;
  $("#status").classList.toggle("bad", text !== "");
}

const cue = (text) => { $("#cue").textContent = text; };
const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

// What is asked next; between the parts somebody may rest.
async function go(state) {
  due = state;
  $("#progress").value = state.place;
  $("#progress").max = about.pictures;
  if (state.picture === null) {
    sessionStorage.removeItem(KEY);
    show("end");
    return;
  }
  show("ask");
  const image = $("#picture");
  image.hidden = true;
  image.src = state.picture;
  await image.decode();
  if (state.first || !began) await pause(state);
  cue("");
  // From the frame on in which it is there.
  requestAnimationFrame((now) => {
    image.hidden = false;
    $("#stage").dataset.place = state.place;
    began = now;
    ready = true;
    timer = setTimeout(() => { image.hidden = true; cue("Real or generated?"); }, 1000 * about.seconds);
  });
}

function pause(state) {
  const part = about.rounds > 1 ? `Part ${state.round} of ${about.rounds}. ` : "";
  const practice = state.practice ? "The first ones are for practice. " : "";
  cue(`${part}${practice}Press a key, or here, when you are ready.`);
  return new Promise((start) => {
    const listening = new AbortController();
    const begin = (event) => {
      if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.key === "Tab") return;
      event.preventDefault();
      listening.abort();
      setTimeout(start, 400);
    };
    document.addEventListener("keydown", begin, { signal: listening.signal });
    $("#stage").addEventListener("click", begin, { signal: listening.signal });
  });
}

async function answered(answer) {
  if (!ready) return;
  ready = false;
  const milliseconds = Math.round(performance.now() - began);
  clearTimeout(timer);
  $("#picture").hidden = true;
  cue("");
  for (const id of ["real", "generated"]) $(`#${id}`).classList.toggle("chosen", id === answer);
  setTimeout(() => $(`#${answer}`).classList.remove("chosen"), 150);
  const state = await sent("/api/answer", { participant, place: due.place, answer, milliseconds });
  if (state) await go(state);
}

// An answer is not lost where the server does not answer: it is sent again when it is back.
async function sent(path, body) {
  try {
    const state = await json(path, body);
    report("");
    return state;
  } catch (error) {
    report(error.message);
    if (error.status === 409) return sent("/api/next", { participant });  // another tab has answered
    if (error.status === 422) return null;
    await new Promise((back) => { if (error.status === 0 || error.status === 401) on("back", back); else setTimeout(back, 2000); });
    return sent(path, body);
  }
}

document.addEventListener("keydown", (event) => {
  const answer = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!answer || event.repeat || event.ctrlKey || event.altKey || event.metaKey || $("#ask").hidden) return;
  event.preventDefault();
  answered(answer);
});
for (const id of ["real", "generated"]) $(`#${id}`).onclick = () => answered(id);

$("#who").onsubmit = async (event) => {
  event.preventDefault();
  participant = $("#code").value.trim();
  if (!participant) return;
  sessionStorage.setItem(KEY, participant);
  const state = await sent("/api/next", { participant });
  if (state) await go(state);
};

on("lost", report);
on("back", () => report(""));

history.replaceState(null, "", "/");
try {
  about = await json("/api/about");
  $("#count").textContent = about.pictures;
  $("#seconds").textContent = count(about.seconds, "second");
  const { practice, rounds } = about, each = rounds > 1 ? ` of each of the ${rounds} parts` : "";
  if (practice) $("#practising").textContent = `For practice: the first ${count(practice, "picture")}${each}.`;
  $("#code").value = sessionStorage.getItem(KEY) || "";
  $("#code").focus();
  document.documentElement.dataset.ready = "";
} catch (error) { report(error.message); }
