"""The benchmarks compare equals, and `posegen bench` shows what they find."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import step
import torch
from measure import in_turn, resident_mib
from on_device import parts_of_step
from plain.step import PlainStep
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from posegen.cli import bench
from posegen.cli.main import app
from posegen.core import Config, Noise


@pytest.mark.parametrize("preset", ["market1501", "deepfashion"])
def test_both_sides_of_the_step_are_the_same_networks(preset: str) -> None:
    plain, ours = step.both(preset, ngf=4, batch=2)
    batch = step.random_batch(preset, 2)
    pairs = {"netG": "generator", "netD_PP": "appearance", "netD_PB": "shape"}
    for published, name in pairs.items():
        theirs, mine = plain.networks[published], ours.method.networks[name]
        assert sum(p.numel() for p in theirs.parameters()) == sum(
            p.numel() for p in mine.parameters()
        )
    with torch.no_grad():
        generator = plain.networks["netG"].eval()
        wanted = generator(batch.source, batch.source_pose, batch.target_pose)
        with ours.evaluation() as networks:
            made = ours.method.sample(networks, batch, Noise(0, []), Config()).image
        seen = plain.networks["netD_PB"].eval()(torch.cat([wanted, batch.target_pose], dim=1))
        scores = ours.method.networks["shape"].eval()(wanted, target_pose=batch.target_pose)
    torch.testing.assert_close(made, wanted, atol=1e-5, rtol=0)
    scores = scores.sigmoid() if preset == "market1501" else scores
    torch.testing.assert_close(scores, seen, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("preset", ["market1501", "deepfashion"])
def test_the_operations_of_a_step_are_as_counted(preset: str) -> None:
    plain = PlainStep(step.OPTIONS[preset], 16)
    batch = step.random_batch(preset, 1)
    with FlopCounterMode(display=False) as counter:
        plain(batch.source, batch.target, batch.source_pose, batch.target_pose)
    # Gradients of the images that come in are not computed, but belong to the formula.
    assert counter.get_total_flops() == pytest.approx(parts_of_step(preset, 16)[4], rel=0.1)


def test_sides_take_turns_after_a_warm_up() -> None:
    calls: list[str] = []
    found = in_turn(lambda: calls.append("ours"), lambda: calls.append("plain"), rounds=2)
    assert calls == ["ours", "plain"] * 3
    assert set(found) == {"ours_s", "plain_s", "ratio", "spread", "cpu_ratio"}


def test_peak_memory_is_at_least_what_is_there_now() -> None:
    before = resident_mib()
    kept = torch.ones(64 << 20)  # 256 MiB; other tests' memory may go in the meantime
    assert resident_mib() - before > 128
    assert resident_mib(peak=True) >= resident_mib()
    del kept


def script(folder: Path, text: str) -> None:
    (folder / "step.py").write_text(text)


def test_the_command_shows_and_writes_the_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "folder", lambda: tmp_path)
    script(
        tmp_path,
        "import json, sys\n"
        "case = {'name': sys.argv[2], 'ours_s': 1.5, 'ratio': 0.625}\n"
        "print(json.dumps({'benchmark': 'step', 'threads': 2, 'cases': [case]}))\n",
    )
    file = tmp_path / "result.json"
    command = ["bench", "step", "--json", str(file), "--preset", "small"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "small" in done.output
    assert "0.625" in done.output
    assert json.loads(file.read_text())["cases"][0]["name"] == "small"


def test_a_failing_benchmark_fails_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "folder", lambda: tmp_path)
    script(tmp_path, "raise SystemExit(3)\n")
    assert CliRunner().invoke(app, ["bench", "step"]).exit_code == 3


def test_every_benchmark_is_there() -> None:
    for name in bench.SCRIPTS.values():
        assert (bench.folder() / name).is_file(), name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "small"),
    [
        ("step", "--preset market1501 --ngf 4 --batch 2"),
        ("generate", "--preset deepfashion --ngf 4 --poses 2"),
        ("data", "--images 8"),
        ("eval", "--pairs 8 --memory 40 --share 2"),
        ("startup", ""),
    ],
)
def test_each_benchmark_compares_both_sides(name: str, small: str, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    command = ["bench", name, "--json", str(file), "--rounds", "1", *small.split()]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    result = json.loads(file.read_text())
    assert result["benchmark"] == name
    for case in result["cases"]:
        kinds = {key.partition("_")[0] for key in case if key.endswith(("_s", "_bytes"))}
        assert kinds == {"ours", "plain"}, case
        assert case["ratio"] > 0
