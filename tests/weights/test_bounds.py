"""Weights of others: what they ask for is bounded by what is in the file, and no path is theirs."""

import os
import resource
import time
from pathlib import Path
from typing import Any

import pytest

from posegen.config import ComponentOptions
from posegen.core import ConfigError, WeightsError
from posegen.evaluation.api import data_of
from posegen.inference import load_model
from posegen.weights.description import read_config
from posegen.weights.folder import open_weights, save_weights


def rewritten(folder: Path, **changes: Any) -> Path:
    """The folder with another description, which its tensors vouch for."""
    config, tensors = open_weights(folder)
    save_weights(folder, config.model_copy(update=changes), tensors)
    return folder


@pytest.mark.parametrize(
    "options",
    [{"ngf": 1024, "blocks": 1}, {"ngf": 8192, "blocks": 1}, {"ngf": 4, "blocks": 200_000}],
)
def test_a_small_file_cannot_ask_for_a_large_network(folder: Path, options: dict[str, int]) -> None:
    section = ComponentOptions.model_validate({"name": "patn", **options})
    rewritten(folder, generator=section)
    start = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError, match=r"far larger than its tensors|has shape"):
        load_model(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
    assert time.perf_counter() - start < 5


def test_sides_are_bounded(folder: Path) -> None:
    rewritten(folder, image_size=(40_000, 40_000))
    with pytest.raises(WeightsError, match=r"image_size: .* is no size"):
        read_config(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_pipes_and_devices_are_not_waited_for(folder: Path, name: str, kind: str) -> None:
    (folder / name).unlink()
    if kind == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to("/dev/zero")
    for use in (read_config, load_model, lambda path: load_model(path / name)):
        with pytest.raises(WeightsError, match=r"a device|a pipe"):
            use(folder)


def test_a_path_is_never_taken_from_shared_weights(folder: Path, tmp_path: Path) -> None:
    secret = {"name": "market1501", "root": "/home/somebody", "cache": "/home/somebody/cache"}
    rewritten(folder, training={"data": secret})
    model = load_model(folder)
    with pytest.raises(ConfigError, match=r"name the path /home/somebody .*with `--data`"):
        data_of(model)
    with pytest.raises(ConfigError, match=r"data\.cache"):
        data_of(model, {"root": "mine"})
    named = data_of(model, {"root": "mine", "cache": "here"})
    assert named.options["root"] == "mine"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.toml").write_text("")  # a run is the user's own
    folder.rename(tmp_path / "run" / "weights")
    assert data_of(load_model(tmp_path / "run")).options["root"] == "/home/somebody"
