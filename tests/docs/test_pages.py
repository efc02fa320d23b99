"""Links, file names, commands, configuration keys and Python code in the documentation exist."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from posegen.cli.main import app
from posegen.config import experiment, parse_override, preset
from posegen.core import Kind, PosegenError
from posegen.plugins import component_config, registry

Blocks = Callable[[str], list[Any]]


def slug(heading: str) -> str:
    """A heading's anchor, as Python-Markdown makes it."""
    plain = re.sub(r"[^\w\s-]", "", re.sub(r"[`*]", "", heading)).strip().lower()
    return re.sub(r"[-\s]+", "-", plain)


def test_links_lead_somewhere(pages: dict[str, str], root: Path) -> None:
    for page, text in pages.items():
        prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)  # not the code
        for link in re.findall(r"\]\(([^)\s]+)\)", prose):
            if link.startswith(("http://", "https://")):
                continue
            file, _, anchor = link.partition("#")
            target = (root / page).parent / file if file else root / page
            assert target.is_file(), f"{page}: {link}"
            if not anchor:  # a picture, perhaps
                continue
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings), f"{page}: {link}"


def test_every_page_is_in_the_navigation(pages: dict[str, str], root: Path) -> None:
    navigation = (root / "mkdocs.yml").read_text().partition("nav:")[2]
    listed = set(re.findall(r"[\w-]+\.md", navigation))
    assert listed == {Path(page).name for page in pages if page.startswith("docs/")}


def test_named_files_exist(pages: dict[str, str], root: Path) -> None:
    for page, text in pages.items():
        for name in re.findall(r"`((?:posegen|plugins|tests|docs)/[\w./-]+)`", text):
            assert (root / name).exists(), f"{page}: {name}"


def test_no_page_asks_another_server(root: Path) -> None:
    text = (root / "mkdocs.yml").read_text()
    assert "font: false" in text
    assert "http" not in text


def command_lines(pages: dict[str, str], blocks: Blocks) -> Iterator[tuple[str, list[str]]]:
    """Every line of a shell block that calls posegen, from its first argument on."""
    for page, text in pages.items():
        for block in blocks(text):
            if block.language not in ("sh", "bash", "console"):
                continue
            for line in block.code.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if "-m" in words and "posegen" in words:
                    yield page, words[words.index("posegen") + 1 :]
                    continue
                while words and "=" in words[0]:
                    words.pop(0)  # VARIABLE=value
                if words and words[0] == "posegen":
                    yield page, words[1:]


def test_commands_and_options_exist(pages: dict[str, str], blocks: Blocks) -> None:
    seen = 0
    for page, words in command_lines(pages, blocks):
        command: Any = typer.main.get_command(app)
        takes_value = {}
        line = " ".join(words)
        while words:
            word = words.pop(0)
            for parameter in command.params:
                for name in [*parameter.opts, *parameter.secondary_opts]:
                    takes_value[name] = not getattr(parameter, "is_flag", True)
            if command.context_settings.get("ignore_unknown_options") and word not in takes_value:
                continue  # `bench` passes it on
            if word.startswith("-"):
                assert word in takes_value, f"{page}: {word} in: posegen {line}"
                if takes_value[word]:
                    assert words, f"{page}: {word} has no value in: posegen {line}"
                    words.pop(0)
            elif word in getattr(command, "commands", {}):
                command = command.commands[word]
            else:
                assert not hasattr(command, "commands"), f"{page}: no command: posegen {line}"
        seen += 1
    assert seen > 30


def test_every_command_is_documented(pages: dict[str, str], blocks: Blocks) -> None:
    used = {" ".join(words[:2]) for _, words in command_lines(pages, blocks)}
    command: Any = typer.main.get_command(app)
    for name, inner in command.commands.items():
        for sub in getattr(inner, "commands", [""]):
            assert any(line.startswith(f"{name} {sub}".strip()) for line in used), (name, sub)


def overrides(pages: dict[str, str]) -> Iterator[tuple[str, str]]:
    for page, text in pages.items():
        if page.endswith("writing-a-plugin.md"):
            continue  # about names that are not installed; the guide's own test runs them
        for found in re.findall(r"--set '?([\w.-]+=(?:\[[^\]]*\]|[^\s`']+))", text):
            if found != "KEY=VALUE":
                yield page, found


def valid(text: str) -> bool:
    """Whether `--set text` means something: in a preset, or as a metric's option."""
    tree = parse_override(text)
    name = next(iter(tree))
    if name == "detector":
        return any(takes(detector, tree[name]) for detector in registry().names(Kind.DETECTOR))
    if name in registry().names(Kind.METRIC):
        component_config(registry(), Kind.METRIC, name, tree[name], name)
        return True
    presets = [("patn", "demo"), ("patn", "market1501"), ("patn", "deepfashion")]
    for model, chosen in (*presets, ("flow", "deepfashion"), ("patn-masked", "people")):
        base = [preset(model, chosen)]
        if chosen not in ("demo", "people"):
            base.append({"data": {"root": "x"}})
        for more in ([], ["losses.perceptual.name=vgg19"]):
            try:
                experiment(*base, overrides=[*more, text])
            except PosegenError:
                continue
            return True
    return False


def takes(detector: str, options: dict[str, Any]) -> bool:
    try:
        component_config(registry(), Kind.DETECTOR, detector, options, "detector")
    except PosegenError:
        return False
    return True


def test_overrides_are_valid(pages: dict[str, str]) -> None:
    found = list(overrides(pages))
    for page, text in found:
        assert valid(text), f"{page}: --set {text}"
    assert len(found) > 25


def test_code_blocks_are_well_formed(pages: dict[str, str], blocks: Blocks) -> None:
    for page, text in pages.items():
        for block in blocks(text):
            if block.language == "json":
                json.loads(block.code)
            elif block.language == "toml":
                tomllib.loads(block.code)
            elif block.language == "python":
                check_python(page, block.code)


def check_python(page: str, code: str) -> None:
    """Parse it; what it takes from posegen must be there."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "posegen":
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                assert hasattr(module, alias.name), f"{page}: {node.module}.{alias.name}"
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "posegen"
        ):
            assert hasattr(importlib.import_module("posegen"), node.attr), f"{page}: {node.attr}"


def test_the_pose_file_of_first_steps_is_read(
    pages: dict[str, str], blocks: Blocks, tmp_path: Path
) -> None:
    from posegen.inference.pose_files import read_pose

    found = [b.code for b in blocks(pages["docs/first-steps.md"]) if b.language == "json"]
    (tmp_path / "pose.json").write_text(found[0])
    pose = read_pose(tmp_path / "pose.json", "openpose18")
    assert pose.size == (128, 64)
    assert pose.keypoints.shape == (18, 3)


def test_the_annotation_of_the_data_page_is_read(
    pages: dict[str, str], blocks: Blocks, tmp_path: Path
) -> None:
    from posegen.data.problems import Problems
    from posegen.data.tables import read_annotations

    found = [b.code for b in blocks(pages["docs/data.md"]) if b.code.startswith("name:")]
    (tmp_path / "a.csv").write_text(found[0])
    names, keypoints = read_annotations(tmp_path / "a.csv", (128, 64), 0, Problems(False))
    assert len(names) == 1
    assert keypoints[0, 16].tolist() == [0, 0, 0]


@pytest.mark.parametrize("word", ["patn", "people", "ssim"])
def test_pages_do_not_name_this_machine(pages: dict[str, str], root: Path, word: str) -> None:
    for page, text in pages.items():
        assert str(root) not in text, page
    assert any(word in text for text in pages.values())
