"""Downloads over https. Free of torch.

http is for this machine alone (`localhost`). A redirect obeys the same rule, and never goes from
https to http.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import httpx2
from anyio.from_thread import start_blocking_portal

from posegen.core.errors import WeightsError

#: Seconds that a file may take, however slowly it drips, and seconds of silence.
TIME_LIMIT, _SILENCE = 6 * 3600.0, 60.0
#: Bytes that come at least in so many seconds; a modem brings more.
_LEAST, _PERIOD = 60 * 1024, 60.0

_HERE = ("localhost", "127.0.0.1", "::1")
_REDIRECTS = 5
_HEADERS = {"User-Agent": "posegen", "Accept-Encoding": "identity"}

#: Called with (bytes, bytes in all or 0).
Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Show nothing."""


def download(
    url: str,
    to: Path,
    max_size: int,
    size: int | None = None,
    on_progress: Progress = no_progress,
) -> None:
    """Download a file; after an error a part of it may be there.

    More than `max_size` bytes are never taken, nor than `size`, where somebody has said it.

    Raises:
        WeightsError: where it cannot be had.
    """
    check_address(url)
    try:
        # In a thread of its own: in a notebook, this one has an event loop already.
        with start_blocking_portal() as portal:
            portal.call(_download, url, to, max_size, size, on_progress)
    except TimeoutError:
        raise WeightsError(
            f"{url}: not here after {TIME_LIMIT / 3600:g} hours; get the file by other means, and "
            "pull that."
        ) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        raise WeightsError(f"{url}: cannot be downloaded ({first_line(error)}).") from None


def check_address(url: str, before: str | None = None) -> None:
    """Check an address, or one that `before` redirects to.

    Raises:
        WeightsError: for anything but https, and http on this machine.
    """
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise WeightsError(f"{url!r}: no address.") from None
    secure = parts.scheme == "https"
    here = parts.scheme == "http" and parts.host in _HERE
    if before is not None and not secure and not (here and before.startswith("http:")):
        raise WeightsError(f"{before}: redirects to {url!r}, which is not https, and so refused.")
    if not parts.host or not (secure or here):
        raise WeightsError(f"{url!r}: only https is used (and http on localhost).")


def first_line(error: Exception) -> str:
    """Return what an error says as a harmless line of 200 characters, without its full stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0].rstrip(".") if lines else type(error).__name__
    return "".join(character for character in text if character.isprintable())[:200]


async def _download(
    url: str, to: Path, max_size: int, size: int | None, on_progress: Progress
) -> None:
    most = min(max_size, size or max_size)
    hint = "; --max-size allows more" if most == max_size else ", which it should have"
    async with (
        asyncio.timeout(TIME_LIMIT),
        httpx2.AsyncClient(timeout=_SILENCE, headers=_HEADERS) as client,
    ):
        answer = await _answer(client, url)
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise WeightsError(f"{url}: the server compressed it, though asked not to.")
        total, done = int(answer.headers.get("Content-Length", 0)), 0
        since, then = time.monotonic(), 0
        with to.open("xb") as file:
            async for chunk in answer.aiter_raw():
                done += len(chunk)
                if time.monotonic() - since > _PERIOD:
                    if done - then < _LEAST:
                        raise ValueError(f"less than {_LEAST:,} bytes in {_PERIOD:g} seconds")
                    since, then = time.monotonic(), done
                if max(done, total) > most:
                    raise WeightsError(f"{url}: more than {most:,} bytes{hint}.")
                file.write(chunk)
                on_progress(done, total)


async def _answer(client: httpx2.AsyncClient, url: str) -> httpx2.Response:
    """Follow redirects to an answer whose body is the file; bodies of redirects are not read."""
    request = client.build_request("GET", url)
    for _ in range(_REDIRECTS + 1):
        answer = await client.send(request, stream=True)
        if answer.status_code == HTTPStatus.OK:
            return answer
        if not answer.has_redirect_location:
            phrase = httpx2.codes.get_reason_phrase(answer.status_code)
            raise ValueError(f"{answer.status_code} {phrase}".strip())
        if answer.next_request is None:
            raise ValueError("it redirects to what is no address")
        check_address(str(answer.next_request.url), before=str(request.url))
        await answer.aclose()
        request = answer.next_request
    raise ValueError(f"more than {_REDIRECTS} redirects")
