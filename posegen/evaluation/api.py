"""`posegen.evaluate`: the function behind `posegen eval`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from posegen.config import ComponentOptions
from posegen.config.parts import build_dataset, build_encoder
from posegen.core.errors import ConfigError
from posegen.core.specs import Kind
from posegen.evaluation.evaluator import Evaluation, evaluate_pairs
from posegen.inference.model import PoseTransfer, load_model
from posegen.plugins import build, component_config, registry

DEFAULT_METRICS = ("ssim", "lpips", "psnr", "l1")


def evaluate(
    model: PoseTransfer | str | Path,
    metrics: Sequence[str] = DEFAULT_METRICS,
    *,
    data: Mapping[str, Any] | None = None,
    split: Literal["train", "test"] = "test",
    limit: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    batch_size: int = 32,
    workers: int = 0,
    device: str = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score a model, and beside it the baseline *copy the source*, on a data set.

    Args:
        model: a loaded model, or the path of a run or of weights.
        metrics: names of metric components.
        data: the data set, `{"name": …, options…}`; by default the one that the model was trained
            on (its `split`).
        split: of the data set.
        limit: score only the first so many pairs.
        options: metric name -> its options.
        batch_size, workers, device: as in training.
        on_progress: called with (pairs done, pairs in all).

    Raises:
        ConfigError, DataError, PluginError, WeightsError: before anything is scored. A metric whose
            own weights are missing does not raise: its score says why there is none.
    """
    if not isinstance(model, PoseTransfer):
        model = load_model(model, device)
    section = data_of(model) if data is None else ComponentOptions.model_validate(dict(data))
    dataset = build_dataset(section, split)
    if dataset.image_size != model.image_size:
        size, own = list(dataset.image_size), list(model.image_size)
        raise ConfigError(
            f"the data's images are {size} (height, width) and the model's {own}; "
            f"`--set data.image_size={own}` gives data of the model's size where the set can."
        )
    if dataset.layout != model.layout:
        raise ConfigError(
            f"the data's keypoints are {dataset.layout!r} and the model reads {model.layout!r}."
        )
    ready = model
    return evaluate_pairs(
        lambda batch: ready.run(batch).image,
        dataset,
        build_encoder(model.config.encoder),
        {name: _factory(name, (options or {}).get(name, {})) for name in dict.fromkeys(metrics)},
        row=model.config.model,
        batch_size=batch_size,
        workers=workers,
        limit=limit,
        device=model.device,
        on_progress=on_progress,
    )


def data_of(model: PoseTransfer) -> ComponentOptions:
    """Return the data set that a model was trained on.

    Raises:
        ConfigError: where its weights do not say (converted ones).
    """
    section = model.config.training.get("data")
    if not isinstance(section, dict):
        raise ConfigError("these weights do not say what they were trained on; give `--data`.")
    return ComponentOptions.model_validate(section)


def _factory(name: str, options: Mapping[str, Any]) -> Callable[[], Any]:
    """Check name and options now, build (and read weights) later."""
    config = component_config(registry(), Kind.METRIC, name, options, name)
    return partial(build, registry(), Kind.METRIC, name, config)
