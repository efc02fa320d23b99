"""What the names of pictures say in the two published data sets. Imports no torch.

Market-1501: `0002_c1s1_000451_03.jpg` is a picture of identity 0002; -1 and 0000 are distractors
and junk, which are no person's.

DeepFashion: the published names are the paths of In-shop Clothes Retrieval without the slashes and
some of the underscores: `MEN/Shirts_Polos/id_00001802/02_4_full.jpg` has become
`fashionMENShirts_Polosid0000180202_4full.jpg`, item 00001802 in colour 02
(github.com/tengteng95/Pose-Transfer, `tool/generate_fashion_datasets.py`). Pairs are of one item in
one colour, that is of one person in one outfit: of names that are equal up to the last underscore
(github.com/AliaksandrSiarohin/pose-gan, `data/split_fasion_dataset.py`, and its issue 1).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

_FASHION_ITEM = re.compile(r"fashion(?:MEN|WOMEN).*id(\d{8})\d+_")
_MARKET = re.compile(r"(?:^|/)(bounding_box_(?:train|test))/((?!-1_|0000_)\d{4}_c\d[^/]*\.jpg)$")
_IN_SHOP = re.compile(r"(?:^|/)(MEN|WOMEN)/([^/]+)/(id_\d{8})/(\d+)_([^/]+\.jpg)$")


@dataclass(frozen=True)
class Naming:
    """How the names of a layout's pictures tell who is in them.

    Attributes:
        outfit: what pictures have in common that may be paired: one person in one outfit. None
            where a name does not tell.
        item: what should not be in both splits. None where a name does not tell.
        words: what an outfit and an item are called.
    """

    outfit: Callable[[str], str | None]
    item: Callable[[str], str | None]
    words: tuple[str, str]


def _identity(name: str) -> str | None:
    identity, underscore, _ = name.partition("_")
    return identity if underscore and identity not in ("", "-1", "0000") else None


def _outfit(name: str) -> str | None:
    return name.rpartition("_")[0] or None


def _item(name: str) -> str | None:
    found = _FASHION_ITEM.match(name)
    return found[1] if found else _outfit(name)


#: Market-1501's, and those of other sets in its layout: all before the first underscore.
MARKET = Naming(_identity, _identity, ("person", "person"))
#: DeepFashion's; a name of another form is its own item up to the last underscore.
DEEPFASHION = Naming(_outfit, _item, ("item and colour", "item"))


def market_place(path: str) -> tuple[Literal["train", "test"], str] | None:
    """Return the split and the file name of one of Market-1501's own files.

    None for files that the published layout leaves out: distractors, junk, and the queries, which
    are further pictures of the people of the test split.
    """
    found = _MARKET.search(path)
    if found is None:
        return None
    return ("train" if found[1] == "bounding_box_train" else "test"), found[2]


def deepfashion_place(path: str) -> tuple[str, str] | None:
    """Return the folder (`img` or `img_highres`) and the published name of an In-shop picture.

    What is not below `img_highres` is taken for `img`, which many instructions tell to rename. None
    for files that are no picture.
    """
    found = _IN_SHOP.search(path)
    if found is None:
        return None
    gender, category, item, colour, view = found.groups()
    folder = "img_highres" if "img_highres" in path.split("/") else "img"
    name = f"fashion{gender}{category}{item.replace('_', '')}{colour}_{view.replace('_', '')}"
    return folder, name
