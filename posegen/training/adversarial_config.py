"""Options of the `adversarial` method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from posegen.core.config import Config

#: Options of earlier versions that changed speed and memory only; saved runs still have them.
_FORMER = ("early_gradients", "share_fake_pass")


class AdversarialConfig(Config):
    """Options of the `adversarial` method."""

    objective: Literal["bce", "lsgan"] = Field(
        default="bce",
        description="bce: cross-entropy of a sigmoid; lsgan: squared distance to 0 and 1",
    )
    weight: float = Field(default=5.0, ge=0, description="factor of all adversarial losses (λ_GAN)")

    @model_validator(mode="before")
    @classmethod
    def _without_former(cls, options: Any) -> Any:
        if not isinstance(options, Mapping):
            return options
        return {key: value for key, value in options.items() if key not in _FORMER}
