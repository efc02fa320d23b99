"""Broken input: each kind gives a sentence with the file and the row, or is left out and counted.

The folder has the images a, b and c, and the pairs ab, ba, ac, ca. Each case damages one thing, and
says which file and row the sentence names, what it says, and which pairs are good all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torchvision.io import write_jpeg, write_png

from posegen.core.errors import DataError
from posegen.data.published import PublishedDataset

ONES = [1] * 18
LIST = ", ".join(["1"] * 18)


class Case(NamedTuple):
    damage: Callable[[Any], None]
    where: str
    says: str
    left: list[str]


def row(line: int, text: str) -> Callable[[Any], None]:
    """Replace a row of the keypoints (1 is the header)."""

    def damage(market: Any) -> None:
        market.annotations[line - 1] = text

    return damage


def pair(line: int, text: str) -> Callable[[Any], None]:
    """Replace a row of the pairs."""

    def damage(market: Any) -> None:
        market.pairs[line - 1] = text

    return damage


def image(name: str, content: bytes | None) -> Callable[[Any], None]:
    """Replace a picture, or remove it."""

    def damage(market: Any) -> None:
        (market.images / name).unlink()
        if content is not None:
            (market.images / name).write_bytes(content)

    return damage


def truncated(market: Any) -> None:
    """Put half a JPEG file there."""
    path = market.images / "c.png"
    write_jpeg(torch.randint(0, 256, (3, 16, 8), dtype=torch.uint8), str(path))
    path.write_bytes(path.read_bytes()[:-40])


def bad_checksum(market: Any) -> None:
    """Change a byte in a PNG file: torchvision's reader ends the process at it."""
    path = market.images / "c.png"
    write_png(torch.randint(0, 256, (3, 16, 8), dtype=torch.uint8), str(path))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


def other_size(market: Any) -> None:
    """Put a larger picture there."""
    write_png(torch.zeros(3, 20, 12, dtype=torch.uint8), str(market.images / "c.png"))


def not_utf8(market: Any) -> None:
    """Leave a byte for `save_bytes` to make wrong."""
    market.annotations[3] = market.annotations[3].replace("c.png", "c\udcff.png")


AB, AC = ["ab", "ba"], ["ac", "ca"]
TABLE, PAIRS, C_PNG = "annotation-train.csv, row", "pairs-train.csv, row", "c.png: "

CASES = {
    # Rows of keypoints.
    "two fields": Case(row(3, "b.png: [1]"), f"{TABLE} 3", "has 2 fields between colons", AC),
    "four fields": Case(
        row(3, f"b.png: [{LIST}]: [{LIST}]: 1"), f"{TABLE} 3", "has 4 fields between colons", AC
    ),
    "17 numbers": Case(
        row(3, f"b.png: {ONES}: {ONES[1:]}"),
        f"{TABLE} 3",
        "keypoints_x is not a list of 18 numbers",
        AC,
    ),
    "not JSON": Case(
        row(4, f"c.png: [1 2 3]: {ONES}"),
        f"{TABLE} 4",
        "keypoints_y is not a list of 18 numbers",
        AB,
    ),
    "JSON, but no list": Case(
        row(4, f"c.png: 7: {ONES}"),
        f"{TABLE} 4",
        "keypoints_y is not a list of 18 numbers ('7')",
        AB,
    ),
    "texts": Case(
        row(4, f"c.png: {ONES}: " + str(["7"] * 18).replace("'", '"')),
        f"{TABLE} 4",
        "keypoints_x is not a list of 18 numbers",
        AB,
    ),
    "null": Case(
        row(4, f"c.png: [{', '.join(['null'] * 18)}]: {ONES}"),
        f"{TABLE} 4",
        "keypoints_y is not a list of 18 numbers",
        AB,
    ),
    "a number too large": Case(
        row(4, f"c.png: {[10**400] * 18}: {ONES}"), f"{TABLE} 4", "is not a list of 18 numbers", AB
    ),
    "NaN": Case(
        row(3, f"b.png: {ONES}: [{', '.join(['NaN'] * 18)}]"),
        f"{TABLE} 3",
        "is not a finite number",
        AC,
    ),
    "a joint too far right": Case(
        row(3, f"b.png: {ONES}: {[1, 8, *ONES[2:]]}"),
        f"{TABLE} 3",
        "joint 1 (neck) at y=1, x=8 is outside an image of height 16 and width 8",
        AC,
    ),
    "a joint too far up": Case(
        row(3, f"b.png: {[-2] * 18}: {ONES}"), f"{TABLE} 3", "joint 0 (nose) at y=-2", AC
    ),
    "x and y swapped": Case(
        row(3, f"b.png: {ONES}: {[15] * 18}"), f"{TABLE} 3", "(y comes first)", AC
    ),
    "annotated twice": Case(
        row(4, f"a.png: {ONES}: {ONES}"), f"{TABLE} 4", "a second time, after row 2", AB
    ),
    "not UTF-8": Case(not_utf8, f"{TABLE} 4", "cannot be read as UTF-8 text", AB),
    # Rows of pairs.
    "one name": Case(pair(4, "a.png"), f"{PAIRS} 4", "has 1 fields between commas", [*AB, "ca"]),
    "three names": Case(
        pair(4, "a.png,b.png,c.png"), f"{PAIRS} 4", "has 3 fields between commas", [*AB, "ca"]
    ),
    "an image without keypoints": Case(
        pair(5, "a.png,d.png"), f"{PAIRS} 5", "'d.png' has no usable row in", [*AB, "ac"]
    ),
    "a way out": Case(
        pair(5, "a.png,../../b.png"),
        f"{PAIRS} 5",
        "'../../b.png': names are without folders; write 'b.png'",
        [*AB, "ac"],
    ),
    "an image that is missing": Case(
        image("c.png", None), f"{PAIRS} 4", "c.png is not there; put the image there", AB
    ),
    # Pictures.
    "an empty file": Case(image("c.png", b""), C_PNG, "cannot be decoded as a picture", AB),
    "a text": Case(image("c.png", b"<html>Not found"), C_PNG, "cannot be decoded", AB),
    "half a JPEG": Case(truncated, C_PNG, "cannot be decoded as a picture", AB),
    "a PNG with a wrong checksum": Case(bad_checksum, C_PNG, "cannot be decoded as a picture", AB),
    "another size": Case(other_size, C_PNG, "the image is 20×12 (height×width), not 16×8", AB),
}


def save(market: Any, case: Case) -> Any:
    case.damage(market)
    text = "\n".join(market.annotations) + "\n"
    market.config.annotations("train").write_bytes(text.encode(errors="surrogateescape"))
    market.config.pairs("train").write_text("\n".join(market.pairs) + "\n")
    return market.config


def read_all(config: Any) -> list[str]:
    dataset = PublishedDataset(config, "train")
    return [
        f"{p.source_name[0]}{p.target_name[0]}"
        for p in dataset.__getitems__([*range(len(dataset))])
    ]


def test_there_are_twenty_kinds() -> None:
    assert len(CASES) >= 20


@pytest.mark.parametrize("cache", [None, "auto"])
@pytest.mark.parametrize("name", CASES)
def test_a_sentence_names_the_file_and_the_row(market: Any, name: str, cache: str | None) -> None:
    case = CASES[name]
    config = save(market, case).model_copy(update={"cache": cache and Path(cache)})
    with pytest.raises(DataError) as caught:
        read_all(config)
    sentence = str(caught.value)
    assert case.says in sentence
    assert case.where in sentence
    assert sentence.startswith(str(market.config.root))
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert not list(config.root.glob("packed/.*"))


@pytest.mark.parametrize("cache", [None, "auto"])
@pytest.mark.parametrize("name", CASES)
def test_good_rows_still_load(
    market: Any, name: str, cache: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    case = CASES[name]
    config = save(market, case).model_copy(
        update={"skip_bad": True, "cache": cache and Path(cache)}
    )
    for _ in range(2):  # the second time from the cache, where there is one
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert read_all(config) == case.left
        (said,) = [record.getMessage() for record in caplog.records]
        assert f"{len(case.left)} pairs are left" in said
        assert case.says in said
        assert PublishedDataset(config, "train").left_out


def test_what_is_left_out_is_counted(market: Any) -> None:
    market.annotations[3] = "c.png: [1]: [2]"
    market.pairs += ["a.png", "b.png,nobody.png"]
    config = market.save().model_copy(update={"skip_bad": True})
    (market.images / "b.png").write_bytes(b"x")
    write_png(market.pixels[2], str(market.images / "c.png"))
    with pytest.raises(DataError, match="no pair is left; the first problem"):
        PublishedDataset(config, "train")
    write_png(market.pixels[1], str(market.images / "b.png"))
    assert PublishedDataset(config, "train").left_out == {
        "unreadable rows of keypoints": 1,
        "pairs of images without usable keypoints": 3,
        "unreadable rows of pairs": 1,
    }


def test_nothing_is_said_where_nothing_is_wrong(
    market: Any, caplog: pytest.LogCaptureFixture
) -> None:
    config = market.save().model_copy(update={"skip_bad": True})
    with caplog.at_level(logging.WARNING):
        assert read_all(config) == [*AB, *AC]
    assert not caplog.records
    assert PublishedDataset(config, "train").left_out == {}


def test_poses_of_nobody_are_refused(market: Any) -> None:
    missing = [-1] * 18
    market.annotations[1:] = [market.row(name, missing, missing) for name in market.names]
    with pytest.raises(DataError, match=r"no joint is there in any of its 3 poses.*posegen pose"):
        PublishedDataset(market.save(), "train")
