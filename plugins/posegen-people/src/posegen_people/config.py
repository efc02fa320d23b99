"""The options. posegen reads them before a data set is opened, so: no torch here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from posegen.core import Config

Split = Literal["train", "test"]

Look = Literal["plain", "varied"]

#: Networks halve a picture twice at least.
Side = Annotated[int, Field(ge=8, multiple_of=4)]


class PeopleConfig(Config):
    """Options of the data set `people`."""

    # What tests and `posegen plugins check` take, so that they are quick.
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"image_size": [32, 16], "identities": 3, "pictures": 2, "test_identities": 2}
            ]
        }
    )

    image_size: tuple[Side, Side] = Field(
        default=(64, 32),
        description="height and width of the images in pixels, each divisible by 4",
    )
    identities: int = Field(default=2000, ge=1, le=1_000_000, description="people to train on")
    pictures: int = Field(default=8, ge=2, le=100, description="pictures of each person")
    test_identities: int = Field(
        default=100, ge=1, le=1_000_000, description="people to test on, none of them in training"
    )
    seed: int = Field(default=0, ge=0, description="another seed gives other people")
    look: Look = Field(
        default="plain",
        description="plain: clean and whole, for scores that compare; varied: what photographs "
        "vary (crops, backdrops, light, cloth, blur, JPEG), for networks that shall meet real ones",
    )
    cache_mib: int = Field(
        default=512,
        ge=0,
        description="MiB of rendered pictures that each loading process keeps in memory",
    )
