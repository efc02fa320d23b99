"""What the shell offers where a name is asked for; see `posegen --install-completion`.

Nothing here imports torch, and nothing raises: a shell shows no errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import typer

from posegen.core.errors import PosegenError
from posegen.core.specs import Kind

Complete = Callable[[typer.Context, str], list[str]]


def component(kind: Kind) -> Complete:
    """Return what offers the components of a kind."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        from posegen.plugins import registry

        return _beginning(registry().names(kind), incomplete)

    return complete


def listed(names: Callable[[], Iterable[str]]) -> Complete:
    """Return what offers names for a list with commas; those that are in it are left out."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        given = before.split(",")
        found = _beginning((name for name in names() if name not in given), last)
        return [f"{before}{comma}{name}" for name in found]

    return complete


def metrics() -> Iterable[str]:
    """Return the names of all metrics."""
    from posegen.plugins import registry

    return registry().names(Kind.METRIC)


def protocols() -> Iterable[str]:
    """Return the names of all protocols, and `all`."""
    from posegen.evaluation.protocols.loading import names

    return [*names(), "all"]


def presets(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the presets of the model that is named before."""
    from posegen.plugins import registry

    try:
        recipe = registry().get(Kind.MODEL, context.params.get("model") or "").load()
    except PosegenError:
        return []
    return _beginning(recipe.presets, incomplete)


def weights(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the weights that were pulled or came in packages."""
    from posegen.plugins import catalogue
    from posegen.weights.cache import installed, pulled

    try:
        names = {item.name for item in pulled() if item.name}
        names |= {entry.name for entry in catalogue.load().weights.values() if installed(entry)}
    except PosegenError:
        return []
    return _beginning(sorted(names), incomplete)


def motions(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the motions of the library."""
    from posegen.poses.motions import motion_names

    return _beginning(motion_names(), incomplete)


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
