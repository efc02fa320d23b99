from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch
from posegen_people import render
from posegen_people.config import PeopleConfig, Split
from posegen_people.dataset import PeopleDataset

from posegen.core import Pair, skeleton


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[int, int]]]:
    """What each call of the renderer rendered: (identity, picture)."""
    calls: list[list[tuple[int, int]]] = []
    real = render.render_people

    def spy(identities: Any, pictures: Any, *args: Any, **options: Any) -> render.Rendered:
        calls.append(list(zip(identities, pictures, strict=True)))
        return real(identities, pictures, *args, **options)

    monkeypatch.setattr(render, "render_people", spy)
    return calls


def make(split: Split = "train", **options: Any) -> PeopleDataset:
    sizes = {"image_size": (16, 8), "identities": 5, "pictures": 4, "test_identities": 3}
    return PeopleDataset(PeopleConfig(**{**sizes, **options}), split)


def first(dataset: PeopleDataset, count: int) -> list[Pair]:
    return dataset.__getitems__(list(range(count)))


def names(pairs: list[Pair]) -> list[tuple[str, str]]:
    return [(pair.source_name, pair.target_name) for pair in pairs]


def same(one: Pair, other: Pair) -> bool:
    return all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize(("split", "people", "start"), [("train", 5, 0), ("test", 3, 1_000_000)])
def test_lists_every_ordered_pair_of_a_person_once(split: Split, people: int, start: int) -> None:
    dataset = make(split)
    listed = names(first(dataset, len(dataset)))
    expected = {
        (f"p{start + who:06d}_{i:02d}.png", f"p{start + who:06d}_{j:02d}.png")
        for who in range(people)
        for i in range(4)
        for j in range(4)
        if i != j
    }
    assert len(dataset) == len(listed) == people * 4 * 3
    assert set(listed) == expected


def test_pairs_are_as_the_contract_says() -> None:
    pair = make()[0]
    for image, mask, keypoints in (
        (pair.source, pair.source_mask, pair.source_keypoints),
        (pair.target, pair.target_mask, pair.target_keypoints),
    ):
        assert image.shape == (3, 16, 8)
        assert mask is not None
        assert mask.shape == (1, 16, 8)
        assert image.dtype == mask.dtype == torch.uint8
        assert set(mask.unique().tolist()) == {0, 255}
        assert keypoints.shape == (18, 3)
        assert set(keypoints[:, 2].tolist()) <= {0.0, 0.5, 1.0}
    assert not torch.equal(pair.source, pair.target)
    assert skeleton(PeopleDataset.skeleton).joints[0] == "nose"


def test_first_test_pairs_show_various_people() -> None:
    pairs = first(make("test", test_identities=50), 20)
    assert len({pair.source_name.split("_")[0] for pair in pairs}) > 10
    assert names(pairs) == names(first(make("test", test_identities=50), 20))


def test_pairs_do_not_depend_on_batch_or_order() -> None:
    dataset = make()
    together = first(dataset, len(dataset))
    assert all(same(together[i], make()[i]) for i in (0, 1, 17, 59))
    assert same(dataset[-1], together[-1])
    assert not torch.equal(make(seed=1)[0].source, together[0].source)
    with pytest.raises(IndexError):
        dataset[len(dataset)]


def test_renders_each_picture_once_and_a_batch_in_one_call(rendered: list[Any]) -> None:
    dataset = make()
    dataset.__getitems__([0, 1, 2, 12])  # three pairs of person 0, one of person 1
    assert rendered == [[(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1)]]
    first(dataset, len(dataset))
    assert len(rendered) == 2
    assert len([picture for call in rendered for picture in call]) == 5 * 4
    dataset[7]
    assert len(rendered) == 2


def test_cache_is_bounded_and_optional(rendered: list[Any]) -> None:
    dataset = make(image_size=(128, 128), cache_mib=1)  # room for 15 pictures
    first(dataset, len(dataset))
    first(dataset, len(dataset))
    assert [len(call) for call in rendered] == [20, 5]
    rendered.clear()
    dataset = make(cache_mib=0)
    assert same(dataset[0], dataset[0])
    assert len(rendered) == 2


def test_pickles_without_its_cache(rendered: list[Any]) -> None:
    dataset = make("test")
    pairs = first(dataset, len(dataset))
    data = pickle.dumps(dataset)
    assert len(data) < 4096
    rendered.clear()
    assert all(map(same, first(pickle.loads(data), len(pairs)), pairs))
    assert rendered
