"""Files of pictures, found by the names that programs give them. Free of torch."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from posegen.core.errors import DataError
from posegen.core.texts import one_form
from posegen.data.pictures import SUFFIXES, is_picture

#: What `posegen eval --save` writes beside the pictures.
RECORD = "made-from.json"


def stem(name: str) -> str:
    """Return a picture's name without its extension; names that have none stay as they are."""
    name = one_form(name)
    return os.path.splitext(name)[0] if is_picture(name) else name


def plain(name: str) -> str:
    """Return a name without extension, `/` and `_`."""
    return re.sub("[/_]", "", stem(name))


#: The forms in which two programs may name one picture, the strictest first.
FORMS: tuple[Callable[[str], str], ...] = (one_form, stem, plain)


def natural(name: str) -> list[tuple[int, int | str]]:
    """Return a key that sorts `2.png` before `10.png`."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def file_names(folder: Path, option: str) -> list[str]:
    """Return the names of the files directly in a folder, naturally sorted; no hidden ones.

    Raises:
        DataError: where there is no such folder.
    """
    _check_folder(folder, option)
    names = (entry.name for entry in os.scandir(folder) if entry.is_file())
    return sorted((name for name in names if not name.startswith(".")), key=natural)


def _check_folder(folder: Path, option: str) -> None:
    if not folder.is_dir():
        raise DataError(f"{option} {folder}: no such folder.")


class PictureFolder:
    """The pictures below a folder, found by the names that programs give them.

    A name is looked for as it is, then without extensions, then without the `/` and `_` that the
    published scripts leave out when they put DeepFashion's tree of folders into one folder:
    `fashion/MEN/Shirts_Polos/id_00000043/01_1_front.jpg` is also
    `fashionMENShirts_Polosid0000004301_1front`.

    Raises:
        DataError: where there is no such folder, or no picture in it.
    """

    def __init__(self, folder: Path, option: str) -> None:
        _check_folder(folder, option)
        self.folder = folder
        self.names = sorted(_below(folder), key=natural)
        if not self.names:
            raise DataError(
                f"{option} {folder}: holds no picture ({', '.join(SUFFIXES)}); give the folder "
                "that does."
            )
        # Of two that would be found under one name, neither is (None).
        self._files: list[dict[str, str | None]] = [{} for _ in FORMS]
        for form, files in zip(FORMS, self._files, strict=True):
            for name in self.names:
                files[form(name)] = None if form(name) in files else name

    def find(self, name: str) -> str | None:
        """Return the picture of that name, below the folder; None where there is none, or two."""
        matches = (files.get(form(name)) for form, files in zip(FORMS, self._files, strict=True))
        return next((match for match in matches if match is not None), None)


def _below(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if is_picture(name):
                yield Path(place, name).relative_to(folder).as_posix()
