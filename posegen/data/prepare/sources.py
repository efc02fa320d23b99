"""The files of a download: in folders, zip files or tar files, which may lie in folders too.

Archives are never unpacked: their members are read one by one, and what is made of a member is
written under a name that posegen makes. So a member named `../../x` reaches no file but its own.
"""

from __future__ import annotations

import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from posegen.core.errors import DataError

#: Bytes. The pictures of both data sets have less than one megabyte.
_LARGEST = 64 * 2**20

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


class Raw:
    """A download: a folder or an archive.

    Attributes:
        root: where it is.
        paths: the paths of all files in it, in reading order: those in folders before those in
            archives. A path in an archive begins with the archive's own.

    Raises:
        DataError: where it is not there, or an archive cannot be read.
    """

    def __init__(self, root: Path) -> None:
        if not root.exists():
            raise DataError(f"{root}: no such file or folder; give the download of the data set.")
        root = root.absolute()  # the folder's own name tells what is in it
        self.root = root
        self._files, self._archives = _look(root)
        self.paths = [path for path, _ in self._everything()]

    def read(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the path and the content of each wanted file, in reading order.

        Raises:
            DataError: for a file that cannot be read.
        """
        for path, content in self._everything():
            if path in wanted:
                yield path, content()

    def _everything(self) -> Iterator[tuple[str, Callable[[], bytes]]]:
        for file in self._files:
            yield self._name(file), file.read_bytes
        for archive in self._archives:
            members = _zip if archive.name.lower().endswith(".zip") else _tar
            for name, content in members(archive):
                yield f"{self._name(archive)}/{name}", content

    def _name(self, file: Path) -> str:
        return file.relative_to(self.root.parent).as_posix()


def _look(root: Path) -> tuple[list[Path], list[Path]]:
    """Return all files and all archives."""
    if root.is_file():
        if not root.name.lower().endswith(_ARCHIVES):
            raise DataError(
                f"{root}: is neither a folder nor a zip or tar file; give one of these."
            )
        return [], [root]
    files: list[Path] = []
    for folder, inner, names in os.walk(root):
        inner.sort()
        files += [Path(folder) / name for name in sorted(names)]
    archives = [file for file in files if file.name.lower().endswith(_ARCHIVES)]
    packed = set(archives)
    return [file for file in files if file not in packed], archives


def _zip(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    yield member.filename, lambda m=member: _unzip(path, archive, m)  # type: ignore[misc]
    except (zipfile.BadZipFile, OSError) as error:
        raise _damaged(path, error) from None


def _unzip(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    _check_size(path, member.filename, member.file_size)
    try:
        return archive.read(member)
    except RuntimeError:  # what zipfile raises where a password is needed
        raise DataError(
            f"{path}: is locked; unzip it with the password that the data set's authors gave you, "
            "and give the folder."
        ) from None
    except NotImplementedError as error:
        raise DataError(f"{path}: {error}; unzip it yourself, and give the folder.") from None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise _damaged(path, error) from None


def _tar(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    try:
        with tarfile.open(path) as archive:
            for member in archive:  # in the order of the file: a compressed one has no other
                if member.isfile():  # no links: they may point anywhere
                    yield member.name, lambda m=member: _untar(path, archive, m)  # type: ignore[misc]
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise _damaged(path, error) from None


def _untar(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    _check_size(path, member.name, member.size)
    content = archive.extractfile(member)
    assert content is not None  # it is a file
    try:
        return content.read()
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> DataError:
    reason = str(error).partition("\n")[0].rstrip(": ") or type(error).__name__
    return DataError(f"{path}: is damaged ({reason}); download it again.")


def _check_size(path: Path, name: str, size: int) -> None:
    if size > _LARGEST:
        raise DataError(
            f"{path}: {name} has {size >> 20} MiB, which is no picture of the data set; remove it."
        )
