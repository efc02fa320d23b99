"""The shape of an experiment's configuration. docs/configuration.md is the reference for users."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from posegen.core.config import Config

Precision = Literal["32", "bf16", "fp16"]


#: The section `trackers` where nobody says otherwise.
TRACKERS = {name: {"name": name} for name in ("json-lines", "tensorboard")}


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
    """The optimisers, one per network (published: Adam with 2e-4, 0.5, 0.999)."""

    name: str = Field(default="adam", description="any of torch.optim, in lower case")
    lr: float = Field(default=2e-4, gt=0, description="learning rate")
    beta1: float = Field(
        default=0.5, ge=0, lt=1, description="decay of the gradient's mean (Adam's kind)"
    )
    beta2: float = Field(
        default=0.999, ge=0, lt=1, description="decay of the gradient's square (Adam's kind)"
    )
    weight_decay: float = Field(default=0.0, ge=0, description="weight decay, or L2 penalty")
    decay_norms: bool = Field(
        default=True, description="weight decay also on norms' factors and on biases"
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="further options of that optimiser, e.g. momentum"
    )
    scale: dict[str, float] = Field(
        default_factory=dict, description="network name -> factor of its learning rate"
    )
    networks: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="network name -> options here that are others for it"
    )
    fused: bool = Field(
        default=True, description="one kernel for a whole step, where the optimiser has one"
    )

    @field_validator("networks")
    @classmethod
    def _options_of_networks(cls, networks: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        known = [key for key in cls.model_fields if key not in ("scale", "networks")]
        for name, options in networks.items():
            for key in options:
                if key not in known:
                    raise ValueError(f"{name}.{key}: no such option; there are {', '.join(known)}")
        return networks

    def of(self, network: str) -> OptimizerConfig:
        """Return the options of one network's optimiser."""
        own = {**self.model_dump(exclude={"scale", "networks"}), **self.networks.get(network, {})}
        options = OptimizerConfig.model_validate(own)
        return options.model_copy(update={"lr": options.lr * self.scale.get(network, 1.0)})


class ScheduleConfig(Config):
    """How the learning rates change over the steps."""

    name: Literal["linear", "cosine", "constant"] = Field(
        default="linear",
        description="linear: constant_epochs, then decay_epochs, as published; or cosine, constant",
    )
    warmup: int = Field(default=0, ge=0, description="first steps, in which they grow from 0")
    floor: float = Field(
        default=0.0, ge=0, le=1, description="cosine: the last factor of the learning rates"
    )


class TrainingConfig(Config):
    """How long, how, and what is written on the way."""

    batch_size: int = Field(default=32, ge=1, description="pairs per step, over all processes")
    accumulate: int = Field(default=1, ge=1, description="parts that a batch is computed in")
    both_directions: bool = Field(
        default=False,
        description="each pair also with source and target exchanged; half as many are drawn",
    )
    epoch_pairs: int = Field(
        default=4000, ge=1, description="pairs per epoch, drawn with replacement"
    )
    constant_epochs: int = Field(default=500, ge=0, description="epochs at the full learning rate")
    decay_epochs: int = Field(default=200, ge=0, description="epochs of linear decay after these")
    steps: int | None = Field(
        default=None, ge=1, description="stop after so many steps all the same"
    )
    init: str | None = Field(
        default=None, description="weights to start from: a run, a folder, or pulled ones by name"
    )
    freeze: tuple[str, ...] = Field(
        default=(), description='tensors that are not trained, e.g. ["generator.encoder.*"]'
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


class ValidationConfig(Config):
    """Scores of pairs of the test split while training; off by default."""

    every: int = Field(default=0, ge=0, description="steps between two validations; 0: none")
    pairs: int = Field(default=64, ge=1, description="how many pairs, spread over the split")
    metrics: tuple[str, ...] = Field(
        default=("ssim",), min_length=1, description="what is computed, as `posegen eval` does"
    )
    best: str = Field(
        default="", description="metric that the best weights are kept by; default: the first"
    )
    patience: int | None = Field(
        default=None, ge=1, description="stop after so many validations without a better one"
    )

    @model_validator(mode="before")
    @classmethod
    def _first_is_best(cls, options: Any) -> Any:
        if isinstance(options, dict) and not options.get("best"):
            metrics = options.get("metrics") or cls.model_fields["metrics"].default
            return {**options, "best": metrics[0]}
        return options

    @model_validator(mode="after")
    def _best_is_computed(self) -> Self:
        if self.best and self.best not in self.metrics:
            raise ValueError(f"best={self.best}: not among the metrics {', '.join(self.metrics)}")
        return self


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
    joint_noise: float = Field(
        default=0.0,
        ge=0,
        le=0.1,
        description="standard deviation by which joints err, as a share of the picture's height",
    )
    joint_dropout: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of joints that go missing; of hidden ones twice",
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
    sampling: dict[str, Any] = Field(
        default_factory=dict, description="the method's options of sampling, e.g. steps"
    )
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    augment: AugmentConfig = AugmentConfig()
    training: TrainingConfig = TrainingConfig()
    validation: ValidationConfig = Field(
        default_factory=lambda: ValidationConfig.model_validate({})
    )
    trackers: dict[str, ComponentOptions] = Field(
        default_factory=lambda: {
            name: ComponentOptions.model_validate(options) for name, options in TRACKERS.items()
        }
    )

    def tree(self) -> dict[str, Any]:
        """Return it as plain values for TOML or JSON; what is None is left out."""
        return self.model_dump(mode="json", exclude_none=True)
