from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from posegen.core import Batch, ConfigError, Kind
from posegen.evaluation.metrics import similarity
from posegen.evaluation.metrics.config import MaskSSIMConfig, SSIMConfig
from posegen.evaluation.metrics.masks import body_mask
from posegen.evaluation.metrics.similarity import SSIM, MaskSSIM
from posegen.plugins import component_config, registry

SIZES = [(128, 64), (256, 176), (53, 60)]
WINDOWS = [
    {},
    {"sigma": 1.2},
    {"sigma": 2.0, "sample_covariance": True},
    {"window": "uniform"},
    {"window": "uniform", "taps": 51, "sample_covariance": True},
    {"window": "uniform", "taps": 11, "sample_covariance": False},
]


def planes(image):
    return image.permute(1, 2, 0).numpy()


def levels(generated, data_range):
    if data_range == "generated":
        return float(generated.max()) - float(generated.min())
    return data_range


def skimage_ssim(generated, target, window=None, data_range=255):
    """Return what scikit-image gives under the same options."""
    window = dict(window or {})
    options = {"use_sample_covariance": window.get("sample_covariance", False)}
    if window.get("window") == "uniform":
        options["win_size"] = window.get("taps", 7)
    else:
        options |= {"gaussian_weights": True, "sigma": window.get("sigma", 1.5)}
    return structural_similarity(
        planes(target),
        planes(generated),
        data_range=levels(generated, data_range),
        channel_axis=2,
        **options,
    )


def kinds(natural, size):
    """Return name -> (generated, target), three pairs of each."""
    generator = torch.Generator().manual_seed(1)
    target = natural(0, 3, size)
    noise = torch.randint(-20, 21, target.shape, generator=generator)
    return {
        "random": (
            torch.randint(0, 256, target.shape, generator=generator).byte(),
            torch.randint(0, 256, target.shape, generator=generator).byte(),
        ),
        "another natural": (natural(5, 3, size), target),
        "noisy": ((target + noise).clamp(0, 255).byte(), target),
        "inverted": (255 - target, target),
        "narrow range": (100 + target // 8, target // 2),
        "nearly black": (target // 50, target // 90),
        "flat target": (target, torch.full_like(target, 3)),
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("data_range", [255, 1.5, "generated"])
def test_ssim_equals_scikit_image(natural, scored, size, window, data_range):
    metric = SSIM(SSIMConfig(**window, data_range=data_range))
    for name, (generated, target) in kinds(natural, size).items():
        ours = metric.score(scored(generated, target))
        theirs = [
            skimage_ssim(a, b, window, data_range) for a, b in zip(generated, target, strict=True)
        ]
        assert ours.dtype == torch.float64
        np.testing.assert_allclose(ours, theirs, atol=1e-10, rtol=0, err_msg=name)


def skimage_0_14(a, b, sigma, data_range):
    """SSIM as scikit-image 0.14 has it: a Gaussian cut at 4σ, and 5 pixels cropped whatever σ."""

    def mean(image):
        return gaussian_filter(image, sigma)[5:-5, 5:-5]

    values = []
    for x, y in zip(planes(a).T.astype(float), planes(b).T.astype(float), strict=True):
        u, v = mean(x), mean(y)
        c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        upper = (2 * u * v + c1) * (2 * (mean(x * y) - u * v) + c2)
        lower = (u * u + v * v + c1) * (mean(x * x) - u * u + mean(y * y) - v * v + c2)
        values.append((upper / lower).mean())
    return np.mean(values)


@pytest.mark.parametrize(("sigma", "taps"), [(1.5, 13), (1.2, 11), (2.0, 17)])
def test_a_wide_window_and_a_narrow_crop_equal_the_old_scikit_image(natural, scored, sigma, taps):
    generated, target = natural(5, 2, (40, 33)), natural(0, 2, (40, 33))
    metric = SSIM(SSIMConfig(sigma=sigma, taps=taps, crop=5))
    theirs = [skimage_0_14(a, b, sigma, 255) for a, b in zip(generated, target, strict=True)]
    np.testing.assert_allclose(metric.score(scored(generated, target)), theirs, atol=1e-12, rtol=0)


def test_a_crop_beyond_the_window_equals_scikit_image_with_a_win_size(natural, scored):
    generated, target = natural(5, 1, (40, 33)), natural(0, 1, (40, 33))
    theirs = structural_similarity(
        planes(target[0]),
        planes(generated[0]),
        gaussian_weights=True,
        win_size=21,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=2,
    )
    ours = SSIM(SSIMConfig(crop=10)).score(scored(generated, target))
    assert ours.item() == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("window", ["gaussian", "uniform"])
def test_ssim_takes_levels_with_fractions(natural, scored, window):
    generated, target = (natural(seed, 2, (30, 24)) * 0.37 + 11.3 for seed in (5, 0))
    ours = SSIM(SSIMConfig(window=window, data_range="generated")).score(scored(generated, target))
    theirs = [
        skimage_ssim(a.double(), b.double(), {"window": window}, "generated")
        for a, b in zip(generated, target, strict=True)
    ]
    np.testing.assert_allclose(ours, theirs, atol=1e-9, rtol=0)


@pytest.mark.parametrize("data_range", [255, "generated"])
def test_ssim_of_equal_images_is_one_even_of_one_colour(natural, scored, data_range):
    metric = SSIM(SSIMConfig(data_range=data_range))
    for image in (natural(0, 1, (20, 20)), torch.full((1, 3, 20, 20), 7, dtype=torch.uint8)):
        assert metric.score(scored(image, image)).item() == pytest.approx(1, abs=1e-12)


def test_a_generated_image_of_one_colour_has_the_smallest_range(natural, scored):
    target = natural(0, 1, (30, 24))
    generated = torch.full_like(target, 120)
    ours = SSIM(SSIMConfig(data_range="generated")).score(scored(generated, target)).item()
    assert ours == pytest.approx(skimage_ssim(generated[0], target[0], data_range=1), abs=1e-9)


def test_ssim_does_not_depend_on_batches_and_chunks(natural, scored, monkeypatch):
    generated, target = natural(5, 7, (40, 30)), natural(0, 7, (40, 30))
    metric = SSIM(SSIMConfig(data_range="generated"))
    whole = metric.score(scored(generated, target))
    pairs = zip(generated.split(1), target.split(1), strict=True)
    alone = torch.cat([metric.score(scored(*pair)) for pair in pairs])
    torch.testing.assert_close(alone, whole, rtol=0, atol=1e-13)
    monkeypatch.setattr(similarity, "CPU_CHUNK", 3 * 3 * 40 * 30)
    torch.testing.assert_close(metric.score(scored(generated, target)), whole, rtol=0, atol=1e-13)
    strided = (x.to(memory_format=torch.channels_last) for x in (generated, target))
    torch.testing.assert_close(metric.score(scored(*strided)), whole, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("options", "needed"), [({}, 11), ({"taps": 13, "crop": 5}, 13), ({"crop": 8}, 17)]
)
def test_ssim_refuses_images_smaller_than_its_window(natural, scored, options, needed):
    smallest, image = natural(0, 1, (needed, needed)), natural(0, 1, (needed - 1, 40))
    metric = SSIM(SSIMConfig(**options))
    assert metric.score(scored(smallest, smallest)).item() == pytest.approx(1)
    said = f"ssim needs images of at least {needed}×{needed} .* these are {needed - 1}×40"
    with pytest.raises(ConfigError, match=said):
        metric.update(scored(image, image))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"taps": 12}, "ssim.taps=12: the window's width must be an odd number"),
        ({"taps": 1}, "ssim.taps=1"),
        ({"sigma": 0}, "ssim.sigma=0"),
        ({"data_range": "target"}, "ssim.data_range=target: give a number .* or `generated`"),
        ({"data_range": 0}, "ssim.data_range=0: give a number of 8-bit levels above 0"),
        ({"tabs": 11}, "did you mean 'taps'"),
    ],
)
def test_wrong_options_are_named(options, said):
    with pytest.raises(ConfigError, match=said):
        component_config(registry(), Kind.METRIC, "ssim", options, "ssim")


def test_the_line_in_a_report_follows_the_options():
    spec = registry().get(Kind.METRIC, "ssim").spec
    assert SSIM(SSIMConfig()).describe() == spec.protocol
    gfla = SSIMConfig(window="uniform", taps=51, sample_covariance=True)
    assert SSIM(gfla).describe() == (
        "8-bit RGB, 51×51 flat window, sample covariance, valid border, data range 255, mean over "
        "channels and images"
    )
    old = MaskSSIMConfig(taps=13, crop=5, data_range="generated")
    assert MaskSSIM(old).describe() == (
        "both images times a body mask drawn from the target's keypoints; 8-bit RGB, 13×13 "
        "Gaussian window σ 1.5, population covariance, 5 pixels cropped, data range max - min of "
        "the generated image, mean over channels and images"
    )
    assert "the data set's body mask" in MaskSSIM(MaskSSIMConfig(mask="data")).describe()


def as_batch(generated, target, *, first=0, total=0, source_names=(), target_names=(), **tensors):
    tensors = {name: value for name, value in tensors.items() if value is not None}
    return Batch(
        {"generated": generated, "target": target, **tensors},
        first=first,
        total=total,
        source_names=source_names,
        target_names=target_names,
    )


@pytest.fixture
def people(natural):
    """Three pairs with keypoints, the last of nobody, and with masks."""
    random = torch.Generator().manual_seed(2)
    keypoints = torch.randint(4, 44, (3, 18, 3), generator=random).float()
    keypoints[2, :, 2] = 0
    mask = torch.zeros(3, 1, 48, 48)
    mask[0, :, 5:40, 7:30] = 1
    mask[1, :, :, 20:] = 1
    return as_batch(
        natural(5, 3, (48, 48)),
        natural(0, 3, (48, 48)),
        target_keypoints=keypoints,
        target_mask=mask,
    )


@pytest.mark.parametrize("source", ["keypoints", "data"])
@pytest.mark.parametrize("data_range", [255, "generated"])
def test_mask_ssim_is_the_ssim_of_multiplied_images(people, source, data_range):
    metric = MaskSSIM(MaskSSIMConfig(mask=source, data_range=data_range))
    metric.update(people)
    mask = people.target_mask.bool()
    if source == "keypoints":
        mask = body_mask(people.target_keypoints, (48, 48))
    expected = [
        skimage_ssim(people.generated[i] * mask[i], people.target[i] * mask[i], {}, data_range)
        for i in range(2)
    ]
    np.testing.assert_allclose(metric.per_image(), [*expected, np.nan], atol=1e-10, rtol=0)
    assert metric.compute().item() == pytest.approx(np.mean(expected), abs=1e-10)


def test_two_ssims_of_a_batch_draw_one_mask(people, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "posegen.evaluation.metrics.masks.body_mask",
        lambda *args: drawn.append(args) or body_mask(*args),
    )
    for data_range in (255, "generated"):
        MaskSSIM(MaskSSIMConfig(data_range=data_range)).update(people)
    assert len(drawn) == 1


def test_mask_ssim_says_what_is_missing(natural):
    image = natural(0, 1, (20, 20))
    with pytest.raises(ConfigError, match=r"mask-ssim needs the targets' keypoints .* `--data`"):
        MaskSSIM(MaskSSIMConfig()).update(as_batch(image, image))
    with pytest.raises(ConfigError, match="mask-ssim needs body masks and this data set has none"):
        MaskSSIM(MaskSSIMConfig(mask="data")).update(as_batch(image, image))
    other = as_batch(image, image, target_keypoints=torch.zeros(1, 17, 3))
    with pytest.raises(ConfigError, match="18 joints of openpose18 and these targets have 17"):
        MaskSSIM(MaskSSIMConfig()).update(other)
