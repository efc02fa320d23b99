"""What one makes on the page, in a real browser: photos, clips, comparisons."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from PIL import Image
from studio_page import (
    RESULT,
    Server,
    document,
    drag,
    needs_browser,
    opened,
    picture,
    serial,
    settled,
)

pytestmark = needs_browser


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
