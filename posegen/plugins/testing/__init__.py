"""The conformance kit: does a component keep its contract? For plugins' own tests.

A contract is a table of promises. `check` asks a component of any kind for each of its kind's, on
made-up data; `check_plugin` asks the module that makes a package a plugin. Both return a `Report`:

    from posegen.plugins.testing import check, check_plugin

    def test_the_plugin_is_found():
        check_plugin("posegen_unet.plugin").raise_on_failure()

    def test_the_generator_keeps_its_contract():
        check("unet").raise_on_failure()

`posegen plugins check` asks the same of an installed package. Nothing is downloaded: a component
that lacks a file of weights is not tested further, and the report says so.
"""

# Importing it enters its promises into the table; `checks` imports all other kinds.
from posegen.plugins.testing import generators as generators
from posegen.plugins.testing.checks import check, check_package, check_plugin
from posegen.plugins.testing.inputs import small_parts
from posegen.plugins.testing.person import standing, turned
from posegen.plugins.testing.promises import Finding, Report

__all__ = [
    "Finding",
    "Report",
    "check",
    "check_package",
    "check_plugin",
    "small_parts",
    "standing",
    "turned",
]
