from __future__ import annotations

import pytest
import torch
from posegen_patn.pool import ImagePool
from torch import Tensor


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
    return torch.arange(count * size, dtype=torch.float32).view(count, size, 1, 1, 1)


@pytest.mark.parametrize(
    ("size", "batch"), [(1, 3), (2, 5), (5, 2), (7, 7), (50, 1)]
)  # with a batch larger than the pool, images of one batch are exchanged for one another
def test_it_follows_the_published_rule(size: int, batch: int) -> None:
    pool, reference = ImagePool(size, 1, (1, 1)), list[Tensor]()
    ours, theirs = (torch.Generator().manual_seed(3) for _ in range(2))
    for new in batches(80, batch):
        wanted = published_rule(reference, size, new, theirs)
        assert torch.equal(pool.exchange(new, ours), wanted)
        assert torch.equal(pool.images[: len(reference)], torch.stack(reference))
    assert int(pool.filled) == size


def test_about_half_of_the_images_are_old_once_it_is_full() -> None:
    pool, random = ImagePool(10, 1, (1, 1)), torch.Generator().manual_seed(0)
    for new in batches(10, 1):
        assert torch.equal(pool.exchange(new, random), new)
    old = [not torch.equal(pool.exchange(new, random), new) for new in batches(400, 1) + 100]
    assert 160 < sum(old) < 240


@pytest.mark.parametrize("steps", [2, 9])  # half full, full
def test_a_restored_pool_goes_on_exactly(steps: int) -> None:
    pool, random = ImagePool(6, 2, (4, 4)), torch.Generator().manual_seed(0)
    for step in range(steps):
        pool.exchange(torch.full((2, 2, 4, 4), float(step)), random)
    restored, again = ImagePool(6, 2, (4, 4)), torch.Generator()
    restored.load_state_dict(pool.state_dict())
    again.set_state(random.get_state())
    for step in range(20):
        new = torch.full((2, 2, 4, 4), 100.0 + step)
        assert torch.equal(pool.exchange(new, random), restored.exchange(new, again))


def test_what_it_returns_is_not_changed_later() -> None:
    pool, random = ImagePool(1, 1, (1, 1)), torch.Generator().manual_seed(0)
    returned = [pool.exchange(new, random) for new in batches(20, 2)]
    copies = [tensor.clone() for tensor in returned]
    for new in batches(20, 2):
        pool.exchange(new, random)
    assert all(torch.equal(a, b) for a, b in zip(returned, copies, strict=True))


def test_half_precision_images_are_kept_in_float32() -> None:
    pool = ImagePool(2, 1, (1, 1))
    got = pool.exchange(torch.ones(2, 1, 1, 1, dtype=torch.bfloat16), torch.Generator())
    assert got.dtype == torch.float32
