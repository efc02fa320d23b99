"""The weights do what the catalogue says: they are found by name, and re-pose people."""

from __future__ import annotations

from pathlib import Path

import posegen_weights_people
import pytest
import torch

import posegen
from posegen.plugins import catalogue
from posegen.weights import cache
from posegen.weights.bundle import file_digest

FOLDER = Path(posegen_weights_people.__file__).parent
NAMES = sorted(path.name for path in FOLDER.iterdir() if (path / "config.json").is_file())
LIMIT = 8_000_000


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEGEN_CACHE", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("POSEGEN_REGISTRY", raising=False)


def test_the_catalogue_lists_just_these() -> None:
    listed = [w for w in catalogue.load().weights.values() if w.package == "posegen-weights-people"]
    assert sorted(entry.name for entry in listed) == NAMES
    assert [entry.name for entry in listed if entry.default] == ["people-limbs-128x64"]
    for entry in listed:
        file = FOLDER / entry.name / "model.safetensors"
        assert entry.size == file.stat().st_size <= LIMIT
        assert entry.sha256 == file_digest(file)
        assert entry.scores


def test_the_best_are_taken_where_nobody_names_any() -> None:
    assert cache.default().name == "people-limbs-128x64"
    assert posegen.load_model().config.model == "limbs"


@pytest.mark.parametrize("name", NAMES)
def test_they_show_people_whom_they_never_saw_better_than_copying(name: str) -> None:
    model = posegen.load_model(name)
    height, width = model.image_size
    people = posegen.dataset("people", split="test", image_size=[height, width])
    pairs = [people[index] for index in range(12)]
    ssim = posegen.metric("ssim")

    def images(pictures: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack(pictures).float() / 127.5 - 1

    made = [
        torch.frombuffer(
            bytearray(
                model.generate(pair.source, pair.source_keypoints, pair.target_keypoints).tobytes()
            ),
            dtype=torch.uint8,
        )
        .view(height, width, 3)
        .permute(2, 0, 1)
        for pair in pairs
    ]
    target = images([pair.target for pair in pairs])
    of_model = ssim(images(made), target)
    of_copying = ssim(images([pair.source for pair in pairs]), target)
    assert float(of_model) > float(of_copying) + 0.1
