"""`posegen bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

#: What can be timed -> its script.
SCRIPTS = {
    "step": "step.py",
    "generate": "generate.py",
    "data": "data.py",
    "eval": "metrics.py",
    "startup": "startup.py",
    "scaling": "scaling.py",
}


#: What a case's name says already.
_SETTINGS = ("name", "preset", "ngf", "batch")
#: The options that are not ours go to the script.
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="|".join(SCRIPTS), help="What to time.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result to a file.")
    ] = None,
) -> None:
    """Time ours against a plain reference on this machine, side by side.

    Other options are the benchmark's own: `posegen bench step --preset market1501 --ngf 64`;
    `posegen bench step -- --help` lists them. See docs/performance.md.
    """
    import subprocess
    import sys

    from posegen.cli.console import output
    from posegen.core.errors import ConfigError, suggest

    if name not in SCRIPTS:
        raise ConfigError(f"bench {name}: no such benchmark; {suggest(name, SCRIPTS)}")
    command = [sys.executable, str(folder() / SCRIPTS[name]), *context.args]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode or not done.stdout.startswith("{"):  # it failed, or was asked for help
        print(done.stdout, end="")
        raise typer.Exit(done.returncode)
    result = json.loads(done.stdout)
    if json_file:
        json_file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    output().print(_table(result))


def folder() -> Path:
    """Return the folder of the benchmarks: in the wheel, or beside the package in a clone."""
    package = Path(__file__).parents[1]
    inside = package / "benchmarks"
    return inside if inside.is_dir() else package.parent / "benchmarks"


def _table(result: dict[str, Any]) -> Any:
    """Return the cases as a table, with a column for everything that a case has measured."""
    from rich.table import Table

    rows = {case["name"]: case for case in result["cases"]}
    known = dict.fromkeys(key for case in rows.values() for key in case)
    columns = [column for column in known if column not in _SETTINGS]
    facts = ", ".join(f"{k} {v}" for k, v in result.items() if isinstance(v, str | int | float))
    table = Table(caption=facts, box=None)
    table.add_column("case", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    for name, case in rows.items():
        table.add_row(name, *(str(case.get(column, "")) for column in columns))
    return table
