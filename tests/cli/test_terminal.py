"""One door to the terminal: no markup and no escape of others, and work outlives its reader."""

import io
import logging
import os
import signal
import sys

import pytest
from rich.table import Table

from posegen.cli import console, main
from posegen.cli.terminal import PlainConsole, visible
from posegen.training.display import LiveDisplay, Status, Steady
from posegen.training.progress import stop_signals

#: Clears the screen, sets the title, turns the direction of writing, C1's own CSI.
HOSTILE = "a\x1b[2Jb\x1b]0;tc\u202ed\x9b31me[/y][bold]f[red]"


def test_control_characters_are_written_out() -> None:
    assert visible(HOSTILE) == "a\\x1b[2Jb\\x1b]0;tc\\u202ed\\x9b31me[/y][bold]f[red]"
    assert visible("plain\n\tä 人 👋") == "plain\n\tä 人 👋"


@pytest.mark.parametrize("terminal", [False, True])
def test_texts_tables_and_titles_are_shown_as_they_are(terminal: bool) -> None:
    file = io.StringIO()
    shown = PlainConsole(file=file, force_terminal=terminal, width=200, color_system=None)
    shown.print(HOSTILE, soft_wrap=True)
    table = Table(HOSTILE)
    table.add_row(HOSTILE)
    shown.print(table)
    assert file.getvalue().count(visible(HOSTILE)) == 3
    assert not set(file.getvalue()) & {"\x1b", "\x07", "\u202e", "\x9b"}


def test_a_run_of_any_name_is_shown() -> None:
    file = io.StringIO()
    shown = LiveDisplay(PlainConsole(file=file, force_terminal=True, width=99), HOSTILE, 0, 9)
    shown.update(Status(1, 9, {HOSTILE: 1.0}, 1.0, 1.0, 1.0))
    shown.note(HOSTILE)
    shown.close()
    assert visible(HOSTILE) in file.getvalue()
    assert "\x1b[2Jb" not in file.getvalue()


def test_errors_and_warnings_go_through_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "lastResort", None)
    console.errors.cache_clear()
    with pytest.raises(SystemExit) as ended:
        main.run(["weights", "info", HOSTILE])
    logger = logging.getLogger("alone")
    logger.propagate = False
    logger.warning("x%s", HOSTILE)
    console.errors.cache_clear()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count(visible(HOSTILE)[:20]) == 2
    assert "\x1b" not in said


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_any_encoding_is_written_to(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    console.tolerate_encodings()
    PlainConsole(file=sys.stdout).print("loss ×2 人 \udcff", soft_wrap=True)
    sys.stdout.flush()
    assert raw.getvalue().endswith(b"\\u4eba \\udcff\n")


class Broken:
    """A display whose terminal is gone."""

    def update(self, status: Status) -> None:
        raise BrokenPipeError

    def note(self, text: str) -> None:
        raise OSError(5, "Input/output error")

    close = note


def test_training_outlives_its_terminal() -> None:
    steady = Steady(Broken())  # type: ignore[arg-type]
    steady.update(Status(1, 9, {}, 1.0, 1.0, 1.0))
    steady.note("more")
    steady.close()


def test_a_pipe_without_a_reader_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    kept = os.dup(1)
    try:
        with os.fdopen(writing, "w") as file:
            shown = PlainConsole(file=file)
            shown.print("x" * 10)
            assert shown.quiet
            os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@pytest.mark.parametrize("ignored", [False, True])
def test_a_closed_terminal_asks_to_stop_unless_under_nohup(ignored: bool) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        with stop_signals() as state:
            os.kill(os.getpid(), signal.SIGHUP)
            assert state["asked"] is not ignored
    finally:
        signal.signal(signal.SIGHUP, before)
