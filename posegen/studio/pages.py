"""What the studio's pages are made of: their files as routes, and errors as sentences."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from posegen.core.errors import PosegenError, UserError
from posegen.studio.security import Refused

JSON = ("application/json",)
_TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


def pages(folder: str, shared: Sequence[str] = ()) -> list[Route]:
    """Return a route for each file of a page; `index.html` is the page itself.

    Args:
        folder: the page's files, in this package.
        shared: files of the studio's own page that it takes as well.
    """
    here = files("posegen.studio")
    named = {file.name: file for file in (here / folder).iterdir() if file.is_file()}
    named |= {name: here / "page" / name for name in shared}
    contents = {
        f"/{'' if name == 'index.html' else name}": (
            _TYPES[name.rpartition(".")[2]],
            file.read_bytes(),
        )
        for name, file in named.items()
    }

    async def page(request: Request) -> Response:
        kind, data = contents[request.url.path]
        return Response(data, media_type=kind)

    return [Route(path, page) for path in contents]


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return JSONResponse({"error": str(error)}, error.status)


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 422 if isinstance(error, UserError) else 500)


#: How an application answers with the errors that are meant for people.
ERRORS = {Refused: _refused, PosegenError: _failed}
