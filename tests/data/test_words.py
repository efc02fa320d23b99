from __future__ import annotations

import pytest

from posegen.core.texts import counted
from posegen.data import own, tables


@pytest.mark.parametrize(
    ("things", "thing"),
    [
        ("poses", "pose"),
        (own.NOBODY, "picture with nobody"),
        (own.LOST, "frame in which the person was lost"),
        (own.NOT_VALID, "picture without both shoulders and both hips"),
        (tables.BAD_ANNOTATION, "unreadable row of keypoints"),
        (tables.NOT_THERE, "pair of missing images"),
    ],
)
def test_one_is_singular(things: str, thing: str) -> None:
    assert counted(1, things) == f"1 {thing}"
    assert counted(1_200, things) == f"1,200 {things}"
    assert counted(0, things) == f"0 {things}"
