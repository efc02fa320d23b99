"""What the page asks for. Nothing here knows who is asking; `security.Guard` stands before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from posegen.core.errors import DataError
from posegen.core.skeletons import skeleton
from posegen.poses.edit import mirror, scale
from posegen.poses.grips import grips
from posegen.poses.motions import motion, motion_names
from posegen.studio import asked
from posegen.studio.exports import commands, export, track_of
from posegen.studio.models import Models, Worker
from posegen.studio.pages import ERRORS, JSON, pages
from posegen.studio.pairs import Pairs
from posegen.studio.pictures import LARGEST_BYTES, from_url
from posegen.studio.scenes import Scenes
from posegen.studio.security import Refused, read_body
from posegen.studio.watch import Watch

#: The most bytes of what is no photo: a timeline of two thousand poses has about two million.
_LARGEST_JSON = 8_000_000
_PHOTO = ("image/jpeg", "image/png", "image/webp")

Endpoint = Callable[[Request], Awaitable[Response]]


class Studio:
    """The studio's endpoints.

    Args:
        models: the models on show.
        scenes: makes scenes for the first of them.
        pairs: test pairs to be scored, if there are any.
        run: a run that is watched, if any.
    """

    def __init__(
        self,
        models: Models,
        scenes: Scenes,
        pairs: Pairs | None = None,
        run: Watch | None = None,
    ) -> None:
        self.models, self.scenes, self.work = models, scenes, Worker()
        self.pairs, self.run = pairs, run
        self.layout = scenes.layout

    def application(self) -> ASGIApp:
        """Return the application, without its guard."""
        gets = {"/api/about": self.about, "/api/people/{number:int}": self.person}
        posts = {
            "/api/photo": self.photo,
            "/api/generate": self.generate,
            "/api/motion": self.motion,
            "/api/edit": self.edit,
            "/api/track": self.track,
            "/api/export": self.export,
            "/api/command": self.command,
        }
        if self.pairs is not None:
            gets["/api/pairs/{model:int}/{start:int}"] = self.scores
            gets["/api/pair/{number:int}"] = self.pair
        if self.run is not None:
            gets["/api/run/{place:int}"] = self.log
            gets["/api/sample/{name}"] = self.sample
            posts["/api/newest"] = self.newest
        routes = [*pages("page"), *(Route(path, answer) for path, answer in gets.items())]
        routes += [Route(path, answer, methods=["POST"]) for path, answer in posts.items()]
        return Starlette(routes=routes, exception_handlers=ERRORS)

    async def about(self, request: Request) -> Response:
        """Say what this studio has."""
        bones = skeleton(self.layout)
        return JSONResponse(
            {
                "models": self.models.about(),
                "size": list(self.scenes.size),
                "skeleton": {
                    "name": bones.name,
                    "joints": bones.joints,
                    "limbs": bones.limbs,
                    "grips": [grip._asdict() for grip in grips(self.layout)],
                },
                "motions": [
                    {"name": name, "summary": motion(name).summary} for name in motion_names()
                ],
                "at_once": asked.AT_ONCE,
                "pairs": self.pairs.about() if self.pairs else None,
                "run": self.run is not None,
            }
        )

    async def person(self, request: Request) -> Response:
        """Return a person of the gallery."""
        number = request.path_params["number"]
        if number >= 100:
            raise Refused(404, "the gallery has fewer people.")
        return JSONResponse(await self.work(partial(self.scenes.person, number)))

    async def photo(self, request: Request) -> Response:
        """Find the person in a photo."""
        data = await read_body(request, LARGEST_BYTES, _PHOTO)
        which = request.query_params.get("person", "0")
        number = int(which) if which.isascii() and which.isdigit() and len(which) < 4 else 0
        return JSONResponse(await self.work(partial(self.scenes.photo, data, number)))

    async def generate(self, request: Request) -> Response:
        """Make pictures."""
        want = await self._read(request, asked.Generate)

        def work() -> dict[str, Any]:
            picture = from_url(want.person.picture)
            pose, *wanted = (
                asked.keypoints(p, self.layout) for p in (want.person.pose, *want.poses)
            )
            return self.models.generate(want.model, picture, pose, wanted, overlays=want.overlays)

        return JSONResponse(await self.work(work))

    async def motion(self, request: Request) -> Response:
        """Put a motion on a person."""
        want = await self._read(request, asked.Motion)
        if want.name not in motion_names():  # and never a path: those read files
            raise DataError("no such motion in the library.")

        def work() -> dict[str, Any]:
            pose = asked.keypoints(want.person.pose, self.layout)
            return self.scenes.motion(want.name, from_url(want.person.picture), pose)

        return JSONResponse(await self.work(work))

    async def edit(self, request: Request) -> Response:
        """Change a pose as a whole."""
        want = await self._read(request, asked.Edit)
        pose = asked.keypoints(want.pose, self.layout)
        changed = mirror(pose, self.layout) if want.what == "mirror" else scale(pose, want.factor)
        return JSONResponse({"pose": asked.points(changed)})

    async def track(self, request: Request) -> Response:
        """Return the poses between key poses."""
        want = await self._read(request, asked.Timeline)
        track = await self.work(partial(track_of, want, self.layout))
        return JSONResponse({"poses": [asked.points(pose) for pose in track]})

    async def export(self, request: Request) -> Response:
        """Make a file."""
        want = await self._read(request, asked.Export)

        def work() -> Response:
            file = export(
                self.models[want.model].model,
                from_url(want.person.picture),
                asked.keypoints(want.person.pose, self.layout),
                track_of(want.timeline, self.layout),
                want,
                self.layout,
            )
            named = f'attachment; filename="{quote(file.name)}"'
            return Response(file.data, media_type=file.type, headers={"content-disposition": named})

        return await self.work(work)

    async def command(self, request: Request) -> Response:
        """Say which command makes a file."""
        want = await self._read(request, asked.Export)
        return JSONResponse(commands(want, self.models[want.model].weights))

    async def scores(self, request: Request) -> Response:
        """Score some pairs."""
        assert self.pairs is not None
        at = request.path_params
        return JSONResponse(await self.work(partial(self.pairs.score, at["model"], at["start"])))

    async def pair(self, request: Request) -> Response:
        """Return a pair."""
        assert self.pairs is not None
        return JSONResponse(
            await self.work(partial(self.pairs.pair, request.path_params["number"]))
        )

    async def log(self, request: Request) -> Response:
        """Return what a run has written."""
        assert self.run is not None
        return JSONResponse(self.run.since(request.path_params["place"]))

    async def sample(self, request: Request) -> Response:
        """Return a sample grid of a run."""
        assert self.run is not None
        return Response(self.run.sample(request.path_params["name"]), media_type="image/png")

    async def newest(self, request: Request) -> Response:
        """Load a run's newest weights."""
        assert self.run is not None
        await read_body(request, 100, JSON)  # nothing is read of it but its type
        number = await self.work(self.run.newest)
        return JSONResponse({"model": number, "models": self.models.about()})

    async def _read(self, request: Request, kind: type[asked.T]) -> asked.T:
        return asked.parsed(kind, await read_body(request, _LARGEST_JSON, JSON))
