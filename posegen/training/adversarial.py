"""Training a generator against conditional discriminators.

The published PATN code (`models/PATN.py`) in general form: any set of discriminators, each with the
condition it asks for. In a step the generator is updated first, then each discriminator in the
configured order, all on the image generated in the first phase.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from posegen.core.batches import Batch, GeneratorOutput
from posegen.core.methods import Method, Parts, StepContext
from posegen.training.adversarial_config import AdversarialConfig

GENERATOR = "generator"


class Adversarial(Method):
    """Generator and discriminators in turn; see the module.

    Generator: Σ weight·loss + λ·mean over discriminators of O(D(fake), 1).
    Each discriminator: λ·(O(D(real), 1) + O(D(fake), 0)) / 2.
    O is the objective; the paper multiplies the two discriminators' scores, the published code
    averages their losses, and this does as the code does.
    """

    def __init__(self, config: AdversarialConfig, parts: Parts) -> None:
        self.objective = config.objective
        self.weight = config.weight
        self.discriminators = dict(parts.discriminators) if config.weight > 0 else {}
        self.losses = {name: term for name, term in parts.losses.items() if term.weight > 0}
        self.networks = {GENERATOR: parts.generator, **self.discriminators}
        self.frozen = [term.loss for term in self.losses.values()]
        self.phases = (GENERATOR, *self.discriminators)

    def loss(
        self, phase: str, batch: Batch, context: StepContext
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Method`."""
        if phase == GENERATOR:
            return self._generator_loss(batch, context)
        return self._discriminator_loss(phase, batch, context)

    def generate(self, network: nn.Module, batch: Batch) -> GeneratorOutput:
        """See `Method`."""
        output: GeneratorOutput = network(batch.source, batch.source_pose, batch.target_pose)
        return output

    def _generator_loss(
        self, batch: Batch, context: StepContext
    ) -> tuple[Tensor, dict[str, Tensor]]:
        output = self.generate(context.networks[GENERATOR], batch)
        context.memory["fake"] = output.image.detach()
        terms = {name: term.weight * term.loss(output, batch) for name, term in self.losses.items()}
        if self.discriminators:
            scores = [
                context.networks[name](output.image, batch.condition(discriminator.conditions))
                for name, discriminator in self.discriminators.items()
            ]
            losses = [self._judge(score, real=True) for score in scores]
            terms["adversarial"] = self.weight * torch.stack(losses).mean()
        total = torch.stack(list(terms.values())).sum()
        return total, {name: value.detach() for name, value in terms.items()}

    def _discriminator_loss(
        self, name: str, batch: Batch, context: StepContext
    ) -> tuple[Tensor, dict[str, Tensor]]:
        discriminator, network = self.discriminators[name], context.networks[name]
        condition = batch.condition(discriminator.conditions)
        fake, fake_condition = discriminator.replay(
            context.memory["fake"], condition, context.random
        )
        # Two passes, not one of a joined batch: batch norm must see real and generated apart.
        real = self._judge(network(batch.target, condition), real=True)
        generated = self._judge(network(fake, fake_condition), real=False)
        return self.weight * (real + generated) / 2, {
            "real": real.detach(),
            "fake": generated.detach(),
        }

    def _judge(self, scores: Tensor, *, real: bool) -> Tensor:
        """Return O(scores, label); scores are raw, in float32 whatever the autocast."""
        scores = scores.float()
        if self.objective == "lsgan":
            return functional.mse_loss(scores, scores.new_full((), float(real)).expand_as(scores))
        # -log sigmoid(s) and -log(1 - sigmoid(s)), without the overflow and without label tensors.
        return functional.softplus(-scores if real else scores).mean()
