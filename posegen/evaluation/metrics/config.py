"""Options of the built-in metrics. Free of torch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from posegen.core.config import Config
from posegen.poses import DEFAULT_DETECTOR


def _weights(what: str) -> Any:
    said = f"local copy of {what}; otherwise torchvision's cache, then a download"
    return Field(None, description=said)


class SSIMConfig(Config):
    """Options of the `ssim` metric. The defaults are those of Wang et al. 2004."""

    window: Literal["gaussian", "uniform"] = Field(
        "gaussian", description="weights of the places around a pixel"
    )
    sigma: float = Field(
        1.5,
        gt=0,
        allow_inf_nan=False,
        description="standard deviation of the Gaussian window, in pixels",
    )
    taps: int | None = Field(
        None,
        ge=3,
        description="width of the window in pixels, odd; by default 2·int(3.5·sigma + 0.5) + 1 for "
        "the Gaussian (11 for 1.5; scikit-image before 0.15 has 13) and 7 for the uniform one",
    )
    crop: int | None = Field(
        None,
        ge=0,
        description="pixels left out at each edge of the map, by default half the window, so that "
        "it lies in the image; with less the image goes on as its mirror image",
    )
    sample_covariance: bool = Field(
        False,
        description="divide covariances by N - 1 and not by N, N the pixels of the window "
        "(scikit-image's own default)",
    )
    data_range: float | Literal["generated"] = Field(
        255,
        description="range of the pictures in 8-bit levels, or `generated`: the greatest less the "
        "least level of each generated picture, as in PATN's scripts",
    )

    @field_validator("taps")
    @classmethod
    def _odd(cls, taps: int | None) -> int | None:
        if taps is not None and taps % 2 == 0:
            raise ValueError("the window's width must be an odd number of pixels")
        return taps

    @field_validator("data_range", mode="before")
    @classmethod
    def _range(cls, given: Any) -> Any:
        number = isinstance(given, (int, float)) and not isinstance(given, bool)
        if given != "generated" and not (number and 0 < given < math.inf):
            raise ValueError("give a number of 8-bit levels above 0, or `generated`")
        return given

    @property
    def radius(self) -> int:
        """Pixels from the window's centre to its edge."""
        if self.taps is not None:
            return self.taps // 2
        return int(3.5 * self.sigma + 0.5) if self.window == "gaussian" else 3

    @property
    def border(self) -> int:
        """Pixels left out at each edge of the map."""
        return self.radius if self.crop is None else self.crop


class MaskSSIMConfig(SSIMConfig):
    """Options of the `mask-ssim` metric: those of `ssim`, and which mask."""

    mask: Literal["keypoints", "data"] = Field(
        "keypoints",
        description="the published body mask, drawn from the target's keypoints, or the data set's "
        "own mask",
    )


class L1Config(Config):
    """Options of the `l1` metric."""

    value_range: Literal["unit", "symmetric"] = Field(
        "unit",
        description="scale of the pixels: [0, 1], or [-1, 1] as in PATN's scripts, which doubles "
        "the score",
    )


class PCKhConfig(Config):
    """Options of the `pckh` metric: `keypoints`, or a detector."""

    alpha: float = Field(
        0.5,
        gt=0,
        allow_inf_nan=False,
        description="how far a joint may be off, as a part of the head box's width and height",
    )
    keypoints: Path | None = Field(
        None,
        description="keypoints of the generated pictures: a CSV with the published header "
        "`name:keypoints_y:keypoints_x`, names such as `A___B_vis.png`",
    )
    detector: str | None = Field(
        None,
        description="pose detector that finds the keypoints in the generated pictures; by default, "
        f"where there is no file of them, {DEFAULT_DETECTOR}",
    )
    detector_options: dict[str, Any] = Field(
        default_factory=dict, description="options of the pose detector"
    )


class LPIPSConfig(Config):
    """Options of the `lpips` metric."""

    net: Literal["alex", "vgg", "squeeze"] = Field(
        "alex", description="ImageNet trunk; values of different trunks cannot be compared"
    )
    weights: Path | None = _weights("torchvision's file of the trunk (.pth or .safetensors)")


class DISTSConfig(Config):
    """Options of the `dists` metric."""

    weights: Path | None = _weights("torchvision's vgg16-397923af.pth (.pth or .safetensors)")


class DetectionScoreConfig(Config):
    """Options of the `ds` metric."""

    weights: Path | None = _weights("torchvision's ssd300_vgg16_coco-b556d3b4.pth")


class InceptionScoreConfig(Config):
    """Options of `is` and `mask-is`."""

    weights: Path | None = _weights("torch-fidelity's weights-inception-2015-12-05-6726825d.pth")
    splits: int = Field(
        10, ge=1, description="parts of the pairs, in their order; the score is their mean"
    )


class FIDConfig(Config):
    """Options of the `fid` metric."""

    network: Literal["tf", "torchvision"] = Field(
        "tf",
        description="Inception of TensorFlow's 2015 graph (the original FID), or torchvision's "
        "(GFLA's script and its copies); the two cannot be compared",
    )
    resize: Literal["tf1", "bilinear", "antialias"] | None = Field(
        None,
        description="how pictures are brought to 299×299; by default as the network's published "
        "programs do: tf1 for tf, bilinear for torchvision",
    )
    weights: Path | None = _weights("the network's file")
    reference: Literal["targets", "train"] = Field(
        "targets",
        description="the real images: the target of every pair, or a set of reference images (by "
        "default the training split)",
    )
    drop_last: int = Field(
        0,
        ge=0,
        description="leave out reference images beyond the last multiple of this; only for "
        "reference = train",
    )

    @model_validator(mode="after")
    def _tail_of_a_set(self) -> Self:
        if self.drop_last and self.reference == "targets":
            raise ValueError("drop_last is for reference = train; targets go with their pairs")
        return self


class KIDConfig(FIDConfig):
    """Options of the `kid` metric."""

    subsets: int = Field(100, ge=1, description="how many subsets are drawn; the score is a mean")
    subset_size: int = Field(1000, ge=2, description="pictures of each side in a subset")
    seed: int = Field(2020, ge=0, description="of the draw")


class IdentityConfig(Config):
    """Options of the `identity` metric."""

    network: Path | None = Field(
        None, description="a network that `posegen reid` has trained; there is no default one"
    )
    against: Literal["target", "source"] = Field(
        "target", description="the picture that the generated one is compared with"
    )
