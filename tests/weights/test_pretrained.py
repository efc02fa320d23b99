"""Files of weights that others published: found, checked, or asked for; never made up."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from posegen.core import PretrainedFile, WeightsError

OPTION = "--set a.weights=FILE"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("POSEGEN_OFFLINE", raising=False)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def published(tmp_path: Path) -> tuple[PretrainedFile, Path]:
    file = tmp_path / "made.pth"
    torch.save({"a": torch.arange(3.0)}, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return PretrainedFile("A net", "https://nowhere.invalid/net-1234.pth", digest[:8]), file


def test_the_users_file_comes_first(cache: Path, tmp_path: Path) -> None:
    weights, file = published(tmp_path)
    (cache / weights.filename).write_bytes(b"not looked at")
    assert weights.load(file, OPTION)["a"].tolist() == [0, 1, 2]
    with pytest.raises(WeightsError, match=r"none\.pth: no such file"):
        weights.load(tmp_path / "none.pth", OPTION)


def test_the_cache_is_used_and_checked(cache: Path, tmp_path: Path) -> None:
    weights, file = published(tmp_path)
    (cache / weights.filename).write_bytes(file.read_bytes())
    assert weights.load(None, OPTION)["a"].tolist() == [0, 1, 2]
    (cache / weights.filename).write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=f"damaged .*{weights.sha256}.*{OPTION}"):
        weights.load(None, OPTION)


def test_a_download_goes_to_the_cache(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, file = published(tmp_path)

    def download(url: str, to: str, prefix: str, progress: bool) -> None:
        assert (url, prefix) == (weights.url, weights.sha256)
        Path(to).write_bytes(file.read_bytes())

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    assert weights.load(None, OPTION)["a"].tolist() == [0, 1, 2]
    assert (cache / weights.filename).is_file()


@pytest.mark.parametrize("offline", [True, False])
def test_where_it_cannot_be_had_the_option_is_named(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    weights, _ = published(tmp_path)

    def fail(*args: object, **options: object) -> None:
        assert not offline
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    if offline:
        monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    with pytest.raises(WeightsError) as error:
        weights.load(None, OPTION)
    digest = f"sha256 {weights.sha256}…"
    for word in ("A net", str(cache / weights.filename), OPTION, weights.url, digest):
        assert word in str(error.value)
    assert ("POSEGEN_OFFLINE" in str(error.value)) == offline


def test_a_found_file_tells_its_whole_digest(cache: Path, tmp_path: Path) -> None:
    weights, file = published(tmp_path)
    (cache / weights.filename).write_bytes(file.read_bytes())
    whole = hashlib.sha256(file.read_bytes()).hexdigest()
    found = weights.find(None, OPTION)
    assert (found.path, found.sha256) == (cache / weights.filename, whole)
    assert weights.is_published(found)
    torch.save({"a": torch.zeros(3)}, tmp_path / "own.pth")
    own = weights.find(tmp_path / "own.pth", OPTION)
    assert not weights.is_published(own)
    assert own.tensors()["a"].tolist() == [0, 0, 0]
