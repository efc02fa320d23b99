"""The two lists of what the core exports are one."""

from __future__ import annotations

import ast
from pathlib import Path

import posegen.core


def listed_in(file: str) -> dict[str, list[str]]:
    modules: dict[str, list[str]] = {}
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.col_offset:
            modules.setdefault(node.module, []).extend(alias.name for alias in node.names)
    return modules


def test_the_list_for_type_checkers_is_the_one_that_runs() -> None:
    listed = {module: tuple(names) for module, names in listed_in(posegen.core.__file__).items()}
    assert listed == posegen.core._EXPORTS
    for names in listed.values():
        for name in names:
            assert getattr(posegen.core, name) is not None
