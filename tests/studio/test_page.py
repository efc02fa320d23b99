"""The page in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageChops

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), "")
if not BROWSER:
    pytest.skip("no Chromium here: apt-get install chromium", allow_module_level=True)
pytest.importorskip("starlette")
playwright = pytest.importorskip("playwright.sync_api")

RESULT = "figure.result"
WAIT = 120_000


class Server:
    """`posegen studio` as a process of its own."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "posegen", "studio", *options]
        env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert "?token=" in self.address
        self.port = str(urlsplit(self.address).port)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    one = Server("--port", "0")
    yield one
    one.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        one = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    one = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    one.set_default_timeout(WAIT)
    yield one
    one.close()


@pytest.fixture
def page(context: Any, server: Server) -> Any:
    return opened(context, server.address)


def opened(context: Any, address: str) -> Any:
    """Open the studio, and let a mistake in its scripts fail the test."""
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page: {error}"))
    page.goto(address)
    page.wait_for_selector(f"{RESULT}:not([data-serial='0'])")
    return page


def at(page: Any, joint: str) -> tuple[float, float]:
    """The middle of a joint on the screen."""
    box = page.locator(f"[data-joint={joint}] circle").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def serial(page: Any, model: int = 0) -> int:
    return int(page.locator(f"{RESULT}[data-model='{model}']").get_attribute("data-serial"))


def settled(page: Any, before: int, model: int = 0) -> None:
    """Wait for the picture of the last change: one after `before`, and none that follows it."""
    page.wait_for_function(
        "([n, m]) => +document.querySelector(`figure.result[data-model='${m}']`)"
        ".dataset.serial > n",
        arg=[before, model],
    )
    last = -1
    while last != (now := serial(page, model)):
        last = now
        page.wait_for_timeout(400)


def drag(page: Any, joint: str, dx: float, dy: float, steps: int = 5) -> None:
    before, (x, y) = serial(page), at(page, joint)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=steps)
    page.mouse.up()
    settled(page, before)


def picture(page: Any, selector: str = f"{RESULT} img") -> Image.Image:
    url = page.locator(selector).first.get_attribute("src")
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")


def document(page: Any) -> dict[str, Any]:
    page.wait_for_timeout(300)  # it is kept a moment after the change
    tree: dict[str, Any] = json.loads(page.evaluate("sessionStorage.getItem('posegen-studio')"))
    return tree


def test_a_dragged_hand_takes_the_arm_along_and_the_picture_follows(page: Any) -> None:
    from posegen.core.skeletons import OPENPOSE18
    from posegen.data.posing import build_finder
    from posegen.inference.grids import as_tensor

    before = picture(page)
    shoulder = at(page, "left_shoulder")
    length = at(page, "left_elbow"), at(page, "left_wrist")
    drag(page, "left_wrist", 60, -250)
    wrist, elbow = at(page, "left_wrist"), at(page, "left_elbow")

    def far(a: tuple[float, float], b: tuple[float, float]) -> float:
        return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)

    assert far(wrist, elbow) == pytest.approx(far(*length), rel=0.03), "limbs keep their length"
    assert at(page, "left_shoulder") == pytest.approx(shoulder, abs=0.5)
    assert wrist[1] < shoulder[1], "the hand is raised"
    after = picture(page)
    assert ImageChops.difference(before, after).getbbox() is not None
    large = as_tensor(after.resize((256, 512)))
    found = build_finder("movenet", {})([large])[0][0]
    pose = document(page)["doc"]["keys"][0]["pose"]
    for joint, reach in (("left_elbow", 10), ("left_wrist", 12)):
        number = OPENPOSE18.joints.index(joint)
        assert float(found[number, 2]) > 0
        x, y = ((found[number, :2] + 0.5) / 4 - 0.5).tolist()
        assert abs(x - pose[number][0]) + abs(y - pose[number][1]) < reach, joint


def test_undo_and_redo_are_exact(page: Any) -> None:
    start, first = document(page)["doc"], picture(page)
    drag(page, "right_ankle", -20, -20)
    moved, second = document(page)["doc"], picture(page)
    assert moved != start
    before = serial(page)
    page.keyboard.press("Control+z")
    settled(page, before)
    assert document(page)["doc"] == start
    assert picture(page).tobytes() == first.tobytes()
    before = serial(page)
    page.keyboard.press("Control+Shift+Z")
    settled(page, before)
    assert document(page)["doc"] == moved
    assert picture(page).tobytes() == second.tobytes()


def test_by_the_keyboard_alone(page: Any) -> None:
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.joint") == "right_wrist":
            break
    assert page.evaluate("document.activeElement.dataset.joint") == "right_wrist"
    x, y = at(page, "right_wrist")
    before = serial(page)
    for _ in range(4):
        page.keyboard.press("ArrowUp")
    settled(page, before)
    assert at(page, "right_wrist")[1] < y - 8
    page.keyboard.press("h")
    assert page.locator("#hidden button").all_inner_texts() == ["right wrist"]
    assert document(page)["doc"]["keys"][0]["pose"][4][2] == 0
    page.locator("#hidden button").focus()
    page.keyboard.press("Enter")
    assert at(page, "right_wrist")[0] == pytest.approx(x, abs=15)
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select, [tabindex=\"0\"]')].filter((e) =>"
        " e.checkVisibility() && !(e.ariaLabel || e.innerText?.trim() || e.labels?.length"
        " || e.querySelector('img')?.alt || e.id === 'shell' || e.id === 'python'))"
        ".map((e) => e.outerHTML)"
    )
    assert unnamed == []


def test_a_photo_is_taken_in_and_its_pose_found(page: Any, photo: bytes) -> None:
    before = serial(page)
    page.set_input_files("#file", {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": photo})
    settled(page, before)
    assert picture(page, "#source img").size == (64, 128)
    assert document(page)["doc"]["keys"][0]["pose"][0][2] == 1
    page.set_input_files(
        "#file", {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"}
    )
    page.wait_for_selector("#status.bad")
    assert "not readable" in page.inner_text("#status")
    assert picture(page, "#source img").size == (64, 128), "the last person stays"


def test_a_motion_plays_and_is_exported(page: Any) -> None:
    page.select_option("#motion", "wave")
    page.wait_for_function("() => +document.querySelector('#scrub').value > 2")
    page.click("#play")
    page.fill("#scale", "1")
    for format, check in (("webp", "WEBP"), ("gif", "GIF")):
        page.select_option("#format", format)
        with page.expect_download() as download:
            page.click("#export")
        with Image.open(download.value.path()) as clip:
            assert clip.format == check
            assert clip.n_frames > 20
    page.select_option("#format", "json")
    with page.expect_download() as download:
        page.click("#export")
    with zipfile.ZipFile(download.value.path()) as poses:
        assert "poses/pose_0000.json" in poses.namelist()
    page.select_option("#format", "webp")
    page.click("#command")
    page.wait_for_selector("dialog[open]")
    assert page.inner_text("#shell").startswith("posegen generate --weights people-limbs-128x64 ")
    assert "write_clip" in page.inner_text("#python")


def test_a_reload_loses_nothing_and_tabs_do_not_meet(
    context: Any, page: Any, server: Server
) -> None:
    drag(page, "left_wrist", 30, -60)
    page.click("#add-key")
    before = document(page)
    other = opened(context, server.address)
    drag(other, "right_wrist", -30, -60)
    page.reload()
    page.wait_for_selector(f"{RESULT}:not([data-serial='0'])")
    after = document(page)
    assert after["doc"] == before["doc"]
    assert after["past"] == before["past"]
    assert document(other)["doc"] != after["doc"]
    assert page.url.endswith(f":{server.port}/"), "the token is not left in the address"


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(browser: Any, server: Server, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, has_touch=width < 600
    )
    page = opened(context, server.address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground, ink = page.evaluate(
        "['backgroundColor', 'color'].map((k) => getComputedStyle(document.body)[k]"
        ".match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0))"
    )
    assert (ground > ink) == (scheme == "light")
    canvas, result = (page.locator(s).first.bounding_box() for s in ("#canvas", f"{RESULT} img"))
    assert abs(canvas["y"] - result["y"]) < 60, "the picture is beside the skeleton"
    context.close()


def test_nothing_leaves_the_machine(context: Any, server: Server) -> None:
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = opened(context, server.address)
    drag(page, "left_wrist", 30, -60)
    page.click("text=attention")
    page.wait_for_selector("img.over:visible")
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {f"localhost:{server.port}"}


def test_a_slow_model_is_not_asked_for_every_step(page: Any) -> None:
    asked: list[Any] = []

    def slowly(route: Any) -> None:
        asked.append(route.request.post_data_json["poses"][0])
        page.wait_for_timeout(300)
        route.continue_()

    page.route("**/api/generate", slowly)
    drag(page, "left_wrist", 80, -120, steps=40)
    assert 2 <= len(asked) < 15
    last = document(page)["doc"]["keys"][0]["pose"]
    assert asked[-1] == last, "the newest wins"


def test_the_server_may_die_and_come_back(context: Any) -> None:
    first = Server("--port", "0")
    page = opened(context, first.address)
    drag(page, "left_wrist", 30, -60)
    before, good = document(page)["doc"], picture(page).tobytes()
    first.stop()
    x, y = at(page, "right_wrist")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 20, y - 40, steps=3)
    page.mouse.up()
    page.wait_for_selector("#status.bad")
    assert "start it again" in page.inner_text("#status")
    assert picture(page).tobytes() == good, "the last good picture stays"
    second = Server("--port", first.port)
    try:
        count = serial(page)
        context.new_page().goto(second.address)  # its token, which the old tab shares
        settled(page, count)
        assert page.locator("#status.bad").count() == 0
        assert document(page)["doc"] != before
        assert picture(page).tobytes() != good
    finally:
        second.stop()


def test_models_stand_side_by_side(context: Any, small: list[Path]) -> None:
    server = Server("--port", "0", *(f"--weights={path}" for path in small))
    try:
        page = opened(context, server.address)
        page.get_by_label("two").check()
        page.wait_for_selector(f"{RESULT}[data-model='1']:not([data-serial='0'])")
        before = serial(page, 1)
        drag(page, "left_wrist", 20, -60)
        settled(page, before, 1)
        labels = page.locator(f"{RESULT} figcaption").all_inner_texts()
        assert [text.split()[0] for text in labels] == ["one", "two"]
        assert all("ms" in text for text in labels)
        page.fill("#count", "8")
        page.click("#score")
        page.wait_for_function("() => document.querySelectorAll('#pairs-body tr').length === 8")
        scores = [float(t) for t in page.locator("#pairs-body td:nth-child(3)").all_inner_texts()]
        assert scores == sorted(scores), "the worst first"
        page.locator("#pairs-body tr").first.click()
        page.wait_for_selector("#target:visible")
    finally:
        server.stop()
