from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from posegen.core import Batch, DataError
from posegen.data.loading import to_uint8
from posegen.evaluation.protocols.prepare import as_saved, prepare, prepare_images, to_8bit
from posegen.evaluation.protocols.schema import Crop, Pad, Resize

PILLOW = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
#: High-resolution DeepFashion to 256×176, GFLA's square to 256×176, and an enlargement.
SIZES = [((220, 150), (64, 44)), ((64, 64), (64, 44)), ((32, 16), (64, 44))]


def arrays(images: Tensor) -> np.ndarray:
    return images.permute(0, 2, 3, 1).contiguous().numpy()


def batch(generated: Tensor, target: Tensor, names=(), **more: Tensor) -> Batch:
    return Batch({"generated": generated, "target": target, **more}, target_names=names)


@pytest.mark.parametrize(("old", "new"), SIZES)
@pytest.mark.parametrize("kernel", PILLOW)
def test_pillow(natural: Callable[..., Tensor], kernel: str, old, new) -> None:
    images = natural(1, 3, old)
    step = Resize(size=new, kernel=kernel, library="pillow")
    found = arrays(prepare_images(images, [step])).astype(int)
    expected = np.stack(
        [Image.fromarray(image).resize(new[::-1], PILLOW[kernel]) for image in arrays(images)]
    )
    difference = np.abs(found - expected)
    # Measured: 1 level in at most 1.6% of the values, and 2 levels in a few where a bicubic kernel
    # enlarges: Pillow rounds between its two passes.
    assert difference.max() <= (2 if kernel == "bicubic" and new > old else 1)
    assert (difference > 0).mean() < 0.02


@pytest.mark.parametrize(("old", "new"), SIZES)
@pytest.mark.parametrize("kernel", PILLOW)
def test_opencv(natural: Callable[..., Tensor], kernel: str, old, new) -> None:
    cv2 = pytest.importorskip("cv2")
    flags = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}
    images = natural(2, 3, old)

    def expected(dtype: type) -> np.ndarray:
        given = arrays(images).astype(dtype)
        return np.stack([cv2.resize(x, new[::-1], interpolation=flags[kernel]) for x in given])

    rounded = prepare_images(images, [Resize(size=new, kernel=kernel, library="opencv")])
    assert rounded.dtype == torch.uint8
    # Measured: 1 level in up to 13% of the values; OpenCV's 8-bit kernels have 11-bit weights.
    assert np.abs(arrays(rounded).astype(int) - expected(np.uint8)).max() <= 1
    kept = prepare_images(images, [Resize(size=new, kernel=kernel, library="opencv", round=False)])
    assert kept.dtype == torch.float32
    # Measured: 0.017 at most, from 750 columns to 176.
    assert np.abs(arrays(kept) - expected(np.float32)).max() < 0.02


def test_antialias_is_what_separates_torch_from_itself(natural: Callable[..., Tensor]) -> None:
    images = natural(3, 2, (220, 150))
    plain, smooth = (
        prepare_images(
            images, [Resize(size=(64, 44), kernel="bicubic", library="torch", antialias=antialias)]
        )
        for antialias in (False, True)
    )
    opencv = prepare_images(images, [Resize(size=(64, 44), kernel="bicubic", library="opencv")])
    pillow = prepare_images(images, [Resize(size=(64, 44), kernel="bicubic", library="pillow")])
    assert torch.equal(plain, opencv)
    # Pillow also clamps between its two passes, which shows where the kernel overshoots.
    assert (smooth.int() - pillow.int()).abs().float().mean() < 0.3
    assert (plain.int() - pillow.int()).abs().float().mean() > 5


def test_pictures_of_the_size_are_left_alone(natural: Callable[..., Tensor]) -> None:
    images = natural(4, 2, (64, 44))
    for library in ("pillow", "opencv", "torch"):
        step = Resize(size=(64, 44), kernel="bicubic", library=library)
        assert torch.equal(prepare_images(images, [step]), images)


def test_bicubic_overshoot_is_clamped() -> None:
    edge = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    edge[..., 4:] = 255
    step = Resize(size=(16, 16), kernel="bicubic", library="torch")
    found = prepare_images(edge, [step])
    assert found[..., :7].max() == 0
    assert found[..., 9:].min() == 255
    free = prepare_images(edge, [step.model_copy(update={"round": False})])
    assert free.min() < -5
    assert free.max() > 260


def test_pad_as_the_published_script(natural: Callable[..., Tensor]) -> None:
    image = natural(5, 1, (256, 176))
    expected = np.ones((256, 256, 3), dtype=np.uint8) * 255
    expected[:, 40:216] = arrays(image)[0]
    found = prepare_images(image, [Pad(left=40, right=40)])
    assert found.dtype == torch.uint8
    assert np.array_equal(arrays(found)[0], expected)
    back = prepare_images(found, [Crop(box=(40, 0, 216, 256))])
    assert torch.equal(back, image)


def test_masks_and_keypoints_go_along(natural: Callable[..., Tensor]) -> None:
    images = natural(6, 2, (8, 6))
    keypoints = torch.tensor([[[2.0, 3.0, 1.0], [0.0, 0.0, 0.0], [-0.5, -0.5, 1.0]]]).repeat(
        2, 1, 1
    )
    mask = torch.zeros(2, 1, 8, 6)
    mask[..., 3, 2] = 1
    given = batch(images, images, source=images, target_keypoints=keypoints, target_mask=mask)

    padded = prepare(given, [Pad(left=4, top=1, right=2, bottom=3)])
    assert padded.target_keypoints[0].tolist() == [[6, 4, 1], [0, 0, 0], [3.5, 0.5, 1]]
    assert padded.target_mask.nonzero().tolist() == [[0, 0, 4, 6], [1, 0, 4, 6]]
    assert padded.source.shape == padded.target.shape == (2, 3, 12, 12)

    cropped = prepare(given, [Crop(box=(1, 2, 5, 8))])
    assert cropped.target_keypoints[0].tolist() == [[1, 1, 1], [0, 0, 0], [-1.5, -2.5, 1]]
    assert cropped.target_mask.nonzero()[0].tolist() == [0, 0, 1, 1]

    larger = prepare(given, [Resize(size=(16, 18), kernel="bilinear", library="torch")])
    # Pixel (2, 3) becomes columns 6 to 8 and rows 6 and 7; the picture's corner stays its corner.
    assert larger.target_keypoints[0].tolist() == [[7, 6.5, 1], [0, 0, 0], [-0.5, -0.5, 1]]
    assert larger.target_mask[0].nonzero()[:, 1:].tolist() == [
        [y, x] for y in (6, 7) for x in (6, 7, 8)
    ]

    both = prepare(given, [Crop(box=(1, 2, 5, 8)), Pad(left=1, top=2, right=1)])
    assert both.target_keypoints[0, 0].tolist() == [2, 3, 1]
    assert torch.equal(both.target, images.masked_fill(_border(images), 255))


def _border(images: Tensor) -> Tensor:
    inside = torch.zeros_like(images, dtype=torch.bool)
    inside[..., 2:8, 1:5] = True
    return ~inside


def test_what_a_batch_says_is_kept(natural: Callable[..., Tensor]) -> None:
    images = natural(7, 2, (8, 6))
    given = batch(images, images, ["a", "b"])
    given.first, given.total = 4, 9
    given.once("key", lambda: "of the unprepared pictures")
    found = prepare(given, [Pad(left=1)])
    assert (found.target_names, found.first, found.total) == (["a", "b"], 4, 9)
    assert list(found.tensors) == ["generated", "target"]
    assert found.once("key", lambda: "anew") == "anew"
    assert prepare(given, ()) is given


def test_two_sizes_become_one(natural: Callable[..., Tensor]) -> None:
    small, large = natural(8, 2, (16, 16)), natural(9, 2, (44, 30))
    step = Resize(size=(16, 16), kernel="bicubic", library="pillow")
    found = prepare(batch(small, large), [step])
    assert torch.equal(found.generated, small)
    assert found.target.shape == (2, 3, 16, 16)


@pytest.mark.parametrize("steps", [(), (Pad(left=1),)])
def test_two_sizes_without_a_resize(natural: Callable[..., Tensor], steps) -> None:
    pictures = natural(8, 2, (16, 16)), natural(9, 2, (16, 12))
    with pytest.raises(DataError, match=r"generated pictures are 16×1[67] .*targets 16×1[23] "):
        prepare(batch(*pictures, ["a", "b"]), steps)


def test_crop_of_a_small_picture(natural: Callable[..., Tensor]) -> None:
    with pytest.raises(DataError, match=r"columns 40 to 216 .* that are 128×64"):
        prepare_images(natural(1, 1, (128, 64)), [Crop(box=(40, 0, 216, 128))])


@pytest.mark.parametrize("quality", [75, 90])
def test_jpeg_is_pillows(natural: Callable[..., Tensor], quality: int) -> None:
    images = natural(10, 3, (40, 24))
    found = as_saved(images, "jpeg", quality)
    for image, again in zip(arrays(images), arrays(found), strict=True):
        file = io.BytesIO()
        kind = {} if quality == 75 else {"quality": quality}  # 75 is Pillow's default
        Image.fromarray(image).save(file, "JPEG", **kind)
        assert np.array_equal(np.asarray(Image.open(file)), again)
    assert not torch.equal(found, images)


def test_jpeg_of_five_panels_differs_in_the_outermost_column(
    natural: Callable[..., Tensor],
) -> None:
    """As `as_saved` says: 64 and 176 columns are whole JPEG blocks, so panels do not mix."""
    images = natural(11, 5, (128, 64))
    file = io.BytesIO()
    Image.fromarray(np.concatenate(list(arrays(images)), axis=1)).save(file, "JPEG")
    panels = np.split(np.asarray(Image.open(file)), 5, axis=1)
    alone = arrays(as_saved(images, "jpeg"))
    assert np.array_equal(panels[4][:, 1:], alone[4][:, 1:])
    assert np.array_equal(panels[2][:, 1:-1], alone[2][:, 1:-1])


def test_other_files_change_nothing(natural: Callable[..., Tensor]) -> None:
    images = natural(12, 2, (8, 8))
    assert as_saved(images, "png") is images
    assert as_saved(images, "memory") is images


def test_rounding() -> None:
    values = torch.linspace(-1, 1, 10_001)
    published = ((values.numpy() + 1) / 2.0 * 255.0).astype(np.uint8)
    assert np.array_equal(to_8bit(values, "truncate").numpy(), published)
    assert torch.equal(to_8bit(values, "round"), to_uint8(values))
    assert to_8bit(torch.tensor([-3.0, 3.0]), "truncate").tolist() == [0, 255]
