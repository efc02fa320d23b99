"""`posegen study`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posegen.cli.options import AllowOption, DeviceOption, JsonOption, output_folder
from posegen.cli.studio import HostOption, OpenOption, PortOption, announce, need_server

if TYPE_CHECKING:
    from posegen.reports.studies.folder import Study

app = typer.Typer(help="User studies: real or generated?", no_args_is_help=True)

StudyArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The study's folder.")]


@app.command()
def new(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH…", help="Runs, or folders that `posegen eval` wrote scores.json into."
        ),
    ],
    out: Annotated[
        Path, typer.Option(callback=output_folder, metavar="DIR", help="The study's folder.")
    ],
    pictures: Annotated[
        int, typer.Option(min=1, help="Real pictures of each model's round, and generated ones.")
    ] = 55,
    practice: Annotated[
        int, typer.Option(min=0, help="The first answers of a round, which do not count.")
    ] = 10,
    seconds: Annotated[
        float, typer.Option(min=0.05, max=60, help="How long a picture is seen.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice and of the orders.")] = 0,
    allow: AllowOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Make a study: a round for each model, real and generated pictures in random order."""
    from posegen.cli.console import progress, say
    from posegen.compute.process import pick_device
    from posegen.reports.studies.making import make_study
    from posegen.reports.subjects import open_subjects

    subjects = open_subjects(paths, allow or ())
    where = str(pick_device(device))
    with progress("making the study") as advance:
        plan = make_study(
            subjects, out, pictures=pictures, practice=practice, seconds=seconds, seed=seed,
            device=where, on_progress=advance,
        )  # fmt: skip
    rounds = f"{len(plan.rounds)} rounds" if len(plan.rounds) > 1 else "one round"
    say(f"{out}: {plan.total} pictures in {rounds}; next: posegen study run {out} --open")


@app.command()
def run(
    folder: StudyArgument,
    port: PortOption = 8766,
    host: HostOption = "127.0.0.1",
    open_: OpenOption = False,
) -> None:
    """Ask people: a page in the browser, one participant after the other, or several at once.

    It goes on where it was stopped, and keeps each answer as soon as it is given.
    """
    need_server()
    from posegen.core.files import held
    from posegen.reports.studies.folder import Study
    from posegen.studio.serve import serve
    from posegen.studio.survey import Survey

    Study(folder)  # before a lock is put there: it may be no study at all
    with held(folder):
        serve(Survey(Study(folder)).application(), host, port, announce("The study", host, open_))


@app.command()
def score(folder: StudyArgument, json: JsonOption = False) -> None:
    """Say what a study has found: R2G and G2R of each model, beside published ones.

    R2G: real pictures taken for generated. G2R: generated ones taken for real. With 95% intervals:
    Wilson's over the answers, and from five participants on one over people.
    """
    from posegen.cli.console import note, print_json, print_table
    from posegen.reports.studies.folder import Study
    from posegen.reports.studies.scoring import as_json, rates

    study = Study(folder)
    if json:
        print_json(as_json(study))
        return
    found = rates(study)
    rows = [
        {
            "model": one.model,
            "share": name,
            "%": "–" if rate.value is None else f"{100 * rate.value:.1f}",
            "by answers": _ends(rate.interval),
            "by people": _ends(rate.between),
            "answers": rate.count,
            "people": one.participants,
        }
        for one in found
        for name, rate in (("R2G", one.r2g), ("G2R", one.g2r))
    ]
    print_table(list(rows[0]), rows, fixed=2)
    unfinished = sum(one.unfinished for one in found)
    if unfinished:
        note(f"{unfinished} rounds are not finished; what was answered in them counts.")
    if not study.answers:
        note(f"Nobody has answered yet: posegen study run {folder}")
    _published(study)


def _published(study: Study) -> None:
    """Print the studies of others, and whether they are of the same data."""
    from posegen.cli.console import print_table, say
    from posegen.reports.studies.scoring import beside

    for table, comparable in beside(study):
        about = "the same data" if comparable else "other data: not comparable"
        say(f"\nPublished, {table.title} ({about}):")
        rows = [
            {"method": r.method, "R2G %": r.r2g or "–", "G2R %": r.g2r or "–", "source": r.source}
            for r in table.rows
        ]
        print_table(("method", "R2G %", "G2R %", "source"), rows, fixed=3)
        for line in table.notes:
            say(line)


def _ends(interval: tuple[float, float] | None) -> str:
    return "–" if interval is None else "{:.1f}–{:.1f}".format(*(100 * end for end in interval))
