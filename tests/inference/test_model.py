"""One person in many poses: batch by batch, in order, and the source only once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import posegen
from posegen.core import ConfigError, DataError
from posegen.inference import PoseTransfer
from posegen.inference.pose_files import Pose
from posegen.weights.folder import weights_digest

Points = Callable[[int], Tensor]


def pixels(model: PoseTransfer, picture: Tensor, poses: list[Tensor], batch: int) -> np.ndarray:  # type: ignore[type-arg]
    made = model.frames(picture, poses[0], poses, batch)
    return np.stack([np.asarray(frame) for frame in made]).astype(int)


def test_batches_change_nothing_and_keep_the_order(
    model: PoseTransfer, picture: Tensor, points: Points
) -> None:
    poses = [points(number) for number in range(7)]

    def images(batch: int) -> Tensor:
        made = model.batches(picture, poses[0], poses, batch)
        return torch.cat([output.image for _, output in made])

    wanted = images(7)
    assert len(wanted) == 7
    nearest = min(float((wanted[i] - wanted[j]).abs().max()) for i in range(7) for j in range(i))
    assert nearest > 1e-3  # every pose gives an image of its own
    for batch in (1, 3, 16):
        torch.testing.assert_close(images(batch), wanted, atol=1e-5, rtol=0)
    listed = np.stack([np.asarray(frame) for frame in model.generate(picture, poses[0], poses)])
    assert np.abs(listed.astype(int) - pixels(model, picture, poses, 3)).max() <= 1
    assert np.abs(listed / 127.5 - 1 - wanted.permute(0, 2, 3, 1).numpy()).max() <= 0.501 / 127.5


def test_the_images_are_those_of_one_pair_after_the_other(
    model: PoseTransfer, picture: Tensor, points: Points
) -> None:
    poses = [points(number) for number in range(3)]
    [(batch, made)] = model.batches(picture, points(9), poses)
    assert batch.source.shape == (3, 3, 32, 16)
    assert torch.equal(batch.target, batch.source)
    for number in range(3):
        alone = model.run(batch.part(number, number + 1))
        torch.testing.assert_close(made.image[number : number + 1], alone.image, atol=1e-5, rtol=0)
        attention = made.aux["attention"][number : number + 1]
        torch.testing.assert_close(attention, alone.aux["attention"], atol=1e-5, rtol=0)


def test_the_source_is_encoded_once_and_poses_are_taken_as_they_are_needed(
    model: PoseTransfer, picture: Tensor, points: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, ...]] = []
    runner = model._networks["generator"]
    encode = runner._small.encode
    steps = runner._small._replace(
        encode=lambda **x: (calls.append(tuple(x["source"].shape)), encode(**x))[1]
    )
    monkeypatch.setattr(runner, "_small", steps)
    taken = 0

    def endless() -> Iterator[Tensor]:
        nonlocal taken
        while True:
            taken += 1
            yield points(taken)

    frames = model.frames(picture, points(0), endless(), batch_size=2)
    for _ in range(5):
        next(frames)
    assert taken == 6
    assert calls == [(1, 3, 32, 16)]


def test_poses_may_tell_their_own_size(
    model: PoseTransfer, picture: Tensor, points: Points
) -> None:
    large = points(1).clone()
    large[:, :2] = (large[:, :2] + 0.5) * 4 - 0.5
    told = Pose(large, (128, 64))
    one, other = model.frames(picture, points(0), [points(1), told])
    assert np.abs(np.asarray(one).astype(int) - np.asarray(other)).max() <= 1


def test_folding_can_be_switched_off_and_does_not_touch_the_weights(
    weights: Callable[..., Path], picture: Tensor, points: Points
) -> None:
    folder = weights()
    before = (folder / "model.safetensors").read_bytes()
    plain, fast = posegen.load_model(folder, fold=False), posegen.load_model(folder)
    assert (plain.folded, fast.folded) == (0, 17)
    assert weights_digest(plain.generator.state_dict()) == weights_digest(
        fast.generator.state_dict()
    )
    assert (folder / "model.safetensors").read_bytes() == before
    poses = [points(number) for number in range(2)]
    assert np.abs(pixels(plain, picture, poses, 2) - pixels(fast, picture, poses, 2)).max() <= 1


def test_precision_is_an_option(
    weights: Callable[..., Path], picture: Tensor, points: Points
) -> None:
    half = posegen.load_model(weights(), precision="bf16")
    assert half.speed.precision == "bf16"
    assert half.generate(picture, points(0), points(1)).size == (16, 32)
    with pytest.raises(ConfigError, match="precision half"):
        posegen.load_model(weights(), precision="half")  # type: ignore[arg-type]


def test_wrong_poses_and_pictures_are_named(
    model: PoseTransfer, picture: Tensor, points: Points, tmp_path: Path
) -> None:
    for wrong in (points(0)[..., :1], points(0)[:5], points(0) / 0):
        with pytest.raises(DataError, match=r"of shape \(18, 3\) are expected"):
            model.generate(picture, wrong, points(1))
    with pytest.raises(DataError, match="no joint of this pose is seen"):
        model.generate(picture, points(0), torch.zeros(18, 3))
    with pytest.raises(DataError, match="a tensor of torch"):
        model.generate(picture.float(), points(0), points(1))
    with pytest.raises(DataError, match="no such picture"):
        model.generate(tmp_path / "none.png", points(0), points(1))
    (tmp_path / "x.png").write_text("x")
    with pytest.raises(DataError, match="cannot be decoded as a picture"):
        model.generate(tmp_path / "x.png", points(0), points(1))


def test_pictures_and_poses_are_taken_in_every_usual_form(
    model: PoseTransfer, picture: Tensor, points: Points
) -> None:
    poses = [points(0), points(1)]
    plain = model.generate(picture, poses[0], poses[1]).tobytes()
    array = picture.permute(1, 2, 0).numpy()
    for source in (array, picture.float() / 255, Image.fromarray(np.ascontiguousarray(array))):
        assert model.generate(source, poses[0], poses[1]).tobytes() == plain
    seen = [torch.cat([pose[:, :2], torch.ones(18, 1)], 1) for pose in poses[:2]]
    wanted = model.generate(picture, *seen).tobytes()
    flat = [pose[:, :2] for pose in seen]
    assert model.generate(picture, *flat).tobytes() == wanted
    held = {"keypoints": seen[1].tolist()}
    assert model.generate(picture, seen[0], held).tobytes() == wanted
    several = model.generate(picture, seen[0], torch.stack(seen))
    assert [one.tobytes() for one in several][1] == wanted
    assert model.generate(picture, seen[0], [held, held])[0].tobytes() == wanted


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (np.zeros((8, 8), np.uint8), r"an array of uint8 and shape \(8, 8\): give one file"),
        (np.zeros((8, 8, 3)), "an array of float64"),
        (
            [np.zeros((8, 8, 3), np.uint8)],
            "a list of 1 pictures: every model here takes one picture",
        ),
        (torch.full((3, 8, 8), 2.0), "a tensor of torch.float32"),
        (7, "a source that is a int"),
    ],
)
def test_what_is_no_picture_is_said(
    model: PoseTransfer, points: Points, source: object, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        model.generate(source, points(0), points(1))  # type: ignore[arg-type]


@pytest.mark.parametrize("pose", [3.5, "not there.json", {"points": []}, [["x"] * 3] * 18])
def test_what_is_no_pose_is_said(
    model: PoseTransfer, picture: Tensor, points: Points, pose: object
) -> None:
    with pytest.raises(DataError):
        model.generate(picture, points(0), pose)  # type: ignore[arg-type, call-overload]
