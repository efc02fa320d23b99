"""Trains the re-identification baseline: identity and triplet losses on a ResNet.

As in "bag of tricks" (Luo et al., arXiv:1903.07071): P people × K pictures in a batch, the batch's
hardest triplets on the features before the neck, a smoothed identity loss after it, mirrored,
shifted and partly erased pictures, a warm-up.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torchvision.transforms import v2

from posegen.core.config import Config
from posegen.core.errors import ConfigError, TrainingError
from posegen.evaluation.metrics.reid_network import ReidConfig, ReidNetwork, start_from
from posegen.experiments.reid.data import Pictures

#: Pictures that features are made of at a time.
_CHUNK = 128


class ReidTraining(Config):
    """How the baseline is trained."""

    network: str = Field(default="resnet50", description="resnet10, resnet18, resnet34, resnet50")
    image_size: tuple[int, int] = Field(default=(128, 64), description="height and width in pixels")
    steps: int = Field(default=7200, ge=1, description="batches")
    batch_size: int = Field(default=64, ge=4, description="pictures in a batch")
    per_person: int = Field(default=4, ge=2, description="pictures of each person in a batch")
    lr: float = Field(default=3.5e-4, gt=0, description="Adam's learning rate after the warm-up")
    margin: float = Field(default=0.3, gt=0, description="of the triplet loss")
    smoothing: float = Field(default=0.1, ge=0, lt=1, description="of the identity loss's labels")
    erasing: float = Field(default=0.5, ge=0, le=1, description="how often a part is erased")


def _library() -> Any:
    try:
        import pytorch_metric_learning.utils.common_functions as functions
        from pytorch_metric_learning import losses, miners, samplers  # noqa: F401 - parts of it
    except ImportError as error:
        raise ConfigError(
            f"posegen reid needs pytorch-metric-learning ({error}); install it: "
            "pip install 'posegen[reid]'."
        ) from None
    return functions


def train(
    pictures: Pictures,
    options: ReidTraining,
    *,
    seed: int,
    init: Path | None = None,
    device: torch.device | None = None,
    trained_on: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ReidNetwork:
    """Return a network trained to tell the people of the pictures apart, in evaluation mode.

    Args:
        pictures: at the options' size; every person has one at least.
        options: how.
        seed: of first weights, batches and changes of the pictures.
        init: torchvision's weights of this ResNet to begin with; by default, drawn ones.
        device: where.
        trained_on: what the network's description says of that.
        progress: called with (steps done, steps in all).

    Raises:
        ConfigError: where pytorch-metric-learning is not installed.
        TrainingError: for a loss that is not finite.
    """
    functions = _library()
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import BatchHardMiner
    from pytorch_metric_learning.samplers import MPerClassSampler

    device = device or torch.device("cpu")
    names = sorted(set(pictures.people))
    labels = torch.tensor([names.index(person) for person in pictures.people])
    config = ReidConfig(
        network=options.network,
        image_size=options.image_size,
        people=len(names),
        trained_on=trained_on,
    )
    per_person = options.per_person
    batch_size = min(options.batch_size, per_person * len(names)) // per_person * per_person
    # The library draws from this; its state is the process's, so it is given back.
    before, functions.NUMPY_RANDOM = functions.NUMPY_RANDOM, np.random.RandomState(seed)
    try:
        sampler = MPerClassSampler(labels, per_person, batch_size, options.steps * batch_size)
        places = torch.tensor(list(sampler)).view(options.steps, batch_size)
    finally:
        functions.NUMPY_RANDOM = before
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        network = ReidNetwork(config).to(device)
        if init is not None:
            start_from(network, init)
        optimizer = torch.optim.Adam(network.parameters(), options.lr, weight_decay=5e-4)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _factor(options.steps))
        triplet, miner = TripletMarginLoss(margin=options.margin), BatchHardMiner()
        change = _changes(options)
        identity = nn.CrossEntropyLoss(label_smoothing=options.smoothing)
        for step, batch in enumerate(places, start=1):
            images = torch.stack([change(image.float()) for image in pictures.images[batch]])
            wanted = labels[batch].to(device)
            pooled, neck = network(images.to(device))
            loss = identity(network.classifier(neck), wanted)
            loss = loss + triplet(pooled, wanted, miner(pooled, wanted))
            if not torch.isfinite(loss):
                raise TrainingError(f"the loss is {float(loss)} at step {step}; give a lower --lr.")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            progress(step, options.steps)
    return network.eval().requires_grad_(False)


def features(network: ReidNetwork, images: Tensor, device: torch.device) -> Tensor:
    """Return unit vectors (N, D) on the CPU of pictures (N, 3, H, W) uint8."""
    parts = torch.split(images, _CHUNK)
    with torch.no_grad():
        return torch.cat([network.embed(part.to(device)).cpu() for part in parts])


def _factor(steps: int) -> Callable[[int], float]:
    """Rise for a tenth of the steps, then fall as a cosine."""
    warm = max(1, steps // 10)

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + float(np.cos(np.pi * (step - warm) / max(1, steps - warm))))

    return factor


def _changes(options: ReidTraining) -> v2.Transform:
    """Mirror, shift and erase at random a picture (3, H, W) in [0, 255]."""
    height, width = options.image_size
    pad = max(1, height // 25)  # 10 pixels of 256, as published
    erased = v2.RandomErasing(options.erasing, scale=(0.02, 0.4), ratio=(0.3, 3.33), value=127.5)
    return v2.Compose([v2.RandomHorizontalFlip(), v2.RandomCrop((height, width), pad), erased])
