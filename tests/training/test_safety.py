"""What a run survives: another run, damaged checkpoints, other options on resuming."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from posegen.config import ExperimentConfig
from posegen.core.errors import ConfigError, WeightsError
from posegen.core.files import held
from posegen.training import Run, train
from posegen.training import run as run_module
from posegen.training.checkpoint import complete, read_state
from posegen.training.display import Silent

Tiny = Callable[..., ExperimentConfig]


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def trained(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with checkpoints of steps 4 and 6."""
    run, _ = train(tiny(), tmp_path_factory.mktemp("runs") / "run")
    assert [path.name for path in complete(run.checkpoints)] == ["step-00000004", "step-00000006"]
    return run.path


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_two_runs_of_one_second_have_folders_of_their_own(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped:
        @staticmethod
        def now() -> object:
            return type("Time", (), {"strftime": staticmethod(lambda form: "now")})

    monkeypatch.setattr(run_module, "datetime", Stopped)
    made = [run_module.default_path(tiny(), tmp_path) for _ in range(3)]
    assert [path.name for path in made] == [f"patn-demo-now{end}" for end in ("", "-2", "-3")]


def test_a_run_that_is_at_work_is_left_alone(tiny: Tiny, run: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from posegen.core.files import held\n"
        "with held(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(run)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        before = sorted(run.rglob("*"))
        with pytest.raises(ConfigError, match=rf"run: process {other.pid} on .* is at work there"):
            train(tiny("training.steps=8"), run, resume=True)
        assert sorted(run.rglob("*")) == before
        other.kill()
    _, outcome = train(tiny("training.steps=7"), run, resume=True)  # a kill lets go of it
    assert outcome.step == 7
    assert not (run / ".holder").exists()


def test_a_run_that_began_meanwhile_is_not_written_into(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from posegen.training import api

    class Slow(api.Trainer):
        def __init__(self, run: Run, *given: object) -> None:
            super().__init__(run, *given)  # type: ignore[arg-type]
            run.begin(tiny("seed=7"))  # as another process would

    monkeypatch.setattr(api, "Trainer", Slow)
    with pytest.raises(ConfigError, match="not an empty folder"):
        train(tiny(), tmp_path / "run")
    assert Run.open(tmp_path / "run").config().seed == 7


def test_the_lock_is_for_one_at_a_time(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(ConfigError, match="is at work there"), held(tmp_path):
        pass
    with held(tmp_path):
        pass


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) * 2 // 3] ^= 4
    file.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a flipped bit of a network": lambda p: flip(p / "network-generator.safetensors"),
    "a flipped bit of an optimiser": lambda p: flip(p / "optimizer-generator.safetensors"),
    "an empty optimiser": lambda p: (p / "optimizer-generator.safetensors").write_bytes(b""),
    "a file that is gone": lambda p: (p / "network-generator.safetensors").unlink(),
    "a state that is no JSON": lambda p: (p / "state.json").write_text("{"),
    "a state that is a list": lambda p: (p / "state.json").write_text("[]"),
    "a deep state": lambda p: (p / "state.json").write_text("[" * 99_999),
    "a state without keys": lambda p: (p / "state.json").write_text("{}"),
    "a step of its own": lambda p: (p / "state.json").write_text(
        (p / "state.json").read_text().replace('"step": 6', '"step": -5')
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_put_aside_for_the_older_one(
    run: Path, tiny: Tiny, damage: Callable[[Path], object]
) -> None:
    damage(run / "checkpoints" / "step-00000006")
    notes = Notes()
    _, outcome = train(tiny(), run, resume=True, display=lambda step, total: notes)
    assert outcome.step == 6
    assert "Put aside as damaged-step-00000006; going on from step-00000004." in notes.lines[0]
    assert (run / "checkpoints" / "damaged-step-00000006").is_dir()
    assert read_state(run / "checkpoints" / "step-00000006")["step"] == 6


def test_without_a_sound_checkpoint_it_is_an_error(run: Path, tiny: Tiny) -> None:
    for path in complete(run / "checkpoints"):
        flip(path / "network-generator.safetensors")
    with pytest.raises(WeightsError, match=r"generator\.safetensors: damaged.* no older"):
        train(tiny(), run, resume=True)


def test_a_checkpoint_that_was_half_deleted_is_written_again(run: Path, tiny: Tiny) -> None:
    (run / "checkpoints" / "step-00000006" / "state.json").unlink()
    train(tiny(), run, resume=True)
    assert read_state(run / "checkpoints" / "step-00000006")["step"] == 6


def test_checkpoints_of_earlier_versions_are_read(run: Path, tiny: Tiny) -> None:
    file = run / "checkpoints" / "step-00000006" / "state.json"
    state = json.loads(file.read_text())
    del state["files"]
    file.write_text(json.dumps({**state, "schema": 2}))
    assert train(tiny("training.steps=7"), run, resume=True)[1].step == 7


@pytest.mark.parametrize(
    "changed", ["seed=9", "encoder.sigma=3.5", "data.identities=3", "data.seed=4"]
)
def test_resuming_does_not_make_another_run(run: Path, tiny: Tiny, changed: str) -> None:
    key = "encoder" if "encoder" in changed else changed.partition("=")[0]
    with pytest.raises(ConfigError, match=rf"{key} cannot be changed with --resume; .*--init"):
        train(tiny(changed), run, resume=True)
