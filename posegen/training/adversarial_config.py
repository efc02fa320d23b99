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
