"""The Hugging Face hub, through `huggingface_hub` (the extra `posegen[hub]`).

The library signs in, lists, downloads and uploads. What may come, and that it is what the hub
listed, is checked here.
"""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from posegen.core.errors import ConfigError, WeightsError
from posegen.weights.bundle import file_digest, is_safe, size_limit
from posegen.weights.download import Progress, first_line

PREFIX = "hf:"
_ADDRESS = re.compile(r"hf:([\w-][\w.-]*/[\w-][\w.-]*)(?:@([\w.-]+))?", re.ASCII)


def parse(address: str) -> tuple[str, str | None]:
    """Read `hf:owner/name[@revision]`; without a branch, tag or commit the second is None.

    Raises:
        ConfigError: where it is not of that form.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ConfigError(f"{address!r}: write it as hf:owner/name or hf:owner/name@revision.")
    return match[1], match[2]


def listing(address: str, max_size: int) -> tuple[str, dict[str, str | None]]:
    """Return the address of the commit that an address stands for, and its shared files.

    Returns:
        `hf:owner/name@commit`, and name -> sha256 where the hub says it (of large files it does).

    Raises:
        WeightsError: where the hub cannot be asked, or lists an unsafe name or a file too large.
    """
    repository, revision = parse(address)
    library = _library()
    with _in_a_sentence(address):
        content = library.HfApi().model_info(repository, revision=revision, files_metadata=True)
    files: dict[str, str | None] = {}
    for file in content.siblings or []:
        name = str(file.rfilename)
        if not is_safe(name):
            raise WeightsError(f"{address}: lists {name!r}, which is no safe name.")
        limit = size_limit(name, max_size)
        if limit is None:
            continue
        if (file.size or 0) > limit:
            hint = "; --max-size allows more" if limit == max_size else ""
            raise WeightsError(f"{address}: {name} has more than {limit:,} bytes{hint}.")
        files[name] = file.lfs.sha256 if file.lfs else None
    return f"{PREFIX}{repository}@{content.sha}", files


def fetch(
    commit: str, files: Mapping[str, str | None], folder: Path, on_progress: Progress
) -> None:
    """Download a commit's files, both as `listing` returned them, into a new folder.

    Raises:
        WeightsError: where one cannot be had, or is not what was listed.
    """
    library = _library()
    repository, revision = parse(commit)
    bar = _bar(library, on_progress)
    for name, sha256 in sorted(files.items()):
        with _in_a_sentence(commit):
            library.hf_hub_download(
                repository, name, revision=revision, local_dir=folder, tqdm_class=bar
            )
        if sha256 is not None and (digest := file_digest(folder / name)) != sha256:
            raise WeightsError(f"{commit}: {name}: its sha256 is {digest}, where {sha256} is due.")
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the library's notes


def upload(folder: Path, address: str, *, public: bool) -> tuple[str, str]:
    """Upload all files of a folder; a repository that is not there is made, private unless said.

    Returns:
        The commit's address, and its 40 digits.
    """
    api = _library().HfApi()
    repository, revision = parse(address)
    with _in_a_sentence(address):
        api.create_repo(repository, private=not public, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            revision=revision,
            commit_message="Weights from posegen",
        )
    return str(commit.commit_url), str(commit.oid)


def _library() -> Any:
    try:
        return import_module("huggingface_hub")
    except ImportError:
        raise ConfigError("the hub needs huggingface_hub: `pip install 'posegen[hub]'`.") from None


def _bar(library: Any, on_progress: Progress) -> type:
    """Return a bar for the library that draws nothing, and tells how far it is."""

    class Bar(library.utils.tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": False, "file": io.StringIO()})

        def display(self, msg: str | None = None, pos: int | None = None) -> None:
            on_progress(int(self.n), int(self.total or 0))

    return Bar


@contextmanager
def _in_a_sentence(address: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of the library, or of one of three HTTP libraries below it
        raise WeightsError(f"{address}: {first_line(error)}.") from None
