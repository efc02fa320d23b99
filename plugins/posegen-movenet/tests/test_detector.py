from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from posegen_movenet.config import MoveNetConfig
from posegen_movenet.detector import MoveNet, cut, person_squares, whole_square, without_twins
from torch import Tensor

Draw = Callable[..., Tensor]


def off(person: Tensor, truth: Tensor, height: float) -> Tensor:
    """How far joints are off, as parts of the person's height; those of the head and the body."""
    return (person[:, :2] - truth).norm(dim=-1) / height


@pytest.mark.parametrize(
    ("size", "where"),
    [
        ((256, 176), (220.0, 88.0, 18.0)),
        ((176, 256), (160.0, 60.0, 8.0)),
        ((300, 400), (150.0, 300.0, 100.0)),  # small, in a corner
        ((600, 900), (240.0, 150.0, 200.0)),
    ],
)
def test_it_finds_the_figure(
    size: tuple[int, int], where: tuple[float, ...], figure: Draw, placed: Draw
) -> None:
    detector = MoveNet(MoveNetConfig())
    (people,) = detector(figure(size, *where)[None])
    assert people.shape == (1, 17, 3)
    far = off(people[0], placed(*where), where[0])
    assert far[:5].max() < 0.02
    assert far.mean() < 0.03
    assert ((people[..., 2] >= 0.2) & (people[..., 2] <= 1)).all()


def test_a_second_look_is_a_better_one(figure: Draw, placed: Draw) -> None:
    where, image = (150.0, 300.0, 100.0), figure((300, 400), 150.0, 300.0, 100.0)[None]
    far = [
        off(MoveNet(MoveNetConfig(passes=passes))(image)[0][0], placed(*where), where[0]).mean()
        for passes in (1, 2, 3)
    ]
    assert far[1] < 0.75 * far[0]
    assert far[2] < 0.75 * far[0]


def test_coordinates_count_from_the_centre_of_the_first_pixel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = torch.tensor((0.5, 0.25, 0.9)).expand(2, 1, 17, 3)
    monkeypatch.setattr(
        "posegen_movenet.detector.decode", lambda maps, people: (told.clone(), torch.ones(2, 1))
    )
    people = MoveNet(MoveNetConfig(passes=1))(torch.zeros(2, 3, 64, 32, dtype=torch.uint8))
    # The square is 64 wide and begins 16 left of the picture.
    assert people[1][0, 8].tolist() == pytest.approx([32 - 16 - 0.5, 16 - 0.5, 0.9])


def test_people_and_pictures_keep_their_order(figure: Draw, placed: Draw) -> None:
    left, right = (170.0, 75.0, 20.0), (190.0, 225.0, 8.0)
    image = figure((200, 300), *left)
    image[..., 150:] = figure((200, 300), *right)[..., 150:]
    empty = torch.full_like(image, 128)
    detector = MoveNet(MoveNetConfig(people=3))
    none, both = detector(torch.stack([empty, image]))
    assert none.shape == (0, 17, 3)
    assert len(both) == 2
    for truth in (left, right):
        assert min(off(person, placed(*truth), truth[0]).mean() for person in both) < 0.05
    (one,) = MoveNet(MoveNetConfig())(image[None])
    torch.testing.assert_close(one, both[:1], rtol=0, atol=0.5)


def test_joints_and_people_of_low_scores_are_missing(figure: Draw) -> None:
    image = figure((256, 176), 220.0, 88.0, 18.0)[None]
    (plain,) = MoveNet(MoveNetConfig(joint_score=0))(image)
    limit = plain[0, :, 2].median().item()
    (strict,) = MoveNet(MoveNetConfig(joint_score=limit))(image)
    kept = plain[0, :, 2] >= limit
    assert torch.equal(strict[0, :, 2], plain[0, :, 2] * kept)
    assert torch.equal(strict[..., :2], plain[..., :2])
    (none,) = MoveNet(MoveNetConfig(person_score=1))(image)
    assert none.shape == (0, 17, 3)


def test_a_square_is_cut_and_resized() -> None:
    image = torch.arange(12).view(1, 3, 4).expand(3, 3, 4).to(torch.uint8)
    whole = cut(image, (0, -1, 4), 4)
    assert whole.dtype == torch.float32
    assert whole[0].tolist() == [[0] * 4, [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert cut(image, (1, 1, 2), 2)[0].tolist() == [[5, 6], [9, 10]]
    assert cut(image, (3, 2, 2), 2)[0].tolist() == [[11, 0], [0, 0]]
    assert (
        cut(torch.full((3, 8, 8), 7, dtype=torch.uint8), (0, 0, 8), 2)[0].tolist() == [[7, 7]] * 2
    )
    assert whole_square((3, 4)).tolist() == [0, -1, 4]
    assert whole_square((8, 4)).tolist() == [-2, 0, 8]


def person(**changes: Any) -> Tensor:
    """A person in a picture: hips at (100, 100), shoulders 40 above, ankles 70 below."""
    joints = torch.tensor([99.5, 99.5, 0.9]).repeat(17, 1)
    joints[5:7, 1] -= 40
    joints[15:17, 1] += 70
    for name, value in changes.items():
        joints[int(name[1:])] = torch.tensor(value)
    return joints


def test_the_square_around_a_person() -> None:
    wide = person(j9=[199.5, 99.5, 0.9])  # a hand 100 to the side
    unsure = person(j9=[199.5, 99.5, 0.1])
    people = torch.stack([person(), wide, unsure])
    squares = person_squares(people, (600, 800))
    # 1.2 · 70 of the ankles is more than 1.9 · 40 of the shoulders
    assert squares.tolist() == [[16, 16, 168], [-20, -20, 240], [16, 16, 168]]
    bowed = person(j15=[99.5, 99.5, 0.9], j16=[99.5, 99.5, 0.9])
    assert person_squares(bowed[None], (600, 800)).tolist() == [[24, 24, 152]]
    whole = whole_square((600, 800)).tolist()
    no_hips = person(j11=[99.5, 99.5, 0.1], j12=[99.5, 99.5, 0.1])
    assert person_squares(no_hips[None], (600, 800)).tolist() == [whole]
    # as large as the picture: nothing would be gained
    assert person_squares(person()[None], (160, 160)).tolist() == [[0, 0, 160]]


def test_a_square_is_never_without_the_picture() -> None:
    nowhere = torch.tensor([[-50.0, 400.0, 0.9]]).repeat(17, 1)
    ((left, top, side),) = person_squares(nowhere[None], (60, 80)).tolist()
    assert side >= 1
    assert cut(torch.ones(3, 60, 80, dtype=torch.uint8), (left, top, side), 4).shape == (3, 4, 4)


def test_one_person_is_not_found_twice() -> None:
    again, other = person(), person()
    again[:, 0] += 5
    other[:, 0] += 60
    people = torch.stack([person(), again, other])
    assert torch.equal(without_twins(people), people[[0, 2]])
    assert without_twins(people[:0]).shape == (0, 17, 3)
