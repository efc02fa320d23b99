"""The public contracts: all that a plugin needs, and all that it may import.

Names are loaded on first use: specs, hooks and configuration classes import no torch; the
contracts of networks, losses, data sets and metrics do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posegen.core.lazy import lazy_exports

if TYPE_CHECKING:
    from posegen.core.batches import CONDITIONS, Batch, GeneratorOutput, Pair, TaskInfo
    from posegen.core.config import Config
    from posegen.core.contracts import (
        Discriminator,
        Generator,
        Loss,
        PairDataset,
        PoseDetector,
        PoseEncoder,
        WeightsConverter,
    )
    from posegen.core.errors import (
        ConfigError,
        DataError,
        PluginError,
        PosegenError,
        TrainingError,
        UserError,
        WeightsError,
        suggest,
    )
    from posegen.core.methods import Method, Parts, StepContext, WeightedLoss
    from posegen.core.metrics import Metric, PerImageMetric, ReferenceImages, ScoredBatch
    from posegen.core.pretrained import PretrainedFile
    from posegen.core.recipes import Model
    from posegen.core.specs import (
        CAPABILITIES,
        CONTRACTS,
        ConverterSpec,
        DatasetSpec,
        DetectorSpec,
        DiscriminatorSpec,
        EncoderSpec,
        GeneratorSpec,
        Kind,
        LossSpec,
        MethodSpec,
        MetricSpec,
        ModelSpec,
        Spec,
        hookimpl,
    )

__all__ = [
    "CAPABILITIES",
    "CONDITIONS",
    "CONTRACTS",
    "Batch",
    "Config",
    "ConfigError",
    "ConverterSpec",
    "DataError",
    "DatasetSpec",
    "DetectorSpec",
    "Discriminator",
    "DiscriminatorSpec",
    "EncoderSpec",
    "Generator",
    "GeneratorOutput",
    "GeneratorSpec",
    "Kind",
    "Loss",
    "LossSpec",
    "Method",
    "MethodSpec",
    "Metric",
    "MetricSpec",
    "Model",
    "ModelSpec",
    "Pair",
    "PairDataset",
    "Parts",
    "PerImageMetric",
    "PluginError",
    "PoseDetector",
    "PoseEncoder",
    "PosegenError",
    "PretrainedFile",
    "ReferenceImages",
    "ScoredBatch",
    "Spec",
    "StepContext",
    "TaskInfo",
    "TrainingError",
    "UserError",
    "WeightedLoss",
    "WeightsConverter",
    "WeightsError",
    "hookimpl",
    "suggest",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "posegen.core.batches": ("CONDITIONS", "Batch", "GeneratorOutput", "Pair", "TaskInfo"),
        "posegen.core.config": ("Config",),
        "posegen.core.contracts": (
            "Discriminator",
            "Generator",
            "Loss",
            "PairDataset",
            "PoseDetector",
            "PoseEncoder",
            "WeightsConverter",
        ),
        "posegen.core.errors": (
            "ConfigError",
            "DataError",
            "PluginError",
            "PosegenError",
            "TrainingError",
            "UserError",
            "WeightsError",
            "suggest",
        ),
        "posegen.core.methods": ("Method", "Parts", "StepContext", "WeightedLoss"),
        "posegen.core.metrics": ("Metric", "PerImageMetric", "ReferenceImages", "ScoredBatch"),
        "posegen.core.pretrained": ("PretrainedFile",),
        "posegen.core.recipes": ("Model",),
        "posegen.core.specs": (
            "CAPABILITIES",
            "CONTRACTS",
            "ConverterSpec",
            "DatasetSpec",
            "DetectorSpec",
            "DiscriminatorSpec",
            "EncoderSpec",
            "GeneratorSpec",
            "Kind",
            "LossSpec",
            "MethodSpec",
            "MetricSpec",
            "ModelSpec",
            "Spec",
            "hookimpl",
        ),
    },
)
