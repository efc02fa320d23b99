"""What one makes on the page, in a real browser: photos, clips, comparisons."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from studio_page import (
    RESULT,
    Server,
    at,
    document,
    drag,
    needs_browser,
    opened,
    picture,
    serial,
    settled,
)

pytestmark = needs_browser

#: Brings the timeline to a frame, as a drag of its slider does.
SCRUB = """(frame) => {
  const scrub = document.querySelector("#scrub");
  scrub.value = frame;
  scrub.dispatchEvent(new Event("input"));
}"""


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


def test_between_keys_the_pose_is_interpolated_and_files_hold_the_frames(page: Any) -> None:
    start = document(page)["doc"]["keys"][0]["pose"]
    page.click("#add-key")
    drag(page, "left_wrist", 40, -120)
    first, second = document(page)["doc"]["keys"]
    assert (first["at"], second["at"]) == (0, 12)
    assert first["pose"] == start
    before, places = serial(page), [at(page, "left_wrist")]
    for frame in (6, 0):
        page.evaluate(SCRUB, frame)
        settled(page, before)
        before = serial(page)
        places.append(at(page, "left_wrist"))
    (_, end), (_, middle), (_, begin) = places
    assert end < middle < begin, "half-way at half time"
    page.select_option("#format", "png")
    with page.expect_download() as download:
        page.click("#export")
    with zipfile.ZipFile(download.value.path()) as pictures:
        assert len([name for name in pictures.namelist() if name.endswith(".png")]) == 13
    page.select_option("#format", "mp4")
    page.fill("#scale", "2")
    page.locator("#scale").press("Enter")
    with page.expect_download() as download:
        page.click("#export")
    av = pytest.importorskip("av")
    with av.open(str(download.value.path())) as clip:
        frames = list(clip.decode(video=0))
    assert len(frames) == 13
    assert (frames[0].width, frames[0].height) == (128, 256)


def test_a_run_is_seen_while_it_is_written(context: Any, small: list[Path], tmp_path: Path) -> None:
    run = tmp_path / "mine"
    (run / "samples").mkdir(parents=True)
    shutil.copytree(small[0], run / "weights")
    (run / "config.toml").write_text('model = "patn"\n')
    log = run / "metrics.jsonl"
    log.write_text('{"step": 1, "generator/l1": 0.9}\n')
    server = Server(str(run), "--port", "0")
    try:
        page = opened(context, server.address)
        page.wait_for_selector("#charts figure")
        assert page.inner_text("#run-title") == "Run mine"
        assert "0.9" in page.inner_text("#charts figure")
        Image.new("RGB", (64, 64), (9, 99, 9)).save(run / "samples" / "step-00000002.png")
        with log.open("a") as file:
            file.write('{"step": 2, "generator/l1": 0.5, "test/ssim": 0.4}\n')
        page.wait_for_function("() => document.querySelectorAll('#charts figure').length === 2")
        assert "0.5000 · step 2" in page.inner_text("#charts figure >> nth=0")
        page.wait_for_selector("#grid:visible")
        assert page.get_attribute("#grid", "alt") == "Sample grid step-00000002.png"
        before = serial(page)
        shutil.rmtree(run / "weights")
        shutil.copytree(small[1], run / "weights")
        made = picture(page).tobytes()
        page.click("#try")
        page.wait_for_function(
            "() => document.querySelector('#status').textContent.includes('step 10')"
        )
        settled(page, before)
        assert picture(page).tobytes() != made, "other weights make another picture"
    finally:
        server.stop()
