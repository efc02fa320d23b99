"""How programs name the pictures that they leave in a folder. Free of torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from posegen.core.errors import ConfigError, suggest
from posegen.core.texts import one_form

#: What no file's name holds.
SEAM = "\0"


@dataclass(frozen=True)
class Panels:
    """Pictures of one size side by side in one file: how many, and which is which."""

    count: int
    source: int
    target: int
    generated: int


@dataclass(frozen=True)
class Layout:
    """How the files of a folder of results are named, and what is in them.

    Attributes:
        name: what users type.
        example: a file name that fits; A is the source and B the target.
        summary: what is in a file, and which programs write it.
        pattern: what a file's name without its extension must match in full, with the groups
            `target` and, where the name has it, `source`. Between the two is `SEAM`.
        between: what stands at the seam; "" for a pattern without one. Names may hold it as well
            (`A_2_B` where A is `01_2_side`), so a file's name may be read in several ways.
        panels: what else a file holds beside the generated picture; None for nothing.
        prefixes: what else a target's file name may begin with.
    """

    name: str
    example: str
    summary: str
    pattern: str
    between: str = ""
    panels: Panels | None = None
    prefixes: tuple[str, ...] = ()

    @property
    def names_source(self) -> bool:
        """Whether a file's name says what its source is."""
        return "source" in re.compile(self.pattern).groupindex

    def readings(self, stem: str) -> list[tuple[str, str]]:
        """Return the names of source ("" where there is none) and target, in each possible way.

        The shortest source comes first. No name is returned where the file's name does not fit.
        """
        stem = one_form(stem)
        texts = [stem]
        if seam := self.between:
            places = (match.start() for match in re.finditer(f"(?={re.escape(seam)})", stem))
            texts = [stem[:at] + SEAM + stem[at + len(seam) :] for at in places]
        matches = (re.fullmatch(self.pattern, text) for text in texts)
        groups = (match.groupdict() for match in matches if match is not None)
        return [(found.get("source") or "", found["target"]) for found in groups if found["target"]]


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            "patn-panels",
            "A.jpg___B.jpg_vis.png",
            "five pictures side by side: source, its pose, target, its pose, generated; PATN's "
            "test.py and its many descendants",
            r"(?P<source>.+)\0(?P<target>.+)_vis",
            "___",
            Panels(5, source=0, target=2, generated=4),
        ),
        Layout(
            "pose-gan-panels",
            "A.jpg_B.jpg.jpg",
            "three pictures side by side: source, target, generated; pose-gan's test.py "
            "(Deformable GAN)",
            r"(?P<source>.+\.(?:jpg|png))\0(?P<target>.+\.(?:jpg|png))",
            "_",
            Panels(3, source=0, target=1, generated=2),
        ),
        Layout(
            "pairs",
            "A___B.png",
            "one generated picture; `posegen eval --save`",
            r"(?P<source>.+)\0(?P<target>.+?)(?:_vis)?",
            "___",
        ),
        Layout(
            "gfla",
            "A_2_B_vis.jpg",
            "one generated picture; GFLA's test.py, DPTN, NTED",
            r"(?P<source>.+)\0(?P<target>.+)_vis",
            "_2_",
        ),
        Layout(
            "pidm",
            "A_2_B_vis.png",
            "as gfla; PIDM's metrics.py looks for the target under the name deepB.png",
            r"(?P<source>.+)\0(?P<target>.+)_vis",
            "_2_",
            prefixes=("deep",),
        ),
        Layout(
            "parallel",
            "B.png",
            "one generated picture, named like its target in the other folder",
            r"(?P<target>.+)",
        ),
    )
}


#: Characters of an expression.
_LONGEST = 1000


def find_layout(text: str) -> Layout:
    """Return the layout of a name, or the user's own: a regular expression.

    An expression is matched against a file's name without its extension, and has the named groups
    `(?P<target>…)` and, if the names hold it, `(?P<source>…)`; a file holds the generated picture.

    Raises:
        ConfigError: for an unknown name, or an expression that is malformed or has no target.
    """
    if text in LAYOUTS:
        return LAYOUTS[text]
    if "(" not in text:
        raise ConfigError(
            f"--layout {text}: no such layout; {suggest(text, LAYOUTS)} For other names give a "
            "regular expression with the groups (?P<source>…) and (?P<target>…)."
        )
    if len(text) > _LONGEST:
        raise ConfigError(
            f"--layout: an expression of more than {_LONGEST} characters; shorten it."
        )
    try:
        groups = set(re.compile(text).groupindex)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"--layout {text}: not a regular expression ({error}).") from None
    if "target" not in groups:
        raise ConfigError(
            f"--layout {text}: has no group (?P<target>…), which says what part of a file's name "
            "is the target's."
        )
    return Layout("own", text, "the user's regular expression", one_form(text))
