"""What an entry of the catalogue `registry.toml` may say (docs/registry.md). Free of torch."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from posegen.core.specs import CONTRACTS, Kind


def _matching(text: str, pattern: str, what: str) -> str:
    if not re.fullmatch(pattern, text, re.ASCII):
        raise ValueError(f"{text!r} is not {what}")
    return text


def _like(pattern: str, what: str) -> AfterValidator:
    """Accept texts of a pattern."""
    return AfterValidator(lambda text: _matching(text, pattern, what))


def _requirement(text: str) -> str:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise ValueError(f"{text!r} is no requirement ({str(error).splitlines()[0]})") from None
    # pip runs the code of anything but a wheel, already to find out what it would install.
    if requirement.url:
        _matching(requirement.url, r"https://[^#?]+\.whl", "the https address of a wheel")
    return str(requirement)


def licence_expression(text: str) -> str:
    """Return an SPDX licence expression in its usual spelling.

    Raises:
        ValueError: where it is none.
    """
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        raise ValueError(
            f"{text!r} is no SPDX licence; for one that is not in their list, LicenseRef-NAME"
        ) from None


Name = Annotated[
    str, _like(r"[a-z0-9][a-z0-9._-]{0,99}", "lower-case letters, digits, '.', '_', '-'")
]
Licence = Annotated[str, AfterValidator(licence_expression)]
Web = Annotated[str, _like(r"https://[\w.-]+(?::\d+)?(?:/[!-~]*)?", "an https address")]
Digest = Annotated[str, _like(r"[0-9a-f]{64}", "a sha256: 64 lower-case digits")]
Line = Annotated[str, _like(r"[^\x00-\x1f\x7f-\x9f]*", "one line of plain text")]


class Entry(BaseModel):
    """Keys that this version does not know are ignored, so that newer files can be read."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    name: Name


class PluginEntry(Entry):
    """A plugin package."""

    summary: Line = Field(description="one line")
    requirement: Annotated[str, AfterValidator(_requirement)] = Field(
        description="what pip installs (PEP 508)"
    )
    contract: int = Field(
        ge=1, description="highest contract version that its components were written for"
    )
    licence: Licence = Field(description="SPDX expression of the code")
    homepage: Web | None = Field(default=None, description="where it is developed")
    components: dict[Kind, tuple[Name, ...]] = Field(
        min_length=1, description="kind -> names of its components"
    )

    @model_validator(mode="after")
    def _same_package(self) -> PluginEntry:
        if canonicalize_name(Requirement(self.requirement).name) != canonicalize_name(self.name):
            raise ValueError(f"the requirement {self.requirement!r} is of another package")
        return self

    @property
    def kinds(self) -> list[Kind]:
        """The kinds of its components."""
        return list(self.components)

    @property
    def misfit(self) -> str:
        """Why it cannot work with this posegen; empty where it can."""
        kind = max(self.kinds, key=lambda kind: CONTRACTS[kind])
        ours = CONTRACTS[kind]
        if self.contract == ours:
            return ""
        fix = "upgrade posegen" if self.contract > ours else "a newer version of it is needed"
        return (
            f"written for version {self.contract} of the {kind} contract, and this posegen "
            f"speaks {ours}; {fix}"
        )


class CatalogueScore(BaseModel):
    """A published score, and how it was computed."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    protocol: Line = Field(description="protocol with its variant, as `--protocol` takes it")
    column: Line = Field(description="the protocol's column, such as ssim")
    value: float = Field(allow_inf_nan=False)
    data: Line = Field(default="", description="data set and split; that of training where empty")
    interval: tuple[float, float] | None = Field(
        default=None, description="its 95 % confidence interval"
    )
    count: int | None = Field(default=None, ge=1, description="how many images it is over")


class WeightsEntry(Entry):
    """Shared weights: what they are, and the one place where they are."""

    model: Name = Field(description="recipe that they were trained with")
    preset: Line = ""
    summary: Line = ""
    url: Web | None = Field(default=None, description="a .tar or a .safetensors file")
    hub: str | None = Field(default=None, description="owner/name on the Hugging Face hub")
    revision: str | None = Field(default=None, description="the hub's commit: 40 digits")
    path: Line | None = Field(
        default=None, description="a .tar, .safetensors or folder, relative to the catalogue"
    )
    package: str | None = Field(
        default=None, description="an installed package that has a folder of the weights' name"
    )
    size: int = Field(ge=1, description="bytes of that file, or of the model.safetensors there")
    sha256: Digest = Field(description="digest of the same")
    licence: Licence = Field(description="SPDX expression of the weights")
    data: Line = Field(min_length=1, description="what they were trained on")
    seconds: int | None = Field(default=None, ge=1, description="seconds of training")
    default: bool = Field(
        default=False, description="whether they are taken where a user names none"
    )
    scores: tuple[CatalogueScore, ...] = ()

    @model_validator(mode="after")
    def _one_place(self) -> WeightsEntry:
        places = (self.url, self.hub, self.path, self.package)
        if sum(place is not None for place in places) != 1:
            raise ValueError("give one of url, hub, path and package")
        if self.package is not None:
            _matching(self.package, r"[a-z0-9][a-z0-9._-]*", "the name of a package")
        if self.hub is not None:
            _matching(self.hub, r"[\w-][\w.-]*/[\w-][\w.-]*", "owner/name")
            _matching(self.revision or "", r"[0-9a-f]{40}", "a commit (40 digits) as revision")
        return self


class CatalogueFile(BaseModel):
    """What is in one file."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    schema_: Literal[1] = Field(alias="schema")
    plugin: tuple[PluginEntry, ...] = ()
    weights: tuple[WeightsEntry, ...] = ()
