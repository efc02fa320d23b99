"""`check_component`: the check of a component's kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from posegen.core import Kind, Spec
from posegen.plugins.testing.converter import check_converter
from posegen.plugins.testing.dataset import check_dataset
from posegen.plugins.testing.detector import check_detector
from posegen.plugins.testing.discriminator import check_discriminator
from posegen.plugins.testing.encoder import check_encoder
from posegen.plugins.testing.generator import check_generator
from posegen.plugins.testing.loss import check_loss
from posegen.plugins.testing.method import check_method
from posegen.plugins.testing.metric import check_metric
from posegen.plugins.testing.model import check_model
from posegen.plugins.testing.report import Report

_CHECKS: dict[Kind, Callable[..., Report]] = {
    Kind.CONVERTER: check_converter,
    Kind.DATASET: check_dataset,
    Kind.DETECTOR: check_detector,
    Kind.DISCRIMINATOR: check_discriminator,
    Kind.ENCODER: check_encoder,
    Kind.GENERATOR: check_generator,
    Kind.LOSS: check_loss,
    Kind.METHOD: check_method,
    Kind.METRIC: check_metric,
    Kind.MODEL: check_model,
}


def check_component(spec: Spec, options: Mapping[str, Any] | None = None) -> Report:
    """Test a component of any kind.

    Args:
        spec: its spec.
        options: its options, where its kind has some (models and converters have none); by default
            the example that its configuration class gives, else the defaults.
    """
    arguments = {} if options is None else {"options": options}
    return _CHECKS[spec.kind](spec, **arguments)
