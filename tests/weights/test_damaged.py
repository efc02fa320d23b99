"""A folder of damaged and malicious weights: every one is refused in a sentence, and nothing stays.

Each kind is made from sound weights by one change. Safetensors and tar files are written here byte
by byte, because the libraries refuse to write most of this.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import posegen
from posegen.core import UserError, WeightsError
from posegen.core.pretrained import read_tensors
from posegen.weights.bundle import pack, unpack
from posegen.weights.pull import pull, request, verify

Header = dict[str, Any]

# --- safetensors files ---------------------------------------------------------------------------


def parts(folder: Path) -> tuple[Header, bytes]:
    """The header and the data of the folder's tensors."""
    content = (folder / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def write(folder: Path, header: Header | bytes, data: bytes, length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    start = struct.pack("<Q", len(text) if length is None else length)
    (folder / "model.safetensors").write_bytes(start + text + data)


def edited(change: Callable[[Header, Header], None]) -> Callable[[Path], None]:
    """A damage that edits the header; it is given the header, and the first tensor's entry."""

    def damage(folder: Path) -> None:
        header, data = parts(folder)
        change(header, header[first(header)])
        write(folder, header, data)

    return damage


def first(header: Header) -> str:
    tensors = {name: told for name, told in header.items() if name != "__metadata__"}
    return min(tensors, key=lambda name: tensors[name]["data_offsets"])


def twice(folder: Path) -> None:
    header, data = parts(folder)
    name = first(header)
    text = json.dumps(header)[:-1] + f", {json.dumps(name)}: {json.dumps(header[name])}}}"
    write(folder, text.encode(), data)


def raw(make: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        file = folder / "model.safetensors"
        file.write_bytes(make(file.read_bytes()))

    return damage


def huge_header(folder: Path) -> None:
    write(folder, b" " * (9 * 2**20), b"")


def lying_length(folder: Path) -> None:
    write(folder, b"{}", b"", length=2**63)


def deep(folder: Path) -> None:
    write(folder, b'{"a":' * 200_000, b"")


def many(folder: Path) -> None:
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    write(folder, {f"t{i}": entry for i in range(20_001)}, b"")


def metadata(folder: Path) -> None:
    header, data = parts(folder)
    tree = json.loads(header["__metadata__"]["posegen"])
    tree["model"] = "another"
    header["__metadata__"]["posegen"] = json.dumps(tree)
    write(folder, header, data)


def values(number: float) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        header, data = parts(folder)
        at = min(t["data_offsets"][0] for t in header.values() if t.get("dtype") == "F32")
        write(folder, header, data[:at] + struct.pack("<f", number) + data[at + 4 :])

    return damage


TENSORS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "empty": (raw(lambda b: b""), "header too small"),
    "cut in the header": (raw(lambda b: b[:100]), "invalid header length"),
    "cut in the data": (raw(lambda b: b[:-9]), "not fully covered"),
    "data after the end": (raw(lambda b: b + b"hidden"), "not fully covered"),
    "pickle": (raw(lambda b: b"\x80\x04\x95junk\x94."), "a header of"),
    "oversized header": (huge_header, "8,388,608"),
    "header longer than any file": (lying_length, "a header of 9,223"),
    "header nested without end": (deep, "recursion limit"),
    "header that is a list": (lambda f: write(f, b"[]", b""), "invalid JSON"),
    "header that is not UTF-8": (lambda f: write(f, b'{"\xff": 1}', b""), "invalid UTF-8"),
    "too many tensors": (many, "20,001 tensors"),
    "a tensor twice": (twice, "is there twice"),
    "metadata that are no texts": (
        edited(lambda h, t: h.update(__metadata__={"a": 1})),
        "expected a string",
    ),
    "offsets beyond the file": (
        edited(lambda h, t: t.update(data_offsets=[t["data_offsets"][0] + 10**9] * 2)),
        "invalid offset for tensor",
    ),
    "offsets that overlap": (
        edited(lambda h, t: h.update({"zz": {**t}})),
        "invalid offset for tensor",
    ),
    "negative offsets": (edited(lambda h, t: t.update(data_offsets=[-4, 0])), "expected usize"),
    "a shape that is not the data": (
        edited(lambda h, t: t.update(shape=[7])),
        "invalid shape",
    ),
    "a shape beyond all memory": (
        edited(lambda h, t: t.update(shape=[2**62, 2**62])),
        "overflow",
    ),
    "a type that does not exist": (edited(lambda h, t: t.update(dtype="F99")), "F99"),
    "a type that is a list": (edited(lambda h, t: t.update(dtype=["F32"])), "expected string"),
    "an altered description": (metadata, "was altered"),
    "not a number": (values(float("nan")), "not finite"),
    "infinity": (values(float("-inf")), "not finite"),
}

# --- the description -----------------------------------------------------------------------------


def told(**changes: Any) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return damage


DESCRIPTION: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no description": (lambda f: (f / "config.json").unlink(), "no config.json"),
    "no tensors": (lambda f: (f / "model.safetensors").unlink(), "no model.safetensors"),
    "not JSON": (lambda f: (f / "config.json").write_text("{"), "not readable as JSON"),
    "a key twice": (
        lambda f: (f / "config.json").write_text('{"schema": 2, "schema": 1}'),
        "'schema' is there twice",
    ),
    "a giant": (lambda f: (f / "config.json").write_text(" " * 2**21), "at most 1,048,576"),
    "nested without end": (
        lambda f: (f / "config.json").write_text('{"a":' * 100_000),
        "nested too deeply",
    ),
    "an escape sequence": (told(model="\x1b]0;gone\x07"), "control characters"),
    "a newer format": (told(schema=4), "schema: 4, written by a newer posegen"),
    "another contract": (told(contract=3), "version 3 of the generator contract"),
    "another normalisation": (
        told(normalisation={"channels": "bgr", "mean": [0, 0, 0], "std": [1, 1, 1]}),
        'images as {"channels":"bgr"',
    ),
    "the description of another network": (told(image_size=[64, 32]), "'image_size' is not what"),
}

# --- links and devices ---------------------------------------------------------------------------


def link(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(folder.parent / "secret")

    return damage


def pictures_elsewhere(folder: Path) -> None:
    (folder / "pictures").symlink_to(folder.parent)


def pipe(folder: Path) -> None:
    (folder / "README.md").unlink(missing_ok=True)
    os.mkfifo(folder / "README.md")


def no_picture(folder: Path) -> None:
    (folder / "pictures").mkdir()
    (folder / "pictures" / "a.png").write_bytes(b"<script>")


LINKS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "tensors that are a link": (link("model.safetensors"), "model.safetensors: a link"),
    "a card that is a link": (link("README.md"), "README.md: a link"),
    "pictures in another folder": (pictures_elsewhere, "pictures: a link"),
    "a pipe": (pipe, "no regular file"),
    "a picture that is none": (no_picture, "no PNG picture"),
}

FOLDERS = {**TENSORS, **DESCRIPTION, **LINKS}


def cached(cache: Path) -> list[str]:
    return [path.name for path in cache.glob("*") if path.name != ".lock"]


@pytest.mark.parametrize("kind", FOLDERS)
def test_folders_are_refused(folder: Path, own_cache: Path, kind: str) -> None:
    (folder.parent / "secret").write_text("secret")
    damage, sentence = FOLDERS[kind]
    damage(folder)
    for use in (lambda: pull(request(str(folder))), lambda: verify(folder)):
        with pytest.raises(UserError) as error:
            use()
        assert sentence in str(error.value)
        assert str(folder) in str(error.value)
        assert "\n" not in str(error.value)
        assert str(error.value).isprintable()
    assert cached(own_cache) == []
    if kind not in LINKS:  # your own folder may have links
        with pytest.raises(UserError):
            posegen.load_model(folder)


# --- what does not fit the network ---------------------------------------------------------------


def changed(change: Callable[[dict[str, torch.Tensor], str], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        header, _ = parts(folder)
        tensors = load_file(folder / "model.safetensors")
        change(tensors, min(tensors))
        save_file(tensors, folder / "model.safetensors", metadata=header["__metadata__"])

    return damage


NETWORKS = {
    "a tensor is missing": (changed(lambda t, n: t.pop(n)), "is missing"),
    "an unknown tensor": (changed(lambda t, n: t.update(x=torch.zeros(1))), "holds 'x'"),
    "another shape": (changed(lambda t, n: t.update({n: t[n][None]})), "has shape"),
    "integers": (changed(lambda t, n: t.update({n: t[n].int()})), "is of type torch.int32"),
    "doubles": (changed(lambda t, n: t.update({n: t[n].double()})), "is of type torch.float64"),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_what_does_not_fit_is_refused(folder: Path, kind: str) -> None:
    damage, sentence = NETWORKS[kind]
    damage(folder)
    for use in (verify, posegen.load_model):
        with pytest.raises(WeightsError, match=sentence):
            use(folder)


# --- tar files -----------------------------------------------------------------------------------


def added(name: str, **told: Any) -> Callable[[Path, Path], None]:
    """A tar of the sound folder with one more entry, of four bytes where it is a file."""

    def make(folder: Path, tar: Path) -> None:
        pack(folder, tar)
        with tarfile.open(tar, "a", format=tarfile.USTAR_FORMAT) as to:
            entry = tarfile.TarInfo(name)
            for key, value in told.items():
                setattr(entry, key, value)
            entry.size = 4 if entry.isreg() else 0
            to.addfile(entry, io.BytesIO(b"evil"))

    return make


def squeezed(folder: Path, tar: Path) -> None:
    pack(folder, tar)
    tar.write_bytes(gzip.compress(tar.read_bytes()))


def patched(at: int, text: bytes) -> Callable[[Path, Path], None]:
    """A tar whose first header has other bytes, under a right checksum."""

    def make(folder: Path, tar: Path) -> None:
        pack(folder, tar)
        content = bytearray(tar.read_bytes())
        content[at : at + len(text)] = text
        content[148:156] = b" " * 8
        content[148:156] = b"%06o\0 " % sum(content[:512])
        tar.write_bytes(content)

    return make


def extended(folder: Path, tar: Path) -> None:
    with tarfile.open(tar, "w", format=tarfile.PAX_FORMAT) as to:
        entry = tarfile.TarInfo("model.safetensors")
        entry.pax_headers = {"path": "../../evil"}
        to.addfile(entry)


def cut(at: int) -> Callable[[Path, Path], None]:
    def make(folder: Path, tar: Path) -> None:
        pack(folder, tar)
        tar.write_bytes(tar.read_bytes()[:at])

    return make


TARS: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "a path that goes up": (added("../evil"), "'../evil' is no safe name"),
    "an absolute path": (added("/tmp/evil"), "'/tmp/evil' is no safe name"),
    "a Windows path": (added("C:\\evil"), "is no safe name"),
    "a picture that goes up": (added("pictures/../../evil.png"), "is no safe name"),
    "a file nobody knows": (added("sitecustomize.py"), "is no file of a shared folder"),
    "a name with a newline": (added("a\nb"), "is no safe name"),
    "a symbolic link": (added("LICENSE", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "no plain"),
    "a hard link": (added("LICENSE", type=tarfile.LNKTYPE, linkname="/etc/passwd"), "no plain"),
    "a device": (added("LICENSE", type=tarfile.CHRTYPE), "no plain file"),
    "a pipe": (added("LICENSE", type=tarfile.FIFOTYPE), "no plain file"),
    "a folder": (added("pictures", type=tarfile.DIRTYPE), "no plain file"),
    "a sparse file": (added("LICENSE", type=tarfile.GNUTYPE_SPARSE), "no plain file"),
    "an extended header": (extended, "no plain file"),
    "a file twice": (added("config.json"), "'config.json' is there twice"),
    "a compressed archive": (squeezed, "no safetensors file"),
    "a size beyond all limits": (
        patched(124, b"77777777777\0"),
        "8,589,934,591 bytes, and at most",
    ),
    "a negative size": (patched(124, b"\xff" * 12), "-1 bytes, and at most"),
    "a wrong checksum": (lambda f, t: flipped(f, t, 3), "checksum"),
    "cut in a header": (cut(300), "truncated header"),
    "cut in a file": (cut(5000), "cut off within"),
    "cut before its end": (lambda f, t: ended(f, t), "cut off"),
}


def flipped(folder: Path, tar: Path, at: int) -> None:
    pack(folder, tar)
    content = bytearray(tar.read_bytes())
    content[at] ^= 1
    tar.write_bytes(content)


def ended(folder: Path, tar: Path) -> None:
    pack(folder, tar)
    tar.write_bytes(tar.read_bytes().rstrip(b"\0") + b"\0" * 600)
    tar.write_bytes(tar.read_bytes()[: tar.stat().st_size // 512 * 512])


@pytest.mark.parametrize("kind", TARS)
def test_tars_are_refused(folder: Path, tmp_path: Path, own_cache: Path, kind: str) -> None:
    make, sentence = TARS[kind]
    tar = tmp_path / "deep" / "er" / "a.tar"
    tar.parent.mkdir(parents=True)
    make(folder, tar)
    with pytest.raises(WeightsError) as error:
        pull(request(str(tar)))
    assert sentence in str(error.value)
    assert str(error.value).startswith(str(tar))
    assert str(error.value).isprintable()
    assert cached(own_cache) == []
    assert not list(tmp_path.rglob("*evil*"))
    with pytest.raises(WeightsError):
        verify(tar)


def test_a_tar_of_too_many_bytes_or_files(folder: Path, tmp_path: Path) -> None:
    tar = tmp_path / "a.tar"
    pack(folder, tar)
    (tmp_path / "to").mkdir()
    with pytest.raises(WeightsError, match="at most 1,000 are taken"):
        unpack(tar, tmp_path / "to", max_size=1000)
    with tarfile.open(tar, "w", format=tarfile.USTAR_FORMAT) as to:
        for number in range(99):
            to.addfile(tarfile.TarInfo(f"pictures/{number}.png"))
    with pytest.raises(WeightsError, match="too many files"):
        unpack(tar, tmp_path / "to")


# --- published .pth files ------------------------------------------------------------------------


class Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, ("touch evil",))


def bomb(file: Path) -> None:
    """The same archive, compressed: a few bytes for any number of zeros."""
    torch.save({"a": torch.zeros(100_000)}, file)
    with zipfile.ZipFile(file) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in entries.items():
            new.writestr(name, content)
    assert file.stat().st_size < 10_000


def saved(content: Any) -> Callable[[Path], None]:
    return lambda file: torch.save(content, file)


NO_CHECKPOINT = (
    "(it is no PyTorch checkpoint of plain tensors, or is damaged; nothing in it was run)"
)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def half(file: Path) -> None:
    torch.save({"a": torch.zeros(9)}, file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


PICKLES: dict[str, tuple[Callable[[Path], None], str]] = {
    "code": (saved({"a": Code()}), NO_CHECKPOINT),
    "code in the old format": (
        lambda f: torch.save({"a": Code()}, f, _use_new_zipfile_serialization=False),
        NO_CHECKPOINT,
    ),
    "a network": (saved(torch.nn.Linear(1, 1)), NO_CHECKPOINT),
    "a list": (saved([torch.zeros(1)]), "no plain state dict"),
    "names that are numbers": (saved({1: torch.zeros(1)}), "no plain state dict"),
    "a tensor in a table": (saved({"a": {"b": torch.zeros(1)}}), "no plain state dict"),
    "a tensor that fills the memory": (
        saved({"a": torch.zeros(1).expand(2**40)}),
        "'a' is not a plain dense tensor",
    ),
    "a sparse tensor": (saved({"a": torch.eye(3).to_sparse()}), "not a plain dense tensor"),
    "a complex tensor": (saved({"a": torch.zeros(1) * 1j}), "not a plain dense tensor"),
    "a tensor without data": (saved({"a": torch.zeros(9, device="meta")}), "not a plain dense"),
    "a compressed archive": (bomb, "compressed"),
    "no archive": (lambda f: f.write_bytes(b"PK\3\4junk"), NO_CHECKPOINT),
    "a picture": (lambda f: f.write_bytes(PNG), NO_CHECKPOINT),
    "a text": (lambda f: f.write_bytes(b"hello world\n"), NO_CHECKPOINT),
    "a pickle of newer Python": (lambda f: f.write_bytes(pickle.dumps({}, 5)), NO_CHECKPOINT),
    "nothing": (lambda f: f.touch(), NO_CHECKPOINT),
    "the first half": (half, NO_CHECKPOINT),
}


@pytest.mark.filterwarnings("ignore:.*[Ss]parse.*")
@pytest.mark.parametrize("kind", PICKLES)
def test_pickles_are_refused(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make, sentence = PICKLES[kind]
    make(tmp_path / "a.pth")
    with pytest.raises(WeightsError) as error:
        read_tensors(tmp_path / "a.pth")
    assert sentence in str(error.value)
    assert str(tmp_path / "a.pth") in str(error.value)
    for advice in ("weights_only", "torch.load", "\x1b"):
        assert advice not in str(error.value)
    assert not (tmp_path / "evil").exists()


def test_the_sound_folder_is_not_refused(folder: Path, tmp_path: Path) -> None:
    """What all the damages above began with."""
    verify(folder)
    pack(folder, tmp_path / "a.tar")
    verify(tmp_path / "a.tar")
    shutil.copy(folder / "model.safetensors", tmp_path / "b.safetensors")
    for source in (folder, tmp_path / "a.tar", tmp_path / "b.safetensors"):
        pull(request(str(source)))
    torch.save({"state_dict": {"a": torch.nn.Parameter(torch.ones(2).t())}}, tmp_path / "a.pth")
    assert read_tensors(tmp_path / "a.pth")["a"].tolist() == [1, 1]
