from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch

from posegen.core.batches import Pair
from posegen.data.config import PeopleConfig, Split
from posegen.data.people.dataset import PeopleDataset


def make(split: Split = "train", **options: Any) -> PeopleDataset:
    sizes = {"image_size": (16, 8), "identities": 5, "pictures": 4, "test_identities": 3}
    return PeopleDataset(PeopleConfig(**{**sizes, **options}), split)


def names(dataset: PeopleDataset) -> list[tuple[str, str]]:
    return [(pair.source_name, pair.target_name) for pair in dataset]


def same(one: Pair, other: Pair) -> bool:
    return all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.usefixtures("rendered")
@pytest.mark.parametrize(("split", "people", "first"), [("train", 5, 0), ("test", 3, 1_000_000)])
def test_lists_every_ordered_pair_of_a_person_once(split: Split, people: int, first: int) -> None:
    dataset = make(split)
    listed = names(dataset)
    expected = {
        (f"p{first + who:06d}_{i:02d}.png", f"p{first + who:06d}_{j:02d}.png")
        for who in range(people)
        for i in range(4)
        for j in range(4)
        if i != j
    }
    assert len(dataset) == len(listed) == people * 4 * 3
    assert set(listed) == expected


@pytest.mark.usefixtures("rendered")
def test_pairs_are_as_the_contract_says() -> None:
    pair = make()[0]
    assert pair.source.shape == (3, 16, 8)
    assert pair.source_mask is not None
    assert pair.source_mask.shape == (1, 16, 8)
    assert pair.source.dtype == pair.source_mask.dtype == torch.uint8
    assert set(pair.source_mask.unique().tolist()) <= {0, 255}
    assert pair.target_keypoints.shape == (18, 3)
    assert 0.5 in pair.source_keypoints[:, 2]  # hidden joints stay hidden, not missing
    assert not torch.equal(pair.source, pair.target)


@pytest.mark.usefixtures("rendered")
def test_first_test_pairs_show_various_people() -> None:
    dataset = make("test", test_identities=50)
    people = {pair.source_name.split("_")[0] for pair in map(dataset.__getitem__, range(20))}
    assert len(people) > 10
    assert names(dataset) == names(make("test", test_identities=50))


@pytest.mark.usefixtures("rendered")
def test_pairs_do_not_depend_on_batch_or_order() -> None:
    dataset = make()
    together = dataset.__getitems__(list(range(len(dataset))))
    assert all(same(pair, make()[i]) for i, pair in enumerate(together))
    assert same(dataset[-1], together[-1])
    assert not torch.equal(make(seed=1)[0].source, together[0].source)
    with pytest.raises(IndexError):
        dataset[len(dataset)]


def test_renders_each_picture_once_and_a_batch_in_one_call(rendered: list[Any]) -> None:
    dataset = make()
    dataset.__getitems__([0, 1, 2, 12])  # three pairs of person 0, one of person 1
    assert rendered == [((0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1))]
    dataset.__getitems__(list(range(len(dataset))))
    assert len(rendered) == 2
    assert len([picture for call in rendered for picture in call]) == 5 * 4
    dataset[7]
    assert len(rendered) == 2


def test_cache_is_bounded_and_optional(rendered: list[Any]) -> None:
    dataset = make(image_size=(256, 256), cache_mib=1)  # room for three pictures
    everything = list(range(len(dataset)))
    dataset.__getitems__(everything)
    dataset.__getitems__(everything)
    assert [len(call) for call in rendered] == [20, 17]
    rendered.clear()
    dataset = make(cache_mib=0)
    assert same(dataset[0], dataset[0])
    assert len(rendered) == 2


def test_pickles_without_its_cache(rendered: list[Any]) -> None:
    dataset = make("test")
    pairs = list(dataset)
    data = pickle.dumps(dataset)
    assert len(data) < 4096
    rendered.clear()
    assert all(map(same, pickle.loads(data), pairs))
    assert rendered


def test_renders_real_people() -> None:
    dataset = make(image_size=(32, 16))
    alone = dataset[3]
    again = make(image_size=(32, 16)).__getitems__([1, 3, 30])[1]
    assert same(alone, again)
    assert set(alone.source_keypoints[:, 2].tolist()) <= {0.0, 0.5, 1.0}
    assert alone.source.float().std() > 1
