"""`posegen eval --results`: folders of pictures that other programs have made."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import structural_similarity

SIZE = (48, 40)


def draw(path: Path, seed: int, size: tuple[int, int] = SIZE, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(40, 200, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A folder with `real` and `made`, three pictures each of the same names."""
    for number in range(3):
        draw(tmp_path / "real" / f"{number}.png", number)
        draw(tmp_path / "made" / f"{number}.png", number + 10)
    return tmp_path


@pytest.fixture
def score(call: Callable, folders: Path) -> Callable:
    """`score(*words)`: of `made` against `real`, on the CPU."""

    def scored(*words: str | Path) -> tuple[int, str, str]:
        paths = ("--results", folders / "made", "--layout", "parallel")
        targets = ("--targets", folders / "real", "--device", "cpu")
        return call("eval", *paths, *targets, *words)

    return scored


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_scores_and_files(score: Callable, folders: Path) -> None:
    code, out, err = score("--metrics", "ssim,l1", "--out", folders / "scores")
    assert code == 0, err
    assert "posegen-1" in out
    record = json.loads((folders / "scores" / "scores.json").read_text())
    assert record["subject"]["kind"] == "results"
    with (folders / "scores" / "scores.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["target"] for line in lines] == ["0", "1", "2"]
    for number, line in enumerate(lines):
        a, b = (read(folders / name / f"{number}.png") for name in ("real", "made"))
        true = structural_similarity(
            a,
            b,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
            channel_axis=-1,
        )
        assert float(line["posegen-1:as-is:ssim"]) == pytest.approx(true, abs=1e-10)


def test_one_table_for_several_protocols(score: Callable, folders: Path) -> None:
    wanted = "posegen-1,patn-2019:market1501,pidm-2023:deepfashion-256x176,cfld-2024:deepfashion"
    code, out, err = score("--protocol", wanted, "--metrics", "ssim-256,ssim,psnr", "--json")
    assert code == 0, err
    found = {e["protocol"]["name"]: e["rows"]["results"] for e in json.loads(out)["evaluations"]}
    assert list(found) == ["posegen-1", "patn-2019", "pidm-2023", "cfld-2024"]
    # The same pictures; only range and window differ.
    assert found["posegen-1"]["ssim"]["value"] != found["patn-2019"]["ssim"]["value"]
    assert set(found["patn-2019"]) == {"ssim"}
    assert set(found["cfld-2024"]) == {"ssim-256", "ssim", "psnr"}
    code, out, _ = score("--protocol", wanted, "--metrics", "ssim,psnr")
    assert all(name in out for name in found)


def test_a_changed_protocol_says_so(score: Callable) -> None:
    code, out, _ = score("--metrics", "ssim", "--set", "ssim.sigma=1.2", "--json")
    assert code == 0
    protocol = json.loads(out)["evaluations"][0]["protocol"]
    assert "changed: ssim.sigma=1.2" in protocol["variant"]
    assert protocol["definition"]["changed"] == {"ssim.sigma": 1.2}


def test_unmatched_files_are_listed_and_counted(score: Callable, folders: Path) -> None:
    draw(folders / "made" / "9.png", 9)
    (folders / "made" / "0.png").unlink()
    code, out, err = score("--metrics", "l1", "--json")
    assert code == 0
    assert "9.png" in err and "0.png" in err and "2 files or pairs" in err  # noqa: PT018
    assert json.loads(out)["pairs"] == 2
    assert json.loads(out)["subject"]["unmatched_count"] == 2


def spoil(folders: Path, how: str) -> None:
    made = folders / "made"
    if how == "broken":
        (made / "1.png").write_bytes((made / "1.png").read_bytes()[:300])
    elif how == "one of another size":
        draw(made / "1.png", 1, (40, 40))
    elif how == "all of another size":
        for number in range(3):
            draw(made / f"{number}.png", number, (40, 40))
    elif how in ("L", "RGBA"):
        draw(made / "1.png", 1, mode=how)
    else:
        for file in made.iterdir():
            file.unlink()
        if how == "no folder":
            made.rmdir()


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("broken", "1.png: cannot be decoded"),
        ("one of another size", "1.png: is 40×40 (height×width) and 0.png is 48×40"),
        ("all of another size", "its pictures are 40×40 (height×width) and the targets 48×40"),
        ("L", "1.png: its colours are of the kind L"),
        ("RGBA", "1.png: its colours are of the kind RGBA"),
        ("no file", "holds no picture"),
        ("no folder", "no such folder"),
    ],
)
def test_each_mistake_gives_its_sentence(
    score: Callable, folders: Path, how: str, sentence: str
) -> None:
    spoil(folders, how)
    code, _, err = score("--metrics", "l1")
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err


def test_one_picture_is_enough(score: Callable, folders: Path) -> None:
    for number in (0, 2):
        (folders / "made" / f"{number}.png").unlink()
        (folders / "real" / f"{number}.png").unlink()
    code, out, _ = score("--metrics", "ssim,l1,psnr", "--json")
    assert code == 0
    row = json.loads(out)["evaluations"][0]["rows"]["results"]
    assert all(row[name]["count"] == 1 and row[name]["interval"] is None for name in row)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--protocol", "patn"], "no such protocol"),
        (["--protocol", "patn-2019"], "is for no pictures of 48×40"),
        (["--protocol", "patn-2019:market"], "no such variant"),
        (["--protocol", "cfld-2024:deepfashion", "--metrics", "l1"], "has no such column"),
        (["--set", "fid.network=tf", "--metrics", "l1"], "--set fid.…: no column or metric"),
        (["--metrics", "ssim", "--set", "ssim.taps=51"], "ssim"),
        (["--data", "people"], "--data is not for --results"),
        (["--precision", "bf16"], "--precision is not for --results"),
        (["--compile"], "--compile is not for --results"),
        (["--sampling", "steps=4"], "--sampling is not for --results"),
        (["--seed", "1"], "--seed is not for --results"),
    ],
)
def test_wrong_words_are_explained(score: Callable, words: list[str], sentence: str) -> None:
    code, out, err = score(*words)
    assert sentence in out + err
    assert code == (1 if "51" in words[-1] else 2)  # a window too large costs only its column


def test_results_need_a_layout(call: Callable, folders: Path) -> None:
    code, _, err = call("eval", "--results", folders / "made")
    assert code == 2
    assert "--results needs --layout" in err
    code, _, err = call("eval", "runs/x", "--targets", folders / "real")
    assert code == 2
    assert "--targets goes with --results DIR" in err


def test_what_was_found_before_is_kept_where_nothing_can_be_computed(
    call: Callable, folders: Path, tmp_path: Path
) -> None:
    words = ["eval", "--results", folders / "made", "--layout", "parallel", "--out", tmp_path / "o"]
    words += ["--targets", folders / "real", "--device", "cpu"]
    assert call(*words, "--metrics", "ssim")[0] == 0
    before = (tmp_path / "o" / "scores.json").read_text()
    code, out, err = call(*words, "--metrics", "pckh")
    assert code == 1
    assert "pckh: not computed" in " ".join((out + err).split())
    assert "nothing is written" in err
    assert (tmp_path / "o" / "scores.json").read_text() == before


def test_nothing_false_is_said_of_a_metric_without_weights(
    score: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    code, out, _ = score("--metrics", "ssim,fid", "--json")
    assert code == 0
    scores = next(iter(json.loads(out)["evaluations"][0]["rows"].values()))
    assert scores["fid"]["value"] is None
    assert scores["fid"]["protocol"] == ""
    assert scores["ssim"]["protocol"]
