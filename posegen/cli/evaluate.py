"""`posegen eval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posegen.cli.options import (
    CompileOption,
    DataOption,
    DeviceOption,
    PrecisionOption,
    SetOption,
    SkipBadOption,
    WorkersOption,
    check_png,
    check_there,
    data_section,
    parse_names,
    parse_split,
)

if TYPE_CHECKING:
    from posegen.compute.process import Process
    from posegen.config import ComponentOptions
    from posegen.evaluation.result import Evaluation
    from posegen.inference import PoseTransfer

_RESULTS = "Results of any program"
_WEIGHTS = "Files of weights"


def evaluate(
    model: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN|WEIGHTS]", help="A run or weights; by default the last run."),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…",
            help="Which metrics, or which columns of the protocols; see `posegen plugins list`. "
            "By default ssim,lpips,psnr,l1, or all columns of the protocols named.",
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…|all",
            help="How scores are computed: posegen-1, patn-2019, …; NAME:VARIANT; a file.",
        ),
    ] = None,
    data: DataOption = None,
    split: Annotated[str, typer.Option(metavar="train|test", help="Which split.")] = "test",
    skip_bad: SkipBadOption = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many pairs.")] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Real images for FID and KID; else the training split."),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", rich_help_panel=_RESULTS, help="Score the pictures of a folder."
        ),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|REGEX",
            rich_help_panel=_RESULTS,
            help="How they are named: patn-panels, pairs, gfla, parallel, …",
        ),
    ] = None,
    targets: Annotated[
        Path | None,
        typer.Option(metavar="DIR", rich_help_panel=_RESULTS, help="The real target images."),
    ] = None,
    sources: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", rich_help_panel=_RESULTS, help="The source images, for the baseline."
        ),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", rich_help_panel=_RESULTS, help="Keypoints of the target images."
        ),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", rich_help_panel=_RESULTS, help="The pairs that should be there."
        ),
    ] = None,
    lpips_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_WEIGHTS,
            help="torchvision's ImageNet weights for lpips, local copy.",
        ),
    ] = None,
    inception_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_WEIGHTS,
            help="The TensorFlow-compatible Inception for fid, kid, is and mask-is, local copy.",
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs per batch.")] = 32,
    workers: WorkersOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "32",
    compile_: CompileOption = False,
    set_: SetOption = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep the generated pictures; those that are there are not made."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write scores.json and scores.csv; else into the run."),
    ] = None,
    grid: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Also draw some pairs of the split.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Score a model, and beside it the baseline "copy the source"; or a folder of results.

    --set gives options of the data set (data.image_size=[128,64]) and of metrics (lpips.net=vgg).
    A run's scores are also written to its scores.json and scores.csv.
    """
    from posegen.cli.console import progress
    from posegen.compute.process import join, leave
    from posegen.config import merge_all, parse_override

    parse_split(split)
    check_png(grid, "--grid")
    check_there(reference, "--reference")
    check_there(lpips_weights, "--lpips-weights")
    check_there(inception_weights, "--inception-weights")
    options = merge_all(parse_override(text) for text in set_ or [])
    of_data = options.pop("data", {})
    if skip_bad:
        of_data = {**of_data, "skip_bad": True}
    if lpips_weights:
        options.setdefault("lpips", {})["weights"] = str(lpips_weights)
    shared: dict[str, Any] = {
        "metrics": parse_names(metrics, "--metrics"),
        "protocols": parse_names(protocol, "--protocol") or [],
        "limit": limit,
        "reference": reference,
        "inception_weights": inception_weights,
        "options": options,
        "batch_size": batch_size,
        "workers": workers or 0,
    }
    given = {"targets": targets, "sources": sources, "annotations": annotations, "pairs": pairs}
    process = join(device)
    try:
        path = results or model or _latest()
        with progress(f"scoring {path}") as advance:
            shared |= {"process": process, "on_progress": advance}
            if results is not None:
                _refuse(model=model, data=data, save=save, grid=grid, skip_bad=skip_bad or None)
                _refuse(precision=None if precision == "32" else precision)
                _refuse(compile=compile_ or None)
                evaluation = _of_results(results, layout, given, shared)
            else:
                _refuse(layout=layout, **given)
                loaded = _loaded(path, process, precision, compile_)
                evaluation = _of_model(loaded, path, data, of_data, split, shared | {"save": save})
                if grid and process.is_main:
                    _draw(loaded, _data(loaded, data, of_data), split, grid)
        if process.is_main:
            _report(evaluation, path, out, json)
    finally:
        leave(process)


def _of_results(
    results: Path, layout: str | None, given: dict[str, Any], shared: dict[str, Any]
) -> Evaluation:
    from posegen.core.errors import ConfigError
    from posegen.evaluation.api import evaluate_results
    from posegen.evaluation.results import layout_names

    if layout is None:
        raise ConfigError(
            f"--results needs --layout, which says how the files are named: "
            f"{', '.join(layout_names())}."
        )
    return evaluate_results(results, layout, **given, **shared)


def _loaded(path: Path, process: Process, precision: str, compiled: bool) -> PoseTransfer:
    from posegen.inference import load_model

    return load_model(path, process.device, precision=precision, compile=compiled)  # type: ignore[arg-type]


def _of_model(
    loaded: PoseTransfer,
    path: Path,
    data: str | None,
    of_data: dict[str, Any],
    split: str,
    shared: dict[str, Any],
) -> Evaluation:
    from posegen.evaluation.api import evaluate

    return evaluate(
        loaded,
        data=_data(loaded, data, of_data).model_dump(mode="json"),
        split=split,  # type: ignore[arg-type]
        path=path,
        **shared,
    )


def _draw(loaded: PoseTransfer, section: ComponentOptions, split: str, grid: Path) -> None:
    from posegen.cli.pictures import draw_pairs

    draw_pairs(section, split, grid, model=loaded)


def _refuse(**given: object) -> None:
    """Refuse options that belong to the other way of scoring.

    Raises:
        ConfigError: naming the first one.
    """
    from posegen.core.errors import ConfigError

    for name, value in given.items():
        if value is not None:
            option = "RUN" if name == "model" else f"--{name.replace('_', '-')}"
            other = "is not for --results" if name in _MODELS_OWN else "goes with --results DIR"
            raise ConfigError(f"{option} {other}; leave one of them out.")


_MODELS_OWN = ("model", "data", "save", "grid", "skip_bad", "precision", "compile")


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


def _report(evaluation: Evaluation, path: Path, out: Path | None, as_json: bool) -> None:
    import json

    from posegen.cli.console import errors, output
    from posegen.evaluation.record import to_json, write
    from posegen.evaluation.render import table

    folder = out or (path if (path / "config.toml").is_file() else None)
    written = [] if folder is None or not evaluation.computed else write(evaluation, folder)
    unmatched = evaluation.subject.get("unmatched", [])
    for entry in unmatched[:10]:
        errors().print(f"unmatched: {entry['file']}: {entry['reason']}", soft_wrap=True)
    if unmatched:
        errors().print(f"{len(unmatched)} files or pairs are unmatched, and not scored.")
    if as_json:
        print(json.dumps(to_json(evaluation), indent=2))
    else:
        output().print(table(evaluation))
    if not evaluation.computed:  # and what was found before is kept
        errors().print("No score could be computed; nothing is written.")
        raise typer.Exit(1)
    if written and not as_json:
        names = " and ".join(str(file) for file in written)
        errors().print(f"Written to {names}.", highlight=False, soft_wrap=True)
