from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from posegen.core import ConfigError
from posegen.evaluation.protocols.loading import (
    choose,
    definition,
    digest,
    fits,
    load,
    names,
    parse,
)
from posegen.evaluation.protocols.schema import Pad, Resize

HEAD = 'name = "mine"\nversion = 2\nsummary = "s"\nsource = "me"\n'
VARIANT = '[[variants]]\nname = "{}"\nsummary = "s"\n'
COLUMN = '[[variants.columns]]\nname = "{}"\nmetric = "ssim"\n'


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_names() -> None:
    assert names() == ["cfld-2024", "gfla-2020", "patn-2019", "pidm-2023", "posegen-1"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("patn-2019", ("patn-2019", None)),
        ("patn-2019:market1501", ("patn-2019", "market1501")),
        ("a/mine.toml", ("a/mine.toml", None)),
        ("a/mine.toml:small", ("a/mine.toml", "small")),
        ("a:b/mine.toml", ("a:b/mine.toml", None)),
    ],
)
def test_parse(text: str, parts: tuple[str, str | None]) -> None:
    assert parse(text) == parts


def test_own_file(written) -> None:
    path = written(HEAD + VARIANT.format("any") + COLUMN.format("x") + "options = { taps = 7 }\n")
    protocol = load(path)
    assert (protocol.name, protocol.version) == ("mine", 2)
    variant = choose(protocol, None, (7, 9))
    assert variant.columns[0].options == {"taps": 7}
    assert load(Path(path)) == protocol


def test_unknown_name() -> None:
    with pytest.raises(ConfigError, match=r"--protocol patn-2018: .*did you mean 'patn-2019'"):
        load("patn-2018")


def test_missing_file() -> None:
    with pytest.raises(ConfigError, match=r"no/where\.toml: no such protocol file.*posegen-1"):
        load("no/where.toml")


def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"mine\.toml: cannot be read as UTF-8"):
        load(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = ", r"not a readable TOML file"),
        ("", r"name: field required"),
        (HEAD, r"variants: field required"),
        (HEAD + 'variants = "x"\n', r"variants: input should be a list"),
        (HEAD + "variants = []\n", r"variants: "),
        (HEAD + VARIANT.format("v"), r"variants\.v\.columns: field required"),
        (
            HEAD + VARIANT.format("v") + '[[variants.columns]]\nname = "x"\n',
            r"variants\.v\.columns\.x\.metric: field required",
        ),
        (
            HEAD + VARIANT.format("v") + COLUMN.format("x") + "dropp_last = 4\n",
            r"variants\.v\.columns\.x\.dropp_last: there is no such key",
        ),
        (
            HEAD + VARIANT.format("v") + COLUMN.format("x") + 'prepare = [{ step = "blur" }]\n',
            r"variants\.v\.columns\.x\.prepare\.0: .*'crop', 'resize', 'pad'",
        ),
        (
            HEAD
            + VARIANT.format("v")
            + COLUMN.format("x")
            + 'prepare = [{ step = "resize", size = [8, 0], kernel = "bicubic", '
            + 'library = "torch" }]\n',
            r"variants\.v\.columns\.x\.prepare\.0\.size\.1: .*greater than 0",
        ),
        (
            HEAD + VARIANT.format("v") + COLUMN.format("x") + COLUMN.format("x"),
            r"variants\.v\.columns: two of them are named 'x'",
        ),
        (
            HEAD + 2 * (VARIANT.format("v") + COLUMN.format("x")),
            r"variants: two of them are named 'v'",
        ),
        (
            HEAD
            + VARIANT.format("v")
            + COLUMN.format("x")
            + VARIANT.format("w")
            + 'like = "v"\n'
            + 2 * COLUMN.format("x"),
            r"variants\.w\.columns: two of them are named 'x'",
        ),
        (
            HEAD + VARIANT.format("v") + "prepare = []\n" + COLUMN.format("x") + "prepare = 5\n",
            r"variants\.v\.",
        ),
        (HEAD + VARIANT.format("v") + "like = []\n", r"variants\.v\.like: no variant"),
        (
            HEAD + VARIANT.format("v") + 'like = "w"\n',
            r"variants\.v\.like: no variant 'w' above it",
        ),
    ],
)
def test_malformed_file(written, text: str, sentence: str) -> None:
    path = written(text)
    with pytest.raises(ConfigError, match=r"mine\.toml: " + sentence) as caught:
        load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("resize", "sentence"),
    [
        ({"library": "pillow", "antialias": True}, "pillow always does it and opencv never"),
        ({"library": "opencv", "antialias": True}, "pillow always does it and opencv never"),
        ({"library": "pillow", "round": False}, "pillow always rounds"),
    ],
)
def test_resizes_that_no_library_does(resize: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Resize(**{"size": (8, 8), "kernel": "bicubic", **resize})


def test_like_and_prepare(written) -> None:
    protocol = load(
        written(
            HEAD
            + VARIANT.format("base")
            + 'size = [8, 8]\nprepare = [{ step = "pad", left = 1 }]\n'
            + COLUMN.format("x")
            + "drop_last = 4\noptions = { taps = 7 }\n"
            + COLUMN.format("y")
            + 'prepare = [{ step = "pad", left = 2 }]\n'
            + VARIANT.format("other")
            + 'like = "base"\nsize = [9, 9]\n[[variants.columns]]\nname = "x"\ndrop_last = 5\n'
            + COLUMN.format("z")
            + VARIANT.format("bare")
            + 'like = "other"\nprepare = []\n'
        )
    )
    base, other, bare = protocol.variants
    assert [v.size for v in protocol.variants] == [(8, 8), (9, 9), (9, 9)]
    assert [c.name for c in base.columns] == ["x", "y"]
    assert base.steps(base.columns[0]) == (Pad(left=1),)
    assert base.steps(base.columns[1]) == (Pad(left=1), Pad(left=2))
    assert [c.name for c in other.columns] == ["x", "y", "z"]
    assert (other.columns[0].drop_last, other.columns[0].options) == (5, {"taps": 7})
    assert other.columns[1:][0] == base.columns[1]
    assert other.steps(other.columns[2]) == (Pad(left=1),)
    assert [bare.steps(c) for c in bare.columns] == [(), (Pad(left=2),), ()]


def test_choose_by_size_and_by_name() -> None:
    protocol = load("patn-2019")
    assert choose(protocol, None, (128, 64)).name == "market1501"
    assert choose(protocol, None, (256, 176)).name == "deepfashion"
    assert choose(protocol, "deepfashion-unpadded", (256, 176)).name == "deepfashion-unpadded"
    assert choose(protocol, "market1501", (96, 48)).name == "market1501"
    assert fits(protocol, (128, 64))
    assert not fits(protocol, (96, 48))
    with pytest.raises(
        ConfigError,
        match=r"for no pictures of 96×48 \(height×width\).*market1501 \(128×64\).*"
        r"`patn-2019:market1501`",
    ):
        choose(protocol, None, (96, 48))
    with pytest.raises(ConfigError, match=r"patn-2019:market: .*did you mean 'market1501'"):
        choose(protocol, "market", (128, 64))


def test_a_variant_of_its_own_size_comes_before_one_of_any(written) -> None:
    one = VARIANT.format("any") + COLUMN.format("x")
    two = VARIANT.format("own") + "size = [8, 4]\n" + COLUMN.format("x")
    protocol = load(written(HEAD + one + two))
    assert choose(protocol, None, (8, 4)).name == "own"
    assert choose(protocol, None, (4, 8)).name == "any"


def test_definition_is_plain_and_complete() -> None:
    import json

    protocol = load("patn-2019")
    found = definition(protocol, choose(protocol, "deepfashion", (0, 0)))
    assert json.loads(json.dumps(found)) == found
    assert (found["name"], found["version"]) == ("patn-2019", 1)
    assert found["variant"]["size"] == [256, 176]
    assert found["variant"]["jpeg_quality"] == 75
    first = found["columns"][0]
    assert first["options"]["data_range"] == "generated"
    assert first["prepare"] == [
        {"step": "pad", "left": 40, "top": 0, "right": 40, "bottom": 0, "value": 255}
    ]
    other = load("posegen-1")
    assert "jpeg_quality" not in definition(other, other.variants[0])["variant"]


def test_digest() -> None:
    steps = (Pad(left=40, right=40),)
    assert digest(steps) == digest((Pad(left=40, right=40, value=255),))
    others = [(), (Pad(left=40),), (Pad(left=40, right=40), Pad())]
    assert len({digest(steps), *map(digest, others)}) == 4
    assert digest(()) == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"


def test_no_torch_is_imported() -> None:
    code = (
        "import sys; from posegen.evaluation.protocols.loading import load, names; "
        "[load(name) for name in names()]; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
