"""The published CSV: what is written is what the data sets read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from posegen.core import ConfigError, DataError
from posegen.data.problems import Problems
from posegen.data.tables import read_annotations
from posegen.poses.formats import read_poses
from posegen.poses.formats.published import ANNOTATION_HEADER as HEADER
from posegen.poses.formats.published import AnnotationWriter, annotation_row

SIZE = (128, 64)


def test_a_row() -> None:
    points = torch.zeros(18, 3)
    points[0] = torch.tensor([3.4, 5.6, 1.0])
    points[1] = torch.tensor([63.4, 127.4, 0.5])
    points[2] = torch.tensor([63.6, 10.0, 1.0])  # outside when rounded
    points[3] = torch.tensor([9.0, 9.0, 0.0])
    ys, xs = [6, 127] + [-1] * 16, [3, 63] + [-1] * 16
    assert annotation_row("a b.jpg", points, SIZE) == f"a b.jpg: {ys}: {xs}"
    assert annotation_row("a", points).endswith("[3, 63, 64" + ", -1" * 15 + "]")
    for name in ("a:b.jpg", "a\nb"):
        with pytest.raises(DataError, match="colon or a line break"):
            annotation_row(name, points)


def test_what_is_written_the_data_sets_and_the_reader_read(tmp_path: Path, person) -> None:
    points = person("openpose18")
    points[:, :2] /= 2
    points[7] = 0
    path = tmp_path / "new" / "market-annotation-train.csv"
    with AnnotationWriter(path) as writer:
        writer.add("1.jpg", points, SIZE)
        writer.add("2.jpg", torch.zeros(18, 3), SIZE)
    points[:, :2] = points[:, :2].round()
    names, keypoints = read_annotations(path, SIZE, 0, Problems(collect=False))
    assert names == ["1.jpg", "2.jpg"]
    torch.testing.assert_close(keypoints[0], points)
    records = list(read_poses(path))
    assert [record.people for record in records] == [1, 0]
    torch.testing.assert_close(records[0].keypoints, points)


def test_a_stopped_job_goes_on(tmp_path: Path, person) -> None:
    path = tmp_path / "poses.csv"
    with AnnotationWriter(path) as writer:
        assert not path.exists()  # a job that fails before its first pose leaves nothing
        writer.add("ä.jpg", person("openpose18"))
        first = path.read_bytes()  # on the disk already
        writer.add("b.jpg", person("openpose18", seed=2))
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])  # killed in the middle of a line
    with pytest.raises(DataError, match=r"poses\.csv: exists; go on with it \(`--resume`\)"):
        AnnotationWriter(path)
    with AnnotationWriter(path, resume=True) as writer:
        assert list(writer.names) == ["ä.jpg"]
        assert path.read_bytes() == whole[:-20]  # nothing is touched before there is something new
        writer.add("b.jpg", person("openpose18", seed=2))
    assert path.read_bytes() == whole
    assert whole.startswith(first)


def test_only_such_a_file_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("from,to\na,b\n")
    with pytest.raises(DataError, match=r"other\.csv, row 1: the header is not 'name:"):
        AnnotationWriter(path, resume=True)
    path.write_text("name:keyp")  # killed in the header
    with AnnotationWriter(path, resume=True) as writer:
        writer.add("a", torch.ones(18, 3))
    assert path.read_text().splitlines()[0] == HEADER


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("a.jpg: [1]", "row 2: has 2 fields between colons, not 3"),
        ("a.jpg: [1]: [1]", "row 2: keypoints_y is not a list of 18 numbers"),
        ("a.jpg: 1, 2: [1]", r"row 2: keypoints_y is not a list of 18 numbers \('1, 2'\)"),
        (f"a.jpg: {['x'] * 18}: {[1] * 18}", "row 2: keypoints_y is not a list of 18 numbers"),
        (
            f"a.jpg: {[float('nan')] * 18}: {[1] * 18}".replace("nan", "NaN"),
            "row 2: keypoints_[yx] holds a value that is not a finite",
        ),
    ],
)
def test_what_is_wrong_is_said(write, row: str, sentence: str) -> None:
    with pytest.raises(DataError, match=rf"wrong\.csv, {sentence}"):
        list(read_poses(write("wrong.csv", f"{HEADER}\n{row}\n")))


def test_files_of_no_format(write, tmp_path: Path) -> None:
    known = "openpose: .*coco: .*coco-detections: .*mmpose: .*mediapipe: .*published: "
    with pytest.raises(DataError, match=rf"odd\.json: is of no known pose format; .*{known}"):
        list(read_poses(write("odd.json", {"a": 1})))
    with pytest.raises(DataError, match=r"odd\.csv: is of no known pose format"):
        list(read_poses(write("odd.csv", "a,b\n1,2\n")))
    with pytest.raises(DataError, match=r"cut\.json: is not valid JSON"):
        list(read_poses(write("cut.json", '{"people": [')))
    with pytest.raises(DataError, match=r"none: no such file or folder"):
        list(read_poses(tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: holds no \.json, \.csv or \.txt file"):
        list(read_poses(tmp_path / "empty"))
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"bytes\.json: cannot be read as UTF-8"):
        list(read_poses(tmp_path / "bytes.json"))


def test_a_named_format(write) -> None:
    path = write("people.json", {"people": []})
    assert [record.people for record in read_poses(path, "openpose")] == [0]
    with pytest.raises(DataError, match=r"people\.json: is not of the format 'coco'"):
        list(read_poses(path, "coco"))
    with pytest.raises(ConfigError, match="no pose format 'openpos'; did you mean 'openpose'"):
        list(read_poses(path, "openpos"))
