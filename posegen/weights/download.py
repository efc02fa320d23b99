"""Downloads that can be cut off and go on, and that are checked before anybody sees them.

https only; http is for this machine alone (`localhost`). A redirect obeys the same rule, never goes
from https to http, and loses the authorisation where it leads to another host.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from hashlib import sha256
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from posegen.core.errors import WeightsError
from posegen.weights.bundle import MAX_SIZE, file_digest
from posegen.weights.files import write_json

OFFLINE = "POSEGEN_OFFLINE"

_HERE = ("localhost", "127.0.0.1", "::1")
_TIMEOUT = 60.0  # seconds of silence
_CHUNK = 2**18
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A file to download, and what is known of it before.

    Attributes:
        url: where it is.
        size: its bytes, and `sha256` its digest; None where nobody has said them.
        max_size: more bytes than this are never taken.
        headers: sent with the request, for private places.
    """

    url: str
    size: int | None = None
    sha256: str | None = None
    max_size: int = MAX_SIZE
    headers: Mapping[str, str] | None = None


def is_offline() -> bool:
    """Whether the environment forbids the network."""
    return os.environ.get(OFFLINE, "") not in ("", "0")


def download(
    wanted: Wanted, folder: Path, on_progress: Progress = lambda done, total: None
) -> Path:
    """Download a file and return where it is, whole and checked.

    A download that was cut off stays in `folder` as `….part`, and the next call goes on with it if
    the server says that the file is still the same one, or its sha256 is known. One that is wrong
    is deleted.

    Args:
        wanted: what.
        folder: where unfinished downloads are kept; one process at a time works there.
        on_progress: called with (bytes, bytes in all or 0).

    Raises:
        WeightsError: where it cannot be had, or is not what was wanted.
    """
    check_address(wanted.url)
    if (wanted.size or 0) > wanted.max_size:
        raise _too_large(wanted, wanted.max_size)
    folder.mkdir(parents=True, exist_ok=True)
    part = _Part(folder / f"{sha256(wanted.url.encode()).hexdigest()[:32]}.part")
    try:
        _fetch(wanted, part, on_progress)
    except _CutOff as error:
        raise WeightsError(f"{wanted.url}: {_told(error, part.size())}.") from None
    except WeightsError:
        part.delete()
        raise
    got = file_digest(part.path)
    if wanted.sha256 is not None and got != wanted.sha256:
        part.delete()
        raise WeightsError(
            f"{wanted.url}: its sha256 is {got}, where {wanted.sha256} is due; what was downloaded "
            "is deleted."
        )
    part.note.unlink(missing_ok=True)
    return part.path


def check_address(url: str, before: str | None = None) -> None:
    """Check an address, or one that `before` redirects to.

    Raises:
        WeightsError: for anything but https, and http on this machine.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise WeightsError(f"{url!r}: no address.") from None
    secure = parts.scheme == "https"
    here = parts.scheme == "http" and host in _HERE
    if before is not None and not secure and not (here and urlsplit(before).scheme == "http"):
        raise WeightsError(f"{before}: redirects to {url!r}, which is not https, and so refused.")
    if not host or not (secure or here):
        raise WeightsError(f"{url!r}: only https is used (and http on localhost).")


class _CutOff(Exception):
    """The connection ended before the file did; what is there may be continued."""


class _Part:
    """A file that is being downloaded, and a note of which version of the file it is."""

    def __init__(self, path: Path) -> None:
        self.path, self.note = path, path.with_suffix(".json")

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def validator(self) -> str:
        """Return the ETag or date of the version that the part is of; empty where unknown."""
        try:
            return str(json.loads(self.note.read_text(encoding="utf-8"))["validator"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def begin(self, validator: str) -> None:
        self.delete()
        if validator:
            write_json(self.note, {"validator": validator})

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def _told(error: _CutOff, have: int) -> str:
    if have:
        return f"cut off after {have:,} bytes ({error}); run the same command again to go on"
    return f"cannot be downloaded ({error})"


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = 5

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        with fp:  # nobody wants what a redirect says beside the address
            check_address(newurl, before=req.full_url)
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None and urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
            new.remove_header("Authorization")
        return new


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener that knows http and https, and neither files nor ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _fetch(wanted: Wanted, part: _Part, on_progress: Progress) -> None:
    """Bring the part to the whole file, from where it is if that can be."""
    validator = part.validator()
    if not validator and wanted.sha256 is None:
        part.delete()  # nobody can say whether the rest belongs to it
    start = part.size()
    request = urllib.request.Request(wanted.url, headers=dict(wanted.headers or {}))
    request.add_header("User-Agent", "posegen")
    request.add_header("Accept-Encoding", "identity")
    if start:
        request.add_header("Range", f"bytes={start}-")
        if validator:
            request.add_header("If-Range", validator)
    try:
        with _opener().open(request, timeout=_TIMEOUT) as response:
            _receive(response, wanted, part, start, on_progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and start:  # the part is longer than the file
            part.delete()
            return _fetch(wanted, part, on_progress)
        reason = f"{error.code} {str(error.reason).splitlines()[0].rstrip('.')}"
        if error.code == 429 or error.code >= 500:  # for now only
            raise _CutOff(reason) from None
        raise WeightsError(f"{wanted.url}: {reason}.") from None
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        if part.size() and not part.validator() and wanted.sha256 is None:
            part.delete()
        told = str(getattr(error, "reason", "") or error)
        raise _CutOff(told or type(error).__name__) from None


def _receive(response: Any, wanted: Wanted, part: _Part, start: int, on_progress: Progress) -> None:
    headers: Message = response.headers
    if headers.get("Content-Encoding", "identity") != "identity":
        raise WeightsError(f"{wanted.url}: the server compressed it, though asked not to.")
    total = _length(headers, wanted)
    if response.status == 206:
        match = _RANGE.fullmatch(headers.get("Content-Range", ""))
        if not start or match is None or int(match[1]) != start:
            raise WeightsError(f"{wanted.url}: the server sent another part than it was asked for.")
        total = int(match[2])
    else:
        start = 0
        part.begin(headers.get("ETag") or headers.get("Last-Modified") or "")
    if wanted.size is not None and total is not None and total != wanted.size:
        raise WeightsError(f"{wanted.url}: {total:,} bytes, where {wanted.size:,} are due.")
    due = total if total is not None else wanted.size
    most = wanted.max_size if due is None else due
    if most > wanted.max_size:
        raise _too_large(wanted, wanted.max_size)
    with part.path.open("ab") as file:
        done = start
        while chunk := response.read(_CHUNK):
            done += len(chunk)
            if done > most:
                raise _too_large(wanted, most)
            file.write(chunk)
            on_progress(done, total or 0)
    if due is not None and done < due:
        raise OSError(f"{due - done:,} bytes are missing")


def _length(headers: Message, wanted: Wanted) -> int | None:
    text = headers.get("Content-Length")
    if text is not None and not text.isdecimal():
        raise WeightsError(f"{wanted.url}: the server tells a length of {text!r}.")
    return None if text is None else int(text)


def _too_large(wanted: Wanted, most: int) -> WeightsError:
    hint = "; --max-size allows more" if most >= wanted.max_size else ""
    return WeightsError(f"{wanted.url}: more than {most:,} bytes{hint}.")
