"""The hub: its library is stood in for by a small one with the same calls; files come by http."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from posegen.core import ConfigError, WeightsError
from posegen.weights import hub
from posegen.weights.bundle import file_digest, shared_files
from posegen.weights.cache import pulled
from posegen.weights.pull import pull, request
from posegen.weights.push import push

COMMIT = "0123456789abcdef0123456789abcdef01234567"
Picture = Callable[[str | Path], bytes]


class Hub:
    """What `huggingface_hub` offers, over the test's web server."""

    def __init__(self, site: Any) -> None:
        self.site, self.commit = site, COMMIT
        self.files: list[SimpleNamespace] = []
        self.made: list[tuple[str, bool]] = []

    def have(self, folder: Path) -> None:
        for name in shared_files(folder):
            file = folder / name
            lfs = SimpleNamespace(sha256=file_digest(file)) if name.endswith("tensors") else None
            self.add(name, file.stat().st_size, lfs)
            self.site.files[f"/o/n/{self.commit}/{name}"] = file.read_bytes()

    def add(self, name: str, size: int = 1, lfs: Any = None) -> None:
        self.files.append(SimpleNamespace(rfilename=name, size=size, lfs=lfs))

    def module(self) -> ModuleType:
        made: Any = ModuleType("huggingface_hub")
        made.HfApi = lambda: self
        made.hf_hub_url = lambda where, name, revision: f"{self.site.url}/{where}/{revision}/{name}"
        headers = {"authorization": "Bearer t", "user-agent": "hub"}
        made.utils = SimpleNamespace(build_hf_headers=lambda: headers)
        return made  # type: ignore[no-any-return]

    def model_info(self, where: str, revision: str | None, files_metadata: bool) -> Any:
        assert files_metadata
        if where != "o/n" or revision not in (None, "main", self.commit):
            raise OSError("404 Client Error.\n\nRepository Not Found")
        return SimpleNamespace(sha=self.commit, siblings=self.files)

    def create_repo(self, where: str, private: bool, exist_ok: bool) -> None:
        assert exist_ok
        self.made.append((where, private))

    def upload_folder(self, repo_id: str, folder_path: Path, **_: Any) -> Any:
        self.have(Path(folder_path))
        return SimpleNamespace(commit_url=f"https://hub/{repo_id}/{COMMIT}", oid=COMMIT)


@pytest.fixture
def there(site: Any, monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub(site)
    monkeypatch.setitem(sys.modules, "huggingface_hub", made.module())
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
    assert {path.rsplit("/", 1)[1] for path in there.site.paths()} == {*shared_files(item.folder)}
    assert all(h["authorization"] == "Bearer t" for _, h in there.site.asked)
    assert "posegen weights pull hf:o/n --name n" in (item.folder / "README.md").read_text()


def test_a_commit_that_is_here_is_not_fetched_again(there: Hub, folder: Path) -> None:
    there.have(folder)
    item = pull(request("hf:o/n"))
    there.site.asked.clear()
    for source in ("hf:o/n", "hf:o/n@main", f"hf:o/n@{COMMIT}"):
        assert pull(request(source)).digest == item.digest
    assert pull(request("hf:o/n"), offline=True).digest == item.digest
    assert there.site.asked == []
    with pytest.raises(WeightsError, match="where 0000"):
        pull(request("hf:o/n", sha256="0" * 64))


def test_a_cut_file_is_continued(there: Hub, folder: Path) -> None:
    there.have(folder)
    there.site.cut = 100
    with pytest.raises(WeightsError, match=r"config.json: cut off after 100 bytes"):
        pull(request("hf:o/n"))
    pull(request("hf:o/n"))
    assert "range" in there.site.asked[1][1]


@pytest.mark.parametrize("name", ["../../.bashrc", "/etc/passwd", "a/../../b", "C:\\x", "a\x1b[0m"])
def test_a_listing_with_a_path_is_refused(there: Hub, folder: Path, name: str) -> None:
    there.have(folder)
    there.add(name)
    with pytest.raises(WeightsError, match=r"hf:o/n: lists .* no safe name"):
        pull(request("hf:o/n"))
    assert there.site.asked == []
    assert pulled() == []


def test_what_the_hub_says_is_checked(there: Hub, folder: Path) -> None:
    there.have(folder)
    (tensors,) = (file for file in there.files if file.lfs)
    tensors.lfs.sha256 = "0" * 64
    with pytest.raises(WeightsError, match=r"model.safetensors: its sha256 is .* where 0000"):
        pull(request("hf:o/n"))
    tensors.size = 5 * 10**9
    with pytest.raises(WeightsError, match="more than 4,000,000,000 bytes; --max-size"):
        pull(request("hf:o/n"))
    there.files.remove(tensors)
    with pytest.raises(WeightsError, match=r"hf:o/n: no model.safetensors in it"):
        pull(request("hf:o/n"))
    assert pulled() == []


def test_a_refusal_is_one_sentence(there: Hub, folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"^hf:o/none: 404 Client Error\.$"):
        pull(request("hf:o/none"))
    there.upload_folder = lambda **_: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(WeightsError, match="hf:o/n: division by zero"):
        push(folder, "hf:o/n", licence="MIT")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ConfigError, match=r"pip install 'posegen\[hub\]'"):
        hub.listing(hub.place("hf:o/n"), 1)
