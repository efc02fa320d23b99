"""The base class of every component's configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Options of a component: a frozen pydantic model that refuses keys it does not know.

    A component's configuration is the only thing, beside what the engine hands it, that its
    constructor takes; so the saved configuration of a run rebuilds the component exactly. Keep
    configuration classes in a module that does not import torch: `posegen config show` reads them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
