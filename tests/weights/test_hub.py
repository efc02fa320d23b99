"""The hub: its own library, which asks a server on this machine; uploads are stood in for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants

from posegen.core import ConfigError, WeightsError
from posegen.weights import hub
from posegen.weights.bundle import file_digest, shared_files
from posegen.weights.cache import pulled
from posegen.weights.pull import pull, request
from posegen.weights.push import push

COMMIT = "0123456789abcdef0123456789abcdef01234567"
Picture = Callable[[str | Path], bytes]


class Hub:
    """The hub's answers, from the test's web server; its own library asks it."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self.files: list[dict[str, Any]] = []
        self.made: list[tuple[str, bool]] = []

    def have(self, folder: Path) -> None:
        for name in shared_files(folder):
            content = (folder / name).read_bytes()
            sha256 = file_digest(folder / name) if name.endswith("tensors") else None
            self.add(name, len(content), sha256)
            self.site.files[f"/o/n/resolve/{COMMIT}/{name}"] = content

    def add(self, name: str, size: int = 1, sha256: str | None = None) -> None:
        lfs = {"sha256": sha256, "size": size, "pointerSize": 1} if sha256 else None
        self.files.append({"rfilename": name, "size": size, "lfs": lfs})
        self.answer()

    def answer(self) -> None:
        content = {"id": "o/n", "sha": COMMIT, "siblings": self.files}
        for revision in ("", "/revision/main", f"/revision/{COMMIT}"):
            self.site.files[f"/api/models/o/n{revision}"] = json.dumps(content).encode()

    def fetched(self) -> list[str]:
        return [path.rsplit("/", 1)[1] for path in self.site.paths() if "/resolve/" in path]

    def create_repo(self, where: str, private: bool, exist_ok: bool) -> None:
        assert exist_ok
        self.made.append((where, private))

    def upload_folder(self, repo_id: str, folder_path: Path, **_: Any) -> Any:
        self.have(Path(folder_path))
        return SimpleNamespace(commit_url=f"https://hub/{repo_id}/{COMMIT}", oid=COMMIT)


@pytest.fixture
def there(site: Any, monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub(site)
    site.headers = {"X-Repo-Commit": COMMIT, "ETag": '"one"'}
    template = site.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", site.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setenv("HF_TOKEN", "t")
    for call in ("create_repo", "upload_folder"):
        monkeypatch.setattr(huggingface_hub.HfApi, call, staticmethod(getattr(made, call)))
    return made


def test_pushed_and_pulled(there: Hub, folder: Path, picture: Picture) -> None:
    pushed = push(folder, "hf:o/n", licence="MIT")
    assert there.made == [("o/n", True)]  # private, because nobody said otherwise
    assert pushed.where == f"https://hub/o/n/{COMMIT}"
    assert (pushed.entry["hub"], pushed.entry["revision"]) == ("o/n", COMMIT)
    there.add(".gitattributes")
    there.add("pytorch_model.bin")
    item = pull(request("hf:o/n"))
    assert item.name == "n"
    assert set(item.sources) == {"hf:o/n", f"hf:o/n@{COMMIT}"}
    assert picture("n") == picture(folder)
    assert sorted(there.fetched()) == shared_files(item.folder)
    assert {path.name for path in item.folder.iterdir()} == {*shared_files(item.folder)}
    asked = [headers for line, headers in there.site.asked if "/n/" in line]
    assert all(headers["authorization"] == "Bearer t" for headers in asked)
    assert "posegen weights pull hf:o/n --name n" in (item.folder / "README.md").read_text()


def test_a_commit_that_is_here_is_not_fetched_again(there: Hub, folder: Path) -> None:
    there.have(folder)
    item = pull(request("hf:o/n"))
    there.site.asked.clear()
    for source in ("hf:o/n", "hf:o/n@main", f"hf:o/n@{COMMIT}"):
        assert pull(request(source)).digest == item.digest
    assert pull(request("hf:o/n"), offline=True).digest == item.digest
    assert there.fetched() == []
    with pytest.raises(WeightsError, match="where 0000"):
        pull(request("hf:o/n", sha256="0" * 64))


def test_progress_is_told(there: Hub, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    there.have(folder)
    told: list[tuple[int, int]] = []
    pull(request("hf:o/n"), on_progress=lambda *pair: told.append(pair))
    size = (folder / "model.safetensors").stat().st_size
    assert (size, size) in told
    assert capfd.readouterr().err == ""  # the library draws nothing of its own


@pytest.mark.parametrize("name", ["../../.bashrc", "/etc/passwd", "a/../../b", "C:\\x", "a\x1b[0m"])
def test_a_listing_with_a_path_is_refused(there: Hub, folder: Path, name: str) -> None:
    there.have(folder)
    there.add(name)
    with pytest.raises(WeightsError, match=r"hf:o/n: lists .* no safe name"):
        pull(request("hf:o/n"))
    assert there.fetched() == []
    assert pulled() == []


def test_what_the_hub_says_is_checked(there: Hub, folder: Path, own_cache: Path) -> None:
    there.have(folder)
    (tensors,) = (file for file in there.files if file["lfs"])
    tensors["lfs"]["sha256"] = "0" * 64
    there.answer()
    with pytest.raises(WeightsError, match=r"model.safetensors: its sha256 is .* where 0000"):
        pull(request("hf:o/n"))
    tensors["size"] = 5 * 10**9
    there.answer()
    with pytest.raises(WeightsError, match="more than 4,000,000,000 bytes; --max-size"):
        pull(request("hf:o/n"))
    there.files.remove(tensors)
    there.answer()
    with pytest.raises(WeightsError, match=r"hf:o/n: no model.safetensors in it"):
        pull(request("hf:o/n"))
    assert pulled() == []
    assert list(own_cache.iterdir()) == []


def test_a_refusal_is_one_sentence(
    there: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WeightsError, match=r"^hf:o/none: .*404.*\.$") as error:
        pull(request("hf:o/none"))
    assert str(error.value).isprintable()
    there.site.files["/api/models/o/n"] = b"{}"
    with pytest.raises(WeightsError, match=r"^hf:o/n: "):
        pull(request("hf:o/n"))
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", lambda *_, **__: 1 / 0)
    with pytest.raises(WeightsError, match="hf:o/n: division by zero"):
        push(folder, "hf:o/n", licence="MIT")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ConfigError, match=r"pip install 'posegen\[hub\]'"):
        hub.listing("hf:o/n", 1)
