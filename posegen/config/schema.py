"""The shape of an experiment's configuration. docs/configuration.md is the reference for users."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from posegen.core.config import Config

Precision = Literal["32", "bf16", "fp16"]


class ComponentOptions(BaseModel):
    """A component by name, and its own options beside the name (validated by its plugin)."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    @property
    def options(self) -> dict[str, Any]:
        """The component's own options."""
        return dict(self.model_extra or {})


class LossOptions(ComponentOptions):
    """A loss term: a component and its weight in the sum."""

    weight: float = Field(default=1.0, ge=0, description="factor of the term; 0 leaves it out")


class OptimizerConfig(Config):
    """Adam, one optimiser per network (published: 2e-4, 0.5, 0.999)."""

    lr: float = Field(default=2e-4, gt=0, description="learning rate")
    beta1: float = Field(default=0.5, ge=0, lt=1, description="decay of the gradient's mean")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="decay of the gradient's square")
    weight_decay: float = Field(default=0.0, ge=0, description="L2 penalty")
    scale: dict[str, float] = Field(
        default_factory=dict, description="network name -> factor of its learning rate"
    )
    fused: bool = Field(default=True, description="one kernel for a whole step of Adam")


class TrainingConfig(Config):
    """How long, how, and what is written on the way."""

    batch_size: int = Field(default=32, ge=1, description="pairs per step, over all processes")
    accumulate: int = Field(default=1, ge=1, description="parts that a batch is computed in")
    epoch_pairs: int = Field(
        default=4000, ge=1, description="pairs per epoch, drawn with replacement"
    )
    constant_epochs: int = Field(default=500, ge=0, description="epochs at the full learning rate")
    decay_epochs: int = Field(default=200, ge=0, description="epochs of linear decay after these")
    steps: int | None = Field(
        default=None, ge=1, description="stop after so many steps all the same"
    )
    clip_norm: float | None = Field(
        default=None, gt=0, description="largest norm of a network's gradient"
    )
    ema: float = Field(
        default=0.0, ge=0, lt=1, description="decay of the weights' average; 0: no average"
    )
    precision: Precision = Field(default="32", description="32, or autocast to bf16 or fp16")
    tf32: bool = Field(
        default=True, description="TensorFloat-32 in matrix products and convolutions (NVIDIA)"
    )
    compile: bool = Field(default=False, description="torch.compile the networks")
    cuda_graphs: bool = Field(
        default=False, description="compile, and replay each network as one CUDA graph"
    )
    channels_last: bool = Field(default=True, description="memory format of networks and images")
    cpu_kernels: bool = Field(
        default=True,
        description="on the CPU: Winograd's convolutions, instance norm in channels_last",
    )
    deterministic: bool = Field(
        default=False, description="deterministic kernels only, also on the GPU"
    )
    sync_batch_norm: bool = Field(
        default=False, description="batch norm over all processes' parts of the batch"
    )
    workers: int = Field(
        default=0, ge=0, description="processes that load data; 0: in the main process"
    )
    log_every: int = Field(default=10, ge=1, description="steps between two lines of metrics")
    sample_every: int = Field(default=500, ge=1, description="steps between two sample grids")
    sample_pairs: int = Field(
        default=6, ge=1, description="pairs of the test split in a sample grid"
    )
    checkpoint_every: int = Field(default=500, ge=1, description="steps between two checkpoints")
    keep_checkpoints: int = Field(default=2, ge=1, description="how many checkpoints are kept")

    @field_validator("precision", mode="before")
    @classmethod
    def _number_is_fine(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one epoch; the last one of an epoch may be counted whole (published: 572)."""
        return -(-self.epoch_pairs // self.batch_size)

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        scheduled = (self.constant_epochs + self.decay_epochs) * self.steps_per_epoch
        return scheduled if self.steps is None else self.steps


class AugmentConfig(Config):
    """Random changes of the training pairs; keypoints change along. All off by default."""

    flip: float = Field(
        default=0.0, ge=0, le=1, description="share of the pairs that are mirrored, joints swapped"
    )
    rotate: float = Field(
        default=0.0, ge=0, le=180, description="up to so many degrees either way, each picture"
    )
    scale: float = Field(
        default=0.0, ge=0, le=1, description="up to so much larger or smaller: 0.1 is 1/1.1 to 1.1"
    )
    shift: float = Field(
        default=0.0, ge=0, le=1, description="up to this share of width and height, either way"
    )
    brightness: float = Field(
        default=0.0, ge=0, le=1, description="up to so much is added to or taken off values in 0…1"
    )
    contrast: float = Field(
        default=0.0, ge=0, le=10, description="factor of the values: 0.1 is 1/1.1 to 1.1"
    )
    saturation: float = Field(
        default=0.0, ge=0, le=10, description="factor of the saturation: 0.1 is 1/1.1 to 1.1"
    )
    hue: float = Field(
        default=0.0, ge=0, le=3.15, description="rotation of the hue in radians, either way"
    )


class ExperimentConfig(Config):
    """A whole experiment: everything that `posegen train` needs, and what a run stores."""

    model: str = Field(description="the recipe that the defaults came from")
    preset: str = Field(default="", description="the preset of that recipe")
    seed: int = Field(
        default=0, ge=0, description="fixes weights, pairs, dropout: all that is random"
    )
    data: ComponentOptions
    encoder: ComponentOptions
    generator: ComponentOptions
    discriminators: dict[str, ComponentOptions] = Field(default_factory=dict)
    losses: dict[str, LossOptions] = Field(default_factory=dict)
    method: ComponentOptions
    optimizer: OptimizerConfig = OptimizerConfig()
    augment: AugmentConfig = AugmentConfig()
    training: TrainingConfig = TrainingConfig()

    def tree(self) -> dict[str, Any]:
        """Return it as plain values for TOML or JSON; what is None is left out."""
        return self.model_dump(mode="json", exclude_none=True)
