"""The detector on rtmlib and ONNX Runtime, with networks that find red spots."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from posegen_rtmlib.config import RTMLibConfig
from posegen_rtmlib.detector import RTMLib

from posegen.core import WeightsError

pytest.importorskip("rtmlib")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Make = Callable[..., Path]


def picture(*spots: tuple[float, float], height: int = 120, width: int = 90) -> torch.Tensor:
    """Draw red spots at (x, y) on black: (1, 3, H, W) uint8."""
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    image = torch.zeros(3, height, width)
    for x, y in spots:
        image[0] += 255 * torch.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 50)
    return image.clamp(max=255).to(torch.uint8)[None]


def test_a_joint_is_where_it_is(make_pose_network: Make, capsys: pytest.CaptureFixture) -> None:
    detector = RTMLib(
        RTMLibConfig(pose_model=make_pose_network(low=(3, 7)), whole_picture=True, joint_score=0.5)
    )
    assert detector.skeleton == "coco17"
    (people,) = detector(picture((61.0, 23.0)))
    assert people.shape == (1, 17, 3)
    assert (people[0, :, :2] - torch.tensor([61.0, 23.0])).abs().max() < 2  # bins of over a pixel
    assert people[0, :, 2].tolist() == [0.0 if joint in (3, 7) else 1.0 for joint in range(17)]
    assert capsys.readouterr().out == ""


def test_each_person_is_looked_at_alone_the_largest_first(
    make_pose_network: Make, make_people_network: Make
) -> None:
    # The network sees 120×90 as 64×48: its boxes are 1.875 times as large in the picture.
    small, large = [2, 2, 18, 22], [20, 16, 46, 62]
    detector = RTMLib(
        RTMLibConfig(
            pose_model=make_pose_network(), people_model=make_people_network([small, large])
        )
    )
    (people,) = detector(picture((20.0, 20.0), (62.0, 80.0)))
    assert (people[0, :, :2] - torch.tensor([62.0, 80.0])).abs().max() < 2
    assert (people[1, :, :2] - torch.tensor([20.0, 20.0])).abs().max() < 2


def test_where_nobody_is_found_there_is_nobody(
    make_pose_network: Make, make_people_network: Make
) -> None:
    pose, people = make_pose_network(), make_people_network([[0, 0, 64, 64]])
    detector = RTMLib(RTMLibConfig(pose_model=pose, people_model=people))
    square = {"height": 64, "width": 64}  # others are padded with a grey that has red in it
    found = detector(torch.cat([picture(**square), picture((30.0, 30.0), **square)]))
    assert [len(each) for each in found] == [0, 1]


def test_the_whole_body(make_pose_network: Make) -> None:
    network = make_pose_network(joints=133)
    detector = RTMLib(RTMLibConfig(body="wholebody", pose_model=network, whole_picture=True))
    assert detector.skeleton == "wholebody133"
    assert detector(picture((30.0, 30.0)))[0].shape == (1, 133, 3)
    detector = RTMLib(RTMLibConfig(pose_model=network, whole_picture=True))
    with pytest.raises(WeightsError, match=r"finds 133 joints and detector\.body=body has 17"):
        detector(picture((30.0, 30.0)))


def test_what_is_wrong_with_a_file_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_people_network: Make
) -> None:
    with pytest.raises(WeightsError, match=r"none\.onnx: no such file; .*detector\.pose_model"):
        RTMLib(RTMLibConfig(pose_model=tmp_path / "none.onnx"))
    (tmp_path / "bad.onnx").write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match=r"bad\.onnx: cannot be read as an ONNX file"):
        RTMLib(RTMLibConfig(pose_model=tmp_path / "bad.onnx"))
    sizeless = make_people_network([[0, 0, 1, 1]], size="side")
    with pytest.raises(WeightsError, match=r"peopleside\.onnx: .* says no height and width"):
        RTMLib(RTMLibConfig(pose_model=sizeless))
    monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"POSEGEN_OFFLINE is set; get https://.*\.zip .*--set"):
        RTMLib(RTMLibConfig())


def test_a_failed_download_names_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    import rtmlib.tools.base

    def fail(url: str) -> str:
        raise OSError("no route to host")

    monkeypatch.delenv("POSEGEN_OFFLINE", raising=False)
    monkeypatch.setattr(rtmlib.tools.base, "download_checkpoint", fail)
    with pytest.raises(WeightsError, match=r"no route to host\); get https://.*detector\.pose_mod"):
        RTMLib(RTMLibConfig(mode="lightweight"))
