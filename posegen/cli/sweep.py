"""`posegen sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posegen.cli.console import note, output, print_json, say
from posegen.cli.options import DeviceOption, JsonOption, SetOption, parse_seeds
from posegen.core.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from posegen.experiments.effects import Table
    from posegen.experiments.sweeps.config import SweepPlan

_JOBS = "Where the runs are done"


def sweep(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[FILE|NAME]", help="A sweep's TOML file, or one by name."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The sweep's folder; by default sweeps/NAME."),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="N,…", help="Other seeds than the sweep's.")
    ] = None,
    set_: SetOption = None,
    device: DeviceOption = "auto",
    jobs: Annotated[int, typer.Option(min=1, rich_help_panel=_JOBS, help="Runs at a time.")] = 1,
    submit: Annotated[
        str | None,
        typer.Option(
            metavar="slurm|local",
            rich_help_panel=_JOBS,
            help="Let submitit start them: on Slurm, or its local executor.",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            rich_help_panel=_JOBS,
            help="A parameter of submitit, e.g. timeout_min=120, slurm_partition=gpu (repeatable).",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and list the runs, do none.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Train and score variants of a configuration with several seeds, and compare them.

    Without a name it lists the sweeps that the installed models bring. The same command goes on
    where an earlier one was stopped or killed; a run that failed is tried again, and keeps no other
    from being done. The table is in the folder's table.md and table.json.
    """
    from posegen.experiments.sweeps import config as sweep_config

    if what is None:
        for name, tree in sweep_config.named_sweeps().items():
            say(f"{name}: {tree.get('summary', '')}")
        return
    if submit not in (None, "slurm", "local"):
        raise ConfigError(f"--submit {submit}: there are slurm and local.")
    if option and submit is None:
        raise ConfigError("--option is for submitit; give --submit.")
    title, read = sweep_config.read_sweep(what)
    planned = sweep_config.plan(title, read, tuple(set_ or ()), parse_seeds(seeds))
    if dry_run:
        for run in planned.runs:
            say(run.name)
        return
    failed = _work(planned, out or Path("sweeps") / title, device, jobs, submit, option, json)
    if failed:
        raise typer.Exit(1)


def _work(
    planned: SweepPlan,
    path: Path,
    device: str,
    jobs: int,
    submit: str | None,
    options: list[str] | None,
    json: bool,
) -> dict[str, str]:
    """Do all runs, print the table; return the failed ones."""
    from posegen.config import merge_all, parse_override
    from posegen.core.files import held
    from posegen.experiments.effects import to_json, to_markdown, write_table
    from posegen.experiments.sweeps.folder import SweepFolder
    from posegen.experiments.sweeps.run import run_here, run_submitted
    from posegen.experiments.sweeps.table import compare_runs
    from posegen.experiments.sweeps.work import Stopped

    folder = SweepFolder.begin(path, planned)
    left = len(folder.unfinished())
    note(f"{planned.title}: {len(planned.runs)} runs, {left} to do; {path}")
    try:
        with held(path):
            if submit is None:
                run_here(folder, jobs, device, note)
            else:
                given = merge_all(parse_override(text, "--option") for text in options or ())
                run_submitted(folder, submit, jobs, device, note, given)
    except (Stopped, KeyboardInterrupt):
        note("Stopped; all is saved. The same command goes on.")
        raise typer.Exit(130) from None
    failed = folder.failed()
    table = compare_runs(folder)
    if table is not None:
        write_table(path, to_json(table), to_markdown(table))
        if json:
            print_json({**to_json(table), "failed": failed})
        else:
            output().print(table_of(table))
            for line in table.notes:
                note(line)
            say(f"Written to {path / 'table.md'} and {path / 'table.json'}.")
    for name, why in failed.items():
        note(f"failed: {name}: {why}")
    return failed


def table_of(table: Table) -> RichTable:
    """Return the terminal's table: a row per variant, each cell with its difference below."""
    from rich.table import Table as RichTable
    from rich.text import Text

    from posegen.evaluation.grid import ARROWS
    from posegen.experiments.effects import cells

    shown = RichTable(show_lines=True)
    shown.add_column("", no_wrap=True)
    names = sorted(table.effects, key=lambda name: name != table.baseline)
    for one in table.effects[names[0]]:
        shown.add_column(f"{one.column} {ARROWS[one.direction]}", justify="right")
    for name in names:
        row: list[Any] = [Text(name)]
        for one in table.effects[name]:
            mean, change, verdict = cells(one)
            cell = Text(mean)
            if change:
                cell.append(f"\n{change}", style="dim").append(f"\n{verdict}")
            row.append(cell)
        shown.add_row(*row)
    return shown
