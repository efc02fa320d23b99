"""The Hugging Face hub, through `huggingface_hub` (the extra `posegen[hub]`).

Its library signs in, lists and uploads. Files come through posegen's own downloads, so they are cut
off, continued and checked as all others are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from posegen.core.errors import ConfigError, WeightsError
from posegen.weights.bundle import is_safe, size_limit
from posegen.weights.download import Wanted

PREFIX = "hf:"
_ADDRESS = re.compile(r"hf:([\w-][\w.-]*/[\w-][\w.-]*)(?:@([\w.-]+))?", re.ASCII)


@dataclass(frozen=True)
class Place:
    """A repository of the hub.

    Attributes:
        repository: `owner/name`.
        revision: a branch, a tag or a commit; None for the main branch.
    """

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{PREFIX}{self.repository}" + (f"@{self.revision}" if self.revision else "")


def place(address: str) -> Place:
    """Read `hf:owner/name` or `hf:owner/name@revision`.

    Raises:
        ConfigError: where it is not of that form.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ConfigError(f"{address!r}: write it as hf:owner/name or hf:owner/name@revision.")
    return Place(match[1], match[2])


def listing(where: Place, max_size: int) -> tuple[Place, dict[str, Wanted]]:
    """Return the commit that a place stands for, and how to get each shared file in it.

    Raises:
        ConfigError: where huggingface_hub is not installed.
        WeightsError: where the hub cannot be asked, or lists a name that is no safe one.
    """
    library = _library()
    try:
        told = library.HfApi().model_info(
            where.repository, revision=where.revision, files_metadata=True
        )
        headers = {
            key: value
            for key, value in library.utils.build_hf_headers().items()
            if key.lower() == "authorization"
        }
    except Exception as error:  # of the library, or of one of three HTTP libraries below it
        raise _failed(where, error) from None
    commit = Place(where.repository, str(told.sha))
    wanted: dict[str, Wanted] = {}
    for file in told.siblings or []:
        name = str(file.rfilename)
        if not is_safe(name):
            raise WeightsError(f"{where}: lists {name!r}, which is no safe name.")
        limit = size_limit(name, max_size)
        if limit is not None:
            wanted[name] = Wanted(
                url=library.hf_hub_url(where.repository, name, revision=commit.revision),
                size=file.size,
                sha256=None if file.lfs is None else file.lfs.sha256,
                max_size=limit,
                headers=headers,
            )
    return commit, wanted


def upload(folder: Path, where: Place, *, public: bool) -> tuple[str, str]:
    """Upload all files of a folder; a repository that is not there is made, private unless said.

    Returns:
        The commit's address, and its 40 digits.

    Raises:
        ConfigError: where huggingface_hub is not installed.
        WeightsError: where the hub refuses.
    """
    api = _library().HfApi()
    try:
        api.create_repo(where.repository, private=not public, exist_ok=True)
        told = api.upload_folder(
            repo_id=where.repository,
            folder_path=folder,
            revision=where.revision,
            commit_message="Weights from posegen",
        )
    except Exception as error:
        raise _failed(where, error) from None
    return str(told.commit_url), str(told.oid)


def _library() -> Any:
    try:
        return import_module("huggingface_hub")
    except ImportError:
        raise ConfigError("the hub needs huggingface_hub: `pip install 'posegen[hub]'`.") from None


def _failed(where: Place, error: Exception) -> WeightsError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[0].rstrip(".") if lines else type(error).__name__
    return WeightsError(f"{where}: {reason}.")
