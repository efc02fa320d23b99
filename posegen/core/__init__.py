"""The public contracts: all that a plugin needs, and all that it may import.

Names are loaded on first use: specs, hooks and configuration classes import no torch; the
contracts of networks, losses, data sets and metrics do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posegen.core.lazy import lazy_exports

if TYPE_CHECKING:  # the list for type checkers
    from posegen.core.anatomy import BODY_PARTS as BODY_PARTS
    from posegen.core.anatomy import PART_LAYERS as PART_LAYERS
    from posegen.core.anatomy import Anatomy as Anatomy
    from posegen.core.anatomy import BodyPart as BodyPart
    from posegen.core.batches import Batch as Batch
    from posegen.core.batches import GeneratorOutput as GeneratorOutput
    from posegen.core.batches import Pair as Pair
    from posegen.core.batches import TaskInfo as TaskInfo
    from posegen.core.config import Config as Config
    from posegen.core.contracts import Discriminator as Discriminator
    from posegen.core.contracts import Generator as Generator
    from posegen.core.contracts import Loss as Loss
    from posegen.core.contracts import PairDataset as PairDataset
    from posegen.core.contracts import PoseDetector as PoseDetector
    from posegen.core.contracts import PoseEncoder as PoseEncoder
    from posegen.core.contracts import Tracker as Tracker
    from posegen.core.contracts import WeightsConverter as WeightsConverter
    from posegen.core.errors import ConfigError as ConfigError
    from posegen.core.errors import DataError as DataError
    from posegen.core.errors import PluginError as PluginError
    from posegen.core.errors import PosegenError as PosegenError
    from posegen.core.errors import TrainingError as TrainingError
    from posegen.core.errors import UserError as UserError
    from posegen.core.errors import WeightsError as WeightsError
    from posegen.core.errors import suggest as suggest
    from posegen.core.features import FeatureNetwork as FeatureNetwork
    from posegen.core.features import VGG19Features as VGG19Features
    from posegen.core.features import gram as gram
    from posegen.core.features import style_distance as style_distance
    from posegen.core.fields import Field as Field
    from posegen.core.fields import FieldKind as FieldKind
    from posegen.core.fields import is_of_source as is_of_source
    from posegen.core.fields import is_of_target as is_of_target
    from posegen.core.fields import other_inputs as other_inputs
    from posegen.core.fields import source_inputs as source_inputs
    from posegen.core.image_pool import ImagePool as ImagePool
    from posegen.core.methods import Method as Method
    from posegen.core.methods import Network as Network
    from posegen.core.methods import Parts as Parts
    from posegen.core.methods import StepContext as StepContext
    from posegen.core.methods import WeightedLoss as WeightedLoss
    from posegen.core.metrics import Metric as Metric
    from posegen.core.metrics import PerImageMetric as PerImageMetric
    from posegen.core.metrics import ReferenceImages as ReferenceImages
    from posegen.core.motion import Capsules as Capsules
    from posegen.core.motion import Motion as Motion
    from posegen.core.motion import at_least_float32 as at_least_float32
    from posegen.core.motion import capsule_masks as capsule_masks
    from posegen.core.motion import cleared as cleared
    from posegen.core.motion import fetch as fetch
    from posegen.core.motion import part_positions as part_positions
    from posegen.core.noise import Noise as Noise
    from posegen.core.pretrained import PretrainedFile as PretrainedFile
    from posegen.core.pretrained import read_tensors as read_tensors
    from posegen.core.recipes import Model as Model
    from posegen.core.skeletons import SKELETONS as SKELETONS
    from posegen.core.skeletons import Skeleton as Skeleton
    from posegen.core.skeletons import skeleton as skeleton
    from posegen.core.specs import CAPABILITIES as CAPABILITIES
    from posegen.core.specs import CONTRACTS as CONTRACTS
    from posegen.core.specs import ConverterSpec as ConverterSpec
    from posegen.core.specs import DatasetSpec as DatasetSpec
    from posegen.core.specs import DetectorSpec as DetectorSpec
    from posegen.core.specs import DiscriminatorSpec as DiscriminatorSpec
    from posegen.core.specs import EncoderSpec as EncoderSpec
    from posegen.core.specs import GeneratorSpec as GeneratorSpec
    from posegen.core.specs import Kind as Kind
    from posegen.core.specs import LossSpec as LossSpec
    from posegen.core.specs import MethodSpec as MethodSpec
    from posegen.core.specs import MetricSpec as MetricSpec
    from posegen.core.specs import ModelSpec as ModelSpec
    from posegen.core.specs import Spec as Spec
    from posegen.core.specs import TrackerSpec as TrackerSpec
    from posegen.core.specs import hookimpl as hookimpl

#: The same list for those who run: module -> names (a test compares the two).
_EXPORTS = {
    "posegen.core.anatomy": ("BODY_PARTS", "PART_LAYERS", "Anatomy", "BodyPart"),
    "posegen.core.batches": ("Batch", "GeneratorOutput", "Pair", "TaskInfo"),
    "posegen.core.config": ("Config",),
    "posegen.core.contracts": (
        "Discriminator",
        "Generator",
        "Loss",
        "PairDataset",
        "PoseDetector",
        "PoseEncoder",
        "Tracker",
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
    "posegen.core.features": ("FeatureNetwork", "VGG19Features", "gram", "style_distance"),
    "posegen.core.fields": (
        "Field",
        "FieldKind",
        "is_of_source",
        "is_of_target",
        "other_inputs",
        "source_inputs",
    ),
    "posegen.core.image_pool": ("ImagePool",),
    "posegen.core.methods": ("Method", "Network", "Parts", "StepContext", "WeightedLoss"),
    "posegen.core.metrics": ("Metric", "PerImageMetric", "ReferenceImages"),
    "posegen.core.motion": (
        "Capsules",
        "Motion",
        "at_least_float32",
        "capsule_masks",
        "cleared",
        "fetch",
        "part_positions",
    ),
    "posegen.core.noise": ("Noise",),
    "posegen.core.pretrained": ("PretrainedFile", "read_tensors"),
    "posegen.core.recipes": ("Model",),
    "posegen.core.skeletons": ("SKELETONS", "Skeleton", "skeleton"),
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
        "TrackerSpec",
        "hookimpl",
    ),
}

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
