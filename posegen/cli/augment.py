"""`posegen augment`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posegen.cli.console import note, progress, say
from posegen.cli.options import (
    DeviceOption,
    SamplingOption,
    SetOption,
    WeightsOption,
    chosen_weights,
    data_section,
    parse_sampling,
)
from posegen.core.errors import ConfigError

if TYPE_CHECKING:
    from posegen.config import ComponentOptions

NamesOption = Annotated[
    str | None,
    typer.Option(
        "--names",
        metavar="REGEX",
        help="How names tell (?P<person>…) and (?P<camera>…); Market's and people's are known.",
    ),
]


def augment(
    data: Annotated[str, typer.Argument(metavar="NAME|PATH", help="A data set.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the pictures are written.")],
    weights: WeightsOption = None,
    poses: Annotated[
        str, typer.Option(metavar="N|all", help="In how many poses each picture's person is shown.")
    ] = "4",
    seed: Annotated[
        int, typer.Option(min=0, help="Draws the poses; and of the noise, where there is any.")
    ] = 0,
    names: NamesOption = None,
    set_: SetOption = None,
    sampling: SamplingOption = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures made together.")] = 16,
    device: DeviceOption = "auto",
) -> None:
    """Make training pictures for re-identification: its people in poses of others.

    Only the training split is used, and nobody who is in the test split. The pictures are in
    Market-1501's layout, and each has posegen's mark in its metadata. The same command goes on
    where an earlier one was stopped.
    """
    from posegen.compute.process import pick_device
    from posegen.experiments.augment import augment as make
    from posegen.experiments.reid.data import Namer
    from posegen.inference import load_model

    if poses != "all" and not (poses.isdecimal() and int(poses) > 0):
        raise ConfigError(f"--poses {poses}: give a number from 1 on, or all.")
    namer = Namer(names)
    model = load_model(chosen_weights(weights), pick_device(device))
    model = model.with_sampling(**parse_sampling(sampling))
    section = reid_section(data, set_, model.image_size)
    with progress("generating") as advance:
        made, left_out = make(
            model,
            section,
            out,
            None if poses == "all" else int(poses),
            namer,
            seed=seed,
            batch_size=batch_size,
            progress=advance,
        )
    if left_out:
        note(f"{left_out} people are left out: they are in the test split too.")
    say(f"{out}: {len(made):,} pictures of {len({one.person for one in made}):,} people.")


def reid_section(
    data: str, overrides: list[str] | None, size: tuple[int, int] | None
) -> ComponentOptions:
    """Return the data set: a named one at a model's size, unless --set says another."""
    from posegen.config import ComponentOptions, merge, merge_all, parse_override

    options = merge_all(parse_override(text) for text in overrides or [])
    if unknown := sorted(set(options) - {"data"}):
        raise ConfigError(f"--set {unknown[0]}: only options of the data set: data.KEY=VALUE.")
    base: dict[str, Any] = data_section(data)
    if "root" not in base and size is not None:
        base["image_size"] = list(size)
    return ComponentOptions.model_validate(merge(base, options.get("data", {})))
