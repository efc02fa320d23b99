"""The command line: `posegen`. One file per command beside this one, each thin.

Nothing here or at the top of a command's file imports torch: `posegen --help` must be instant.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import Annotated

import typer

from posegen.cli import (
    animate,
    augment,
    bench,
    catalogue,
    compare,
    config,
    data,
    doctor,
    evaluate,
    export,
    generate,
    motion,
    plugins,
    pose,
    reid,
    report,
    studio,
    study,
    sweep,
    train,
    weights,
)
from posegen.cli.console import errors, note, tolerate_encodings
from posegen.compute.failures import sentence
from posegen.core.errors import PosegenError

app = typer.Typer(
    name="posegen",
    help="Train, evaluate, share and use models that show a person in another pose.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train")(train.train)
app.command("eval")(evaluate.evaluate)
app.command("report")(report.report)
app.command("compare")(compare.compare)
app.command("sweep")(sweep.sweep)
app.command("augment")(augment.augment)
app.command("reid")(reid.reid)
app.command("generate")(generate.generate)
app.command("animate")(animate.animate)
app.command("studio")(studio.studio)
app.command("export")(export.export)
app.command("pose")(pose.pose)
app.command("doctor")(doctor.doctor)
app.command("bench", context_settings=bench.PASS_ON)(bench.bench)
app.add_typer(data.app, name="data")
app.add_typer(motion.app, name="motion")
app.add_typer(study.app, name="study")
app.add_typer(weights.app, name="weights")
app.add_typer(config.app, name="config")
app.add_typer(plugins.app, name="plugins")
plugins.app.command("search")(catalogue.search)
plugins.app.command("info")(catalogue.info)
plugins.app.command("install")(catalogue.install)
app.add_typer(catalogue.app, name="registry")


def _version(wanted: bool) -> None:
    if wanted:
        from posegen import __version__

        print(f"posegen {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    no_plugins: Annotated[
        bool, typer.Option("--no-plugins", help="Leave out all third-party plugins.")
    ] = False,
    plugin: Annotated[
        list[str] | None,
        typer.Option(metavar="MODULE", help="Load a module as a plugin (repeatable)."),
    ] = None,
) -> None:
    """Options that hold for every command; plugins are discovered from the environment."""
    if no_plugins:
        os.environ["POSEGEN_NO_PLUGINS"] = "1"
    if plugin:
        before = os.environ.get("POSEGEN_PLUGINS", "")
        os.environ["POSEGEN_PLUGINS"] = ",".join([*filter(None, [before]), *plugin])


def _sentence(error: Exception) -> str:
    """Return an error's message; one from a loading process comes wrapped in a traceback."""
    text = str(error)
    if "Traceback (most recent call last)" in text:
        return text.strip().splitlines()[-1].partition(": ")[2]
    return text


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code.

    0: done; 1: a failure; 2: the user's mistake; 130: stopped with Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments  # wherever it stands
    tolerate_encodings()
    logging.lastResort = _Notes(logging.WARNING)
    # A picture that is too large is refused by our own reader, in a sentence.
    warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
    try:
        app([word for word in arguments if word != "--debug"], prog_name="posegen")
    except PosegenError as error:
        if debug:
            raise
        _say_error(_sentence(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        from posegen.cli.terminal import to_nowhere

        to_nowhere(sys.stdout.fileno())  # the reader has gone (`posegen … | head`)
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        said, code = _unforeseen(error)
        _say_error(said)
        sys.exit(code)


def _say_error(sentence: str) -> None:
    errors().print("error:", style="bold red", end=" ")
    errors().print(sentence, soft_wrap=True)


class _Notes(logging.Handler):
    """Warnings that nobody else shows, through the same door as all that is printed."""

    def emit(self, record: logging.LogRecord) -> None:
        note(record.getMessage())


def _unforeseen(error: Exception) -> tuple[str, int]:
    """Return the sentence for an error that nothing has foreseen, and the exit code."""
    return sentence(error) or (f"{type(error).__name__}: {error} (--debug shows where)", 1)
