"""Runs commands on hostile inputs: each must end with a sentence, soon, and in little memory.

    python scripts/hostile.py FOLDER      a folder of damaged and malicious files, besides our own

Each command runs in a process of its own that was forked when everything was imported, so what is
measured is its work alone: at most 5 s of CPU and 1 GiB beyond the start, and neither a traceback
nor a control character in what it says.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

CPU_SECONDS, WALL_SECONDS, BYTES = 5.0, 120, 2**30

Case = tuple[Sequence[str], dict[str, str]]

#: Options that nobody should write, and environments that nobody should have.
WORDS: list[Case] = [
    (("config", "show", "--model", "patn", "--set", text), {})
    for text in (
        "losses=1", "losses=[]", "training.steps=" + "9" * 5000, "training.steps=1e999",
        "x" * 5000 + "=1", "a." * 3000 + "b=1", "training.steps=" + "[" * 3000, "=", "data=²",
        "training=[[1]]", "data.image_size=[128]", "seed=-1", "model.x=1",
    )
]  # fmt: skip
WORDS += [
    (("weights", "pull", "http://127.0.0.1:9/x.tar", "--max-size", size), {})
    for size in ("inf", "nan", "-1", "9" * 5000, "1e999", "")
]
WORDS += [
    (("weights", "list"), {"HOME": "", "TZ": "Mars/Olympus", "LC_ALL": "xx"}),
    (("weights", "list"), {"HOME": "/proc/nothing", "POSEGEN_CACHE": ""}),
    (("weights", "list"), {"POSEGEN_CACHE": "/dev/null"}),
    (("weights", "list"), {"POSEGEN_CACHE": "~nobody-here/x"}),
    (("weights", "pull", "hf:../..", "--name", "a"), {}),
    (("weights", "verify", "/dev/zero"), {}),
    (("weights", "info", "/dev/zero"), {}),
    (("report", "/dev/zero", "--out", "report.html"), {}),
    (("data", "check", "/dev/null"), {}),
    (("pose", "/dev/zero", "--out", "x.csv"), {}),
    (("plugins", "info", "\x1b[2J"), {}),
    (("eval", "people-limbs-128x64", "--protocol", "/dev/zero"), {}),
    (("train", "--config", "/dev/zero", "--out", "run"), {}),
    (("animate", "/dev/zero", "--motion", "walk", "--out", "x.gif"), {}),
]


def cases(folder: Path) -> Iterator[Case]:
    """Yield the commands for what is in a folder, by kind."""
    for path in sorted(folder.iterdir()):
        file, ending = str(path), path.suffix
        if path.is_dir():
            names = {entry.name for entry in path.iterdir()}
            if "model.safetensors" in names:
                yield ("weights", "verify", file), {}
                yield ("weights", "info", file), {}
                yield ("weights", "pull", file, "--name", "hostile"), {}
            elif {"scores.json", "scores.csv"} & names:
                yield ("report", file, "--out", "report.html"), {}
                yield ("compare", file, file), {}
            else:
                yield ("data", "check", file), {}
                yield ("data", "pack", file, "--cache", "packed"), {}
                yield ("data", "from-folder", file, "made"), {}
        elif ending in (".png", ".jpg"):
            yield ("pose", file, "--draw", "drawn"), {}
            yield ("generate", "--source", file, "--target-pose", file, "--out", "out"), {}
        elif ending == ".tar":
            yield ("weights", "verify", file), {}
            yield ("weights", "pull", file, "--name", "hostile"), {}
        elif ending in (".json", ".csv"):
            poses = ("--source-pose", file, "--target-pose", file)
            yield ("generate", "--source", "person.png", *poses, "--out", "out"), {}
            yield ("pose", "person.png", "--poses", file, "--draw", "drawn"), {}
        elif ending == ".toml":
            yield ("config", "show", "--model", "patn", "--config", file), {}
            yield ("eval", "people-limbs-128x64", "--protocol", file, "--limit", "1"), {}
            yield ("plugins", "search", "a"), {"POSEGEN_REGISTRY": file}


def run(words: Sequence[str], environment: dict[str, str], place: Path) -> tuple[str, str]:
    """Run a command in a process of its own; return its error output, and what is wrong with it."""
    output = place / "output"
    start = time.monotonic()
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    child = os.fork()
    if not child:
        _work(words, environment, output)
    status = 0
    while True:
        ended, status, used = os.wait4(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() - start > WALL_SECONDS:
            os.kill(child, signal.SIGKILL)
            _, status, used = os.wait4(child, 0)
            return output.read_text(errors="replace"), f"hangs after {WALL_SECONDS} s"
        time.sleep(0.01)
    said = output.read_text(errors="replace")
    seconds, more = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 - before
    wrong = [
        text
        for is_wrong, text in (
            (os.WIFSIGNALED(status), f"ended by signal {status}"),
            (seconds > CPU_SECONDS, f"{seconds:.1f} s"),
            (more > BYTES, f"{more / 2**30:.1f} GiB"),
            ("Traceback" in said or "--debug shows where" in said, "a raw error"),
            (any(ord(c) < 32 and c not in "\n\t" for c in said), "a control character"),
            (os.waitstatus_to_exitcode(status) not in (0, 1, 2), f"exit code {status >> 8}"),
        )
        if is_wrong
    ]
    return said, ", ".join(wrong)


def _work(words: Sequence[str], environment: dict[str, str], output: Path) -> None:
    from posegen.cli.main import run as command_line

    os.environ.update(environment)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(written, 1)
    os.dup2(written, 2)
    code: object = 1
    try:
        command_line(list(words))
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        os.write(2, f"Traceback: {error!r}".encode())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


def main() -> None:
    """Run all, and print what is wrong; exit code 1 where anything is."""
    given = [Path(text).resolve() for text in sys.argv[1:]]
    import torch
    from PIL import Image

    import posegen.inference.model
    import posegen.reports.page
    import posegen.training.api  # noqa: F401

    torch.set_num_threads(1)
    count = faults = 0
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        os.chdir(place)
        os.environ.update(POSEGEN_CACHE=str(place / "cache"), POSEGEN_OFFLINE="1")
        Image.new("RGB", (64, 128), (90, 120, 150)).save("person.png")
        for words, environment in [*WORDS, *(case for folder in given for case in cases(folder))]:
            said, wrong = run(words, environment, place)
            count, faults = count + 1, faults + bool(wrong)
            if wrong or os.environ.get("SHOW"):
                last = said.strip().splitlines()[-1:] or [""]
                print(f"{wrong or 'ok'}: posegen {' '.join(words)[:150]}: {last[0][:200]!a}")
    print(f"{count} commands, {faults} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
