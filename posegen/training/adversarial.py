"""Training a generator against conditional discriminators.

The published PATN code (`models/PATN.py`) in general form: any set of discriminators, each with the
condition it asks for. In a step the generator is updated first, then each discriminator in the
configured order, all on the image generated in the first phase.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from posegen.core.batches import Batch, GeneratorOutput
from posegen.core.methods import Method, Parts, StepContext
from posegen.training.adversarial_config import AdversarialConfig
from posegen.training.early import early, possible

GENERATOR = "generator"


class Adversarial(Method):
    """Generator and discriminators in turn; see the module.

    Generator: Σ weight·loss + λ·mean over discriminators of O(D(fake), 1).
    Each discriminator: λ·(O(D(real), 1) + O(D(fake), 0)) / 2.
    O is the objective; the paper multiplies the two discriminators' scores, the published code
    averages their losses, and this does as the code does.
    """

    def __init__(self, config: AdversarialConfig, parts: Parts) -> None:
        self.config = config
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
        at_once = self.config.early_gradients and possible(output)

        def take(term: Callable[[GeneratorOutput], Tensor], keep: bool = False) -> Tensor:
            return early(term, output, keep) if at_once else term(output)

        terms = {
            name: term.weight * take(partial(term.loss, batch=batch))
            for name, term in self.losses.items()
        }
        if self.discriminators:
            shared = [at_once and self._shares(name, context) for name in self.discriminators]
            losses = [
                take(partial(self._fooled, name, batch, context, share), keep=share)
                for name, share in zip(self.discriminators, shared, strict=True)
            ]
            terms["adversarial"] = self.config.weight * torch.stack(losses).mean()
        total = torch.stack(list(terms.values())).sum()
        return total, {name: value.detach() for name, value in terms.items()}

    def _shares(self, name: str, context: StepContext) -> bool:
        """Whether the pass of the generator's phase can stand for that of the discriminator's."""
        wanted = self.config.share_fake_pass and self.discriminators[name].repeatable
        # A compiled network goes back once, and across processes gradients are averaged for passes
        # through the wrapped network only.
        compiled = context.networks[name]._compiled_call_impl is not None
        return wanted and not compiled and not torch.distributed.is_initialized()

    def _fooled(
        self, name: str, batch: Batch, context: StepContext, share: bool, output: GeneratorOutput
    ) -> Tensor:
        """Return O(D(fake), 1)."""
        network = context.networks[name]
        if share:
            network.requires_grad_(
                True
            )  # which its own phase needs; here only the image's is taken
        scores = network(output.image, batch.condition(self.discriminators[name].conditions))
        if share:
            context.memory[name] = scores
        return self._judge(scores, real=True)

    def _discriminator_loss(
        self, name: str, batch: Batch, context: StepContext
    ) -> tuple[Tensor, dict[str, Tensor]]:
        discriminator, network = self.discriminators[name], context.networks[name]
        condition = batch.condition(discriminator.conditions)
        scores = context.memory.pop(name, None)
        if scores is None:
            fake, fake_condition = discriminator.replay(
                context.memory["fake"], condition, context.random
            )
        # Two passes, not one of a joined batch: batch norm must see real and generated apart.
        real = self._judge(network(batch.target, condition), real=True)
        generated = self._judge(
            network(fake, fake_condition) if scores is None else scores, real=False
        )
        return self.config.weight * (real + generated) / 2, {
            "real": real.detach(),
            "fake": generated.detach(),
        }

    def _judge(self, scores: Tensor, *, real: bool) -> Tensor:
        """Return O(scores, label); scores are raw, and at least float32 whatever the autocast."""
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        if self.config.objective == "lsgan":
            return functional.mse_loss(scores, scores.new_full((), float(real)).expand_as(scores))
        # -log sigmoid(s) and -log(1 - sigmoid(s)), without the overflow and without label tensors.
        return functional.softplus(-scores if real else scores).mean()
