"""Flow matching: how a picture with noise is made clean, in training and in use.

With a picture x, noise e and a time t from 0 to 1,

    z = t · x + (1 - t) · e                   a picture with noise: noise at 0, the picture at 1
    v = dz/dt = x - e = (x - z) / (1 - t)     its velocity, along a straight line

The network predicts x, since clean pictures are what a small network can learn (Li and He,
arXiv:2511.13720); the loss is that of the velocity which follows from it (Lipman et al.,
arXiv:2210.02747):

    v̂ = (x̂ - z) / (1 - t),      loss = mean |v̂ - v|² = mean |x̂ - x|² / (1 - t)²

To make a picture, z is moved from noise at time 0 along v̂ to time 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor

from posegen.core import (
    Batch,
    ConfigError,
    GeneratorOutput,
    Method,
    Network,
    Noise,
    Parts,
    StepContext,
    is_of_source,
    is_of_target,
)
from posegen_flow_matching.config import FlowMatchingConfig, Sampling
from posegen_flow_matching.guidance import MADE, Guided


class FlowMatching(Method):
    """One network that predicts the picture from `noisy` at `time`; see the module.

    Raises:
        ConfigError: where the generator does not read what the method makes.
    """

    def __init__(self, config: FlowMatchingConfig, parts: Parts) -> None:
        self.config, self.inputs = config, parts.generator.inputs
        if missing := [name for name in MADE if name not in self.inputs]:
            raise ConfigError(
                f"method.name=flow-matching: this generator does not read {missing[0]!r}, so it "
                "cannot take noise away; give one that does, such as `--generator attention-unet`."
            )
        self.losses = {name: term for name, term in parts.losses.items() if term.weight > 0}
        self.networks = {"generator": parts.generator}
        self.frozen = {name: term.loss for name, term in self.losses.items()}
        self.phases = {"generator": ("generator",)}

    def loss(
        self, phase: str, batch: Batch, context: StepContext
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return |v̂ - v|², and what the recipe's losses add of x̂."""
        config, target, random = self.config, batch.target, context.noise
        normal = random.normal(1)
        time = torch.sigmoid(config.time_mean + config.time_deviation * normal)  # (B, 1)
        noise = config.noise_scale * random.normal(*target.shape[1:])
        t = time[..., None, None]
        made = batch.having(noisy=torch.lerp(noise, target, t), time=time)
        inputs = self._without_some(made.select(self.inputs), random.uniform(1))
        output = context.networks["generator"](**inputs)
        speed = (output.image.float() - target) / (1 - t).clamp_min(config.velocity_floor)
        terms = {"velocity": speed.square().mean()}
        for name, term in self.losses.items():
            terms[name] = term.weight * term.loss(output, batch)
        total = torch.stack(list(terms.values())).sum()
        return total, {name: value.detach() for name, value in terms.items()}

    def _without_some(self, inputs: dict[str, Tensor], lot: Tensor) -> dict[str, Tensor]:
        """Zero the source, the pose or both where a sample's lot (B, 1), in [0, 1), says so."""
        config = self.config
        both = lot < config.drop_both
        source = both | (lot >= 1 - config.drop_source)
        pose = both | ((lot < config.drop_both + config.drop_pose) & ~source)

        def kept(name: str, value: Tensor) -> Tensor:
            if not (is_of_source(name) or is_of_target(name)):
                return value
            dropped = source if is_of_source(name) else pose
            return value.masked_fill(dropped.view(-1, *[1] * (value.dim() - 1)), 0)

        return {name: kept(name, value) for name, value in inputs.items()}

    def sample(
        self,
        networks: Mapping[str, Network],
        batch: Batch,
        noise: Noise,
        options: Sampling,  # type: ignore[override]  # the spec's class of sampling options
    ) -> GeneratorOutput:
        """Move noise to a picture, in steps.

        With x̂ of the time t, a step of Euler's to the time s is
        z + (s - t) · (x̂ - z) / (1 - t): on towards x̂, and the last one ends there. So one step is
        the network's plain answer to noise: the mean of all pictures that could be.
        """
        predict = Guided(networks["generator"], batch, options)
        state = self.config.noise_scale * noise.normal(*batch.source.shape[1:])
        times = torch.linspace(0, 1, options.steps + 1).tolist()
        for t, s in pairwise(times):
            clean = predict(state, t)
            there = torch.lerp(state, clean, (s - t) / (1 - t))
            if options.solver == "heun" and s < 1:
                # The mean of the velocities here and there; at time 1 there is none.
                here = (clean - state) / (1 - t)
                next_one = (predict(there, s) - there) / (1 - s)
                there = state + (s - t) * (here + next_one) / 2
            state = there
        return GeneratorOutput(state)
