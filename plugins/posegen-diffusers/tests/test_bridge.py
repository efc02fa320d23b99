"""From an exported data set through a tiny random pipeline to scores."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from posegen_diffusers.cli import main
from posegen_diffusers.config import PipelineConfig
from posegen_diffusers.pairs import Asked, draw, read

import posegen
from posegen.core import DataError, WeightsError

pytest.importorskip("diffusers", reason="diffusers is not installed")

pytestmark = pytest.mark.filterwarnings("ignore")  # diffusers' own, of what it does not find


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from posegen.data.export import export_published

    folder = tmp_path_factory.mktemp("data") / "pairs"
    people = posegen.dataset("people", image_size=[32, 16], test_identities=2, pictures=2)
    export_published({"test": people}, folder, "market1501", "png", limit=3)
    return folder


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sys.path.insert(0, str(Path(__file__).parent))
    import tiny_pipeline

    folder = tmp_path_factory.mktemp("pipeline")
    tiny_pipeline.make(folder / "tiny")
    return folder / "tiny"


@pytest.fixture
def config(pipeline: Path, tmp_path: Path) -> Callable[..., Path]:
    def write(arguments: str = 'image = ["{source}", "{pose}"]', **options: str) -> Path:
        lines = {
            "pipeline": f'"{pipeline}"',
            "pipeline_class": '"tiny_pipeline:TinyEdit"',
            "precision": '"32"',
            "scale": "2",
            **options,
        }
        text = "\n".join(f"{key} = {value}" for key, value in lines.items())
        (tmp_path / "pipeline.toml").write_text(f"{text}\n[arguments]\n{arguments}\n")
        return tmp_path / "pipeline.toml"

    return write


def pictures(folder: Path) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    return {file.name: np.asarray(Image.open(file)) for file in sorted(folder.glob("*.png"))}


def test_results_are_made_once_and_scored(
    data: Path, config: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results"
    main([str(config()), str(data), str(out), "--limit", "2"])
    assert "2 pictures. Next: posegen eval --results" in capsys.readouterr().out
    first = pictures(out)
    assert {picture.shape for picture in first.values()} == {(32, 16, 3)}
    main([str(config()), str(data), str(out)])
    assert "1 pictures" in capsys.readouterr().out
    whole = pictures(out)
    assert len(whole) == 3
    assert all(np.array_equal(picture, whole[name]) for name, picture in first.items())
    found = posegen.evaluate_results(out, "pairs", ["l1"], targets=data / "market_data" / "test")
    score = found.scores["results"]["l1"]
    assert score.count == 3
    assert 0 < score.value < 1
    reasons = {entry["reason"] for entry in found.subject["unmatched"]}
    assert reasons == {"a target without a result"}  # pictures that are sources only


def test_noise_is_of_the_pair_and_the_seed(
    data: Path, config: Callable[..., Path], tmp_path: Path
) -> None:
    for name, options in (("a", {}), ("b", {}), ("c", {"seed": "1"})):
        main([str(config(**options)), str(data), str(tmp_path / name), "--limit", "1"])
    (a,), (b,), (c,) = (pictures(tmp_path / name).values() for name in "abc")
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_the_pose_reaches_the_pipeline(
    data: Path, config: Callable[..., Path], tmp_path: Path
) -> None:
    both, twice = 'image = ["{source}", "{pose}"]', 'image = ["{source}", "{source}"]'
    main([str(config(both)), str(data), str(tmp_path / "a"), "--limit", "1"])
    main([str(config(twice)), str(data), str(tmp_path / "b"), "--limit", "1"])
    (a,), (b,) = (pictures(tmp_path / name).values() for name in "ab")
    assert not np.array_equal(a, b)


def test_poses_are_those_of_the_targets_in_openposes_order(data: Path) -> None:
    people = posegen.dataset("people", image_size=[32, 16], test_identities=2, pictures=2)
    for asked, pair in zip(read(data), people, strict=False):
        for place, (x, y, seen) in zip(asked.pose, pair.target_keypoints.tolist(), strict=True):
            if place is not None:
                assert place == (round(x), round(y))
                assert seen > 0
        drawn = np.asarray(draw(asked.pose, asked.picture.size))
        x, y = next(place for place in asked.pose if place)
        assert drawn[y, x].any()
        assert not drawn[0, 0].any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"arguments": "picture = 3"}, "arguments: the pipeline refuses them"),
        ({"arguments": 'image=["{source}", "{pose}"]\noutput_type="pt"'}, "returns no picture"),
        ({"pipeline": '"nowhere/at/all"'}, "`download = true` lets it ask the hub"),
        ({"pipeline_class": '"diffusers:Nothing"'}, "pipeline_class=diffusers:Nothing"),
        ({"scale": "0"}, "pipeline.toml: scale: "),
        ({"scael": "2"}, "pipeline.toml: scael: "),
    ],
)
def test_mistakes_are_sentences(
    data: Path,
    config: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: dict[str, str],
    said: str,
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(config(**options)), str(data), str(tmp_path / "out"), "--limit", "1"])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_pickled_weights_are_refused(pipeline: Path, tmp_path: Path) -> None:
    import shutil

    import torch
    from posegen_diffusers.bridge import Bridge

    shutil.copytree(pipeline, tmp_path / "pickled")
    (file,) = (tmp_path / "pickled" / "unet").glob("*.safetensors")
    from safetensors.torch import load_file

    torch.save(load_file(file), file.with_suffix(".bin"))
    file.unlink()
    config = PipelineConfig(
        pipeline=str(tmp_path / "pickled"), pipeline_class="tiny_pipeline:TinyEdit"
    )
    with pytest.raises(WeightsError, match="safetensors"):
        Bridge(config)


def test_broken_tables_are_named(data: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "broken"
    shutil.copytree(data, folder)
    table = folder / "market-pairs-test.csv"
    table.write_text("from,to\nnobody.png,nobody.png\n")
    with pytest.raises(DataError, match=r"market-pairs-test.csv, line 2: 'nobody.png' has no row"):
        list(read(folder))
    table.unlink()
    with pytest.raises(DataError, match="posegen data export"):
        list(read(folder))


def test_names_of_results_are_those_of_the_layout() -> None:
    asked = Asked("a.png", "b.jpg", Image.new("RGB", (8, 8)), [])
    assert asked.result == "a___b.png"
