"""The table of what the contracts promise: kind -> promises, each with the function that tests it.

A promise is a function. Its name is the promise's (`two_steps` is `two-steps`), its docstring the
sentence that a plugin's author reads where it is broken.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from posegen.core import Kind

Test = TypeVar("Test", bound=Callable[[Any], None])


@dataclass(frozen=True)
class Finding:
    """Whether one promise is kept.

    Attributes:
        name: the promise's name, one word.
        ok: True where it is kept, False where not, None where it was not tested.
        message: what is wrong, what the contract asks and where that is written; or why it was not
            tested; empty where all is well.
    """

    name: str
    ok: bool | None
    message: str = ""


@dataclass(frozen=True)
class Report:
    """All findings about one component (or one plugin module), in the order of the tests.

    Attributes:
        kind: the component's kind, or `"plugin"`.
        name: its name.
        findings: one per promise.
    """

    kind: str
    name: str
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> list[Finding]:
        """The findings of what is broken."""
        return [finding for finding in self.findings if finding.ok is False]

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return not self.failures

    def __getitem__(self, name: str) -> Finding:
        """Return the finding of a promise; KeyError where that was not asked."""
        return {finding.name: finding for finding in self.findings}[name]

    def raise_on_failure(self) -> None:
        """Raise an AssertionError that lists what is broken, one line per promise, if anything."""
        if not self.ok:
            lines = [f"  {finding.name}: {finding.message}" for finding in self.failures]
            head = f"{self.kind} {self.name!r} breaks its contract:"
            raise AssertionError("\n".join([head, *lines]))


class Broken(Exception):
    """Raised where a promise is broken; the message says what is wrong."""


class NotApplicable(Exception):
    """Raised where a promise cannot be tested; the message says why."""


def require(kept: object, problem: str) -> None:
    """Raise `Broken` with the problem where `kept` is not true."""
    if not kept:
        raise Broken(problem)


def describe(error: BaseException) -> str:
    """Return an exception's type and the first line of its message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__


def reseed(seed: int) -> None:
    """Seed Python's, numpy's and torch's global generators."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@contextmanager
def _seeded() -> Iterator[None]:
    """Seed the global generators, and put them back afterwards."""
    python, arrays = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            reseed(0)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)


@dataclass(frozen=True)
class Promise:
    """One thing that a contract asks.

    Attributes:
        name: one word.
        asks: what the contract asks, as a sentence.
        where: where that is written: the dotted name of something with a docstring.
        test: raises `Broken` with what is wrong, or `NotApplicable`; any other exception counts as
            broken, too.
        gate: whether nothing more can be asked where it is not kept.
    """

    name: str
    asks: str
    where: str
    test: Callable[[Any], None]
    gate: bool = False

    def find(self, case: Any) -> Finding:
        """Test a case."""
        try:
            with _seeded():
                self.test(case)
        except NotApplicable as reason:
            return Finding(self.name, None, str(reason))
        except Broken as broken:
            problem = str(broken)
        except Exception as error:  # others' code: anything can come
            problem = f"it raised {describe(error)}"
        else:
            return Finding(self.name, True)
        return Finding(self.name, False, f"{problem}. The contract: {self.asks} ({self.where})")


#: Kind of component, or `"plugin"` -> its promises in the order in which they are tested.
PROMISES: dict[str, list[Promise]] = defaultdict(list)

#: kind -> the abstract class in `posegen.core` that a component of it subclasses.
CONTRACT_CLASSES: dict[str, str] = {str(kind): kind.capitalize() for kind in Kind} | {
    Kind.ENCODER: "PoseEncoder",
    Kind.DATASET: "PairDataset",
    Kind.DETECTOR: "PoseDetector",
    Kind.CONVERTER: "WeightsConverter",
}


def promise(*kinds: str, where: str = "", gate: bool = False) -> Callable[[Test], Test]:
    """Enter a function into the table.

    Args:
        kinds: whose promise it is.
        where: name in `posegen.core` of what says so; by default the kinds' own classes.
        gate: see `Promise`.
    """

    def enter(test: Test) -> Test:
        name = test.__name__.strip("_").replace("_", "-")
        asks = " ".join(str(test.__doc__).split()).rstrip(".")
        asks = asks[0].lower() + asks[1:]
        for kind in kinds:
            source = f"posegen.core.{where or CONTRACT_CLASSES[kind]}"
            PROMISES[kind].append(Promise(name, asks, source, test, gate))
        return test

    return enter


def ask(
    promises: Collection[Promise], case: Any, skip: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """Test a case's promises, gates first, but for those that `skip` gives a reason for.

    Raises:
        ValueError: where `skip` names no promise, or one that the others need.
    """
    skip = skip or {}
    unknown = skip.keys() - {one.name for one in promises if not one.gate}
    if unknown:
        raise ValueError(f"skip: no check {min(unknown)!r} can be left out")
    for one in sorted(promises, key=lambda promise: not promise.gate):
        skipped = one.name in skip
        finding = Finding(one.name, None, skip[one.name]) if skipped else one.find(case)
        yield finding
        if one.gate and not finding.ok:
            return
