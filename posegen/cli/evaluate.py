"""`posegen eval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posegen.cli.options import (
    DataOption,
    DeviceOption,
    SetOption,
    WorkersOption,
    data_section,
    parse_split,
)

if TYPE_CHECKING:
    from posegen.config import ComponentOptions
    from posegen.inference import PoseTransfer


def evaluate(
    model: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN|WEIGHTS]", help="A run or weights; by default the last run."),
    ] = None,
    metrics: Annotated[
        str, typer.Option(metavar="NAME,…", help="Which metrics: `posegen plugins list`.")
    ] = "ssim,lpips,psnr,l1",
    data: DataOption = None,
    split: Annotated[str, typer.Option(metavar="train|test", help="Which split.")] = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many pairs.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs per batch.")] = 32,
    workers: WorkersOption = None,
    device: DeviceOption = "auto",
    lpips_weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="torchvision's ImageNet weights for lpips, local copy."),
    ] = None,
    set_: SetOption = None,
    grid: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Also draw some pairs of the split.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Score a model, and beside it the baseline "copy the source".

    --set gives options of the data set (data.image_size=[128,64]) and of metrics (lpips.net=vgg).
    A run's scores are also written to its scores.json.
    """
    from posegen.cli.console import progress
    from posegen.config import merge_all, parse_override
    from posegen.evaluation.api import evaluate as score
    from posegen.inference import load_model
    from posegen.training.process import pick_device

    parse_split(split)
    path = model or _latest()
    loaded = load_model(path, pick_device(device))
    options = merge_all(parse_override(text) for text in set_ or [])
    if lpips_weights:
        options.setdefault("lpips", {})["weights"] = str(lpips_weights)
    section = _data(loaded, data, options.pop("data", {}))
    with progress(f"scoring {path}") as advance:
        evaluation = score(
            loaded,
            [name.strip() for name in metrics.split(",") if name.strip()],
            data=section.model_dump(mode="json"),
            split=split,  # type: ignore[arg-type]
            limit=limit,
            options=options,
            batch_size=batch_size,
            workers=workers or 0,
            on_progress=advance,
        )
    if grid:
        _draw(loaded, section, split, grid)
    _report(evaluation, path, section, split, options, json)


def _latest() -> Path:
    from posegen.training.run import latest

    return latest()


def _data(model: PoseTransfer, given: str | None, options: dict[str, Any]) -> ComponentOptions:
    from posegen.config import ComponentOptions, merge
    from posegen.evaluation.api import data_of

    if given is None:
        base = data_of(model).model_dump(mode="json")
    else:
        base = data_section(given)
        if "root" not in base:
            base["image_size"] = list(model.image_size)
    return ComponentOptions.model_validate(merge(base, options))


def _draw(model: PoseTransfer, section: ComponentOptions, split: str, path: Path) -> None:
    from posegen.cli.pictures import draw_pairs

    draw_pairs(section, split, path, model=model)


def _report(
    evaluation: Any,
    path: Path,
    section: ComponentOptions,
    split: str,
    options: dict[str, Any],
    as_json: bool,
) -> None:
    import json

    from posegen.cli.console import errors, output
    from posegen.evaluation.render import table, to_json
    from posegen.weights.files import write_json

    data = {**section.model_dump(mode="json"), "split": split}
    result = to_json(evaluation, model=str(path), data=data, options=options)
    if (path / "config.toml").is_file():
        write_json(path / "scores.json", result)
    if as_json:
        print(json.dumps(result, indent=2))
        return
    output().print(table(evaluation))
    if (path / "config.toml").is_file():
        errors().print(f"Written to {path / 'scores.json'}.", highlight=False, soft_wrap=True)
