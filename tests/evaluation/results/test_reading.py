from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from posegen.core import ConfigError, DataError
from posegen.evaluation.results.matching import Unmatched
from posegen.evaluation.results.reading import ResultsFolder, open_results

Save = Callable[..., Path]
Picture = Callable[..., np.ndarray]

#: A name as the published scripts make it of `fashion/MEN/Shirts_Polos/id_01/_1_front.jpg`.
FLAT = "fashionMENShirts_Polosid01_1front"


def chw(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)


def stems(results: ResultsFolder) -> list[tuple[str, str]]:
    return [(item.source_name, item.target_name) for item in results]


def test_five_panels(save: Save, picture: Picture, tmp_path: Path) -> None:
    panels = [picture(40 * place) for place in range(5)]
    save("r/a.jpg___b.jpg_vis.png", np.concatenate(panels, axis=1))
    results = open_results(tmp_path / "r", "patn-panels")
    assert results.generated_size == results.target_size == (8, 6)
    assert results.has_sources
    assert results.unmatched == []
    [item] = results
    assert torch.equal(item.source, chw(panels[0]))
    assert torch.equal(item.target, chw(panels[2]))
    assert torch.equal(item.generated, chw(panels[4]))
    assert (item.source_name, item.target_name) == ("a.jpg", "b.jpg")
    assert item.target_keypoints is None


def test_three_panels(save: Save, picture: Picture, tmp_path: Path) -> None:
    panels = [picture(40 * place) for place in range(3)]
    save("r/a.jpg_b.jpg.png", np.concatenate(panels, axis=1))
    [item] = open_results(tmp_path / "r", "pose-gan-panels")
    assert torch.equal(item.target, chw(panels[1]))
    assert torch.equal(item.generated, chw(panels[2]))


def test_pairs_with_sources(save: Save, picture: Picture, tmp_path: Path) -> None:
    save("r/a___b.png", 10)
    save("t/b.bmp", 20)
    save("s/a.png", picture(30, height=9))
    results = open_results(tmp_path / "r", "pairs", tmp_path / "t", tmp_path / "s")
    [item] = results
    assert results.has_sources
    assert torch.equal(item.generated, chw(picture(10)))
    assert torch.equal(item.target, chw(picture(20)))
    assert torch.equal(item.source, chw(picture(30, height=9)))


def test_without_sources(save: Save, tmp_path: Path) -> None:
    save("r/a___b.png")
    save("t/b.png")
    results = open_results(tmp_path / "r", "pairs", tmp_path / "t")
    assert not results.has_sources
    assert results[0].source is None


def test_parallel_in_natural_order(save: Save, tmp_path: Path) -> None:
    for name in ("10", "2", "1"):
        save(f"r/{name}.png", int(name))
        save(f"t/{name}.png", 100 + int(name))
        save(f"s/{name}.png", 200)
    results = open_results(tmp_path / "r", "parallel", tmp_path / "t", tmp_path / "s")
    assert stems(results) == [("", "1"), ("", "2"), ("", "10")]
    assert [int(item.generated[0, 0, 0]) for item in results] == [1, 2, 10]
    assert [int(item.target[0, 0, 0]) for item in results] == [101, 102, 110]


def test_generated_and_target_may_differ_in_size(
    save: Save, picture: Picture, tmp_path: Path
) -> None:
    save("r/1.png", picture(0, width=8))
    save("t/1.png")
    results = open_results(tmp_path / "r", "parallel", tmp_path / "t")
    assert (results.generated_size, results.target_size) == ((8, 8), (8, 6))


@pytest.mark.parametrize(
    ("layout", "result", "target"),
    [
        ("gfla", f"x_2_{FLAT}_vis.png", f"{FLAT}.png"),
        ("gfla", f"x_2_{FLAT}_vis.png", "fashion/MEN/Shirts_Polos/id_01/_1_front.png"),
        ("pidm", f"x_2_{FLAT}_vis.png", f"deep{FLAT}.png"),
        ("pairs", f"x___{FLAT}.png", "fashion/MEN/Shirts_Polos/id_01/_1_front.png"),
        ("pairs", "x___fashion_MEN_Shirts_Polos_id_01_1_front.png", f"{FLAT}.png"),
    ],
)
def test_names_that_scripts_made_flat(
    save: Save, tmp_path: Path, layout: str, result: str, target: str
) -> None:
    save(f"r/{result}")
    save(f"t/{target}")
    assert len(open_results(tmp_path / "r", layout, tmp_path / "t")) == 1


def test_what_has_no_partner_is_listed(save: Save, tmp_path: Path) -> None:
    for name in ("a___b.png", "a___b.webp", "a___gone.png", "strange.png", "c___b.png"):
        save(f"r/{name}")
    (tmp_path / "r/index.html").write_text("")
    (tmp_path / "r/made-from.json").write_text("{}")
    (tmp_path / "r/.hidden.png").write_text("")
    (tmp_path / "r/inside").mkdir()
    save("t/b.png")
    save("t/never.png")
    results = open_results(tmp_path / "r", "pairs", tmp_path / "t")
    assert stems(results) == [("a", "b"), ("c", "b")]
    targets = tmp_path / "t"
    assert results.unmatched == [
        Unmatched("a___b.webp", "a second result of one pair, beside a___b.png"),
        Unmatched("index.html", "not a picture"),
        Unmatched("strange.png", "its name is not of the form A___B.png"),
        Unmatched("a___gone.png", f"no picture 'gone', or several, in {targets}"),
        Unmatched(str(targets / "never.png"), "a target without a result"),
    ]


def test_two_targets_of_one_name(save: Save, tmp_path: Path) -> None:
    save("r/1.png")
    save("r/2.png")
    save("t/x/1.png")
    save("t/y/1.png")
    save("t/2.png")
    results = open_results(tmp_path / "r", "parallel", tmp_path / "t")
    assert stems(results) == [("", "2")]
    reason = f"no picture '1', or several, in {tmp_path / 't'}"
    assert results.unmatched[0] == Unmatched("1.png", reason)
    save("t/2.bmp")
    with pytest.raises(DataError, match=r"nothing in it can be scored. The first reason of 6: 1"):
        open_results(tmp_path / "r", "parallel", tmp_path / "t")


def test_listed_pairs(save: Save, tmp_path: Path) -> None:
    for name in ("a___b", "c___d", "x___y"):
        save(f"r/{name}.png")
        save(f"t/{name[-1]}.png")
    listed = tmp_path / "pairs.csv"
    listed.write_text("from,to\nc.jpg,d.jpg\na.jpg,b.jpg\na.jpg,d.jpg\n\na.jpg,b.jpg\n")
    results = open_results(tmp_path / "r", "pairs", tmp_path / "t", pairs=listed)
    assert stems(results) == [("c", "d"), ("a", "b")]
    assert results.unmatched == [
        Unmatched("a.jpg,d.jpg", "a pair of pairs.csv without a result"),
        Unmatched("x___y.png", "not in pairs.csv"),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, r"pairs\.csv: cannot be read as UTF-8 text \(.*No such file"),
        ("a,b\n", r"pairs\.csv, row 1: the header must be 'from,to'"),
        ("", r"pairs\.csv, row 1: the header must be 'from,to'"),
        ("from,to\na,b\na\n", r"pairs\.csv, row 3: has 1 fields"),
        ("from,to\nz,z\n", r"nothing in it can be scored. .* z,z: a pair of"),
    ],
)
def test_malformed_pairs(save: Save, tmp_path: Path, text: str | None, sentence: str) -> None:
    save("r/a___b.png")
    save("t/b.png")
    path = tmp_path / "pairs.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=sentence):
        open_results(tmp_path / "r", "pairs", tmp_path / "t", pairs=path)


def test_options_that_do_not_go_together(save: Save, tmp_path: Path) -> None:
    save("r/1.png")
    with pytest.raises(ConfigError, match="give their folder with --targets"):
        open_results(tmp_path / "r", "pairs")
    with pytest.raises(ConfigError, match="--targets: the files of layout patn-panels hold"):
        open_results(tmp_path / "r", "patn-panels", targets=tmp_path)
    with pytest.raises(ConfigError, match="--sources: the files of layout patn-panels hold"):
        open_results(tmp_path / "r", "patn-panels", sources=tmp_path)
    with pytest.raises(ConfigError, match="--pairs: the names of layout parallel"):
        open_results(tmp_path / "r", "parallel", targets=tmp_path, pairs=tmp_path)


def test_folders_that_hold_nothing(save: Save, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    save("r/1.png")
    with pytest.raises(DataError, match=r"--results .*nowhere: no such folder"):
        open_results(tmp_path / "nowhere", "parallel", tmp_path)
    with pytest.raises(DataError, match=r"--results .*empty: holds no picture"):
        open_results(tmp_path / "empty", "parallel", tmp_path / "r")
    with pytest.raises(DataError, match=r"--targets .*empty: holds no picture"):
        open_results(tmp_path / "r", "parallel", tmp_path / "empty")
    with pytest.raises(DataError, match=r"--sources .*gone: no such folder"):
        open_results(tmp_path / "r", "parallel", tmp_path / "r", tmp_path / "gone")


def test_a_source_that_is_missing(save: Save, tmp_path: Path) -> None:
    save("r/a___b.png")
    save("t/b.png")
    save("s/x.png")
    with pytest.raises(DataError, match=r"has no single picture 'a', the source of a___b\.png"):
        open_results(tmp_path / "r", "pairs", tmp_path / "t", tmp_path / "s")


def test_pictures_of_two_sizes(save: Save, picture: Picture, tmp_path: Path) -> None:
    for name in ("1", "2"):
        save(f"t/{name}.png")
    save("r/1.png")
    save("r/2.png", picture(0, width=7))
    with pytest.raises(DataError, match=r"2\.png: is 8×7 \(height×width\) and 1\.png is 8×6"):
        open_results(tmp_path / "r", "parallel", tmp_path / "t")


def test_panels_that_do_not_divide(save: Save, picture: Picture, tmp_path: Path) -> None:
    save("r/a___b_vis.png", picture(0, width=31))
    with pytest.raises(DataError, match=r"a___b_vis\.png: is 8×31 .* has 5 pictures"):
        open_results(tmp_path / "r", "patn-panels")


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16", "1"])
@pytest.mark.parametrize("where", ["r", "t"])
def test_pictures_that_are_not_rgb(save: Save, tmp_path: Path, mode, where) -> None:
    save("r/1.png")
    save("t/1.png")
    if mode == "I;16":
        Image.fromarray(np.zeros((8, 6), dtype=np.uint16)).save(tmp_path / where / "1.png")
    else:
        Image.new(mode, (6, 8)).save(tmp_path / where / "1.png")
    with pytest.raises(DataError, match=rf"{where}/1\.png: .* of the kind {mode}, and scores are"):
        open_results(tmp_path / "r", "parallel", tmp_path / "t")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"<html>"])
def test_files_that_are_no_picture(save: Save, tmp_path: Path, content: bytes) -> None:
    save("r/1.png").write_bytes(content)
    save("t/1.png")
    with pytest.raises(DataError, match=r"r/1\.png: cannot be decoded as a picture"):
        open_results(tmp_path / "r", "parallel", tmp_path / "t")


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_truncated_pictures(save: Save, tmp_path: Path, ending: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(f"r/1.{ending}", noise)
    save("t/1.png")
    path.write_bytes(path.read_bytes()[:-900])
    results = open_results(tmp_path / "r", "parallel", tmp_path / "t")
    with pytest.raises(DataError, match=rf"r/1\.{ending}: cannot be decoded as a picture"):
        results[0]


def test_a_picture_that_changes(save: Save, picture: Picture, tmp_path: Path) -> None:
    save("r/1.png")
    save("t/1.png")
    results = open_results(tmp_path / "r", "parallel", tmp_path / "t")
    save("r/1.png", picture(0, width=9))
    with pytest.raises(DataError, match=r"r/1\.png: was changed"):
        results[0]


def test_jpeg_is_decoded_as_torchvision_does(save: Save, tmp_path: Path) -> None:
    """Scores of one file are the same, whether it is a result or of a data set."""
    from torchvision.io import ImageReadMode, decode_image

    noise = np.random.default_rng(1).integers(0, 256, (40, 24, 3), dtype=np.uint8)
    path = save("r/1.jpg", noise)
    save("t/1.png", noise)
    [item] = open_results(tmp_path / "r", "parallel", tmp_path / "t")
    assert torch.equal(item.generated, decode_image(str(path), mode=ImageReadMode.RGB))


def test_loading_processes(save: Save, tmp_path: Path) -> None:
    for name in range(4):
        save(f"r/{name}.png", name)
        save(f"t/{name}.png", name)
    results = open_results(tmp_path / "r", "parallel", tmp_path / "t")
    loader = DataLoader(results, batch_size=3, num_workers=1, collate_fn=list)
    assert [[item.target_name for item in items] for items in loader] == [["0", "1", "2"], ["3"]]


def test_letters_and_accents_may_be_apart(save: Save, tmp_path: Path) -> None:
    save("r/Zoe\u0308_0.png", 10)
    save("t/Zo\u00eb_0.bmp", 20)
    results = open_results(tmp_path / "r", "parallel", tmp_path / "t")
    assert results.unmatched == []
    assert stems(results) == [("", "Zo\u00eb_0")]


#: Both hold `_2_` once by themselves.
SIDES = [("01_2_side", "01_7_more"), ("01_7_more", "01_2_side")]


@pytest.mark.parametrize("by", ["targets", "pairs"])
def test_a_name_that_holds_what_is_between_names(save: Save, tmp_path: Path, by: str) -> None:
    for place, (source, target) in enumerate(SIDES):
        save(f"r/{source}_2_{target}_vis.png", 10 * place)
        save(f"t/{target}.png", 20)
    pairs = None
    if by == "pairs":
        save("t/side.png", 20)  # so the targets alone do not say it
        pairs = tmp_path / "pairs.csv"
        pairs.write_text("\n".join(["from,to", *map(",".join, SIDES)]))
    results = open_results(tmp_path / "r", "gfla", tmp_path / "t", pairs=pairs)
    assert results.unmatched == []
    assert stems(results) == SIDES


def test_a_name_whose_target_is_not_known_is_not_guessed(save: Save, tmp_path: Path) -> None:
    save("r/a_2_b_2_c_vis.png", 10)
    save("r/a_2_d_vis.png", 10)
    for target in ("b_2_c", "c", "d"):
        save(f"t/{target}.png", 20)
    results = open_results(tmp_path / "r", "gfla", tmp_path / "t")
    assert stems(results) == [("a", "d")]
    assert "may be of 'b_2_c' or 'c', and which is not known" in results.unmatched[0].reason
    save("s/a_2_b.png", 30)
    (tmp_path / "r" / "a_2_d_vis.png").unlink()
    [item] = open_results(tmp_path / "r", "gfla", tmp_path / "t", tmp_path / "s")
    assert (item.source_name, item.target_name) == ("a_2_b", "c")
