from __future__ import annotations

import math

import pytest
import torch

from posegen.core.errors import ConfigError, DataError
from posegen.experiments.effects import to_json
from posegen.experiments.reid import experiment as reid
from posegen.experiments.reid.data import Pictures
from posegen.experiments.reid.train import ReidTraining, features, train

pytest.importorskip("pytorch_metric_learning")

SIZE = (32, 16)
TINY = ReidTraining(network="resnet10", image_size=SIZE, steps=3, batch_size=8, lr=1e-3)


def people(first: int, count: int, each: int = 4) -> Pictures:
    """People who are told apart by their colour."""
    random = torch.Generator().manual_seed(first)
    names, who, cameras, images = [], [], [], []
    for person in range(first, first + count):
        colour = torch.randint(40, 215, (3, 1, 1), generator=random)
        for camera in range(each):
            noise = torch.randint(-30, 30, (3, *SIZE), generator=random)
            names.append(f"{person:04d}_c{camera}s1_000000_00.jpg")
            who.append(f"{person:04d}")
            cameras.append(str(camera))
            images.append((colour + noise).clamp(0, 255).byte())
    return Pictures(names, who, cameras, torch.stack(images))


def material(**changes) -> reid.Material:
    test = people(100, 5)
    return reid.Material(**{"real": people(1, 4), "query": test, "gallery": test, **changes})


def planned(**changes) -> reid.ReidPlan:
    given = {"fractions": (0.5, 1.0), "seeds": (1, 2), "training": TINY, "data": {"name": "x"}}
    return reid.ReidPlan(**{**given, **changes})


def test_training_lowers_the_loss_enough_to_tell_colours_apart():
    real = people(1, 4)
    options = TINY.model_copy(update={"steps": 25, "erasing": 0.0})
    network = train(real, options, seed=1)
    found = features(network, real.images, torch.device("cpu"))
    assert torch.allclose(found.norm(dim=1), torch.ones(len(found)), atol=1e-5)
    nearest = (found @ found.T).fill_diagonal_(-1).argmax(dim=1)
    right = sum(real.people[i] == real.people[k] for i, k in enumerate(nearest.tolist()))
    assert right / len(real) >= 0.75


def test_a_training_is_a_function_of_its_seed():
    real = people(1, 4)
    state = torch.random.get_rng_state()
    one, same, other = (train(real, TINY, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    images = real.images
    first = features(one, images, torch.device("cpu"))
    assert torch.equal(first, features(same, images, torch.device("cpu")))
    assert not torch.equal(first, features(other, images, torch.device("cpu")))


def test_stopped_after_a_training_it_ends_with_the_same_table(tmp_path, monkeypatch):
    generated = people(1, 4, each=2)
    whole, given = planned(), material(generated=generated)
    reid.begin(tmp_path / "whole", whole)
    expected = to_json(reid.run(tmp_path / "whole", whole, given))
    assert list(expected["variants"]) == [reid.REAL, reid.GENERATED]

    reid.begin(tmp_path / "broken", whole)
    real, count = reid.train, 0

    def stopping(*arguments, **options):
        nonlocal count
        count += 1
        if count in (3, 6):
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(reid, "train", stopping)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            reid.run(tmp_path / "broken", whole, given)
    reid.begin(tmp_path / "broken", whole)
    assert to_json(reid.run(tmp_path / "broken", whole, given)) == expected
    assert count == 8 + 2


def test_generated_pictures_are_only_of_the_real_ones_of_the_part():
    given = material(generated=people(1, 4))  # one of each real picture
    whole = reid._pictures(given, reid.Cell(1.0, reid.GENERATED, 1))
    half = reid._pictures(given, reid.Cell(0.5, reid.GENERATED, 1))
    assert len(whole) == 32
    assert len(half) == 16
    assert sorted(half.names[:8]) == sorted(half.names[8:])


def test_centralising_moves_features_to_their_person_s_mean():
    class Mean:
        """Features are the mean colour."""

        def embed(self, images):
            return torch.nn.functional.normalize(images.float().mean(dim=(2, 3)), dim=1)

    cpu = torch.device("cpu")
    red, green = (torch.zeros(3, 4, 2, dtype=torch.uint8) for _ in range(2))
    red[0], green[1] = 200, 200
    own = features(Mean(), torch.stack([red, green]), cpu)
    extra = torch.stack([torch.stack([green, green]), torch.stack([green, red])])
    moved = reid.centralised(Mean(), own, extra, cpu)
    half = math.sqrt(0.5)
    assert moved[0].tolist() == pytest.approx([half, half, 0])
    assert moved[1].tolist() == pytest.approx([0.5 / math.sqrt(2.5), 1.5 / math.sqrt(2.5), 0])


def test_people_of_the_test_are_never_trained_on():
    with pytest.raises(DataError, match="person 0001 is in training and in test"):
        reid.check(material(query=people(1, 1)))
    with pytest.raises(DataError, match="person 0009 of the generated"):
        reid.check(material(generated=people(9, 1)))


def test_another_experiment_does_not_get_into_the_folder(tmp_path):
    reid.begin(tmp_path / "r", planned())
    reid.begin(tmp_path / "r", planned(seeds=(1, 2, 3)))  # more of the same is welcome
    with pytest.raises(ConfigError, match="trainings are of another training"):
        reid.begin(tmp_path / "r", planned(training=TINY.model_copy(update={"steps": 4})))
