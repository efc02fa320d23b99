"""A small model with its run's folder, results of somebody else, and scores of both."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from posegen.config import experiment, preset
from posegen.config.parts import build_dataset, build_encoder, build_method, task_of
from posegen.core.specs import BASELINE
from posegen.evaluation.record import write
from posegen.evaluation.result import Evaluation, ProtocolScores, Score
from posegen.evaluation.statistics import interval
from posegen.weights.folder import WeightsConfig, join, save_weights

SIZE = (32, 16)
OVERRIDES = [
    f"data.image_size={list(SIZE)}",
    "data.identities=2",
    "data.test_identities=4",
    "generator.ngf=4",
    "generator.blocks=2",
]

Names = Sequence[tuple[str, str]]


def make_protocol(
    rows: dict[str, float],
    names: Names,
    name: str = "posegen-1",
    variant: str = "as-is",
    columns: Sequence[str] = ("ssim", "l1"),
) -> ProtocolScores:
    """Scores of rows (name -> the middle of its values): seeded, in each of the columns."""
    scores: dict[str, dict[str, Score]] = {}
    values: dict[str, dict[str, list[float]]] = {}
    for row, middle in rows.items():
        scores[row], values[row] = {}, {}
        for number, column in enumerate(columns):
            random = np.random.default_rng([number, len(row)])
            drawn = (middle + random.normal(0, 0.05, len(names))).tolist()
            way = "lower" if column in ("l1", "lpips", "fid") else "higher"
            mean = sum(drawn) / len(drawn)
            how = f"how {column} is computed"
            ends = interval(drawn)
            scores[row][column] = Score(column, mean, len(names), way, how, None, ends)
            values[row][column] = drawn
        failed = Score("fid", None, 0, "lower", "how fid is computed", "no <weights> here.")
        scores[row]["fid"] = failed
    definition = {"name": name, "summary": "A <summary>.", "source": "a paper", "changed": {}}
    return ProtocolScores(name, 1, variant, definition, scores, values)


@pytest.fixture(scope="session")
def protocol() -> Callable[..., ProtocolScores]:
    """`make_protocol`."""
    return make_protocol


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder, with the weights of a network that was never trained, scored."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    config = experiment(preset("patn", "demo"), overrides=OVERRIDES)
    encoder = build_encoder(config.encoder)
    torch.manual_seed(0)
    dataset = build_dataset(config.data, "test")
    task = task_of(dataset, encoder)
    method = build_method(config, task)
    networks = {name: method.networks[name] for name in method.shared}
    described = WeightsConfig.of_run(config, task, networks, {"step": 40})
    (folder / "weights").mkdir(parents=True)
    save_weights(folder / "weights", described, join(networks))
    (folder / "config.toml").write_text('model = "patn"\npreset = "demo"\n')
    about = {"command": ["posegen", "train", "<x>"], "python": "3.11.7", "gpu": None}
    (folder / "environment.json").write_text(json.dumps(about))
    lines = [{"step": s, "generator/l1": 2 / s, "lr": 1e-3, "epoch": 1.0} for s in range(1, 41)]
    text = "\n".join(map(json.dumps, lines))
    (folder / "metrics.jsonl").write_text(text + '\n{"step": 41, "gen')  # killed while writing
    pairs = [dataset[place] for place in range(12)]
    names = [(pair.source_name, pair.target_name) for pair in pairs]
    data = {**config.data.model_dump(mode="json"), "split": "test"}
    subject = {"kind": "model", "path": str(folder), "model": "patn", "data": data, "limit": 12}
    own = make_protocol({"patn": 0.5, BASELINE: 0.3}, names)
    other = make_protocol({"patn": 0.6, BASELINE: 0.3}, names, "patn-2019", "market1501", ["ssim"])
    write(Evaluation(subject, names, [own, other], 1.5), folder)
    return folder


@pytest.fixture(scope="session")
def results(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results on some of the same pairs: grey pictures; scored."""
    from posegen.evaluation.record import read

    folder = tmp_path_factory.mktemp("theirs") / "theirs"
    made, targets = folder / "made", folder / "targets"
    made.mkdir(parents=True)
    targets.mkdir()
    stems = [tuple(Path(name).stem for name in pair) for pair in read(trained).names[2:]]
    for place, (source, target) in enumerate(stems):
        Image.new("RGB", SIZE[::-1], (0, 20 * place, 99)).save(made / f"{source}___{target}.png")
        for name in (source, target):
            Image.new("RGB", SIZE[::-1], (200, 99, 0)).save(targets / f"{name}.png")
    names = sorted((str(source), str(target)) for source, target in stems)
    subject = {
        "kind": "results",
        "path": str(made),
        "layout": "pairs",
        "targets": str(targets),
        "sources": str(targets),
        "annotations": None,
        "pairs": None,
        "unmatched": [{"file": "odd & end.txt", "reason": "not a picture"}],
        "unmatched_count": 3,
    }
    own = make_protocol({"results": 0.45, BASELINE: 0.3}, names)
    write(Evaluation(subject, names, [own], 0.5), folder)
    return folder
