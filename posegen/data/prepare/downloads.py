"""The files of a download: in folders, zip files or tar files, which may lie in folders too.

Archives are never unpacked: their members are read one by one, and what is made of a member is
written under a name that posegen makes. So a member named `../../x` reaches no file but its own.
"""

from __future__ import annotations

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from posegen.core.errors import DataError

#: Bytes. The pictures of both data sets have less than one megabyte.
_LARGEST = 64 * 2**20

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError,
           ValueError, LookupError, ArithmeticError, struct.error, RecursionError)  # fmt: skip
#: Bytes of a tar's headers before a member, which are read as a whole: long names and the like.
_LARGEST_HEADER = 2**20


class Download:
    """A download: a folder or an archive.

    Attributes:
        paths: the paths of all files in it, in reading order: those in folders before those in
            archives. A path in an archive begins with the archive's own.

    Raises:
        DataError: where it is not there, or an archive cannot be read.
    """

    def __init__(self, root: Path) -> None:
        if not root.exists():
            raise DataError(f"{root}: no such file or folder; give the download of the data set.")
        root = root.absolute()  # the folder's own name tells what is in it
        self._above = root.parent
        files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
        self._archives = [file for file in files if file.name.lower().endswith(_ARCHIVES)]
        if root.is_file() and not self._archives:
            raise DataError(
                f"{root}: is neither a folder nor a zip or tar file; give one of these."
            )
        archives = set(self._archives)
        self._files = [file for file in files if file not in archives]
        self.paths = [path for path, _ in self._walk(())]

    def read(self, paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the path and the content of each of these files, in reading order.

        Raises:
            DataError: for a file that cannot be read.
        """
        return ((path, content) for path, content in self._walk(paths) if path in paths)

    def _walk(self, paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the path of every file, and the content of those that are among `paths`."""
        for file in self._files:
            path = file.relative_to(self._above).as_posix()
            yield path, file.read_bytes() if path in paths else b""
        for archive in self._archives:
            folder = archive.relative_to(self._above).as_posix()
            with _readable(archive):
                for name, size, read in _members(archive):
                    path = f"{folder}/{name}"
                    if path in paths and size > _LARGEST:
                        raise DataError(
                            f"{archive}: {name} has {size >> 20} MiB, which is no picture of the "
                            "data set; remove it."
                        )
                    yield path, read() if path in paths else b""


class _Member(tarfile.TarInfo):
    """A header that is not read where it would fill the memory."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if not self.isreg() and not self.isdir() and self.size > _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        made: tarfile.TarInfo = super()._proc_member(tar)  # type: ignore[misc]
        return made


def _members(path: Path) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
    """Yield of each file in an archive its name, its size in bytes, and what reads it."""
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield info.filename, info.file_size, lambda i=info: archive.read(i)  # type: ignore[misc]
        return
    with tarfile.open(path, tarinfo=_Member) as tar:
        for member in tar:  # in the order of the file: a compressed one has no other
            if member.isfile():  # no links: they may point anywhere
                yield member.name, member.size, lambda m=member: tar.extractfile(m).read()  # type: ignore[misc,union-attr]


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Say in a sentence what is wrong with an archive."""
    try:
        yield
    except DataError:
        raise
    except _DAMAGE as error:
        reason = str(error).partition("\n")[0].rstrip(": ") or type(error).__name__
        raise DataError(f"{archive}: is damaged ({reason}); download it again.") from None
    except RuntimeError as error:  # zipfile's, for want of a password or of the compression
        raise DataError(
            f"{archive}: is locked, or compressed in an unknown way ({error}); unzip it, with the "
            "password that the data set's authors gave you, and give the folder."
        ) from None
