"""What this package brings. posegen imports this module at every start, so: no torch here."""

from __future__ import annotations

from posegen.core import DatasetSpec, hookimpl


@hookimpl
def posegen_datasets() -> list[DatasetSpec]:
    """Return the spec of the data set."""
    return [
        DatasetSpec(
            name="people",
            summary="The embedded people: dressed 3-D bodies, rendered on the fly; no download.",
            target="posegen_people.dataset:PeopleDataset",
            config="posegen_people.config:PeopleConfig",
            contract=2,
            licence="Apache-2.0",
        )
    ]
