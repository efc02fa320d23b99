"""Weights from elsewhere: found, checked, kept by content, used by name."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from filelock import FileLock
from safetensors.torch import load_file, save_file

from posegen.core import ConfigError, WeightsError
from posegen.core.writing import PART, _cleared, workplace
from posegen.weights import cache, download
from posegen.weights.bundle import content_digest, file_digest, pack
from posegen.weights.cache import find, pulled
from posegen.weights.folder import save_weights
from posegen.weights.pull import pull, request
from posegen.weights.push import push

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
    ]


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


def test_a_cut_pull_leaves_nothing_and_is_begun_again(
    tar: Path, site: Any, own_cache: Path, folder: Path, picture: Picture
) -> None:
    site.files["/small.tar"], site.cut = tar.read_bytes(), 20_000
    wanted = request(f"{site.url}/small.tar")
    with pytest.raises(WeightsError, match=r"cannot be downloaded .*received 20000 bytes"):
        pull(wanted)
    assert list(own_cache.iterdir()) == []
    pull(wanted)
    assert picture("small") == picture(folder)


def test_while_a_server_drips_others_pull(
    tar: Path, site: Any, folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIME_LIMIT", 2.0)
    site.raw["/small.tar"], site.drip = b"HTTP/1.1 200 OK\r\n\r\n" + tar.read_bytes(), 0.01
    with ThreadPoolExecutor() as threads:
        dripping = threads.submit(pull, request(f"{site.url}/small.tar"))
        while not site.asked:
            time.sleep(0.01)
        assert pull(request(str(folder), name="mine")).folder.is_dir()
        assert not dripping.done()
        assert list(own_cache.glob(f".*{PART}"))  # and the other pull cleared nothing of this one
        with pytest.raises(WeightsError, match="not here after"):
            dripping.result()
    assert not list(own_cache.glob(f".*{PART}"))


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
    assert list(own_cache.iterdir()) == []


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


def test_many_pull_the_same_at_once(folder: Path, own_cache: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        names = [f"n{number % 4}" for number in range(16)]
        items = list(threads.map(lambda name: pull(request(str(folder), name=name)), names))
    (kept,) = pulled()
    assert {item.digest for item in items} == {kept.digest}
    left = {".lock", kept.digest, f"{kept.digest}.json"}
    assert {path.name for path in own_cache.iterdir()} == left


def test_a_cache_that_stays_locked_is_a_sentence(
    folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_PATIENCE", 0)
    own_cache.mkdir(parents=True)
    with (
        FileLock(own_cache / ".lock"),
        pytest.raises(WeightsError, match=r"another posegen .*POSEGEN_CACHE"),
    ):
        pull(request(str(folder)))


def test_what_a_killed_process_left_is_cleared(folder: Path, own_cache: Path) -> None:
    (own_cache / f".pull.killed{PART}" / "bundle").mkdir(parents=True)
    with workplace(own_cache / "pull") as at_work:
        _cleared.clear()  # as in a new process
        pull(request(str(folder)))
        assert list(own_cache.glob(f".*{PART}")) == [at_work]


@pytest.mark.parametrize(
    "record",
    ['{"name": "x"}', "{", "[]", '{"name": "x", "sources": 1}', "[" * 10_000, "9" * 5000, "\xff"],
)
def test_a_damaged_record_blocks_nothing(
    record: str,
    folder: Path,
    tmp_path: Path,
    config: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    item = pull(request(str(folder), name="small"))
    file = item.folder.with_suffix(".json")
    file.write_text(record, encoding="latin-1")
    assert pulled() == []
    assert f"{file}: damaged" in caplog.text
    save_weights(tmp_path / "v", config(preset="other"), load_file(folder / "model.safetensors"))
    other = pull(request(str(tmp_path / "v"), name="other"))
    assert find("other") == other.folder
    assert pull(request(str(folder), name="small")) == item
    assert len(pulled()) == 2


def test_all_files_have_the_permissions_of_new_files(folder: Path, tar: Path, site: Any) -> None:
    site.files["/small.tar"] = tar.read_bytes()
    old = os.umask(0o027)
    try:
        push(folder, str(folder.parent / "shared"), licence="MIT")
        push(folder, str(folder.parent / "shared.tar"), licence="MIT")
        items = [pull(request(source)) for source in (f"{site.url}/small.tar", str(folder))]
    finally:
        os.umask(old)
    files = [*(folder.parent / "shared").iterdir(), folder.parent / "shared.tar"]
    for item in items:
        files += [*item.folder.iterdir(), item.folder.with_suffix(".json")]
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o640"}
    assert oct((folder.parent / "shared").stat().st_mode & 0o777) == "0o750"


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WeightsError, match="pipe: a device or a pipe"):
        pull(request(str(tmp_path / "pipe")))


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
