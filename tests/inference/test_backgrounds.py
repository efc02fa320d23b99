"""People before another background, and pictures of another shape than the model's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import max_pool2d

from posegen.core import ConfigError
from posegen.data.framing import Frame
from posegen.inference.animation import Driver, Scene
from posegen.inference.backgrounds import (
    check_background,
    clean,
    person_mask,
    with_background,
)
from posegen.inference.grids import as_tensor
from posegen.inference.pose_files import Pose
from posegen.inference.views import View
from posegen.poses.motions import motion

LAYOUT = "openpose18"
SIZE = (128, 64)
GREEN, RED = (40, 160, 60), (200, 30, 30)


def standing() -> Tensor:
    pose = motion("turn").track[0].clone()
    pose[:, :2] = pose[:, :2] * 100 + torch.tensor([32.0, 118.0])
    return pose


def painted() -> Image.Image:
    """A person of red limbs, ten pixels wide, before green."""
    body = clean_distance(standing())
    pixels = torch.tensor(GREEN).expand(*SIZE, 3).clone()
    pixels[body < 5] = torch.tensor(RED)
    return Image.fromarray(pixels.to(torch.uint8).numpy())


def clean_distance(pose: Tensor) -> Tensor:
    """How far each pixel is from the nearest joint."""
    rows, columns = torch.arange(SIZE[0]), torch.arange(SIZE[1])
    places = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).float()
    return (places[:, :, None] - pose[:, :2]).norm(dim=-1).amin(-1)


def unit(picture: Image.Image) -> Tensor:
    return as_tensor(picture).float() / 255


def scene() -> Scene:
    picture = painted()
    photo = (unit(picture) * 255).round().to(torch.uint8)
    frame = Frame((0.0, 0.0, float(SIZE[1]), float(SIZE[0])), SIZE)
    return Scene(picture, standing(), standing()[None], frame, Driver(standing()[None]), photo)


def test_the_person_is_told_from_what_is_behind() -> None:
    behind = torch.tensor(GREEN).float().view(3, 1, 1).expand(3, *SIZE) / 255
    mask = person_mask(unit(painted()), behind, standing(), LAYOUT)
    away = clean_distance(standing())
    assert mask[away < 4].min() > 0.9
    far = away > 0.9 * away.max()
    assert far.any()
    assert mask[far].max() == 0


def test_a_smudge_beside_the_person_is_not_theirs() -> None:
    """What differs from the background near a limb, but hangs together with nobody."""
    behind = torch.tensor(GREEN).float().view(3, 1, 1).expand(3, *SIZE) / 255
    picture = unit(painted())
    own = person_mask(picture, behind, standing(), LAYOUT)[None, None]
    near, nearer = (max_pool2d(own, side, 1, side // 2)[0, 0] > 0 for side in (15, 9))
    rows = torch.arange(SIZE[0])[:, None]
    smudge = near & ~nearer & (rows > 70) & (rows < 90)
    assert smudge.any()
    picture[:, smudge] = torch.tensor(RED).float()[:, None] / 255
    assert person_mask(picture, behind, standing(), LAYOUT)[smudge].max() < 0.1


def test_without_the_person_there_is_what_is_around_them() -> None:
    cleaned = clean(unit(painted()), standing(), LAYOUT) * 255
    assert (cleaned - torch.tensor(GREEN).view(3, 1, 1)).abs().max() < 2


def test_a_colour_a_picture_and_the_photo_s_own(tmp_path: Path) -> None:
    nose = [round(v) for v in standing()[0, :2].tolist()]
    Image.new("RGB", (300, 200), (1, 2, 3)).save(tmp_path / "beach.png")
    for what, corner in (
        ("#0000ff", (0, 0, 255)),
        (str(tmp_path / "beach.png"), (1, 2, 3)),
        ("keep", GREEN),
        ("model", (9, 9, 9)),
    ):
        frame = Image.new("RGB", SIZE[::-1], (9, 9, 9)) if what == "model" else painted()
        (made,) = with_background([frame], scene(), LAYOUT, what, 2)
        assert made.size == (128, 256)
        assert made.getpixel((1, 1)) == pytest.approx(corner, abs=2), what
        if what != "model":
            assert made.getpixel((2 * nose[0], 2 * nose[1])) == pytest.approx(RED, abs=12), what


def test_no_background_is_said() -> None:
    with pytest.raises(
        ConfigError, match=r"--background beach\.png: neither keep nor model, no colo"
    ):
        check_background("beach.png")


def test_a_photo_of_another_shape_is_cut_and_not_stretched() -> None:
    wide = Image.new("RGB", (400, 128), GREEN)
    wide.paste(painted(), (200, 0))
    pose = standing()
    pose[:, 0] += 200
    view = View(wide, Pose(pose), SIZE)
    assert view.seen.size == SIZE[::-1]
    placed = view.place(view.pose)
    assert (placed[:, 2] > 0).all()
    widths = [(p[2, :2] - p[5, :2]).norm() / (p[0, :2] - p[10, :2]).norm() for p in (pose, placed)]
    assert float(widths[0]) == pytest.approx(float(widths[1]), rel=1e-3)
    x, y = (round(v) for v in placed[0, :2].tolist())
    assert view.seen.getpixel((x, y)) == pytest.approx(RED, abs=40)
    moved = pose.clone()
    moved[:, 0] += 3
    factor = float((placed[0, :2] - placed[10, :2]).norm() / (pose[0, :2] - pose[10, :2]).norm())
    away = view.place(Pose(moved, (128, 400))) - placed
    assert float(away[0, 0]) == pytest.approx(3 * factor, rel=1e-2)


def test_wanted_poses_of_other_pictures_keep_their_proportions() -> None:
    view = View(painted(), Pose(standing()), SIZE)
    assert view.seen.size == SIZE[::-1]
    double = standing() * torch.tensor([2.0, 2.0, 1.0]) + torch.tensor([0.5, 0.5, 0.0])
    torch.testing.assert_close(view.place(Pose(double, (256, 128))), standing())
    placed = view.place(Pose(standing() + torch.tensor([100.0, 0, 0]), (128, 400)))
    ratios = [
        (p[2, :2] - p[5, :2]).norm() / (p[0, :2] - p[10, :2]).norm() for p in (standing(), placed)
    ]
    assert float(ratios[0]) == pytest.approx(float(ratios[1]), rel=1e-3)
