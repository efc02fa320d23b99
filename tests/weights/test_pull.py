"""Weights from elsewhere: found, checked, kept by content, used by name."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from safetensors.torch import load_file, save_file

from posegen.core import ConfigError, WeightsError
from posegen.weights.bundle import content_digest, file_digest, pack
from posegen.weights.cache import find, pulled, working
from posegen.weights.folder import save_weights
from posegen.weights.pull import pull, request

Picture = Callable[[str | Path], bytes]


@pytest.fixture
def tar(folder: Path, tmp_path: Path) -> Path:
    pack(folder, tmp_path / "small.tar")
    return tmp_path / "small.tar"


def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **entry: Any) -> None:
    told = {"name": "small", "model": "patn", "licence": "CC-BY-4.0", "data": "nothing"}
    file = tmp_path / "registry.toml"
    file.write_text(tomli_w.dumps({"schema": 1, "weights": [{**told, **entry}]}))
    monkeypatch.setenv("POSEGEN_REGISTRY", str(file))


def of(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": file_digest(path)}


def test_the_same_weights_from_everywhere_are_kept_once(
    folder: Path, tar: Path, site: Any, own_cache: Path, picture: Picture
) -> None:
    site.files["/small.tar"] = tar.read_bytes()
    site.files["/files/model.safetensors"] = (folder / "model.safetensors").read_bytes()
    sources = [str(folder), str(tar), f"{site.url}/small.tar?download=1"]
    sources += [str(folder / "model.safetensors"), f"{site.url}/files/model.safetensors"]
    items = [pull(request(source, name="small")) for source in sources]
    (kept,) = pulled()
    assert {item.digest for item in items} == {kept.digest} == {content_digest(folder)}
    assert set(kept.sources) == set(sources)
    assert kept.folder == find("small") == own_cache / kept.digest
    assert picture("small") == picture(folder)
    assert sorted(path.name for path in own_cache.iterdir() if path.name != ".lock") == [
        kept.digest,
        f"{kept.digest}.json",
        "partial",
    ]
    assert list((own_cache / "partial").iterdir()) == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://example.org/a/PATN_market.tar?x=1", "patn_market"),
        ("https://example.org/patn-market/model.safetensors", "patn-market"),
        ("hf:someone/Patn-Market@main", "patn-market"),
    ],
)
def test_names_come_from_sources(source: str, name: str) -> None:
    assert request(source).name == name


def test_a_run_is_called_by_its_folder(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "First Run"
    shutil.copytree(folder, run / "weights")
    assert request(str(run)).name == request(str(run / "weights")).name == "first-run"
    assert pull(request(str(run))).folder.is_dir()


def test_a_name_is_of_what_was_pulled_last(
    folder: Path, tmp_path: Path, config: Callable[..., Any]
) -> None:
    first = pull(request(str(folder), name="mine"))
    save_weights(tmp_path / "v", config(preset="other"), load_file(folder / "model.safetensors"))
    second = pull(request(str(tmp_path / "v"), name="mine"))
    assert find("mine") == second.folder
    assert first.folder.is_dir()
    assert [item.name for item in pulled()] == ["", "mine"]


@pytest.mark.parametrize("place", ["path", "folder", "tensors", "url"])
def test_the_catalogue_names_weights(
    place: str,
    folder: Path,
    tar: Path,
    site: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    picture: Picture,
) -> None:
    site.files["/x"] = tar.read_bytes()
    where: dict[str, Any] = {
        "path": {"path": "small.tar", **of(tar)},
        "folder": {"path": "w", **of(folder / "model.safetensors")},
        "tensors": {"path": "w/model.safetensors", **of(folder / "model.safetensors")},
        "url": {"url": "https://example.org/x", **of(tar)},
    }[place]
    catalogue(tmp_path, monkeypatch, **where)
    with pytest.raises(
        WeightsError, match=r"not on this machine yet; `posegen weights pull small`"
    ):
        find("small")
    wanted = request("small")
    assert (wanted.sha256, wanted.size) == (where["sha256"], where["size"])
    if place == "url":
        wanted = request(f"{site.url}/x", name="small", sha256=wanted.sha256)
    pull(wanted)
    assert picture("small") == picture(folder)
    site.files.clear()
    shutil.rmtree(folder)
    tar.unlink()
    pull(wanted, offline=True)  # it is here already, and nobody is asked


@pytest.mark.parametrize("place", ["path", "folder"])
@pytest.mark.parametrize("wrong", ["size", "sha256"])
def test_what_is_not_as_the_catalogue_says_is_refused(
    place: str,
    wrong: str,
    folder: Path,
    tar: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = of(tar) if place == "path" else of(folder / "model.safetensors")
    told[wrong] = 7 if wrong == "size" else "7" * 64
    catalogue(tmp_path, monkeypatch, path="small.tar" if place == "path" else "w", **told)
    with pytest.raises(WeightsError, match=r"bytes, where 7 are due|where 7777.* is due"):
        pull(request("small"))
    assert pulled() == []


def test_a_cut_pull_goes_on(tar: Path, site: Any, folder: Path, picture: Picture) -> None:
    site.files["/small.tar"], site.cut = tar.read_bytes(), 20_000
    wanted = request(f"{site.url}/small.tar")
    with pytest.raises(WeightsError, match="cut off after 20,000 bytes"):
        pull(wanted)
    assert pulled() == []
    pull(wanted)
    assert site.asked[1][1]["range"] == "bytes=20000-"
    assert picture("small") == picture(folder)


def test_offline_takes_what_was_pulled_from_there(tar: Path, site: Any) -> None:
    site.files["/small.tar"] = tar.read_bytes()
    wanted = request(f"{site.url}/small.tar")
    with pytest.raises(WeightsError, match=r"not in .*--offline"):
        pull(wanted, offline=True)
    item = pull(wanted)
    site.asked.clear()
    assert pull(wanted, offline=True) == item
    with pytest.raises(WeightsError, match="not in"):
        pull(request(f"{site.url}/small.tar", sha256="0" * 64), offline=True)
    assert site.asked == []


def test_a_wrong_sha256_leaves_nothing(tar: Path, site: Any, own_cache: Path) -> None:
    site.files["/small.tar"] = tar.read_bytes()
    for source in (f"{site.url}/small.tar", str(tar)):
        with pytest.raises(WeightsError, match=r"its sha256 is \w{64}, where 0000"):
            pull(request(source, sha256="0" * 64))
    assert pulled() == []
    assert list((own_cache / "partial").iterdir()) == []


def test_what_was_altered_in_the_cache_is_not_used_and_can_be_pulled_again(
    folder: Path, picture: Picture
) -> None:
    item = pull(request(str(folder), name="small"))
    (item.folder / "README.md").write_text("another card")
    with pytest.raises(WeightsError, match=r"altered since 'small' was pulled; .*/w"):
        find("small")
    assert pull(request(str(folder), name="small")) == item
    assert not (item.folder / "README.md").exists()
    assert picture("small") == picture(folder)


def test_tensors_that_do_not_say_what_they_are_of_are_not_pulled(folder: Path) -> None:
    """Then nothing would vouch for the config.json beside them."""
    save_file(load_file(folder / "model.safetensors"), folder / "model.safetensors")
    with pytest.raises(WeightsError, match="header does not say which model it is of"):
        pull(request(str(folder)))


def test_two_processes_do_not_pull_at_once(folder: Path) -> None:
    with working(), pytest.raises(WeightsError, match="another posegen is pulling"):
        pull(request(str(folder)))


def test_what_a_killed_process_left_is_cleared(folder: Path, own_cache: Path) -> None:
    (own_cache / ".new-killed").mkdir(parents=True)
    pull(request(str(folder)))
    assert not (own_cache / ".new-killed").exists()


def test_a_damaged_record_is_named(folder: Path) -> None:
    item = pull(request(str(folder)))
    file = item.folder.with_suffix(".json")
    file.write_text(json.dumps({"name": "x"}))
    with pytest.raises(WeightsError, match=rf"{file.name}: damaged .*pull again"):
        pulled()


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        ("pattn", {}, "neither a file or folder, nor .* in the catalogue; it lists no weights.$"),
        ("hf:owner", {}, "write it as hf:owner/name"),
        ("hf:../..", {}, "write it as hf:owner/name"),
        ("https://example.org/", {}, "say with --name"),
        ("https://example.org/a", {"sha256": "abc"}, "64 digits"),
        ("https://example.org/a", {"name": "../a"}, "--name '../a'"),
    ],
)
def test_what_cannot_be_pulled_is_said(source: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        request(source, **options)


def test_unknown_names_get_the_nearest(
    tar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue(tmp_path, monkeypatch, path="small.tar", **of(tar))
    with pytest.raises(ConfigError, match="did you mean 'small'"):
        request("smal")
    with pytest.raises(ConfigError, match="the catalogue says"):
        request("small", sha256=hashlib.sha256(b"").hexdigest())
    with pytest.raises(
        WeightsError, match=r"no such run or weights, .*did you mean 'small'\? Known"
    ):
        find("smal")
    with pytest.raises(WeightsError, match=r"nor pulled or in the catalogue; known: small\.$"):
        find("xyz")


def test_a_catalogue_whose_file_is_missing_is_named(
    tar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue(tmp_path, monkeypatch, path="small.tar", **of(tar))
    away = tar.rename(tmp_path / "away.tar")
    with pytest.raises(WeightsError) as error:
        request("small")
    file = tmp_path / "registry.toml"
    assert str(error.value).startswith(f"{file}: weights 'small': path: {tar} is not there; ")
    item = pull(request(str(away)))
    assert pull(request("small")).folder == item.folder  # what is here already needs no file


@pytest.mark.parametrize("address", ["http://example.org/a.tar", "ftp://example.org/a.tar"])
def test_offline_too_an_address_that_is_never_used_is_refused_for_that(address: str) -> None:
    with pytest.raises(WeightsError, match="only https is used"):
        pull(request(address), offline=True)
