"""A detector that has learned from photographs finds the joints of the embedded people.

It is a test of both: of the detector as we run it, by joints that are known exactly; and of how
much the people look like people. The slow one gives the numbers in the README of posegen-movenet.
"""

from __future__ import annotations

import pytest

from posegen.api import dataset
from posegen.data.posing import build_finder
from posegen.poses import DEFAULT_DETECTOR

SIZE = (256, 176)
NEAR = 0.05 * SIZE[0]


def pck(look: str, people: int) -> float:
    """The part of the seen joints that are found within a twentieth of the picture's height."""
    options = {"image_size": SIZE, "look": look, "identities": people, "pictures": 2}
    data = dataset("people", "train", **options)
    finder = build_finder(DEFAULT_DETECTOR, {})
    right, seen = 0, 0
    for number in range(people):
        pair = data[2 * number]  # each person once
        (found,) = finder([pair.target])
        truth = pair.target_keypoints
        visible = truth[:, 2] == 1
        seen += int(visible.sum())
        if len(found):
            off = (found[0, :, :2] - truth[:, :2]).norm(dim=1)
            right += int(((off < NEAR) & visible & (found[0, :, 2] > 0)).sum())
    return right / seen


@pytest.mark.parametrize(("look", "least"), [("plain", 0.9), ("varied", 0.8)])
def test_a_detector_of_real_people_finds_ours(look: str, least: float) -> None:
    assert pck(look, 16) >= least


@pytest.mark.slow
@pytest.mark.parametrize("look", ["plain", "varied"])
def test_it_finds_most_joints_of_many(look: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = pck(look, 300)
    with capsys.disabled():
        print(f"\nPCK@0.05 of 300 {look} people at {SIZE[0]}×{SIZE[1]}: {found:.3f}")
    assert found >= 0.85
