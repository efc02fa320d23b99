"""Dragging on the canvas, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import ImageChops
from studio_page import at, document, drag, needs_browser, picture, serial, settled

pytestmark = needs_browser


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
