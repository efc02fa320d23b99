from __future__ import annotations

import json
from pathlib import Path

import pytest

from posegen.core import DataError
from posegen.evaluation.results.keypoints import keypoints_of
from posegen.evaluation.results.reading import open_results

HEADER = "name:keypoints_y:keypoints_x\n"


def row(name: str, y: list[int], x: list[int]) -> str:
    return f"{name}: {json.dumps(y)}: {json.dumps(x)}\n"


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    path = tmp_path / "annotation.csv"
    first = row("fashionMENid01_1front.jpg", [-1, *[3] * 17], [-1, *[2] * 17])
    path.write_text(HEADER + first + row("b.jpg", [7] * 18, [45] * 18))
    return path


def test_names_with_and_without_extension(annotations: Path) -> None:
    names = ["b", "b.png", "fashionMENid01_1front", "fashion/MEN/id_01/1_front.jpg"]
    found = keypoints_of(names, annotations, (8, 6))
    assert found.shape == (4, 18, 3)
    assert found[0].tolist() == found[1].tolist() == [[45, 7, 1]] * 18
    assert found[2].tolist() == found[3].tolist() == [[0, 0, 0], *[[2, 3, 1]] * 17]


def test_a_name_without_a_row(annotations: Path) -> None:
    with pytest.raises(DataError, match=r"annotation\.csv: has no row for 'c'"):
        keypoints_of(["b", "c"], annotations, (8, 6))


@pytest.mark.parametrize("size", [(8, 5), (7, 6)])
def test_joints_outside(annotations: Path, size: tuple[int, int]) -> None:
    """Columns may be up to 40 beside the picture, as DeepFashion's are."""
    shown = "{}×{}".format(*size)
    with pytest.raises(
        DataError, match=rf"a joint of 'b' is outside its picture, which is {shown}"
    ):
        keypoints_of(["fashionMENid01_1front", "b"], annotations, size)


def test_items_have_them(annotations: Path, save, tmp_path: Path) -> None:
    save("r/a___b.png")
    save("t/b.png")
    results = open_results(tmp_path / "r", "pairs", tmp_path / "t", annotations=annotations)
    assert results[0].target_keypoints.tolist() == [[45, 7, 1]] * 18
