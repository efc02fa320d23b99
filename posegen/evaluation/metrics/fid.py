"""FID and KID: how far the generated pictures are from real ones, as distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from posegen.core.batches import Batch
from posegen.core.errors import ConfigError, PosegenError
from posegen.core.metrics import Metric, ReferenceImages
from posegen.evaluation.metrics.config import FIDConfig, KIDConfig
from posegen.evaluation.metrics.distribution import (
    frechet_distance,
    kernel_distance,
    mean_and_covariance,
    moments,
)
from posegen.evaluation.metrics.inception import FEATURES, TF_OPTION, Inception
from posegen.evaluation.metrics.reference import Kept, without_tail


class _AgainstReference(Metric):
    """What FID and KID share: the network, and where the real images are from."""

    def __init__(self, config: FIDConfig, name: str) -> None:
        super().__init__(config)
        option = TF_OPTION if config.network == "tf" else f"--set {name}.weights=FILE"
        self.inception = Inception(config.network, config.weights, option, config.resize)
        self.needs_reference = config.reference == "train"
        self.drop_last = config.drop_last
        #: What was computed from the reference images; in a function, which copies share.
        self.reference: Callable[[], Tensor] = _not_shown

    def _against(self) -> str:
        if not self.needs_reference:
            return "generated pictures against the targets of the same pairs"
        tail = f" up to the last multiple of {self.drop_last}" if self.drop_last > 1 else ""
        return f"generated pictures against the reference images{tail}"


class FID(_AgainstReference):
    """Fréchet Inception Distance (Heusel et al. 2017), ≥ 0; 0 for equal moments.

    Convention:
        - pool3 features of 2,048 channels of the network that the option `network` names; the two,
          and other ways to resize, cannot be compared. See `Inception`.
        - Mean and sample covariance in float64. Fewer than 2,049 pictures give a covariance of less
          than full rank: the score exists, and is biased upwards the more the fewer there are. So
          compare only scores over equally many pictures.
        - Real images: `targets`, the target of every pair, as often as pairs have it; or `train`,
          the reference images that are shown to it, which later papers take from the training
          split.
        - `drop_last`: the published scripts work through whole batches of 64 and drop the rest, in
          the order that the file system gives; here in the order of the names.
        - torch-fidelity: `fid_statistics_to_metric` of the same features.

    Raises:
        posegen.core.WeightsError: on construction, where the network's weights cannot be had.
        posegen.core.ConfigError: in `compute`, for fewer than two pictures on a side.
    """

    generated: Tensor
    targets: Tensor

    def __init__(self, config: FIDConfig) -> None:
        super().__init__(config, "fid")
        zeros = torch.zeros(FEATURES + 1, FEATURES + 1, dtype=torch.float64)
        self.add_state("generated", zeros, dist_reduce_fx="sum")
        if not self.needs_reference:
            self.add_state("targets", zeros.clone(), dist_reduce_fx="sum")

    def update(self, batch: Batch) -> None:
        """Take a batch in."""
        self.generated = self.generated + moments(self.inception.of_batch(batch, "generated"))
        if not self.needs_reference:
            self.targets = self.targets + moments(self.inception.of_batch(batch, "target"))

    def see_reference(self, reference: ReferenceImages) -> None:
        """Take the reference's moments from where they are kept, or compute them."""
        kept = Kept(reference.digest, self.inception.identity)
        seen = kept.read("moments", drop_last=self.drop_last)
        if seen is None:
            features = kept.read("features")  # of KID
            if features is None:
                parts = self.inception.of_reference(reference)
            else:
                parts = iter(torch.split(features, 4096))
            sums = torch.zeros_like(self.generated)
            for part in without_tail(parts, self.drop_last):
                sums += moments(part.to(sums.device))
            seen = sums.cpu()
            kept.write("moments", seen, drop_last=self.drop_last)
        self.reference = lambda: seen

    def compute(self) -> Tensor:
        """Return the distance."""
        real = self.reference().to(self.generated) if self.needs_reference else self.targets
        for sums, what in ((self.generated, "generated pictures"), (real, "real images")):
            if (count := int(sums[-1, -1])) < 2:
                raise ConfigError(
                    f"fid needs at least 2 {what} and there are {count}; score more pairs, or "
                    "leave fid out of --metrics."
                )
        statistics = (*mean_and_covariance(self.generated), *mean_and_covariance(real))
        return torch.tensor(frechet_distance(*statistics), dtype=torch.float64)

    def describe(self) -> str:
        """Return the protocol, with the network, its weights and the real images."""
        return f"pool3 of {self.inception.description}; {self._against()}, float64"


class KID(_AgainstReference):
    """Kernel Inception Distance (Bińkowski et al. 2018); 0 for equal distributions.

    Convention:
        - Features, networks and real images as in `FID`. Unbiased: it can be a little below 0, and
          does not depend on the number of pictures.
        - The kernel (x·y / 2048 + 1)³; mean over 100 subsets of 1,000 pictures of each side, drawn
          with seed 2020, as torch-fidelity does. Not multiplied by 1,000.
        - torch-fidelity: `kid_features_to_metric` of the same features in float64.
        - Keeps the features: 8 KiB per picture of each side.

    Raises:
        posegen.core.WeightsError: on construction, where the network's weights cannot be had.
        posegen.core.ConfigError: in `compute`, for fewer pictures than a subset has.
    """

    generated: Any
    targets: Any
    places: Any

    def __init__(self, config: KIDConfig) -> None:
        super().__init__(config, "kid")
        self.config = config
        for name in ("generated", "targets", "places"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, batch: Batch) -> None:
        """Take a batch in."""
        self.generated.append(self.inception.of_batch(batch, "generated"))
        if not self.needs_reference:
            self.targets.append(self.inception.of_batch(batch, "target"))
        first = batch.first
        self.places.append(torch.arange(first, first + len(batch), device=batch.target.device))

    def see_reference(self, reference: ReferenceImages) -> None:
        """Take the reference's features from where they are kept, or compute them."""
        kept = Kept(reference.digest, self.inception.identity)
        features = kept.read("features")
        if features is None:
            features = torch.cat([part.cpu() for part in self.inception.of_reference(reference)])
            kept.write("features", features)
        whole = len(features) - len(features) % max(self.drop_last, 1)
        seen = features[:whole]
        self.reference = lambda: seen

    def compute(self) -> Tensor:
        """Return the mean over the subsets."""
        # Processes bring their parts in any order, and the draw depends on it.
        order = _joined(self.places).argsort(stable=True)
        generated = _joined(self.generated)[order]
        real = self.reference() if self.needs_reference else _joined(self.targets)[order]
        size = self.config.subset_size
        for features, what in ((generated, "generated pictures"), (real, "real images")):
            if len(features) < size:
                raise ConfigError(
                    f"kid draws subsets of {size} and there are {len(features)} {what}; set "
                    f"subset_size to at most that, or leave kid out of --metrics."
                )
        subsets, seed = self.config.subsets, self.config.seed
        mean, _ = kernel_distance(generated, real.to(generated.device), subsets, size, seed)
        return torch.tensor(mean, dtype=torch.float64)

    def describe(self) -> str:
        """Return the protocol, with the network, its weights and the real images."""
        return (
            f"pool3 of {self.inception.description}; {self._against()}, cubic kernel, mean of "
            f"{self.config.subsets} subsets of {self.config.subset_size}, seed {self.config.seed}"
        )


def _not_shown() -> Tensor:
    raise PosegenError("the score's reference images were not shown to it (see_reference).")


def _joined(parts: Any) -> Tensor:
    """Return a state that is a list before processes are joined, and one tensor after."""
    return parts if isinstance(parts, Tensor) else torch.cat(parts)
