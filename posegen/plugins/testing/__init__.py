"""The conformance kit: does a component keep its contract? For plugins' own tests.

One call per kind. Each takes the component's name among the installed plugins, or its spec, asks a
dozen or two small questions on made-up data, and returns a `Report`:

    from posegen.plugins.testing import check_generator, check_plugin

    def test_the_plugin_is_found():
        check_plugin("posegen_unet.plugin").raise_on_failure()

    def test_the_generator_keeps_its_contract():
        check_generator("unet").raise_on_failure()

`posegen plugins check` asks the same of an installed package. Nothing is downloaded: a component
that lacks a file of weights is not tested further, and the report says so.
"""

from posegen.plugins.testing.component import check_component
from posegen.plugins.testing.converter import check_converter
from posegen.plugins.testing.dataset import check_dataset
from posegen.plugins.testing.detector import check_detector
from posegen.plugins.testing.discriminator import check_discriminator
from posegen.plugins.testing.encoder import check_encoder
from posegen.plugins.testing.generator import check_generator
from posegen.plugins.testing.loss import check_loss
from posegen.plugins.testing.method import check_method, small_parts
from posegen.plugins.testing.metric import check_metric
from posegen.plugins.testing.model import check_model
from posegen.plugins.testing.package import check_package
from posegen.plugins.testing.plugin import check_plugin
from posegen.plugins.testing.report import Finding, Report

__all__ = [
    "Finding",
    "Report",
    "check_component",
    "check_converter",
    "check_dataset",
    "check_detector",
    "check_discriminator",
    "check_encoder",
    "check_generator",
    "check_loss",
    "check_method",
    "check_metric",
    "check_model",
    "check_package",
    "check_plugin",
    "small_parts",
]
