"""Starting from weights: `--init`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from posegen.core.errors import WeightsError
from posegen.core.pretrained import read_tensors
from posegen.training import checkpoint
from posegen.weights.folder import open_weights

#: Names that the table lists.
_LISTED = 8


@dataclass(frozen=True)
class Taken:
    """What became of the tensors that training starts from.

    Attributes:
        taken: tensors of the networks that have the given values.
        left: given tensors that no network has, or that are of another shape there.
        new: tensors of the networks that nothing was given for.
    """

    taken: tuple[str, ...]
    left: tuple[str, ...]
    new: tuple[str, ...]

    def table(self) -> list[str]:
        """Return lines of text: counts per network, then the names that were left or are new."""
        columns = {"taken": self.taken, "new": self.new, "left": self.left}
        networks = sorted({name.partition(".")[0] for names in columns.values() for name in names})
        rows = [["network", *columns]] + [
            [network, *(str(_count(names, network)) for names in columns.values())]
            for network in networks
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        for title in ("new", "left"):
            names = columns[title]
            more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            if names:
                lines.append(f"{title}: {', '.join(names[:_LISTED])}{more}")
        return lines


def start_from(path: Path, networks: Mapping[str, nn.Module]) -> Taken:
    """Put weights into networks, by name and shape.

    Of a run, the shared networks are taken as they are shared, and the others (discriminators) from
    its last checkpoint.

    Args:
        path: a run, a folder of weights or a `.safetensors` file.
        networks: name -> network; changed in place.

    Raises:
        WeightsError: where the weights are damaged, or not one tensor fits.
    """
    given = _read(path)
    own = {
        f"{name}.{key}": tensor
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    taken = [name for name, tensor in own.items() if _fits(given.get(name), tensor)]
    if not taken:
        raise WeightsError(
            f"--init {path}: no tensor of these weights fits one of {', '.join(networks)} by name "
            "and shape; they are of another model."
        )
    with torch.no_grad():
        for name in taken:
            own[name].copy_(given[name])
    rest = set(taken)
    return Taken(
        tuple(taken),
        tuple(name for name in given if name not in rest),
        tuple(name for name in own if name not in rest),
    )


def _count(names: tuple[str, ...], network: str) -> int:
    return sum(name.startswith(f"{network}.") for name in names)


def _fits(given: Tensor | None, own: Tensor) -> bool:
    return given is not None and given.shape == own.shape


def _read(path: Path) -> dict[str, Tensor]:
    """Read all tensors that there are, named `network.tensor`."""
    config, tensors = open_weights(path)
    run = path.parent if path.name == "weights" else path
    for saved in checkpoint.complete(run / "checkpoints")[-1:]:
        for file in sorted(saved.glob("network-*.safetensors")):
            name = file.stem.removeprefix("network-")
            if name not in config.networks:
                tensors |= {f"{name}.{key}": value for key, value in read_tensors(file).items()}
    return tensors
