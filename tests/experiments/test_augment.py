from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from posegen.config import ComponentOptions
from posegen.config.parts import build_dataset, build_encoder, build_generator, task_of
from posegen.core.errors import DataError
from posegen.experiments import augment as module
from posegen.experiments.augment import LIST, augment, read_list
from posegen.experiments.reid.data import TRAIN, Namer, read_folder
from posegen.experiments.reid.material import from_data_set, with_generated, with_poses
from posegen.inference.marks import mark_of
from posegen.inference.model import PoseTransfer, load_model
from posegen.weights.description import WeightsConfig
from posegen.weights.folder import join, save_weights

SIZE = (32, 16)
PEOPLE = ComponentOptions(
    name="people", image_size=list(SIZE), identities=3, pictures=2, test_identities=2
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PoseTransfer:
    """A small generator with drawn weights."""
    encoder = ComponentOptions(name="gaussian", sigma=1.5)
    generator = ComponentOptions(name="patn", ngf=4, blocks=1)
    config = WeightsConfig(
        model="patn",
        preset="demo",
        generator=generator,
        encoder=encoder,
        method=ComponentOptions(name="adversarial"),
        image_size=SIZE,
    )
    torch.manual_seed(0)
    task = task_of(build_dataset(PEOPLE, "train"), build_encoder(encoder))
    folder = tmp_path_factory.mktemp("model") / "weights"
    save_weights(folder, config, join({"generator": build_generator(generator, task)}))
    return load_model(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}


def test_pictures_of_training_people_marked_and_in_market_s_layout(model, tmp_path):
    made, left_out = augment(model, PEOPLE, tmp_path / "g", 3, Namer())
    assert left_out == 0
    assert len(made) == 3 * 2 * 3
    assert {one.person for one in made} == {"000000", "000001", "000002"}
    assert all(one.pose != one.source for one in made)
    assert read_list(tmp_path / "g") == made
    pictures = read_folder(tmp_path / "g" / TRAIN, Namer(), SIZE)
    assert sorted(pictures.people) == sorted(one.person for one in made)  # as others read names
    with Image.open(tmp_path / "g" / TRAIN / made[0].file) as picture:
        assert mark_of(picture) == model.mark
        assert picture.size == (16, 32)


def test_all_poses_are_those_of_every_other_training_picture(model, tmp_path):
    made, _ = augment(model, PEOPLE, tmp_path / "g", None, Namer())
    assert len(made) == 6 * 5


def test_stopped_it_goes_on_and_ends_with_the_same_pictures(model, tmp_path, monkeypatch):
    augment(model, PEOPLE, tmp_path / "whole", 2, Namer())
    real, count = module.save_picture, 0

    def stopping(path, *rest, **more):
        nonlocal count
        count += 1
        if count in (4, 9):
            raise KeyboardInterrupt
        return real(path, *rest, **more)

    monkeypatch.setattr(module, "save_picture", stopping)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            augment(model, PEOPLE, tmp_path / "broken", 2, Namer())
        with pytest.raises(DataError, match="run the same `posegen augment` to the end"):
            read_list(tmp_path / "broken")
    augment(model, PEOPLE, tmp_path / "broken", 2, Namer())
    assert count == 12 + 2  # none was made twice
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")


def test_another_seed_does_not_get_into_the_folder(model, tmp_path):
    augment(model, PEOPLE, tmp_path / "g", 1, Namer())
    with pytest.raises(DataError, match="made with another seed"):
        augment(model, PEOPLE, tmp_path / "g", 1, Namer(), seed=1)


def test_people_of_the_test_are_left_out(model, tmp_path):
    def namer(name: str) -> tuple[str, str]:
        # As if the test's first person were the training's first, under the same number.
        person, camera = Namer()(name)
        return ("000000" if person == "1000000" else person), camera

    made, left_out = augment(model, PEOPLE, tmp_path / "g", 1, namer)
    assert left_out == 1
    assert {one.person for one in made} == {"000001", "000002"}
    with pytest.raises(DataError, match="every person"):
        augment(model, PEOPLE, tmp_path / "n", 1, lambda name: ("a", "1"))


def test_the_experiment_takes_them_by_the_pictures_they_are_made_of(model, tmp_path):
    augment(model, PEOPLE, tmp_path / "g", 2, Namer())
    material = from_data_set(PEOPLE, Namer(), SIZE)
    whole = with_generated(material, tmp_path / "g", SIZE)
    assert set(whole.generated.names) == set(material.real.names)
    assert set(whole.generated.people) == set(material.real.people)
    (tmp_path / "g" / LIST).write_text("nonsense\n")
    with pytest.raises(DataError, match="not what `posegen augment` writes"):
        with_generated(material, tmp_path / "g", SIZE)


def test_every_test_picture_comes_in_the_same_poses(model):
    material = from_data_set(PEOPLE, Namer(), SIZE)
    whole = with_poses(material, model, PEOPLE, 3, SIZE)
    assert whole.extra_query.shape == (4, 3, 3, *SIZE)
    assert whole.extra_gallery is whole.extra_query
