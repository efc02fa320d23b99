"""`posegen.evaluate` and `posegen.evaluate_results`: the functions behind `posegen eval`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from torch import Tensor

from posegen.compute.process import Process, pick_device
from posegen.config import ComponentOptions, merge, options_of
from posegen.config.parts import build_dataset
from posegen.core.batches import Batch
from posegen.core.contracts import PairDataset
from posegen.core.errors import ConfigError
from posegen.core.specs import Kind
from posegen.evaluation.asked import check_sizes, images_of, plans_of, saved_in
from posegen.evaluation.causes import PoseLog
from posegen.evaluation.evaluator import score
from posegen.evaluation.metric_run import References
from posegen.evaluation.plan import Options, Plan
from posegen.evaluation.result import Evaluation, data_identity
from posegen.evaluation.results.reading import open_results
from posegen.evaluation.spread import Spread
from posegen.evaluation.streams import Loading, ModelPairs, ResultPairs, Stream
from posegen.inference.model import PoseTransfer, load_model


def evaluate(
    model: PoseTransfer | str | Path,
    metrics: Sequence[str] | None = None,
    *,
    protocols: Sequence[str] = (),
    data: Mapping[str, Any] | None = None,
    split: Literal["train", "test"] = "test",
    limit: int | None = None,
    options: Options | None = None,
    reference: str | Path | None = None,
    inception_weights: str | Path | None = None,
    sampling: Mapping[str, Any] | None = None,
    seed: int = 0,
    samples: int = 1,
    save: str | Path | None = None,
    batch_size: int = 32,
    workers: int = 0,
    device: str = "cpu",
    process: Process | None = None,
    path: str | Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score a model, and beside it the baseline *copy the source*, on a data set.

    Args:
        model: a loaded model, or the path of a run or of weights.
        metrics: columns of the protocols, or for posegen's own protocol any metric components. By
            default all columns; with no protocol named, ssim, lpips, psnr and l1.
        protocols: `NAME`, `NAME:VARIANT` or files; by default posegen's own. `all` stands for
            every built-in one that knows pictures of this size.
        data: the data set, `{"name": …, options…}`; by default the one that the model was trained
            on (its `split`).
        split: of the data set.
        limit: score only the first so many pairs.
        options: column or metric -> options that replace the protocol's; the result says so.
        reference: a folder of real images for scores of distributions; by default the data set's
            training split, for the columns that want one.
        inception_weights: the TensorFlow-compatible Inception's file, for fid, kid, is and mask-is.
        sampling: options of the model's way of sampling, in place of those that it was saved with.
        seed: of the noise that pictures are sampled with, if any.
        samples: from 2 on, so many pictures are made of each pair, with seeds that follow, and the
            subject says how much they differ (`spread`); the scores are of the first.
        save: a folder where the generated pictures are kept; pictures that are there already are
            not made again.
        batch_size, workers, device: as in training.
        process: this one among several; every one calls this in the same way, and gets the result.
        path: where a loaded model is from, for the record.
        on_progress: called with (pairs done, pairs in all) of this process.

    Raises:
        ConfigError, DataError, PluginError, WeightsError: before anything is scored. A metric whose
            own weights are missing does not raise: its score says why there is none.
    """
    started = time.perf_counter()
    if not isinstance(model, PoseTransfer):
        path, model = model, load_model(model, process.device if process else device)
    if sampling:
        model = model.with_sampling(**sampling)
    process = process or Process(model.device)
    section = data_of(model) if data is None else ComponentOptions.model_validate(dict(data))
    dataset = build_dataset(section, split)
    _check_fit(model, dataset, folder="root" in section.model_dump(mode="json"))
    plans = plans_of(protocols, metrics, options, dataset.image_size, inception_weights)
    fingerprint = model.fingerprint()
    stored = {**section.model_dump(mode="json"), "split": split}
    made_by = {**fingerprint, "data": data_identity(stored), "seed": seed}

    def sample(batch: Batch, number: int = seed) -> Tensor:
        return model.run(batch, seed=number).image

    if samples > 1 and save is not None:
        raise ConfigError("samples are not kept: leave out --samples or --save.")
    spread = Spread(sample, samples, seed) if samples > 1 else None
    stream = ModelPairs(
        spread or sample,
        dataset,
        model.encoder,
        row=model.config.title,
        loading=Loading(batch_size, workers, limit),
        process=process,
        saved=None if save is None else saved_in(Path(save), plans, made_by, process),
    )
    references = images_of(Path(reference) if reference else section, process, batch_size)
    subject = {
        "kind": "model",
        "path": None if path is None else str(path),
        "model": model.config.title,
        "weights": fingerprint["weights"],
        "fingerprint": fingerprint,
        "precision": model.speed.precision,
        "sampling": model.sampling.model_dump(mode="json"),
        "seed": seed,
        "data": stored,
        "trained_on": split == "test"
        and data_identity(_trained_on(model)) == data_identity(section.model_dump(mode="json")),
        "limit": limit,
    }
    found = _scored(stream, plans, process, references, subject, started, on_progress)
    if spread is None:
        return found
    measured = {"samples": samples, "spread": spread.mean(process)}
    return replace(found, subject={**subject, **measured})


def evaluate_results(
    folder: str | Path,
    layout: str,
    metrics: Sequence[str] | None = None,
    *,
    targets: str | Path | None = None,
    sources: str | Path | None = None,
    annotations: str | Path | None = None,
    pairs: str | Path | None = None,
    protocols: Sequence[str] = (),
    limit: int | None = None,
    options: Options | None = None,
    reference: str | Path | None = None,
    inception_weights: str | Path | None = None,
    batch_size: int = 32,
    workers: int = 0,
    device: str = "cpu",
    process: Process | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score the pictures that any program has left in a folder.

    Args:
        folder: the results.
        layout: how its files are named: see `posegen.evaluation.results`.
        targets: the folder of the real images, where the results do not hold them.
        sources: the folder of the source images; with them the baseline is scored too.
        annotations: the published CSV of the targets' keypoints, for masks and PCKh.
        pairs: the published CSV of the pairs that should be there.
        metrics, protocols, limit, options, reference, inception_weights, batch_size, workers,
            device, process, on_progress: as in `evaluate`; there is no training split, so that a
            reference must be given for what is against one.

    Raises:
        ConfigError, DataError, PluginError: before anything is scored, or for a picture that cannot
            be read.
    """
    started = time.perf_counter()
    paths = {"targets": targets, "sources": sources, "annotations": annotations, "pairs": pairs}
    given = {key: Path(value) for key, value in paths.items() if value is not None}
    process = process or Process(pick_device(device))
    results = open_results(Path(folder), layout, **given)
    plans = plans_of(protocols, metrics, options, results.target_size, inception_weights)
    check_sizes(results, plans)
    stream = ResultPairs(results, loading=Loading(batch_size, workers, limit), process=process)
    references = None
    if reference is not None:
        references = images_of(Path(reference), process, batch_size)
    subject = {
        "kind": "results",
        "path": str(folder),
        "layout": layout,
        **{key: None if value is None else str(value) for key, value in paths.items()},
        "limit": limit,
        "unmatched_count": len(results.unmatched),
        "unmatched": [{"file": u.file, "reason": u.reason} for u in results.unmatched],
    }
    return _scored(stream, plans, process, references, subject, started, on_progress)


def data_of(
    model: PoseTransfer, given: Mapping[str, Any] = MappingProxyType({})
) -> ComponentOptions:
    """Return the data set that a model was trained on, with the user's options (`given`) on top.

    Paths are taken from a run alone. Shared weights may be anybody's, and a path of theirs could
    name any folder of this machine, to read or to write.

    Raises:
        ConfigError: where its weights do not say (converted ones); where they name a path that is
            not among the user's options.
    """
    section = _trained_on(model)
    if not section:
        raise ConfigError("these weights do not say what they were trained on; give `--data`.")
    chosen = ComponentOptions.model_validate(merge(section, given))
    folder = model.folder
    if folder is None or (folder.parent / "config.toml").is_file():
        return chosen
    options = options_of(chosen, Kind.DATASET, "data")
    paths = {key: value for key, value in options if isinstance(value, Path) and key not in given}
    for key, value in paths.items():
        raise ConfigError(
            f"{folder}: these weights name the path {value} (data.{key}), and a path is never "
            "taken from shared weights; name the data yourself with `--data`."
        )
    return chosen


def _trained_on(model: PoseTransfer) -> Mapping[str, Any]:
    """Return the data set that a model was trained on; empty where its weights do not say."""
    section = model.config.training.get("data")
    return section if isinstance(section, dict) else {}


def _scored(
    stream: Stream,
    plans: list[Plan],
    process: Process,
    references: References | None,
    subject: Mapping[str, Any],
    started: float,
    on_progress: Callable[[int, int], None] | None,
) -> Evaluation:
    poses = PoseLog(stream.layout)
    names, scores = score(
        stream, plans, process, references=references, poses=poses, on_progress=on_progress
    )
    return Evaluation(subject, names, scores, time.perf_counter() - started, poses.causes)


def _check_fit(model: PoseTransfer, dataset: PairDataset, *, folder: bool) -> None:
    if dataset.image_size != model.image_size:
        size, own = list(dataset.image_size), list(model.image_size)
        remedy = f"`--set 'data.image_size=[{own[0]},{own[1]}]'` gives such data"
        if folder:  # pictures of a folder have the size that they have
            remedy = (
                "bring the data to the model's size (`posegen data prepare`), or choose a model "
                "of that size"
            )
        raise ConfigError(
            f"the data's images are {size} (height, width) and the model's {own}; {remedy}."
        )
    if dataset.skeleton != model.skeleton:
        raise ConfigError(
            f"the data's keypoints are {dataset.skeleton!r} and the model reads {model.skeleton!r}."
        )
