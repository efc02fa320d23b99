"""Protocols: how scores of published papers, and posegen's own, are computed.

Each is one TOML file in this folder. What they do to pictures is in
`posegen.evaluation.protocols.prepare`, which imports torch; this module does not.
"""

from posegen.evaluation.protocols.loading import (
    choose,
    definition,
    digest,
    fits,
    load,
    names,
    parse,
)
from posegen.evaluation.protocols.schema import (
    Column,
    Crop,
    Pad,
    Protocol,
    Resize,
    Step,
    Steps,
    Variant,
)

__all__ = [
    "Column",
    "Crop",
    "Pad",
    "Protocol",
    "Resize",
    "Step",
    "Steps",
    "Variant",
    "choose",
    "definition",
    "digest",
    "fits",
    "load",
    "names",
    "parse",
]
