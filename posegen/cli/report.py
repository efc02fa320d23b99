"""`posegen report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posegen.cli.options import AllowOption, DeviceOption, output_file


def report(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH…", help="Runs, or folders that `posegen eval` wrote scores.json into."
        ),
    ],
    out: Annotated[
        Path, typer.Option(callback=output_file, metavar="HTML", help="The page.")
    ] = Path("report.html"),
    gallery: Annotated[
        int, typer.Option(min=0, help="How many pairs to show; 0: none, and no model is loaded.")
    ] = 24,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="The score by which pairs are the worst or the best ones."
        ),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also show a user study, see `posegen study`."),
    ] = None,
    allow: AllowOption = None,
    device: DeviceOption = "auto",
    json: Annotated[
        Path | None,
        typer.Option(callback=output_file, metavar="FILE", help="Also write the numbers as JSON."),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(callback=output_file, metavar="FILE", help="Also write the scores as CSV."),
    ] = None,
    latex: Annotated[
        Path | None,
        typer.Option(
            callback=output_file, metavar="FILE", help="Also write the scores as a LaTeX table."
        ),
    ] = None,
) -> None:
    """Write a page about evaluations: scores, failures, attention, training.

    The page is one file and needs no network. PATHs that were scored on the same data are compared.
    """
    import json as plain

    from posegen.cli.console import note, progress
    from posegen.core.writing import write_text
    from posegen.reports.page import csv_table, latex_table, make_report
    from posegen.reports.studies.folder import Study
    from posegen.reports.studies.scoring import as_json as study_json
    from posegen.reports.subjects import open_subjects
    from posegen.reports.views import as_json

    subjects = open_subjects(paths, allow or ())
    asked = None if study is None else Study(study)
    where = "cpu"
    if gallery:
        from posegen.compute.process import pick_device

        where = str(pick_device(device))
    with progress("making the report") as advance:
        made = make_report(
            subjects, gallery=gallery, by=by, device=where, study=asked, on_progress=advance
        )
    written = {out: made.html}
    if json is not None:
        numbers = as_json(subjects)
        if asked is not None:
            numbers["study"] = study_json(asked)
        written[json] = plain.dumps(numbers, indent=2, allow_nan=False) + "\n"
    evaluations = {one.label: one.evaluation for one in subjects}
    if csv is not None:
        written[csv] = csv_table(evaluations)
    if latex is not None:
        written[latex] = latex_table(evaluations)
    for path, text in written.items():
        write_text(path, text)
        size = f" ({len(text) / 1e6:.1f} MB)" if path == out else ""
        note(f"Written to {path}{size}.")
    for problem in made.problems:
        note(problem)
