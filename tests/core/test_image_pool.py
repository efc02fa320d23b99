from __future__ import annotations

import pytest
import torch
from torch import Tensor

from posegen.core import ConfigError, Field, FieldKind, ImagePool, TaskInfo

TASK = TaskInfo(
    (2, 1),
    pose_channels=4,
    extra={"target_parts": Field(FieldKind.MAP, 2), "look": Field(FieldKind.VECTOR, 5)},
)


def pool_of(size: int, *inputs: str) -> ImagePool:
    return ImagePool(size, inputs, TASK)


def published_rule(pool: list[Tensor], size: int, new: Tensor, random: torch.Generator) -> Tensor:
    """The published image pool, one image after the other; draws numbers as ours does."""
    coins = torch.rand(len(new), generator=random)
    slots = torch.randint(size, (len(new),), generator=random)
    returned = []
    for image, coin, slot in zip(new, coins, slots, strict=True):
        if len(pool) < size:
            pool.append(image)
            returned.append(image)
        elif coin > 0.5:
            returned.append(pool[int(slot)])
            pool[int(slot)] = image
        else:
            returned.append(image)
    return torch.stack(returned)


def batches(count: int, size: int) -> Tensor:
    numbers = torch.arange(count * size, dtype=torch.float32).view(count, size, 1, 1, 1)
    return numbers.expand(-1, -1, 3, 2, 1)


def exchange(pool: ImagePool, image: Tensor, random: torch.Generator) -> Tensor:
    return pool.exchange(image, {}, random)[0]


@pytest.mark.parametrize(
    ("size", "batch"), [(1, 3), (2, 5), (5, 2), (7, 7), (50, 1)]
)  # with a batch larger than the pool, images of one batch are exchanged for one another
def test_it_follows_the_published_rule(size: int, batch: int) -> None:
    pool, reference = pool_of(size), list[Tensor]()
    ours, theirs = (torch.Generator().manual_seed(3) for _ in range(2))
    for new in batches(80, batch):
        wanted = published_rule(reference, size, new, theirs)
        assert torch.equal(exchange(pool, new, ours), wanted)
        assert torch.equal(pool.images[: len(reference)], torch.stack(reference))
    assert int(pool.filled) == size


def test_about_half_of_the_images_are_old_once_it_is_full() -> None:
    pool, random = pool_of(10), torch.Generator().manual_seed(0)
    for new in batches(10, 1):
        assert torch.equal(exchange(pool, new, random), new)
    old = [not torch.equal(exchange(pool, new, random), new) for new in batches(400, 1) + 100]
    assert 160 < sum(old) < 240


@pytest.mark.parametrize("steps", [2, 9])  # half full, full
def test_a_restored_pool_goes_on_exactly(steps: int) -> None:
    pool, random = pool_of(6), torch.Generator().manual_seed(0)
    for step in range(steps):
        exchange(pool, torch.full((2, 3, 2, 1), float(step)), random)
    restored, again = pool_of(6), torch.Generator()
    restored.load_state_dict(pool.state_dict())
    again.set_state(random.get_state())
    for step in range(20):
        new = torch.full((2, 3, 2, 1), 100.0 + step)
        assert torch.equal(exchange(pool, new, random), exchange(restored, new, again))


def test_what_it_returns_is_not_changed_later() -> None:
    pool, random = pool_of(1), torch.Generator().manual_seed(0)
    returned = [exchange(pool, new, random) for new in batches(20, 2)]
    copies = [tensor.clone() for tensor in returned]
    for new in batches(20, 2):
        exchange(pool, new, random)
    assert all(torch.equal(a, b) for a, b in zip(returned, copies, strict=True))


def test_half_precision_images_are_kept_in_float32() -> None:
    got = exchange(pool_of(2), torch.ones(2, 3, 2, 1, dtype=torch.bfloat16), torch.Generator())
    assert got.dtype == torch.float32


def test_an_image_comes_with_all_that_it_was_generated_for() -> None:
    names = ("source", "target_parts", "target_keypoints", "source_mask", "look")
    pool, random = pool_of(5, *names), torch.Generator().manual_seed(0)
    shapes = {name: (3, *TASK.shape(name)) for name in names}
    assert (shapes["target_keypoints"], shapes["look"]) == ((3, 18, 3), (3, 5))
    old = 0
    for step in range(1, 20):
        numbers = torch.arange(3.0) + 3 * step
        given = {
            name: numbers.view(3, *[1] * (len(shape) - 1)).expand(shape)
            for name, shape in shapes.items()
        }
        image, inputs = pool.exchange(numbers.view(3, 1, 1, 1).expand(3, 3, 2, 1), given, random)
        assert inputs.keys() == shapes.keys()
        for name, tensor in inputs.items():
            assert tensor.shape == shapes[name]
            assert torch.equal(tensor.flatten(1).amin(1), image[:, 0, 0, 0])
            assert torch.equal(tensor.flatten(1).amax(1), image[:, 0, 0, 0])
        old += int((image[:, 0, 0, 0] < numbers[0]).sum())
    assert old > 10


def test_what_has_height_and_width_is_in_one_buffer_as_before() -> None:
    """Checkpoints that hold a pool of images beside one condition can be resumed."""
    shapes = {name: value.shape for name, value in pool_of(4, "target_pose").state_dict().items()}
    assert shapes == {"images": (4, 3 + 4, 2, 1), "filled": ()}


def test_an_input_that_the_data_does_not_have_is_named() -> None:
    with pytest.raises(ConfigError, match="'sauce', which the data does not have"):
        pool_of(1, "sauce")
