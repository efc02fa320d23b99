"""The look `varied`: as exact as the plain one, and really varied."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from posegen_people.noise import fractal, value_noise
from posegen_people.photograph import develop, expose
from posegen_people.render import Rendered, render_people
from posegen_people.variety import PLAIN

SIZE = (64, 32)
#: Whoever is drawn first: identities and their pictures.
PEOPLE = [who for who in range(40) for _ in range(4)]
SHOTS = list(range(4)) * 40


@pytest.fixture(scope="module")
def varied() -> Rendered:
    return render_people(PEOPLE, SHOTS, SIZE, look="varied")


@pytest.fixture(scope="module")
def plain() -> Rendered:
    return render_people(PEOPLE, SHOTS, SIZE)


def test_same_bits_whatever_the_batch(varied: Rendered) -> None:
    for row in (3, 77, 158):
        alone = render_people([PEOPLE[row]], [SHOTS[row]], SIZE, look="varied")
        for one, of_all in zip(alone, varied, strict=True):
            assert torch.equal(one[0], of_all[row])


def test_some_pictures_are_cropped_and_say_so_in_their_joints(
    varied: Rendered, plain: Rendered
) -> None:
    assert (plain.keypoints[..., 2] > 0).all()
    outside = (varied.keypoints[..., 2] == 0).any(1)
    assert 0.1 < outside.float().mean() < 0.5
    shown = varied.keypoints[..., 2] > 0
    x, y = varied.keypoints[..., 0], varied.keypoints[..., 1]
    height, width = SIZE
    assert (x[shown].round() >= 0).all()
    assert (x[shown].round() < width).all()
    assert (y[shown].round() >= 0).all()
    assert (y[shown].round() < height).all()
    # Cropped below: the body reaches the lower edge.
    assert varied.mask[outside][:, 0, -1].amax(1).eq(255).float().mean() > 0.7


def test_seen_joints_lie_on_the_body(varied: Rendered) -> None:
    seen = varied.keypoints[..., 2] == 1
    column, row = varied.keypoints[..., 0].round().long(), varied.keypoints[..., 1].round().long()
    image = torch.arange(len(seen))[:, None].expand_as(seen)
    on_body = varied.mask[image[seen], 0, row[seen], column[seen]] == 255
    assert on_body.float().mean() > 0.97


def test_surroundings_light_and_cloth_vary_more_than_in_the_plain_look(
    varied: Rendered, plain: Rendered
) -> None:
    def spread(people: Rendered) -> tuple[float, float]:
        images = people.image.float()
        brightness = images.mean((1, 2, 3)).std()
        # Fine detail of what is behind the person.
        steps = (images[..., 1:] - images[..., :-1]).abs().mean(1)
        behind = people.mask[:, 0, :, 1:] == 0
        detail = (steps * behind).sum((1, 2)) / behind.sum((1, 2)).clamp(min=1)
        return float(brightness), float(detail.std())

    assert spread(varied)[0] > 1.4 * spread(plain)[0]
    assert spread(varied)[1] > 1.5 * spread(plain)[1]


def test_noise_is_smooth_of_the_right_range_and_repeats_by_seed() -> None:
    x, y = torch.linspace(-20, 20, 2001), torch.zeros(1)
    seed = torch.tensor(7.0)
    noise = value_noise(x, y, seed)
    assert torch.equal(noise, value_noise(x, y, seed))
    assert not torch.equal(noise, value_noise(x, y, seed + 1))
    assert noise.min() >= 0
    assert noise.max() < 1
    assert noise.std() > 0.15
    assert (noise[1:] - noise[:-1]).abs().max() < 0.02 * 1.5 + 1e-5  # the steepest a cell can be
    grid = torch.arange(0, 200) * 0.71
    assert abs(float(fractal(grid, grid[:, None], seed, octaves=4).mean())) < 0.03


def _person(**changes: object) -> dict[str, torch.Tensor]:
    values = {**PLAIN, **changes}
    return {
        name: torch.tensor(np.asarray([value]), dtype=torch.float32)
        for name, value in values.items()
    }


def test_a_photograph_is_exposed_blurred_and_compressed_as_asked() -> None:
    picture = torch.zeros(1, 3, 32, 32)
    picture[..., 16:] = 0.25  # ½ on display
    number = torch.zeros(1, dtype=torch.long)
    exact = develop(expose(picture, _person()), _person(), number)
    assert exact.unique().tolist() == [0, 128]
    brighter = expose(picture, _person(gain=(4.0, 1.0, 1.0)))
    assert brighter[0, :, 0, -1].tolist() == pytest.approx([1.0, 0.5, 0.5])
    steep, flat = (expose(picture * 1.44, _person(contrast=c))[0, 0, 0, -1] for c in (0.4, -0.3))
    assert steep > 0.6 > flat
    # At 32 rows, 4 pixels at 128 rows are one.
    soft = develop(expose(picture, _person()), _person(blur=4.0), number)[0, 0, 9].float()
    step = (soft[1:] - soft[:-1]) / 128
    middle = (step * torch.arange(31)).sum()
    assert float(middle) == pytest.approx(15, abs=0.02)
    assert float((step * (torch.arange(31) - 15) ** 2).sum()) == pytest.approx(1.0, abs=0.05)
    filed = develop(expose(picture, _person()), _person(jpeg=40.0), number)
    assert 0 < (filed.float() - exact.float()).abs().mean() < 12
    grainy = develop(torch.full((1, 3, 32, 32), 0.5), _person(grain=4.0), number).float()
    assert 0.5 < float(grainy.std()) < 4
