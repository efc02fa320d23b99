"""posegen's conformance kit on the data set."""

from __future__ import annotations

from posegen_people.plugin import posegen_datasets

from posegen.plugins import testing


def test_the_plugin() -> None:
    testing.check_plugin("posegen_people.plugin").raise_on_failure()


def test_the_data_set_keeps_its_contract() -> None:
    (spec,) = posegen_datasets()
    testing.check(spec).raise_on_failure()
