"""The page in a real browser, where there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

from posegen.evaluation.record import read
from posegen.reports.page import make_report
from posegen.reports.subjects import open_subjects

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--virtual-time-budget=2000",
)

pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium here")

ACT = """
<script>
const form = document.querySelector(".controls"), steps = [];
const look = () => steps.push([...document.querySelectorAll(".card")]
  .filter((card) => card.checkVisibility()).map((card) => card.dataset.name));
const set = (name, value) => {
  form.elements[name].value = value;
  form.elements[name].dispatchEvent(new Event("change", {bubbles: true}));
  form.elements[name].dispatchEvent(new Event("input", {bubbles: true}));
};
look();
set("sort", "first:l1"); look();
set("order", "best"); look();
set("reason", "random"); look();
set("reason", ""); set("name", "NO SUCH NAME"); look();
const page = document.documentElement;
parent.postMessage(JSON.stringify({
  steps, told: form.querySelector("output").value, hidden: form.hidden,
  wide: page.scrollWidth - page.clientWidth, inner: window.innerWidth,
  broken: [...document.images].filter((image) => image.loading !== "lazy" && !image.naturalWidth)
    .length,
}), "*");
</script>
</body>
"""

# A window is never narrower than 500 pixels; a frame can be.
FRAME = """
<iframe src="page.html" width="{width}" height="900" style="border: 0"></iframe>
<script>onmessage = (event) => {{ document.title = event.data; }};</script>
<title></title>
"""


@pytest.mark.parametrize("width", [390, 1200])
def test_the_gallery_can_be_sorted_and_filtered(trained, results, tmp_path, width):
    made = make_report(open_subjects([trained, results]), gallery=9)
    (tmp_path / "page.html").write_text(made.html.replace("</body>", ACT), encoding="utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.format(width=width))
    own = f"--user-data-dir={tmp_path}/user", "--window-size=1300,1000"
    done = subprocess.run(
        [BROWSER, *FLAGS, *own, "--dump-dom", frame.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title is not None
    found = json.loads(unescape(title.group(1)))
    assert found["inner"] == width
    assert found["hidden"] is False
    assert found["wide"] == 0, "the page itself must not scroll sideways"
    assert found["broken"] == 0

    evaluation = read(trained)
    l1 = dict(zip(map(" ".join, evaluation.names), evaluation.protocols[0].per_image["patn"]["l1"],
                  strict=True))  # fmt: skip
    chosen, worst, best, random, nothing = found["steps"]
    assert len(chosen) == 9
    assert worst == sorted(chosen, key=lambda name: -l1[name])
    assert best == worst[::-1]
    assert random == [name for name in best if name in chosen[6:]]
    assert nothing == []
    assert found["told"] == "0 of 9"
