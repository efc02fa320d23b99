"""What the kit found: one `Finding` per check, collected in a `Report`."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class NotApplicable(Exception):
    """Raised by a check that cannot judge this component; the message says why."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        name: the check's name, one word.
        ok: True where the contract is kept, False where not, None where it was not tested.
        message: what is wrong, what the contract asks and where that is written; or why the check
            was left out; empty where all is well.
    """

    name: str
    ok: bool | None
    message: str = ""


@dataclass(frozen=True)
class Report:
    """All findings about one component (or about one plugin module).

    Attributes:
        kind: the component's kind, or `"plugin"`.
        name: its name.
        findings: one per check, in the order of the checks.
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
        """Return the finding of the check `name`.

        Raises:
            KeyError: where there was no such check.
        """
        return {finding.name: finding for finding in self.findings}[name]

    def raise_on_failure(self) -> None:
        """Do nothing where the contract is kept.

        Raises:
            AssertionError: listing what is broken, one line per check.
        """
        if not self.ok:
            lines = [f"  {finding.name}: {finding.message}" for finding in self.failures]
            head = f"{self.kind} {self.name!r} breaks its contract:"
            raise AssertionError("\n".join([head, *lines]))


@dataclass(frozen=True)
class Check(Generic[T_contra]):
    """One question to a component.

    Attributes:
        name: one word.
        asks: what the contract asks, as a sentence.
        where: where that is written: the dotted name of something with a docstring.
        problem: returns what is wrong, or None. May raise `NotApplicable`; any other exception
            counts as wrong.
    """

    name: str
    asks: str
    where: str
    problem: Callable[[T_contra], str | None]

    def run(self, case: T_contra) -> Finding:
        """Ask; random states are as before afterwards."""
        try:
            with unchanged_randomness():
                problem = self.problem(case)
        except NotApplicable as reason:
            return Finding(self.name, None, str(reason))
        except Exception as error:  # others' code: anything can come
            problem = f"it raised {describe(error)}"
        if problem is None:
            return Finding(self.name, True)
        return Finding(self.name, False, f"{problem}. The contract: {self.asks} ({self.where})")


def check(name: str, *, asks: str, where: str) -> Callable[[Callable[[T], str | None]], Check[T]]:
    """Make a `Check` of a function that returns what is wrong, or None."""

    def make(problem: Callable[[T], str | None]) -> Check[T]:
        return Check(name, asks, where, problem)

    return make


def ask(checks: Sequence[Check[T]], case: T, skip: Mapping[str, str]) -> list[Finding]:
    """Run the checks but those that `skip` gives a reason for."""
    return [
        Finding(one.name, None, skip[one.name]) if one.name in skip else one.run(case)
        for one in checks
    ]


def describe(error: BaseException) -> str:
    """Return an exception's type and the first line of its message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__


@contextmanager
def unchanged_randomness() -> Iterator[None]:
    """Seed Python's, numpy's and torch's global generators, and put them back afterwards."""
    python, arrays = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            reseed(0)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)


def reseed(seed: int) -> None:
    """Seed Python's, numpy's and torch's global generators."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@contextmanager
def offline() -> Iterator[None]:
    """Keep `posegen.core.PretrainedFile` from downloading anything."""
    before = os.environ.get("POSEGEN_OFFLINE")
    os.environ["POSEGEN_OFFLINE"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["POSEGEN_OFFLINE"]
        else:
            os.environ["POSEGEN_OFFLINE"] = before
