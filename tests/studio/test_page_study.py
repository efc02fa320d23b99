"""The page of a user study in a real browser, from the command to the scores."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from small_study import COLOURS, small_study
from studio_page import WAIT, Server, needs_browser

pytestmark = needs_browser

KEYS = {"real": "r", "generated": "g"}

#: Notes when the picture comes, and when it goes.
WATCH = """() => {
  window.seen = [];
  new MutationObserver(() => seen.push(performance.now()))
    .observe(document.querySelector("#picture"), {attributeFilter: ["hidden"]});
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_study(tmp_path_factory.mktemp("studies") / "study", ("one", "two"), seconds=0.3)


@pytest.fixture(scope="module")
def survey(folder: Path) -> Iterator[Server]:
    one = Server(str(folder), "--port", "0", command="study run")
    yield one
    one.stop()


def begun(context: Any, survey: Server, code: str) -> Any:
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page: {error}"))
    page.goto(survey.address)
    page.wait_for_selector("html[data-ready]")
    page.fill("#code", code)
    page.keyboard.press("Enter")
    page.wait_for_selector("#ask:visible")
    return page


def kept(folder: Path, code: str) -> list[dict[str, Any]]:
    path = folder / "answers.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [one for one in map(json.loads, lines) if one["participant"] == code]


def shown(page: Any, place: int) -> None:
    """Wait until a picture has appeared; it may be gone again."""
    page.wait_for_selector(f"#stage[data-place='{place}']", timeout=WAIT)


def judge(page: Any, folder: Path, code: str, count: int) -> None:
    """Answer some pictures rightly, by the keys; rests between parts are ended."""
    for _ in range(count):
        before = len(kept(folder, code))
        if "Press a key" in page.inner_text("#cue"):
            page.keyboard.press("Space")
        shown(page, before)
        url = page.get_attribute("#picture", "src")
        with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as picture:
            true = next(k for k, colour in COLOURS.items() if picture.getpixel((0, 0)) == colour)
        page.keyboard.press(KEYS[true])
        until = time.monotonic() + 30
        while len(kept(folder, code)) == before and time.monotonic() < until:
            page.wait_for_timeout(20)
        assert len(kept(folder, code)) == before + 1
        page.wait_for_timeout(60)


def test_a_picture_is_seen_for_its_time_and_answered_by_a_key(
    context: Any, survey: Server, folder: Path
) -> None:
    page = begun(context, survey, "anna")
    assert "Part 1 of 2" in page.inner_text("#cue")
    assert page.locator("#picture:visible").count() == 0, "not before somebody is ready"
    page.evaluate(WATCH)
    page.keyboard.press("r")
    shown(page, 0)
    assert not kept(folder, "anna"), "the key that starts is no answer"
    page.wait_for_function("() => document.querySelector('#cue').textContent")
    assert page.inner_text("#cue") == "Real or generated?"
    came, went = page.evaluate("seen")
    assert 290 <= went - came < 1000
    page.keyboard.press("x")
    page.keyboard.press("g")
    page.wait_for_function("() => document.querySelector('#progress').value === 1")
    (answer,) = kept(folder, "anna")
    assert answer["answer"] == "generated"
    assert answer["milliseconds"] >= 290
    page.close()


def test_a_reload_and_another_participant_do_not_disturb_it(
    context: Any, survey: Server, folder: Path
) -> None:
    page = begun(context, survey, "ben")
    judge(page, folder, "ben", 3)
    other = begun(context, survey, "carla")
    judge(other, folder, "carla", 1)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.input_value("#code") == "ben"
    assert page.url.endswith(f":{survey.port}/"), "the token is not left in the address"
    page.keyboard.press("Enter")
    page.wait_for_selector("#ask:visible")
    judge(page, folder, "ben", 5)
    page.wait_for_selector("#end:visible")
    ids = [one["picture"] for one in kept(folder, "ben")]
    assert len(ids) == len(set(ids)) == 8
    assert len(kept(folder, "carla")) == 1
    command = [sys.executable, "-m", "posegen", "study", "score", str(folder), "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert found["participants"] == {"anna": 1, "ben": 8, "carla": 1}
    assert [one["r2g"]["wrong"] for one in found["models"]] == [0, 0]


def test_it_reads_well_on_a_phone_and_by_touch(browser: Any, survey: Server, folder: Path) -> None:
    for scheme, code in (("light", "dora"), ("dark", "emil")):
        context = browser.new_context(
            viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True
        )
        page = begun(context, survey, code)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        box = page.locator("#generated").bounding_box()
        assert box["y"] + box["height"] < 844, "the buttons are seen without scrolling"
        page.tap("#stage")
        shown(page, 0)
        page.tap("#real")
        page.wait_for_function("() => document.querySelector('#progress').value === 1")
        assert kept(folder, code)[0]["answer"] == "real"
        context.close()


def test_an_answer_outlives_the_server(context: Any, tmp_path: Path) -> None:
    folder = small_study(tmp_path / "study", seconds=0.2)
    first = Server(str(folder), "--port", "0", command="study run")
    page = begun(context, first, "anna")
    judge(page, folder, "anna", 1)
    first.stop()
    shown(page, 1)
    page.keyboard.press("g")
    page.wait_for_selector("#status.bad")
    assert "start it again" in page.inner_text("#status")
    second = Server(str(folder), "--port", first.port, command="study run")
    try:
        context.new_page().goto(second.address)  # its token, which the old tab shares
        page.wait_for_function("() => document.querySelector('#progress').value === 2")
        assert [one["answer"] for one in kept(folder, "anna")][1] == "generated"
        judge(page, folder, "anna", 2)
        page.wait_for_selector("#end:visible")
    finally:
        second.stop()
