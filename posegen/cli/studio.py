"""`posegen studio`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posegen.cli.options import (
    DataOption,
    DetectorOption,
    DeviceOption,
    SetOption,
    chosen_weights,
    data_section,
    parse_names,
)
from posegen.core.errors import ConfigError
from posegen.poses import DEFAULT_DETECTOR

if TYPE_CHECKING:
    from collections.abc import Callable

    from posegen.core.contracts import PairDataset
    from posegen.data.posing import PeopleFinder

PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Where it listens.")]
HostOption = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS", help="Another address than this machine's own: others can reach it."
    ),
]
OpenOption = Annotated[bool, typer.Option("--open", help="Open it in the browser.")]


def studio(
    run: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="A run to watch, while it trains.")
    ] = None,
    weights: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN|WEIGHTS",
            help="A run or weights (repeatable: side by side); by default the best that are "
            "installed.",
        ),
    ] = None,
    data: DataOption = None,
    metrics: Annotated[
        str, typer.Option(metavar="A,B", help="What the table of test pairs shows.")
    ] = "ssim,l1",
    port: PortOption = 8765,
    host: HostOption = "127.0.0.1",
    open_: OpenOption = False,
    detector: DetectorOption = None,
    set_: SetOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Drag a skeleton in the browser, and see the person move.

    The page is for you alone: it listens on this machine, and opens by the address that is printed
    here. --data names whose test pairs can be scored, by default the embedded people. --set gives
    options of the detector.
    """
    need_server()
    from posegen.cli.prepare import open_finder
    from posegen.compute.process import pick_device
    from posegen.studio.app import Studio
    from posegen.studio.models import Models
    from posegen.studio.pairs import Pairs
    from posegen.studio.scenes import Scenes
    from posegen.studio.serve import serve
    from posegen.studio.watch import Watch
    from posegen.training.run import Run

    chosen = list(weights or [])
    if run and (Run.open(run).weights.is_dir() or not chosen):
        chosen.insert(0, run if Run.open(run).weights.is_dir() else chosen_weights(None))
    models = Models([str(one) for one in chosen or [chosen_weights(None)]], pick_device(device))
    first = models.first

    def finder() -> PeopleFinder:
        return open_finder(detector or DEFAULT_DETECTOR, set_, device, first.skeleton)

    people = _pairs("people", first.image_size)
    scored = _pairs(data, first.image_size) if data else people
    scenes = Scenes(first.image_size, first.skeleton, people, finder)
    pairs = Pairs(scored, models, parse_names(metrics, "--metrics") or []) if scored else None
    app = Studio(models, scenes, pairs, Watch(run, models) if run else None).application()

    serve(app, host, port, announce("The studio", host, open_))


def need_server() -> None:
    """Say what is to be installed where the server's packages are missing.

    Raises:
        ConfigError: where they are.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise ConfigError(
            "the studio needs the packages starlette and uvicorn; install them with "
            "`pip install 'posegen[studio]'`."
        ) from None


def announce(what: str, host: str, open_: bool) -> Callable[[str], None]:
    """Return what tells, and opens, the address of a server when it listens."""
    from posegen.cli.console import note, say
    from posegen.studio.security import is_loopback

    def ready(address: str) -> None:
        if not is_loopback(host):
            note(
                f"Warning: {host} can be reached from other machines, unencrypted; whoever has the "
                f"token below can use {what.lower()}, and whoever listens on the network can read "
                "it."
            )
        note(f"{what} runs until Ctrl-C; open it with")
        say(address)
        if open_:
            import webbrowser

            webbrowser.open(address)

    return ready


def _pairs(data: str, size: tuple[int, int]) -> PairDataset | None:
    """Open a data set's test pairs; none where the embedded people are not installed."""
    from posegen.config import ComponentOptions
    from posegen.config.parts import build_dataset
    from posegen.core.specs import Kind
    from posegen.plugins import registry

    if data == "people" and data not in registry().names(Kind.DATASET):
        return None
    section = {**data_section(data), "image_size": list(size)}
    return build_dataset(ComponentOptions.model_validate(section), "test")
