"""The embedded people: determinism, geometry, flags and looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from posegen_people.bones import BONES, SKELETON, Bones, pose
from posegen_people.poses import FAMILIES, Shot, draw_shot
from posegen_people.render import Rendered, render_people
from posegen_people.wardrobe import draw_person
from torch import Tensor
from torchvision.io import read_image

SIZE = (64, 32)
PLACE = {name: i for i, name in enumerate(SKELETON.joints)}
#: Mean x and y of the keypoints in `recorded.png`.
RECORDED_PLACES = [
    (14.015, 27.940),
    (16.637, 29.220),
    (16.797, 26.391),
    (13.420, 26.184),
    (19.406, 29.454),
    (13.920, 23.725),
]
LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))


@pytest.fixture(scope="module")
def people() -> Rendered:
    """Twelve persons, eight pictures each: person i's pictures are rows 8 i to 8 i + 7."""
    identities = [i for i in range(12) for _ in range(8)]
    return render_people(identities, list(range(8)) * 12, (128, 64))


def _pose(identity: int, count: int) -> tuple[list[Shot], Bones]:
    person = draw_person(np.random.default_rng((0, identity)))
    pictures = [draw_shot(np.random.default_rng((7, i)), 0.2) for i in range(count)]
    batch = {key: torch.from_numpy(np.stack([value] * count)) for key, value in person.items()}
    rotations = torch.from_numpy(np.stack([p.rotations for p in pictures]))
    return pictures, pose(batch, rotations)


def _same(a: Rendered, b: Rendered) -> bool:
    return all(map(torch.equal, a, b))


def _rows(batch: Rendered, rows: slice | list[int]) -> Rendered:
    return Rendered(*(tensor[rows] for tensor in batch))


def test_same_bits_whatever_the_batch() -> None:
    identities, pictures = list(range(37)), [i % 5 for i in range(37)]
    whole = render_people(identities, pictures, SIZE)
    assert _same(whole, render_people(identities, pictures, SIZE))
    order = [5, 36, 0, 17]
    some = render_people([identities[i] for i in order], [pictures[i] for i in order], SIZE)
    assert _same(_rows(whole, order), some)
    for i in (3, 33):
        alone = render_people([identities[i]], [pictures[i]], SIZE)
        assert _same(_rows(whole, slice(i, i + 1)), alone)


def test_the_people_are_those_of_earlier_versions() -> None:
    """Scores on them are compared; `recorded.png` has these pictures side by side."""
    people = render_people([0, 1, 2, 3, 40, 1_000_000], [0, 1, 2, 3, 4, 5], SIZE)
    recorded = read_image(str(Path(__file__).with_name("recorded.png")))
    gap = (torch.cat(list(people.image), -1).int() - recorded.int()).abs()
    # Another processor may round a number in another way, and so a level here and there.
    assert (gap > 2).float().mean() < 0.002
    places = torch.tensor(RECORDED_PLACES)
    assert (people.keypoints[..., :2].mean(1) - places).abs().max() < 0.01


def test_seed_identity_and_picture_matter() -> None:
    base = render_people([4], [2], SIZE).image
    for identity, picture, seed in ((5, 2, 0), (4, 3, 0), (4, 2, 1), (10**9, 2, 0)):
        other = render_people([identity], [picture], SIZE, seed=seed).image
        assert (base.float() - other.float()).abs().mean() > 3


@pytest.mark.parametrize("size", [(64, 32), (128, 64), (256, 176), (96, 96), (33, 47)])
def test_every_size(size: tuple[int, int]) -> None:
    batch = render_people([1, 2], [0, 1], size)
    assert batch.image.shape == (2, 3, *size)
    assert batch.image.dtype == batch.mask.dtype == torch.uint8
    assert batch.mask.shape == (2, 1, *size)
    assert batch.keypoints.shape == (2, 18, 3)
    assert batch.keypoints.dtype == torch.float32
    assert set(batch.mask.unique().tolist()) == {0, 255}


def test_masks_are_people(people: Rendered) -> None:
    share = (people.mask > 0).float().mean((1, 2, 3))
    assert share.min() > 0.05
    assert share.max() < 0.55
    assert 0.14 < share.mean() < 0.32
    edges = torch.cat((people.mask[..., 0], people.mask[..., -1]), -1)
    assert (edges > 0).float().mean() < 0.002


def test_keypoints_lie_on_the_person(people: Rendered) -> None:
    grown = torch.nn.functional.max_pool2d((people.mask > 0).float(), 3, 1, 1)[:, 0]
    x, y, seen = people.keypoints.unbind(-1)
    rows = torch.arange(len(x))[:, None].expand_as(x)
    on = grown[rows, y.round().long().clamp(0, 127), x.round().long().clamp(0, 63)]
    assert bool((on[seen == 1] == 1).all())
    assert on[seen == 0.5].mean() > 0.97
    assert bool((seen > 0).all())


def _facing(people: Rendered, towards: bool) -> Tensor:
    """Rows of clear front or back views: all of the face seen, or none of it."""
    face = people.keypoints[:, [PLACE[n] for n in ("nose", "right_eye", "left_eye")], 2]
    return ((face == 1) if towards else (face == 0.5)).all(1).nonzero()[:, 0]


def test_left_and_right(people: Rendered) -> None:
    front = _facing(people, True)
    x = people.keypoints[front][..., 0]
    eyes = x[:, PLACE["right_eye"]] < x[:, PLACE["left_eye"]]
    assert bool(eyes.all())
    back = people.keypoints[_facing(people, False)][..., 0]
    turned = back[:, PLACE["right_shoulder"]] > back[:, PLACE["left_shoulder"]]
    assert turned.float().mean() > 0.8
    shoulders = people.keypoints[:, [PLACE["right_shoulder"], PLACE["left_shoulder"]], :2]
    middle = (people.keypoints[:, PLACE["neck"], :2] - shoulders.mean(1)).norm(dim=-1)
    assert middle.max() < 4


def test_views_are_spread() -> None:
    count = 80
    batch = render_people([3] * count, range(count), (32, 16))
    front, back = _facing(batch, True), _facing(batch, False)
    assert 0.3 * count < len(front) < 0.75 * count
    assert 0.15 * count < len(back) < 0.45 * count


def test_limbs_keep_their_length() -> None:
    for identity in range(3):
        _, bones = _pose(identity, 24)
        joints = bones.joints
        for side in ("right_", "left_"):
            for start, end in (*LIMBS, ("shoulder", "neck")):
                b = joints["neck"] if end == "neck" else joints[side + end]
                length = (joints[side + start] - b).norm(dim=-1)
                assert length.max() - length.min() < 1e-5
        assert torch.stack([joints["right_ankle"], joints["left_ankle"]])[..., 1].min() > 0


def test_elbows_and_knees_bend_one_way() -> None:
    pictures, bones = _pose(1, 200)
    assert {p.family for p in pictures} == set(FAMILIES)
    for side in ("right_", "left_"):
        for bone, child, forward in (("shoulder", "elbow", 1.0), ("hip", "knee", -1.0)):
            frame = bones.frames[side + bone]
            axis = -bones.frames[side + child][..., 1]
            ahead = (axis * frame[..., 2]).sum(-1) * forward
            assert ahead.min() > 0
            assert (axis * frame[..., 0]).sum(-1).abs().max() < 1e-5
    bends = np.stack([p.angles[:, 0] for p in pictures])
    for name in ("right_elbow", "left_elbow", "right_knee", "left_knee"):
        assert bends[:, BONES.index(name)].min() >= 2
        assert bends[:, BONES.index(name)].max() <= 140


def _torso(batch: Rendered) -> Tensor:
    """Mean colour (B, 3) of the trunk between shoulders and hips."""
    corners = [PLACE[n] for n in ("right_shoulder", "left_shoulder", "right_hip", "left_hip")]
    centre = batch.keypoints[:, corners, :2].mean(1).round().long()
    return torch.stack(
        [
            image[:, y - 5 : y + 6, x - 2 : x + 3].float().mean((1, 2))
            for image, (x, y) in zip(batch.image, centre.tolist(), strict=True)
        ]
    )


def test_clothes_belong_to_the_person(people: Rendered) -> None:
    colour = _torso(people).reshape(12, 8, 3)
    own = colour.median(1).values
    within = (colour - own[:, None]).norm(dim=-1).median()
    between = torch.pdist(own).median()
    assert between > 2 * within


def test_front_and_back_of_a_garment_differ() -> None:
    """Most people's prints or openings change the colour of the trunk from front to back."""
    changed = 0
    for identity in range(10):
        pictures = list(range(10))
        batch = render_people([identity] * 10, pictures, (128, 64))
        front, back = _facing(batch, True), _facing(batch, False)
        colour = _torso(batch)
        if len(front) and len(back):
            gap = (colour[front].mean(0) - colour[back].mean(0)).norm()
            changed += int(gap > 6)
    assert changed >= 5


def test_back_views_hide_the_face(people: Rendered) -> None:
    back = _facing(people, False)
    assert len(back) >= 10
    flags = people.keypoints[back][..., 2]
    assert bool((flags[:, [PLACE["nose"], PLACE["right_eye"], PLACE["left_eye"]]] == 0.5).all())
    assert (flags[:, [PLACE["right_shoulder"], PLACE["left_shoulder"]]] == 1).float().mean() > 0.7
