"""`posegen report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posegen.cli.options import DeviceOption

if TYPE_CHECKING:
    from posegen.reports import Subject


def report(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH…", help="Runs, or folders that `posegen eval` wrote scores.json into."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="HTML", help="The page.")] = Path("report.html"),
    gallery: Annotated[
        int, typer.Option(min=0, help="How many pairs to show; 0: none, and no model is loaded.")
    ] = 24,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="The score by which pairs are the worst or the best ones."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the pairs that are shown at random.")] = 0,
    device: DeviceOption = "auto",
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the numbers as JSON.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the scores as CSV.")
    ] = None,
    latex: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the scores as a LaTeX table.")
    ] = None,
) -> None:
    """Write a page about evaluations: scores, failures, attention, training.

    The page is one file and needs no network. PATHs that were scored on the same data are compared.
    """
    from posegen.cli.console import errors, progress
    from posegen.core.errors import ConfigError
    from posegen.reports import make_report, open_subjects

    for option, path in (("--out", out), ("--json", json), ("--csv", csv), ("--latex", latex)):
        if path is not None and path.is_dir():
            raise ConfigError(f"{option} {path}: is a folder; give the name of a file.")
    subjects = open_subjects(paths)
    where = "cpu"
    if gallery:
        from posegen.compute.process import pick_device

        where = str(pick_device(device))
    with progress("making the report") as advance:
        made = make_report(
            subjects, gallery=gallery, by=by, seed=seed, device=where, on_progress=advance
        )
    written = {out: made.html, **_tables(subjects, json, csv, latex)}
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        size = f" ({len(text) / 1e6:.1f} MB)" if path == out else ""
        errors().print(f"Written to {path}{size}.", highlight=False, markup=False, soft_wrap=True)
    for problem in made.problems:
        errors().print(problem, style="yellow", highlight=False, markup=False, soft_wrap=True)


def _tables(
    subjects: list[Subject], json: Path | None, csv: Path | None, latex: Path | None
) -> dict[Path, str]:
    """Return what is asked for beside the page."""
    import json as plain

    from posegen.evaluation.render import csv_table, latex_table
    from posegen.reports.export import as_json

    evaluations = {subject.label: subject.evaluation for subject in subjects}
    texts: dict[Path, str] = {}
    if json is not None:
        texts[json] = plain.dumps(as_json(subjects), indent=2, allow_nan=False) + "\n"
    if csv is not None:
        texts[csv] = csv_table(evaluations)
    if latex is not None:
        texts[latex] = latex_table(evaluations)
    return texts
