"""Options of the `adversarial` method."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from posegen.core.config import Config


class AdversarialConfig(Config):
    """Options of the `adversarial` method."""

    objective: Literal["bce", "lsgan"] = Field(
        default="bce",
        description="bce: cross-entropy of a sigmoid; lsgan: squared distance to 0 and 1",
    )
    weight: float = Field(default=5.0, ge=0, description="factor of all adversarial losses (λ_GAN)")
    early_gradients: bool = Field(
        default=True,
        description="take the gradient of each term of the generator's loss at once, so that the "
        "activations of one term at a time are in memory",
    )
    share_fake_pass: bool = Field(
        default=True,
        description="use a discriminator's pass on the generated image in both phases, where it "
        "has no dropout, pool or running statistics and there is one process",
    )
