"""The person of a generated picture before another background.

No network tells person and background apart here. A pixel belongs to the person on a limb, and near
a limb where it differs from what is behind: the source's own background, with the place of the
person filled from around them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from PIL import Image, ImageColor, ImageOps
from torch import Tensor
from torch.nn import functional

from posegen.core.errors import ConfigError
from posegen.core.skeletons import skeleton
from posegen.data.image_files import as_picture
from posegen.inference.animation import Scene
from posegen.inference.clips import larger
from posegen.inference.given import picture_of
from posegen.inference.grids import as_tensor

#: What is laid over a trunk, beside the limbs that a skeleton draws.
_TRUNK = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
#: Of the trunk's length: how far from the middle of a limb, or of a trunk or leg, a pixel surely is
#: the person's; over how much that ends; and how far from it a pixel may be the person's.
_THIN, _THICK, _END, _NEAR = 0.04, 0.1, 0.04, 0.5
#: The trunk's length where it is not seen, as a share of the person's height.
_SHARE = 0.3
#: Differences of colour, of 1, that are nothing, and that are a person.
_SAME, _OTHER = 0.08, 0.2
#: By how many of the picture's heights the person's place is widened before it is filled.
_RIM = 0.02


def check_background(what: str) -> None:
    """Check what is given as a background, before anything is made for it.

    Raises:
        ConfigError: where it is neither a word that is known, nor a colour, nor a file.
        DataError: for a file that is no picture.
    """
    if what not in ("model", "keep"):
        _given(what, (1, 1))


def with_background(
    frames: Iterable[Image.Image], scene: Scene, layout: str, what: str, scale: int = 1
) -> Iterator[Image.Image]:
    """Yield frames, enlarged, before a background.

    Args:
        frames: as a model made them for the scene.
        scene: what it was given.
        layout: name of the skeleton.
        what: `model`, the frames as they are; `keep`, the photo's own background, which stands
            still and is as sharp as the photo; a colour (`white`, `#30a050`); or a picture's path.
        scale: whole factor.

    Raises:
        ConfigError, DataError: see `check_background`.
    """
    height, width = scene.frame.size
    large = (height * scale, width * scale)
    if what == "model":
        yield from larger(frames, scale)
        return
    behind = clean(_unit(scene.picture), scene.keypoints, layout)
    ground = _kept(scene, layout, large) if what == "keep" else _given(what, large)
    for frame, keypoints in zip(frames, scene.track, strict=True):
        mask = person_mask(_unit(frame), behind, keypoints, layout)
        shown = frame.resize(large[::-1], Image.Resampling.LANCZOS)
        alpha = Image.fromarray(mask.mul(255).round().to(torch.uint8).numpy())
        yield Image.composite(shown, ground, alpha.resize(large[::-1], Image.Resampling.BICUBIC))


def person_mask(picture: Tensor, behind: Tensor, keypoints: Tensor, layout: str) -> Tensor:
    """Return how far each pixel is the person's: (H, W) from 0 to 1.

    Args:
        picture: (3, H, W) from 0 to 1.
        behind: (3, H, W), what would be there without the person.
        keypoints: (K, 3) in its pixels.
        layout: name of their skeleton.
    """
    size = (picture.shape[1], picture.shape[2])
    away, sure, trunk = _distances(keypoints, size, layout)
    difference = (picture - behind).abs().amax(0)
    other = ((difference - _SAME) / (_OTHER - _SAME)).clamp(0, 1)
    core = (1 - sure / (_END * trunk)).clamp(0, 1)
    near = ((_NEAR - away / trunk) / (_NEAR / 4)).clamp(0, 1)
    mask = torch.maximum(core, _joined(core, near * other, round(_NEAR * trunk)))
    # Holes of a colour like the background's are the person's, single pixels are not.
    closed = -_highest(-_highest(mask))
    return torch.minimum(closed, _highest(-_highest(-closed)))


def _joined(core: Tensor, mask: Tensor, steps: int) -> Tensor:
    """Return the mask (H, W) without what hangs together with nothing of the core."""
    allowed = (mask > 0.5).float()
    reached = (core > 0.5).float()
    for _ in range(steps):
        reached = torch.maximum(reached, torch.minimum(_highest(reached), allowed))
    return mask * _highest(reached)


def clean(picture: Tensor, keypoints: Tensor, layout: str) -> Tensor:
    """Return the picture (3, H, W), from 0 to 1, without its person: filled from around them."""
    size = (picture.shape[1], picture.shape[2])
    away, _, trunk = _distances(keypoints, size, layout)
    rough = _filled(picture, (away > _NEAR * trunk).float())
    mask = person_mask(picture, rough, keypoints, layout)
    rim = 2 * round(_RIM * size[0]) + 1
    return _filled(picture, (_highest(mask, rim) < 0.1).float())


def _kept(scene: Scene, layout: str, size: tuple[int, int]) -> Image.Image:
    """Return the photo's part in the scene, at another size, without the person."""
    part = scene.frame._replace(size=size).cut(scene.photo)
    factor = size[0] / scene.frame.size[0]
    keypoints = scene.keypoints.clone()
    keypoints[:, :2] = (keypoints[:, :2] + 0.5) * factor - 0.5
    cleaned = clean(part.float() / 255, keypoints, layout)
    return as_picture(cleaned.mul(255).round().to(torch.uint8))


def _given(what: str, size: tuple[int, int]) -> Image.Image:
    if Path(what).expanduser().exists():
        picture = picture_of(Path(what).expanduser())
        return ImageOps.fit(picture, size[::-1], Image.Resampling.LANCZOS)
    try:
        return Image.new("RGB", size[::-1], ImageColor.getrgb(what)[:3])
    except ValueError:
        raise ConfigError(
            f"--background {what}: neither keep nor model, no colour (white, #30a050), and no such "
            "picture."
        ) from None


def _unit(picture: Image.Image) -> Tensor:
    return as_tensor(picture).float() / 255


def _highest(mask: Tensor, side: int = 3) -> Tensor:
    return functional.max_pool2d(mask[None, None], side, 1, side // 2)[0, 0]


def _distances(
    keypoints: Tensor, size: tuple[int, int], layout: str
) -> tuple[Tensor, Tensor, float]:
    """Return how far each pixel (H, W) is from the nearest limb's middle, and from its flesh.

    With them the length of the trunk.
    """
    bones = skeleton(layout)
    corners = [bones.joints.index(joint) for joint in _TRUNK if joint in bones.joints]
    thick = [k for k, joint in enumerate(bones.joints) if joint.endswith(("hip", "knee"))]
    pairs = [*bones.limbs, *((a, b) for a in corners for b in corners if a < b)]
    seen = keypoints[:, 2] > 0
    ends = [(a, b) for a, b in pairs if seen[a] and seen[b]]
    ends = ends or [(joint, joint) for joint in seen.nonzero().flatten().tolist()]
    trunk = _trunk(keypoints, corners)
    rows, columns = torch.arange(size[0]), torch.arange(size[1])
    places = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).float()  # (H, W, 2)
    middle, flesh = torch.full(size, float("inf")), torch.full(size, float("inf"))
    for first, second in ends:
        start, end = keypoints[first, :2], keypoints[second, :2]
        along = end - start
        share = ((places - start) @ along / along.square().sum().clamp_min(1e-6)).clamp(0, 1)
        away = (places - start - share[..., None] * along).norm(dim=-1)
        radius = _THICK if {first, second} & {*thick} else _THIN
        middle = middle.minimum(away)
        flesh = flesh.minimum((away - radius * trunk).clamp_min(0))
    return middle, flesh, trunk


def _trunk(keypoints: Tensor, corners: list[int]) -> float:
    places = keypoints[keypoints[:, 2] > 0, :2]
    whole = float((places.amax(0) - places.amin(0)).max()) if len(places) else 1.0
    if len(corners) == 4 and (keypoints[corners, 2] > 0).all():
        left, right = keypoints[corners[:2], :2].mean(0), keypoints[corners[2:], :2].mean(0)
        return max(float((left - right).norm()), _SHARE / 2 * whole, 1.0)
    return max(_SHARE * whole, 1.0)


def _filled(picture: Tensor, known: Tensor) -> Tensor:
    """Fill what is not known (H, W; 0 or 1) smoothly from what is: ever coarser averages of it."""
    if not known.any():
        return picture
    values, weight = (picture * known)[None], known[None, None]
    if min(picture.shape[1:]) > 1:
        half = functional.avg_pool2d(values, 2, ceil_mode=True)
        share = functional.avg_pool2d(weight, 2, ceil_mode=True)
        coarse = _filled((half / share.clamp_min(1e-6))[0], (share[0, 0] > 0).float())
        fine = functional.interpolate(
            coarse[None], picture.shape[1:], mode="bilinear", align_corners=False
        )
    else:
        fine = values.sum((2, 3), keepdim=True) / weight.sum().clamp_min(1e-6)
    return (values + (1 - weight) * fine)[0]
