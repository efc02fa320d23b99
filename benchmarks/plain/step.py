"""One step of the published training: generator, then appearance, then shape."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from plain.networks import VGG, Discriminator, Generator


@dataclass(frozen=True)
class Options:
    """The options of a published training that a step depends on."""

    norm: str
    cross_entropy: bool
    lambda_a: float
    lambda_b: float
    lambda_gan: float
    pool: int
    dropout: float = 0.5


MARKET1501 = Options("batch", True, 10, 10, 5, pool=50)
DEEPFASHION = Options("instance", False, 1, 1, 5, pool=0)


class ImagePool:
    """Remembers generated images, and gives now and then an old one for a new one."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[Tensor] = []

    def query(self, images: Tensor) -> Tensor:
        """Exchange images one by one."""
        if self.size == 0:
            return images
        chosen = []
        for image in images.split(1):
            if len(self.images) < self.size:
                self.images.append(image)
            elif random.random() > 0.5:
                number = random.randrange(self.size)
                image, self.images[number] = self.images[number].clone(), image
            chosen.append(image)
        return torch.cat(chosen)


class PlainStep:
    """The networks with their optimisers; call it with a batch for a step.

    Attributes:
        networks: by their published names: netG, netD_PP (image, source), netD_PB (image, pose).
        vgg: the network of the perceptual loss.
    """

    def __init__(self, options: Options, ngf: int) -> None:
        self.options = options
        shared = (ngf, options.norm, options.dropout)
        self.networks = {
            "netG": Generator(*shared),
            "netD_PP": Discriminator(6, *shared, sigmoid=options.cross_entropy),
            "netD_PB": Discriminator(21, *shared, sigmoid=options.cross_entropy),
        }
        self.vgg = VGG()
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), 2e-4, betas=(0.5, 0.999))
            for name, network in self.networks.items()
        }
        self.pools = {"netD_PP": ImagePool(options.pool), "netD_PB": ImagePool(options.pool)}

    def __call__(
        self, source: Tensor, target: Tensor, source_pose: Tensor, target_pose: Tensor
    ) -> dict[str, float]:
        """Run one step; images are in [-1, 1], maps in [0, 1]. Returns the published losses."""
        conditions = {"netD_PP": source, "netD_PB": target_pose}
        fake = self.networks["netG"](source, source_pose, target_pose)
        self.optimizers["netG"].zero_grad()
        losses = self.generator_losses(fake, target, conditions)
        (losses["pair_L1loss"] + losses["pair_GANloss"]).backward()
        self.optimizers["netG"].step()
        for name, key in (("netD_PP", "D_PP"), ("netD_PB", "D_PB")):
            self.optimizers[name].zero_grad()
            losses[key] = self.discriminator_loss(name, fake, target, conditions[name])
            losses[key].backward()
            self.optimizers[name].step()
        return {name: loss.item() for name, loss in losses.items()}

    def generator_losses(
        self, fake: Tensor, target: Tensor, conditions: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the terms of the generator's loss."""
        shape, appearance = (
            self.judge(self.networks[name](torch.cat([fake, conditions[name]], dim=1)), True)
            for name in ("netD_PB", "netD_PP")
        )
        l1 = functional.l1_loss(fake, target) * self.options.lambda_a
        wanted = self.vgg(target).detach()
        perceptual = functional.l1_loss(self.vgg(fake), wanted) * self.options.lambda_b
        return {
            "origin_L1": l1,
            "perceptual": perceptual,
            "pair_L1loss": l1 + perceptual,
            "pair_GANloss": (shape + appearance) / 2,
        }

    def discriminator_loss(
        self, name: str, fake: Tensor, target: Tensor, condition: Tensor
    ) -> Tensor:
        """Return a discriminator's loss."""
        network = self.networks[name]
        shown = self.pools[name].query(torch.cat([fake, condition], dim=1).detach())
        real = self.judge(network(torch.cat([target, condition], dim=1)), True)
        return (real + self.judge(network(shown), False)) * 0.5

    def judge(self, scores: Tensor, real: bool) -> Tensor:
        """Return the objective on a tensor of labels."""
        labels = torch.full_like(scores, float(real))
        measure = (
            functional.binary_cross_entropy if self.options.cross_entropy else functional.mse_loss
        )
        return measure(scores, labels) * self.options.lambda_gan
