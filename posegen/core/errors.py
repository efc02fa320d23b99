"""The errors that people see.

Each message is one sentence that names the file and row, or the option, and the fix. The command
line prints it without a traceback (unless `--debug`) and ends with the class's exit code:

    PosegenError                1  a failure
    ├── TrainingError           1  a run that went wrong (a loss that is not a number, …)
    └── UserError               2  the user's mistake
        ├── ConfigError         2  an option, a configuration key, a value
        ├── DataError           2  a data file and its row
        ├── PluginError         2  a component or a plugin package
        └── WeightsError        2  a file of weights: missing, damaged, or of another network
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PosegenError(Exception):
    """Base of all errors raised on purpose; a failure that is not the user's mistake."""

    exit_code = 1


class TrainingError(PosegenError):
    """A run that cannot go on, such as a loss that is not finite."""


class UserError(PosegenError):
    """Something that the user can mend: an option, a file, an installed package."""

    exit_code = 2


class ConfigError(UserError):
    """A wrong option, configuration key or value."""


class DataError(UserError):
    """A wrong data file; the message names the file and the row."""


class PluginError(UserError):
    """A component that is unknown, ambiguous, broken or of another contract version."""


class WeightsError(UserError):
    """A weights file that is missing, damaged, or made for another network."""


def suggest(word: str, known: Iterable[str], *, none: str = "there are none.") -> str:
    """Return the tail of a "not known" sentence, after its semicolon: the nearest names, and all.

    Args:
        word: what was given.
        known: the names that there are.
        none: the tail where there are no names.

    >>> suggest("ssmi", ["ssim", "lpips"])
    "did you mean 'ssim'? Known: lpips, ssim."
    >>> suggest("x", ["ssim", "lpips"])
    'known: lpips, ssim.'
    """
    names = sorted(str(name) for name in known)
    if not names:
        return none
    listed = ", ".join(names)
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if not near:
        return f"known: {listed}."
    return f"did you mean {' or '.join(repr(name) for name in near)}? Known: {listed}."
