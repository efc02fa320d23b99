"""LPIPS: the `lpips` package's network on a trunk whose weights are known.

The package would fetch the trunk by itself through torchvision's deprecated arguments, or leave it
random. Here it is built without storage for its weights (torch's "meta" device), so that a weight
which nothing was loaded into cannot take part in a score: using it is an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posegen.core.errors import WeightsError
from posegen.core.metrics import PerImageMetric, ScoredBatch
from posegen.core.pretrained import PretrainedFile, read_tensors
from posegen.evaluation.metrics.config import LPIPSConfig

#: How a user names a local copy of the trunk's weights.
OPTION = "--lpips-weights FILE"

_SITE = "https://download.pytorch.org/models"
TRUNKS = {
    net: PretrainedFile(f"{title}'s ImageNet weights for lpips", f"{_SITE}/{file}", digest)
    for net, title, file, digest in (
        ("alex", "AlexNet", "alexnet-owt-7be5be79.pth", "7be5be79"),
        ("vgg", "VGG-16", "vgg16-397923af.pth", "397923af"),
        ("squeeze", "SqueezeNet 1.1", "squeezenet1_1-b8a52dc0.pth", "b8a52dc0"),
    )
}


class LPIPS(PerImageMetric):
    """Learned perceptual image patch similarity (Zhang et al. 2018), ≥ 0; 0 for equal images.

    Convention:
        - Version 0.1 of the linear heads, from the `lpips` package; ImageNet trunk as the option
          `net` says (AlexNet by default, the one that the paper's authors advise for scores).
        - Images scaled to [-1, 1], in float32, at their own size (no resizing).
        - Reduction: per layer mean over places, sum over layers, mean over images.
        - lpips: `lpips.LPIPS(net=…)(a, b)` on images in [-1, 1]. torchmetrics' class of that name
          takes the same network.
        - The PATN paper gives no LPIPS; later papers on the same data do, mostly with AlexNet.

    Raises:
        posegen.core.WeightsError: on construction, where the trunk's weights cannot be had, or are
            not those of this network.
    """

    def __init__(self, config: LPIPSConfig) -> None:
        super().__init__(config)
        self.network = build_network(config.net, config.weights)

    def score(self, batch: ScoredBatch) -> Tensor:
        """Return one value per image: (B,)."""
        generated, target = (image.float() / 127.5 - 1 for image in (batch.generated, batch.target))
        distance: Tensor = self.network(generated, target)
        return distance.flatten()


def build_network(net: str, weights: Path | None) -> Any:
    """Return `lpips.LPIPS` with the published heads and a trunk of loaded weights, on the CPU.

    Args:
        net: "alex", "vgg" or "squeeze".
        weights: a local copy of torchvision's file, or None for its cache and a download.

    Raises:
        posegen.core.WeightsError: see `LPIPS`.
    """
    published = TRUNKS[net]
    trunk = published.load(weights, OPTION)
    import lpips  # takes seconds: it imports scipy and its own training code

    with warnings.catch_warnings(), torch.device("meta"):
        # lpips 0.1.4 names torchvision's weights in a way that is deprecated since 0.13.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torchvision\.models")
        # Without dropout layers nothing depends on train() and eval().
        network = lpips.LPIPS(
            net=net, pretrained=False, pnet_rand=True, use_dropout=False, verbose=False
        )
    heads = read_tensors(Path(lpips.__file__).parent / "weights" / "v0.1" / f"{net}.pth")
    what = f"{weights or published.filename}: not {published.title}"
    remedy = f"give torchvision's {published.filename} with `{OPTION}`."
    state = _trunk_state(network.net.state_dict(), trunk, what, remedy)
    state |= {_head_key(key): tensor for key, tensor in heads.items()}
    network.load_state_dict(state, strict=False, assign=True)
    left = [name for name, tensor in network.state_dict().items() if tensor.is_meta]
    assert not left, f"weights of lpips that nothing was loaded into: {left}"
    return network.eval().requires_grad_(False)


def _trunk_state(
    wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], what: str, remedy: str
) -> dict[str, Tensor]:
    """Map torchvision's `features.{i}.*` to the names of lpips, `net.slice{k}.{i}.*`.

    Both ways must fit: a deeper network's file holds more layers than are wanted here. `what` and
    `remedy` begin and end the sentence that says what does not fit.
    """
    ours = {f"features.{name.partition('.')[2]}": name for name in wanted}
    extra = sorted(name for name in given if name.startswith("features.") and name not in ours)
    if extra:
        raise WeightsError(f"{what}: it also has {extra[0]!r}; {remedy}")
    state = {}
    for theirs, name in ours.items():
        if theirs not in given:
            raise WeightsError(f"{what}: it has no {theirs!r}; {remedy}")
        tensor, need = given[theirs], wanted[name].shape
        if tensor.shape != need:
            sizes = f"{_times(tensor.shape)} and must be {_times(need)}"
            raise WeightsError(f"{what}: {theirs!r} is {sizes}; {remedy}")
        state[f"net.{name}"] = tensor.float()
    return state


def _head_key(published: str) -> str:
    """Map `lin{k}.model.1.weight` of the published heads: here no dropout comes before."""
    return published.replace(".model.1.", ".model.0.")


def _times(shape: torch.Size) -> str:
    return "×".join(str(size) for size in shape)
