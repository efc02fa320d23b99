"""Who may ask the studio for something, and how much they may send. docs/security.md says why.

A request is answered where its Host is this machine's, no other site has sent it, and it brings the
token that the terminal has printed, once in the address and then in a strict cookie.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

import anyio
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Seconds in which a request's body must have come.
PATIENCE = 20.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
_LOCKED = (
    "<!doctype html><meta charset=utf-8><title>posegen</title><p>This page opens by the address "
    "that <code>posegen</code> has printed in the terminal, with its token."
)


class Refused(Exception):
    """A request that is not answered; `status` is HTTP's."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def is_loopback(host: str) -> bool:
    """Whether an address to listen at is reached from this machine alone."""
    return host in _LOOPBACK or (_is_number(host) and ipaddress.ip_address(host).is_loopback)


class Guard:
    """The one door to the studio's application.

    Args:
        app: what is behind it.
        token: the secret of this start.
        host: the address that is listened at. Beside loopback names, a request may name it; where
            it is not loopback, also this machine's name and any address in numbers, which no
            foreign name can be bound to.
        port: of the cookie's name, since browsers do not keep ports' cookies apart.
    """

    def __init__(self, app: ASGIApp, *, token: str, host: str, port: int) -> None:
        self._app, self._token = app, token
        self._open = not is_loopback(host)
        self._hosts = _LOOPBACK | {host} | ({socket.gethostname().lower()} if self._open else set())
        self.cookie = f"posegen-studio-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        given = False
        try:
            given = self._check(scope)
        except Refused as refusal:
            locked = refusal.status == 401 and scope["path"] == "/"
            answer: Response = (
                HTMLResponse(_LOCKED, 401)
                if locked
                else JSONResponse({"error": str(refusal)}, refusal.status)
            )
            await answer(scope, receive, self._headed(send, cookie=False))
            return
        await self._app(scope, receive, self._headed(send, cookie=given))

    def _check(self, scope: Scope) -> bool:
        """Return whether the token came in the address.

        Raises:
            Refused: where the request is not to be answered.
        """
        if scope["method"] not in ("GET", "HEAD", "POST"):
            raise Refused(405, "only GET and POST are answered.")
        host = _single(scope, "host")
        if host is None or not self._is_ours(host):
            raise Refused(421, "this address is not the server's; use localhost.")
        origin = _single(scope, "origin")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            raise Refused(403, "another site may not ask.")
        site = _single(scope, "sec-fetch-site")
        if site not in (None, "same-origin", "none") and not _opens_page(scope):
            raise Refused(403, "another site may not ask.")
        query = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        if scope["path"] == "/" and query and self._is_token(query[0]):
            return True
        if not any(self._is_token(value) for value in _cookies(scope, self.cookie)):
            raise Refused(401, "open the address that posegen has printed, with its token.")
        return False

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if set(host) & set("@/?#\\ "):
            return False
        return name in self._hosts or (self._open and _is_number(name))

    def _is_token(self, value: str) -> bool:
        return hmac.compare_digest(value.encode(), self._token.encode())

    def _headed(self, send: Send, cookie: bool) -> Send:
        headers = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
        if cookie:
            text = f"{self.cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/"
            headers.append((b"set-cookie", text.encode()))

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *headers]
            await send(message)

        return answer


def _single(scope: Scope, name: str) -> str | None:
    """Return a header; one that is given twice is refused, since readers differ on which counts."""
    values: list[str] = [
        value.decode("latin-1") for key, value in scope["headers"] if key == name.encode()
    ]
    if len(values) > 1:
        raise Refused(400, f"the header {name} is given twice.")
    return values[0] if values else None


def _opens_page(scope: Scope) -> bool:
    """Whether somebody has followed a link to the page itself, which answers nothing but itself."""
    return (
        scope["path"] == "/"
        and scope["method"] == "GET"
        and _single(scope, "sec-fetch-mode") == "navigate"
        and _single(scope, "sec-fetch-dest") == "document"
    )


def _cookies(scope: Scope, name: str) -> Iterable[str]:
    for key, value in scope["headers"]:
        if key == b"cookie":
            try:
                found = SimpleCookie(value.decode("latin-1")).get(name)
            except CookieError:
                continue
            if found is not None:
                yield found.value


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def read_body(request: Request, limit: int, types: tuple[str, ...]) -> bytes:
    """Return a request's body, counted as it comes.

    Args:
        request: the request.
        limit: the most bytes.
        types: what its Content-Type may begin with. Forms of other sites can send none of these.

    Raises:
        Refused: where it is larger, of another type, compressed, or too slow.
    """
    kind = request.headers.get("content-type", "")
    if not kind.startswith(types):
        raise Refused(415, f"send {' or '.join(types)}, not {kind[:60] or 'nothing'}.")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "send it uncompressed.")
    announced = request.headers.get("content-length", "0")
    too_large = Refused(413, f"larger than {limit / 1e6:g} MB; send something smaller.")
    if not announced.isdigit() or int(announced) > limit:
        raise too_large
    parts, size = [], 0
    try:
        with anyio.fail_after(PATIENCE):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise Refused(408, f"it took longer than {PATIENCE:g} seconds to come.") from None
    return b"".join(parts)
