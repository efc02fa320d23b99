"""`posegen studio`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posegen.cli.options import DetectorOption, DeviceOption, SetOption, chosen_weights
from posegen.core.errors import ConfigError
from posegen.poses import DEFAULT_DETECTOR

if TYPE_CHECKING:
    from posegen.core.contracts import PairDataset
    from posegen.data.posing import PeopleFinder


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
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where it listens.")] = 8765,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Another address than this machine's own: others can reach it."
        ),
    ] = "127.0.0.1",
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    detector: DetectorOption = None,
    set_: SetOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Drag a skeleton in the browser, and see the person move.

    The page is for you alone: it listens on this machine, and opens by the address that is printed
    here. --set gives options of the detector.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise ConfigError(
            "the studio needs the packages starlette and uvicorn; install them with "
            "`pip install 'posegen[studio]'`."
        ) from None
    from posegen.cli.console import note, say
    from posegen.cli.prepare import open_finder
    from posegen.compute.process import pick_device
    from posegen.studio.app import Studio
    from posegen.studio.models import Models
    from posegen.studio.scenes import Scenes
    from posegen.studio.security import is_loopback
    from posegen.studio.serve import serve

    chosen = [*([run] if run else []), *(weights or [])] or [chosen_weights(None)]
    models = Models([str(one) for one in chosen], pick_device(device))
    first = models.first

    def finder() -> PeopleFinder:
        return open_finder(detector or DEFAULT_DETECTOR, set_, device, first.skeleton)

    scenes = Scenes(first.image_size, first.skeleton, _people(first.image_size), finder)

    def ready(address: str) -> None:
        if not is_loopback(host):
            note(
                f"Warning: {host} can be reached from other machines, unencrypted; whoever has the "
                "token below can use this studio, and whoever listens on the network can read it."
            )
        note("The studio runs until Ctrl-C; open it with")
        say(address)
        if open_:
            import webbrowser

            webbrowser.open(address)

    serve(Studio(models, scenes).application(), host, port, ready)


def _people(size: tuple[int, int]) -> PairDataset | None:
    """Return the embedded people, where they are installed."""
    from posegen.api import dataset
    from posegen.core.specs import Kind
    from posegen.plugins import registry

    if "people" not in registry().names(Kind.DATASET):
        return None
    return dataset("people", "test", image_size=size)
