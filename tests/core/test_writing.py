"""Files are written whole or not at all, and what a kill leaves is gone after the next write."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image

from posegen.core import writing
from posegen.core.writing import (
    PART,
    check_writable,
    new_folder,
    replacing,
    save_picture,
    workplace,
    write_atomically,
    write_text,
)

AT_WORK = """
import sys, time
from pathlib import Path
from posegen.core.writing import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_cleared", set())


def at_work(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", AT_WORK, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_is_cleared_and_what_is_at_work_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    process = at_work(tmp_path / "a.txt")
    write_text(tmp_path / "b.txt", "new")
    assert len(names(tmp_path)) == 3  # the process is still at work
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    assert len(names(tmp_path)) == 3
    writing._cleared.clear()
    write_text(tmp_path / "b.txt", "newer")
    assert names(tmp_path) == ["a.txt", "b.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_only_what_is_ours_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".mine.tmp").touch()
    (tmp_path / f"mine{PART}").mkdir()
    write_text(tmp_path / "a", "text")
    assert names(tmp_path) == [".mine.tmp", "a", f"mine{PART}"]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "old")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a") as temporary:
        temporary.write_text(str(1 / 0))
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_folders_are_made_and_links_stay(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new" / "file", b"1")
    (tmp_path / "link").symlink_to("new/file")
    write_atomically(tmp_path / "link", b"2")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "new" / "file").read_bytes() == b"2"


def test_files_have_the_permissions_of_new_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save_picture(tmp_path / "a.png", Image.new("RGB", (2, 2)))
    finally:
        os.umask(before)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o640


def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(OSError, match="no file"):
            write_text(path, "text")
        with pytest.raises(OSError, match="no file"):
            check_writable(path)


def test_names_that_are_long_in_bytes_are_written(tmp_path: Path) -> None:
    write_text(tmp_path / f"{'ö' * 125}.txt", "text")
    assert len(names(tmp_path)) == 1


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "a") as made:
        (made / "file").write_text(str(1 / 0))
    assert names(tmp_path) == []
    (tmp_path / "a").mkdir()  # an empty one is no obstacle
    with new_folder(tmp_path / "a") as made:
        (made / "file").touch()
        assert names(tmp_path / "a") == []
    assert names(tmp_path / "a") == ["file"]


def test_errors_of_the_disk_name_the_file_and_not_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(tmp_path / "a", b"1")
    assert caught.value.filename == str(tmp_path / "a")
    with (
        pytest.raises(OSError, match="No space left") as caught,
        replacing(tmp_path / "a"),
    ):
        raise RuntimeError("I/O error: No space left on device (os error 28)")  # as safetensors
    assert (caught.value.filename, caught.value.errno) == (str(tmp_path / "a"), 28)


def test_what_cannot_be_written_is_found_before(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check_writable(tmp_path / "file")
    check_writable(tmp_path / "new" / "deep" / "file")
    check_writable(tmp_path / "new", folder=True)
    with pytest.raises(OSError, match="not a folder"):
        check_writable(tmp_path / "file", folder=True)
    for path in (tmp_path / "file" / "below", tmp_path, Path("/proc/new/file")):
        with pytest.raises(OSError, match=r"Not a directory|is a folder|No such file"):
            check_writable(path)
    assert names(tmp_path) == ["file"]
    with workplace(tmp_path / "a") as place:
        assert place.is_dir()


def test_a_work_folder_that_another_clears_before_it_is_held_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, lost = writing._hold, []

    def clearing(place: Path, wait: bool = False) -> int | None:
        if wait and not lost:  # the other has it, and is about to delete it
            lost.append(place)
            held = hold(place)
            assert held is not None
            threading.Timer(0.1, lambda: (shutil.rmtree(place), os.close(held))).start()
        return hold(place, wait)

    monkeypatch.setattr(writing, "_hold", clearing)
    write_text(tmp_path / "file", "text")
    assert (tmp_path / "file").read_text() == "text"
    assert len(lost) == 1
    assert not lost[0].exists()
    assert os.listdir(tmp_path) == ["file"]
