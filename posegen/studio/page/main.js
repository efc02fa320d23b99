// The page begins here.

import { json, on } from "./api.js";
import * as canvas from "./canvas.js";
import * as people from "./people.js";
import * as results from "./results.js";
import * as pairs from "./pairs.js";
import * as run from "./run.js";
import { look, restore } from "./store.js";
import * as timeline from "./timeline.js";

const status = document.querySelector("#status");

// Say what is wrong (or, where `good`, what is done); null where all is well again.
let told = 0;
function report(trouble) {
  if (!trouble) {
    if (status.classList.contains("bad")) status.textContent = "";
    status.classList.remove("bad");
    return;
  }
  status.textContent = trouble.message;
  status.classList.toggle("bad", !trouble.good);
  clearTimeout(told);
  if (trouble.good) told = setTimeout(() => { status.textContent = ""; }, 4000);
}

const theme = document.querySelector("#theme");
const paint = (scheme) => { document.documentElement.style.colorScheme = scheme || ""; };
paint(localStorage.getItem("posegen-theme"));
theme.onclick = () => {
  const now = document.documentElement.style.colorScheme
    || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  localStorage.setItem("posegen-theme", next);
  paint(next);
};

function setUp(about) {
  canvas.setUp(about, report);
  results.setUp(about, report, canvas.show);
  timeline.setUp(about, report);
  pairs.setUp(about, report);
  run.setUp(about, report, (models) => {
    results.setUp({ ...about, models }, report, canvas.show);
    results.again();
  });
}

// The token is in a cookie by now, and need not stay in the address.
history.replaceState(null, "", "/");
on("lost", (sentence) => report({ message: sentence }));
on("back", (about) => {
  report({ message: "The studio is back.", good: true });
  setUp(about);
  look({});
  results.again();
});

try {
  const about = await json("/api/about");
  setUp(about);
  if (restore(about.skeleton.joints.length)) look({});
  document.documentElement.dataset.ready = "";
  await people.setUp(report);
} catch (error) { report(error); }
