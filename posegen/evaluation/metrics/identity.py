"""Whether the generated person looks like the same one, to a network that the user names."""

from __future__ import annotations

import hashlib

from torch import Tensor, nn

from posegen.core.batches import Batch
from posegen.core.errors import DataError, WeightsError
from posegen.core.metrics import PerImageMetric
from posegen.evaluation.metrics.config import IdentityConfig
from posegen.evaluation.metrics.networks import Frozen
from posegen.evaluation.metrics.reid_network import TENSORS, ReidNetwork, load_network


class Identity(PerImageMetric):
    """Cosine similarity of re-identification features, in [-1, 1].

    Convention:
        - Features after the neck of a network of `posegen reid`; pictures are brought to its size.
        - Against the target by default: the same person in the same pose. Against the source it
          also measures how little the network minds another pose; the baseline then has 1.
        - A score is of one network and is compared under that one alone: the result says which.
    """

    def __init__(self, config: IdentityConfig) -> None:
        super().__init__(config)
        option = "--set identity.network=DIR"
        if config.network is None:
            raise WeightsError(
                "identity: no network is taken by default; name one that `posegen reid` has "
                f"trained on people like these, with {option}."
            )
        folder = config.network.expanduser()
        network = load_network(folder, option)
        self._against = config.against
        self._about = network.config
        with (folder / TENSORS).open("rb") as file:
            self._digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._network = Frozen(_Embedding(network), TENSORS, self._digest)

    def score(self, batch: Batch) -> Tensor:
        """Return one value per image: (B,)."""

        def other() -> Tensor:
            pictures = batch.get(self._against)
            if pictures is None:
                raise DataError(f"identity: these results have no {self._against} pictures.")
            features: Tensor = self._network(pictures.float())
            return features

        of_targets = self._against == "target"
        real = batch.once(("identity", self._digest, self._against), other, of_targets=of_targets)
        made: Tensor = self._network(batch.generated.float())
        return (made * real).sum(dim=1)

    def describe(self) -> str:
        """Say which network it is."""
        height, width = self._about.image_size
        return (
            f"cosine similarity to the {self._against} of the features of {self._about.network} "
            f"(sha256 {self._digest[:8]}…, trained on {self._about.trained_on}), pictures at "
            f"{height}×{width}, mean over images"
        )


class _Embedding(nn.Module):
    """A network's features as what its call returns."""

    def __init__(self, network: ReidNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network.embed(images)
