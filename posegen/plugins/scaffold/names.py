"""From what a user types to names that Python, pip and posegen accept."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from posegen import core
from posegen.core.errors import ConfigError
from posegen.core.specs import Kind

#: Longest name of a component (`posegen.core.Spec`).
LONGEST = 64
PREFIX = "posegen-"


@dataclass(frozen=True)
class Names:
    """The names of a new package.

    Attributes:
        name: of the component: lower-case words with hyphens.
        distribution: what pip installs: `posegen-` and the name.
        package: what Python imports: the same with underscores.
        cls: the class: the words with capitals, the last one the kind.
    """

    name: str
    distribution: str
    package: str
    cls: str

    @classmethod
    def of(cls, text: str, kind: Kind) -> Names:
        """Make names of a text, such as "My Net" or "posegen-my-net".

        Raises:
            ConfigError: where nothing is left that can be a name, or too much.
        """
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        name = "-".join(re.findall(r"[a-z0-9]+", plain)).removeprefix(PREFIX)
        if not name:
            raise ConfigError(f"{text!r} has no letters or digits to make a name of.")
        if len(name) > LONGEST:
            raise ConfigError(f"{name!r} has {len(name)} letters, and a name at most {LONGEST}.")
        distribution = PREFIX + name
        words = name.split("-")
        words += [str(kind)] if words[-1] != kind else []
        title = "".join(word.capitalize() for word in words)
        # "pose" and encoder are the PoseEncoder that the new class is made from.
        if title in core.__all__ or title[0].isdigit():
            title = f"My{title}"
        return cls(name, distribution, distribution.replace("-", "_"), title)
