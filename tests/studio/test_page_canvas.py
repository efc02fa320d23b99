"""Dragging on the canvas, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import ImageChops
from studio_page import at, document, drag, needs_browser, picture, serial, settled

from posegen.core.skeletons import OPENPOSE18

pytestmark = needs_browser


def test_a_dragged_hand_takes_the_arm_along_and_the_picture_follows(page: Any) -> None:
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


def points(page: Any) -> list[list[float]]:
    """The pose on the canvas."""
    pose: list[list[float]] = document(page)["doc"]["keys"][0]["pose"]
    return pose


def test_with_shift_a_limb_changes_its_length(page: Any) -> None:
    before = points(page)
    page.keyboard.down("Shift")
    drag(page, "left_elbow", 40, 30)
    page.keyboard.up("Shift")
    after = points(page)
    moved = [[round(a[i] - b[i], 1) for i in (0, 1)] for a, b in zip(after, before, strict=True)]
    elbow, wrist = (OPENPOSE18.joints.index(f"left_{joint}") for joint in ("elbow", "wrist"))
    assert moved[elbow] == moved[wrist] != [0, 0], "what hangs on it comes along"
    assert [n for n, by in enumerate(moved) if by != [0, 0]] == sorted([elbow, wrist])


def test_the_whole_figure_is_mirrored_moved_and_scaled(page: Any) -> None:
    start = points(page)

    def pressed(key: str, count: int = 1) -> list[list[float]]:
        before = serial(page)
        for _ in range(count):
            page.keyboard.press(key)
        settled(page, before)
        return points(page)

    page.locator("[data-joint=neck]").focus()
    mirrored = pressed("m")
    left = OPENPOSE18.joints.index("left_wrist")
    assert mirrored[left] != start[left]
    assert pressed("m") == start, "and back again"
    page.keyboard.press("a")
    assert page.get_attribute("#all", "aria-pressed") == "true"
    moved = pressed("ArrowRight", 3)
    assert [round(a[0] - b[0], 2) for a, b in zip(moved, start, strict=True) if b[2]] == [
        3.0 for b in start if b[2]
    ]
    drag(page, "neck", -30, 0)
    dragged = points(page)
    assert len({round(a[0] - b[0], 1) for a, b in zip(dragged, moved, strict=True) if b[2]}) == 1
    smaller = pressed("[")
    heights = [
        max(p[1] for p in pose if p[2]) - min(p[1] for p in pose if p[2])
        for pose in (dragged, smaller)
    ]
    assert heights[1] == pytest.approx(0.95 * heights[0], rel=0.01)


def test_zoom_leaves_a_drag_where_the_mouse_is(page: Any) -> None:
    x, y = at(page, "nose")
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    assert page.is_enabled("#out")
    assert at(page, "nose") == pytest.approx((x, y), abs=2), "it grows about the mouse"
    wide = page.locator("#canvas image").bounding_box()["width"]
    drag(page, "nose", 25, 10)
    assert at(page, "nose")[0] == pytest.approx(x + 25, abs=12)
    for _ in range(6):
        page.click("#out", force=True)
    assert page.is_disabled("#out")
    assert page.locator("#canvas image").bounding_box()["width"] < 0.6 * wide


def test_a_hidden_joint_is_not_asked_of_the_model(page: Any) -> None:
    asked: list[Any] = []
    page.on(
        "request",
        lambda r: asked.append(r.post_data_json) if r.url.endswith("/generate") else None,
    )
    page.locator("[data-joint=left_elbow]").focus()
    before = serial(page)
    page.click("#hide")
    settled(page, before)
    gone = {n for n, (_, _, v) in enumerate(asked[-1]["poses"][0]) if v == 0}
    assert OPENPOSE18.joints.index("left_elbow") in gone
    assert "left elbow" in page.inner_text("#hidden")
