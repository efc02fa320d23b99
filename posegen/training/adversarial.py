"""Training a generator against conditional discriminators.

The published PATN code (`models/PATN.py`) in general form: any set of discriminators, each with the
inputs it asks for. In a step the generator is updated first, then each discriminator in the
configured order, all on the image generated in the first phase.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from posegen.core.batches import Batch, GeneratorOutput
from posegen.core.config import Config
from posegen.core.errors import ConfigError
from posegen.core.methods import Method, Network, Parts, StepContext
from posegen.core.noise import Noise
from posegen.training.adversarial_config import AdversarialConfig

GENERATOR = "generator"
#: How a discriminator's input is called that the generator returns in its `aux`.
GENERATED = "generated_"


class Adversarial(Method):
    """Generator and discriminators in turn; see the module.

    Generator: Σ weight·loss + λ·mean over discriminators of O(D(fake), 1).
    Each discriminator: λ·(O(D(real), 1) + O(D(fake), 0)) / 2.
    A discriminator that asks for `generated_NAME` gets the generator's `aux["NAME"]`, without a
    gradient, beside the real picture as beside the generated one.
    O is the objective; the paper multiplies the two discriminators' scores, the published code
    averages their losses, and this does as the code does.
    """

    def __init__(self, config: AdversarialConfig, parts: Parts) -> None:
        self.config = config
        self.generator = parts.generator
        self.discriminators = dict(parts.discriminators) if config.weight > 0 else {}
        self.losses = {name: term for name, term in parts.losses.items() if term.weight > 0}
        self.networks: dict[str, nn.Module] = {GENERATOR: parts.generator, **self.discriminators}
        self.frozen = {name: term.loss for name, term in self.losses.items()}
        self.phases = {name: (name,) for name in self.networks}
        read = {name for net in self.discriminators.values() for name in net.inputs}
        self.made = sorted(name for name in read if name.startswith(GENERATED))

    def loss(
        self, phase: str, batch: Batch, context: StepContext
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Method`."""
        if phase == GENERATOR:
            return self._generator_loss(batch, context)
        return self._discriminator_loss(phase, batch, context)

    def sample(
        self, networks: Mapping[str, Network], batch: Batch, noise: Noise, options: Config
    ) -> GeneratorOutput:
        """Make pictures in one pass; there are no options, and no noise is used."""
        generator = networks[GENERATOR]
        output: GeneratorOutput = generator(**batch.select(generator.inputs))
        return output

    def _generator_loss(
        self, batch: Batch, context: StepContext
    ) -> tuple[Tensor, dict[str, Tensor]]:
        output = context.networks[GENERATOR](**batch.select(self.generator.inputs))
        context.memory["fake"] = output.image.detach()
        context.memory["made"] = self._made(output)
        terms = {name: term.weight * term.loss(output, batch) for name, term in self.losses.items()}
        if self.discriminators:
            seen = batch.having(**context.memory["made"])
            fooled = [
                self._judge(context.networks[name](output.image, **seen.select(net.inputs)), True)
                for name, net in self.discriminators.items()
            ]
            terms["adversarial"] = self.config.weight * torch.stack(fooled).mean()
        total = torch.stack(list(terms.values())).sum()
        return total, {name: value.detach() for name, value in terms.items()}

    def _discriminator_loss(
        self, name: str, batch: Batch, context: StepContext
    ) -> tuple[Tensor, dict[str, Tensor]]:
        discriminator, network = self.discriminators[name], context.networks[name]
        inputs = batch.having(**context.memory["made"]).select(discriminator.inputs)
        fake, of_fake = discriminator.replay(context.memory["fake"], inputs, context.random)
        # Two passes, not one of a joined batch: batch norm must see real and generated apart.
        real = self._judge(network(batch.target, **inputs), True)
        generated = self._judge(network(fake, **of_fake), False)
        return self.config.weight * (real + generated) / 2, {
            "real": real.detach(),
            "fake": generated.detach(),
        }

    def _made(self, output: GeneratorOutput) -> dict[str, Tensor]:
        """Return what discriminators want to see of the generator's `aux`, by their names for it.

        Without a gradient: a generator that could move the mask it is judged by would.
        """
        found = {name: output.aux.get(name.removeprefix(GENERATED)) for name in self.made}
        missing = [name for name, value in found.items() if value is None]
        if missing:
            raise ConfigError(
                f"a discriminator asks for {missing[0]!r}, and the generator returns no "
                f"{missing[0].removeprefix(GENERATED)!r}; choose another generator, or leave that "
                "discriminator out."
            )
        return {name: value.detach() for name, value in found.items() if value is not None}

    def _judge(self, scores: Tensor, real: bool) -> Tensor:
        """Return O(scores, label); scores are raw, and at least float32 whatever the autocast."""
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        if self.config.objective == "lsgan":
            return functional.mse_loss(scores, scores.new_full((), float(real)).expand_as(scores))
        # -log sigmoid(s) and -log(1 - sigmoid(s)), without the overflow and without label tensors.
        return functional.softplus(-scores if real else scores).mean()
