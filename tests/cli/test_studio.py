"""`posegen studio`: what it opens, and what it says."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")

from posegen.cli.main import run as run_command
from posegen.core.errors import ConfigError
from posegen.studio import serve


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Where servers would have listened, instead of listening."""
    calls: list[tuple[str, int]] = []

    def pretend(app: Any, host: str, port: int, ready: Callable[[str], None]) -> None:
        calls.append((host, port))
        ready(f"http://{host}:{port}/?token=x")

    monkeypatch.setattr(serve, "serve", pretend)
    return calls


def test_it_listens_on_this_machine_and_prints_the_address(
    served: list[tuple[str, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    run_quietly("studio", "--port", "1234")
    told = capsys.readouterr()
    assert served == [("127.0.0.1", 1234)]
    assert told.out == "http://127.0.0.1:1234/?token=x\n"
    assert "Warning" not in told.err


def test_another_address_comes_with_a_warning(
    served: list[tuple[str, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    run_quietly("studio", "--host", "0.0.0.0")
    assert served == [("0.0.0.0", 8765)]
    assert "can be reached from other machines, unencrypted" in capsys.readouterr().err


def test_what_is_no_run_or_no_metric_is_told(
    served: list[tuple[str, int]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, said in (
        ((str(tmp_path),), "no run"),
        (("--metrics", "ssmi"), "did you mean 'ssim'"),
    ):
        with pytest.raises(SystemExit) as stop:
            run_command(["studio", *words])
        assert stop.value.code == 2
        assert said in capsys.readouterr().err
    assert not served


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}: cannot listen.*--port"):
            serve.serve(None, "127.0.0.1", port, lambda address: None)  # type: ignore[arg-type]


def run_quietly(*words: str) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(list(words))
    assert not stop.value.code
