"""The studio's server."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from contextlib import closing

import uvicorn
from starlette.types import ASGIApp

from posegen.core.errors import ConfigError
from posegen.studio.security import Guard


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    ready: Callable[[str], None],
    token: str | None = None,
) -> None:
    """Serve an application behind its guard, until it is stopped.

    Args:
        app: the application.
        host, port: where it listens; port 0: any that is free.
        ready: called with the address that opens it, token included, when it listens.
        token: the secret; by default a new one.

    Raises:
        ConfigError: where it cannot listen there.
    """
    token = token or secrets.token_urlsafe(32)
    with closing(_listening(host, port)) as listener:
        port = listener.getsockname()[1]
        guarded = Guard(app, token=token, host=host, port=port)
        name = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host
        config = uvicorn.Config(
            guarded,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            http="h11",
            lifespan="off",
            limit_concurrency=64,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=16_384,
        )
        ready(f"http://{f'[{name}]' if ':' in name else name}:{port}/?token={token}")
        uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(
            f"{host}:{port}: cannot listen there ({reason}); give another --port."
        ) from None
