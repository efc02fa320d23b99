"""`posegen eval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posegen.cli import completion
from posegen.cli.options import (
    CompileOption,
    DataOption,
    DeviceOption,
    PrecisionOption,
    SamplingOption,
    SeedOption,
    SetOption,
    SkipBadOption,
    WorkersOption,
    check_output,
    check_png,
    check_there,
    data_section,
    output_file,
    output_folder,
    parse_names,
    parse_sampling,
    parse_split,
    refuse,
)

if TYPE_CHECKING:
    from posegen.config import ComponentOptions
    from posegen.evaluation.result import Evaluation
    from posegen.inference import PoseTransfer

_RESULTS = "Results of any program"
_WEIGHTS = "Files of weights"


def evaluate(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN|WEIGHTS]",
            help="A run or weights; by default the last run.",
            autocompletion=completion.weights,
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…",
            help="Which metrics, or which columns of the protocols; see `posegen plugins list`. "
            "By default ssim,lpips,psnr,l1, or all columns of the protocols named.",
            autocompletion=completion.listed(completion.metrics),
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…|all",
            help="How scores are computed: posegen-1, patn-2019, …; NAME:VARIANT; a file.",
            autocompletion=completion.listed(completion.protocols),
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
    sampling: SamplingOption = None,
    seed: SeedOption = 0,
    samples: Annotated[
        int,
        typer.Option(
            min=1, help="Make so many of each pair and say how they differ; scores: of the first."
        ),
    ] = 1,
    save: Annotated[
        Path | None,
        typer.Option(
            callback=output_folder,
            metavar="DIR",
            help="Keep the generated pictures; those that are there are not made.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=output_folder,
            metavar="DIR",
            help="Write scores.json and scores.csv; else into the run.",
        ),
    ] = None,
    grid: Annotated[
        Path | None,
        typer.Option(
            callback=output_file, metavar="PNG", help="Also draw some pairs of the split."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Score a model, and beside it the baseline "copy the source"; or a folder of results.

    --set gives options of the data set (data.image_size=[128,64]) and of metrics (lpips.net=vgg).
    A run's scores are also written to its scores.json and scores.csv.
    """
    for option, file in (
        ("--reference", reference),
        ("--lpips-weights", lpips_weights),
        ("--inception-weights", inception_weights),
    ):
        check_there(file, option)
    from posegen.cli.console import progress
    from posegen.compute.process import join, leave
    from posegen.config import merge_all, parse_override
    from posegen.core.errors import ConfigError
    from posegen.evaluation import api
    from posegen.evaluation.results.layouts import LAYOUTS

    parse_split(split)
    check_png(grid, "--grid")
    options = merge_all(parse_override(text) for text in set_ or [])
    data_options = options.pop("data", {}) | ({"skip_bad": True} if skip_bad else {})
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
    files: dict[str, Any] = {
        "targets": targets,
        "sources": sources,
        "annotations": annotations,
        "pairs": pairs,
    }
    if results is None:
        refuse("goes with --results DIR", layout=layout, **files)
    else:
        of_models = {"RUN": model, "data": data, "save": save, "grid": grid}
        changed = {
            "skip_bad": skip_bad or None,
            "precision": None if precision == "32" else precision,
            "compile": compile_ or None,
            "sampling": sampling,
            "seed": seed or None,
            "samples": None if samples == 1 else samples,
        }
        refuse("is not for --results", **of_models, **changed)
        if layout is None:
            raise ConfigError(
                f"--results needs --layout, which says how the files are named: "
                f"{', '.join(LAYOUTS)}."
            )
    process = join(device)
    try:
        path = results or model or _latest()
        if out is None and (path / "config.toml").is_file():
            check_output(path, "RUN", folder=True)
        with progress(f"scoring {path}") as advance:
            shared |= {"process": process, "on_progress": advance}
            if results is not None:
                assert layout is not None
                evaluation = api.evaluate_results(results, layout, **files, **shared)
            else:
                from posegen.inference import load_model

                loaded = load_model(path, process.device, precision=precision, compile=compile_)  # type: ignore[arg-type]
                loaded = loaded.with_sampling(**parse_sampling(sampling))
                section = _data(loaded, data, data_options)
                shared |= {"split": split, "seed": seed, "samples": samples}
                shared |= {"save": save, "path": path}
                of_data = section.model_dump(mode="json")
                evaluation = api.evaluate(loaded, data=of_data, **shared)
                if grid and process.is_main:
                    from posegen.cli.pairs import draw_pairs

                    draw_pairs(section, split, grid, model=loaded)
        if process.is_main:
            _report(evaluation, path, out, json)
    finally:
        leave(process)


def _latest() -> Path:
    from posegen.training.run import latest

    return latest()


def _data(model: PoseTransfer, name: str | None, options: dict[str, Any]) -> ComponentOptions:
    from posegen.config import ComponentOptions, merge
    from posegen.evaluation.api import data_of

    if name is None:
        return data_of(model, options)
    base = data_section(name)
    if "root" not in base:
        base["image_size"] = list(model.image_size)
    return ComponentOptions.model_validate(merge(base, options))


def _report(evaluation: Evaluation, path: Path, out: Path | None, as_json: bool) -> None:
    import json

    from posegen.cli.console import note, output
    from posegen.evaluation.kept import Kept, keep
    from posegen.evaluation.record import to_json
    from posegen.evaluation.render import table

    folder = out or (path if (path / "config.toml").is_file() else None)
    kept = Kept([]) if folder is None or not evaluation.computed else keep(evaluation, folder)
    unmatched = evaluation.subject.get("unmatched", [])
    for entry in unmatched[:10]:
        note(f"unmatched: {entry['file']}: {entry['reason']}")
    if unmatched:
        note(f"{len(unmatched)} files or pairs are unmatched, and not scored.")
    if as_json:
        print(json.dumps(to_json(evaluation), indent=2))
    else:
        output().print(table(evaluation, output().width))
    if "spread" in evaluation.subject:
        count, spread = evaluation.subject["samples"], evaluation.subject["spread"]
        note(
            f"Two of the {count} samples of a pair differ by {spread:.4f} (mean, pixels in [0, 1])."
        )
    if not evaluation.computed:  # and earlier scores are kept
        note("No score could be computed; nothing is written.")
        raise typer.Exit(1)
    if kept.files and not as_json:
        note(f"Written to {' and '.join(map(str, kept.files))}.")
    if kept.note:
        note(kept.note)
