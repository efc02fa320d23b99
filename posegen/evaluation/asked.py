"""What an evaluation is asked for, checked before anything is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from posegen.compute.process import Process
from posegen.config import ComponentOptions
from posegen.config.parts import build_dataset
from posegen.core.contracts import PairDataset
from posegen.core.errors import ConfigError, DataError
from posegen.core.metrics import ReferenceImages
from posegen.evaluation.metric_run import References
from posegen.evaluation.metrics.reference import dataset_images, folder_images
from posegen.evaluation.plan import OWN, Options, Plan, plan
from posegen.evaluation.protocols.loading import digest, fits, load, names
from posegen.evaluation.protocols.prepare import prepare_images, to_8bit
from posegen.evaluation.protocols.schema import Step
from posegen.evaluation.results.reading import ResultsFolder
from posegen.evaluation.saved import SavedImages

#: What is computed where neither metrics nor a protocol are named.
DEFAULT_METRICS = ("ssim", "lpips", "psnr", "l1")


def plans_of(
    protocols: Sequence[str],
    metrics: Sequence[str] | None,
    options: Options | None,
    size: tuple[int, int],
    inception: str | Path | None,
) -> list[Plan]:
    """Return the plans of protocols for pictures of a size (H, W); see `evaluate` for the rest.

    Raises:
        ConfigError, PluginError: for what is not known, or is not computed.
    """
    if not protocols and metrics is None:
        metrics = DEFAULT_METRICS
    if "all" in protocols:
        protocols = [name for name in names() if fits(load(name), size)]
    several = len(protocols) > 1
    file = None if inception is None else Path(inception)
    made = [
        plan(text, size, metrics, options, partly=several, inception=file)
        for text in protocols or [OWN]
    ]
    known = {name for p in made for c in p.columns for name in (c.name, c.spec.name)}
    for name in metrics or ():
        if name not in known:
            raise ConfigError(
                f"--metrics {name}: none of {', '.join(protocols)} has such a column."
            )
    # A file of weights that nobody needs does no harm.
    for name, changes in (options or {}).items():
        if name not in known and set(changes) - {"weights"}:
            raise ConfigError(
                f"--set {name}.…: no column or metric of that name is computed here; it must be "
                "among --metrics, or in the protocol."
            )
    return [p for p in made if p.columns]


def check_sizes(results: ResultsFolder, plans: Sequence[Plan]) -> None:
    """Find that no column at all brings results and targets to one size, before reading them."""
    made, real = results.generated_size, results.target_size
    steps = [step for p in plans for column in p.columns for step in column.steps]
    if made != real and not any(step.step == "resize" for step in steps):
        raise DataError(
            f"{results.folder}: its pictures are {made[0]}×{made[1]} (height×width) and the "
            f"targets {real[0]}×{real[1]}; give targets of the same size, or a protocol that "
            "resizes pictures."
        )


def saved_in(
    folder: Path, plans: Sequence[Plan], made_by: Mapping[str, Any], process: Process
) -> SavedImages:
    """Open the folder in which generated pictures are kept.

    Raises:
        ConfigError: where plans want pictures that are rounded in different ways.
        DataError: where the folder is of other pictures.
    """
    roundings = {p.variant.rounding for p in plans}
    if len(roundings) > 1:
        raise ConfigError(
            "--save: these protocols bring pictures to 8 bits in different ways (rounded, "
            "truncated); save under one of them at a time."
        )
    (rounding,) = roundings
    arguments = folder, {**made_by, "rounding": rounding}, partial(to_8bit, rounding=rounding)
    if process.is_main:  # the first makes the folder, and the others find it
        SavedImages(*arguments)
    process.wait()
    return SavedImages(*arguments)


def images_of(
    source: Path | ComponentOptions | PairDataset, process: Process, batch_size: int
) -> References:
    """Return what gives real images, prepared by a protocol's steps.

    Args:
        source: a folder; a split; or a data set, whose training split it is.
        process: whose device prepares them.
        batch_size: how many at once.
    """

    def prepared(steps: tuple[Step, ...]) -> ReferenceImages:
        options = {
            "prepare": partial(prepare_images, steps=steps),
            "preparation": digest(steps),
            "device": process.device,
            "batch_size": batch_size,
        }
        if isinstance(source, Path):
            return folder_images(source, **options)
        split = source if isinstance(source, PairDataset) else build_dataset(source, "train")
        return dataset_images(split, **options)

    return prepared
