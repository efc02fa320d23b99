"""`posegen train`."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posegen.cli import completion
from posegen.cli.console import note, output, say
from posegen.cli.options import (
    ConfigOption,
    DataOption,
    DeviceOption,
    SetOption,
    SkipBadOption,
    WorkersOption,
    data_section,
    output_folder,
)
from posegen.core.errors import ConfigError
from posegen.core.specs import Kind

if TYPE_CHECKING:
    from posegen.config import ExperimentConfig


def train(
    model: Annotated[
        str | None,
        typer.Option(
            help="Which model: `posegen plugins list`.",
            autocompletion=completion.component(Kind.MODEL),
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="One of the model's presets.", autocompletion=completion.presets),
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    generator: Annotated[
        str | None,
        typer.Option(
            help="Another backbone, all else unchanged.",
            autocompletion=completion.component(Kind.GENERATOR),
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=output_folder, metavar="DIR", help="The run's folder; by default below runs/."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out, or the latest one.")
    ] = False,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|WEIGHTS",
            help="Start from weights, where names and shapes fit.",
            autocompletion=completion.weights,
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Stop after so many steps.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Pairs per step, over all processes.")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Fixes all that is random.")] = None,
    device: DeviceOption = "auto",
    precision: Annotated[
        str | None, typer.Option(metavar="32|bf16|fp16", help="Number format of the networks.")
    ] = None,
    compile_: Annotated[
        bool | None, typer.Option("--compile/--no-compile", help="torch.compile the networks.")
    ] = None,
    workers: WorkersOption = None,
    skip_bad: SkipBadOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the configuration and the sizes, train nothing.")
    ] = False,
) -> None:
    """Train a model; several processes: torchrun --nproc-per-node N -m posegen train …

    The configuration is the model's preset, then --config, then the options here, then --set.
    """
    training = {
        "init": init,
        "steps": steps,
        "batch_size": batch_size,
        "precision": precision,
        "compile": compile_,
        "workers": workers,
    }
    flags: dict[str, Any] = {
        "training": {key: value for key, value in training.items() if value is not None},
        "data": {"skip_bad": True} if skip_bad else {},
        "optimizer": {} if lr is None else {"lr": lr},
        **({} if seed is None else {"seed": seed}),
    }
    chosen = {"model": model, "preset": preset, "data": data, "generator": generator}
    if resume:
        for name, value in {**chosen, "config": config}.items():
            if value is not None:
                raise ConfigError(f"--{name} cannot be changed with --resume; leave it out.")
        out, resolved = _resumed(out, flags, set_ or [])
    else:
        resolved = _fresh(chosen, config, flags, set_ or [])
    if dry_run:
        _show(resolved)
    else:
        _train(resolved, out, resume, device)


def _fresh(
    chosen: dict[str, str | None], config: Path | None, flags: dict[str, Any], overrides: list[str]
) -> ExperimentConfig:
    from posegen.config import experiment, preset, read_toml
    from posegen.plugins import registry

    file = read_toml(config) if config else {}
    model = chosen["model"] or file.get("model")
    if not model:
        models = ", ".join(registry().names(Kind.MODEL)) or "none is installed"
        raise ConfigError(f"--model is missing; name one of: {models}.")
    top: dict[str, Any] = {"model": model}
    if chosen["data"]:
        top["data"] = data_section(chosen["data"])
    if chosen["generator"]:
        top["generator"] = {"name": chosen["generator"]}
    wanted = chosen["preset"] or file.get("preset")
    if wanted is None and "data" in top:
        # A folder in a published layout is trained with the preset that is published for it.
        presets = registry().get(Kind.MODEL, model).load().presets
        wanted = top["data"]["name"] if top["data"]["name"] in presets else None
    base = preset(model, wanted or None)
    if "root" in top.get("data", {}):
        base["data"] = {}  # nothing that a preset says of its own data holds for a folder
    return experiment(base, file, top, flags, {"preset": base["preset"]}, overrides=overrides)


def _resumed(
    out: Path | None, flags: dict[str, Any], overrides: list[str]
) -> tuple[Path, ExperimentConfig]:
    from posegen.config import experiment, merge
    from posegen.training import Run
    from posegen.training.run import latest

    path = out or latest()
    tree = merge(Run.open(path).config().tree(), flags)
    return path, experiment(tree, overrides=overrides)


def _train(config: ExperimentConfig, out: Path | None, resume: bool, device: str) -> None:
    from posegen.training import train
    from posegen.training.display import announced

    display = partial(announced, config, output())
    run, outcome = train(config, out, resume=resume, device=device, display=display)
    if os.environ.get("RANK", "0") != "0":  # torchrun: the first process speaks for all
        raise typer.Exit(130 if outcome.interrupted else 0)
    if outcome.interrupted:
        note(
            f"Stopped at step {outcome.step}, all saved. Go on: posegen train --resume "
            f"--out {run.path}"
        )
        raise typer.Exit(130)
    if outcome.finished_early:
        say(
            f"Ended at step {outcome.step}: {config.validation.patience} validations without a "
            f"better {config.validation.best}. The best weights: {run.path}@best"
        )
    say(f"Done: {run.path}. Next: posegen eval {run.path}")


def _show(config: ExperimentConfig) -> None:
    import tomli_w

    from posegen.config.parts import (
        build_dataset,
        build_encoder,
        build_method,
        check_fit,
        task_of,
    )

    say(tomli_w.dumps(config.tree()))
    data = build_dataset(config.data, "train")
    encoder = build_encoder(config.encoder)
    networks = build_method(config, task_of(data, encoder)).networks
    multiple = networks["generator"].size_multiple
    check_fit(encoder, data.skeleton, data.image_size, int(multiple))  # type: ignore[arg-type]
    for name, network in networks.items():
        count = sum(parameter.numel() for parameter in network.parameters())
        say(f"{name}: {count:,} parameters")
    say(
        f"{len(data):,} training pairs of {data.image_size[0]}×{data.image_size[1]}, "
        f"{config.training.total_steps:,} steps of {config.training.batch_size}"
    )
