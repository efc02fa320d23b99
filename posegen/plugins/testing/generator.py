"""`check_generator`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from posegen.core import Generator, GeneratorOutput, GeneratorSpec, Kind, TaskInfo
from posegen.plugins.testing.inputs import JOINTS, SIZES, Size, differs, images, poses
from posegen.plugins.testing.network_case import Inputs, NetworkCase, pushed, reached
from posegen.plugins.testing.networks import NETWORK
from posegen.plugins.testing.report import Check, Report, check
from posegen.plugins.testing.subject import Subject, examine


def check_generator(
    component: str | GeneratorSpec,
    *,
    options: Mapping[str, Any] | None = None,
    sizes: Sequence[Size] = SIZES,
    skip: Mapping[str, str] | None = None,
) -> Report:
    """Test a generator against its contract.

    Args:
        component: its name among the installed plugins, or its spec.
        options: its options; by default the example that its configuration class gives, else the
            defaults.
        sizes: (H, W) of the images; each is brought up to the generator's `size_multiple`.
        skip: name of a check -> why it is left out.
    """
    subject = Subject(Kind.GENERATOR, component, options)
    case = GeneratorCase(subject, sizes)
    return examine(subject, lambda: case.bare(case.sizes[0]), case, GENERATOR, skip)


class GeneratorCase(NetworkCase):
    """A generator; its inputs are (source, source_pose, target_pose)."""

    def build(self, size: Size | None = None, channels: int = JOINTS, seed: int = 0) -> nn.Module:
        """See `NetworkCase`."""
        network = self.bare(size or self.sizes[0], channels, seed)
        fitting = self.fitting(network, size)
        if size is None and fitting != self.sizes[0]:  # the multiple may depend on the options
            network = self.bare(fitting, channels, seed)
        return network

    def bare(self, size: Size, channels: int = JOINTS, seed: int = 0) -> Generator:
        """Build it for a size as it is."""
        torch.manual_seed(seed)
        network: Generator = self.subject.build(TaskInfo(size, channels))
        return network

    def inputs(
        self,
        network: nn.Module,
        size: Size | None = None,
        count: int = 2,
        seed: int = 0,
        channels: int = JOINTS,
    ) -> Inputs:
        """See `NetworkCase`."""
        height_width = self.fitting(network, size)
        source = images(count, height_width, seed)
        here, there = (poses(count, channels, height_width, seed + more) for more in (0, 1))
        return source, here, there

    def call(self, network: nn.Module, inputs: Inputs) -> Tensor:
        """Return the image."""
        output: GeneratorOutput = network(*inputs)
        return output.image

    def fitting(self, network: nn.Module, size: Size | None = None) -> Size:
        """Return the next size that the generator takes: at least twice its multiple."""
        multiple = int(network.size_multiple)  # type: ignore[arg-type]
        height, width = (max(-(-n // multiple), 2) * multiple for n in size or self.sizes[0])
        return height, width


@check(
    "size-multiple",
    asks="`size_multiple` is what height and width must be divisible by, at least 1",
    where="posegen.core.Generator",
)
def size_multiple(case: GeneratorCase) -> str | None:
    """It is a positive integer."""
    found = getattr(case.bare(case.sizes[0]), "size_multiple", None)
    good = isinstance(found, int) and not isinstance(found, bool) and found >= 1
    return None if good else f"`size_multiple` is {found!r}"


@check(
    "shape",
    asks="a GeneratorOutput with an image (B, 3, H, W), for every batch size, every size divisible "
    "by `size_multiple` and every number of pose channels",
    where="posegen.core.GeneratorOutput",
)
def shape(case: GeneratorCase) -> str | None:
    """The image is as large as the source."""
    for wanted in case.sizes:
        for channels in (JOINTS, 5):
            size = case.fitting(case.build(wanted), wanted)
            network = case.build(size, channels)
            for count in (1, 3):
                network.train(count > 1)
                inputs = case.inputs(network, size, count, channels=channels)
                problem = _shape(network, inputs, channels)
                if problem:
                    return problem
    return None


def _shape(network: nn.Module, inputs: Inputs, channels: int) -> str | None:
    wanted = tuple(inputs[0].shape)
    what = f"for a source of {wanted} and {channels} pose channels"
    try:
        output = network(*inputs)
    except Exception as error:
        raise RuntimeError(f"{what}: {error}") from error
    if not isinstance(output, GeneratorOutput):
        return f"it returns {type(output).__name__}"
    if tuple(output.image.shape) != wanted:
        return f"{what} the image is {tuple(output.image.shape)}"
    wrong = [name for name, value in output.aux.items() if not isinstance(value, Tensor)]
    return f"aux[{wrong[0]!r}] is no tensor" if wrong else _attention(output, len(inputs[0]))


def _attention(output: GeneratorOutput, count: int) -> str | None:
    seen = output.aux.get("attention")
    if seen is None:
        return None
    if seen.dim() != 4 or len(seen) != count or seen.min() < 0 or seen.max() > 1:
        return "aux['attention'] is not (B, N, h, w) in [0, 1]"
    return None


@check("range", asks="images are in [-1, 1], the whole range", where="posegen.core.GeneratorOutput")
def value_range(case: GeneratorCase) -> str | None:
    """Nothing leaves the range, and both halves of it can be reached."""
    network, inputs = case.trained()
    sources = [torch.full_like(inputs[0], value) for value in (-1.0, 0.0, 1.0)]
    nobody = torch.zeros_like(inputs[1])
    with torch.no_grad():
        for mode in (True, False):
            network.train(mode)
            for source in (inputs[0], *sources):
                for pose in (inputs[1], nobody):
                    image = case.call(network, (source, pose, pose))
                    if not image.isfinite().all():
                        return "an empty source or a pose without joints gives values not finite"
                    if image.abs().max() > 1:
                        return f"values reach {image.abs().max():.3g}"
    bright, dark = pushed(case, 1), pushed(case, -1)
    most = max(float(bright.abs().max()), float(dark.abs().max()))
    if not most <= 1:
        return f"after a few steps of training values reach {most:.3g}"
    return None if dark.min() < -0.05 else "values stay above 0, as if images were in [0, 1]"


@check(
    "uses",
    asks="the person is that of `source`, and the pose is `target_pose`",
    where="posegen.core.Generator.forward",
)
def uses(case: GeneratorCase) -> str | None:
    """The image depends on what it must depend on; a source's own pose may be left out."""
    source, _, target_pose = reached(case, 3)
    if not source:
        return "the image does not depend on `source`"
    return None if target_pose else "the image does not depend on `target_pose`"


@check(
    "two-steps",
    asks="`generate_from(encode_source(source, …), target_pose)` is what `forward` gives; "
    "so it is with the code of one source for many poses",
    where="posegen.core.Generator.generate_from",
)
def two_steps(case: GeneratorCase) -> str | None:
    """Encoding the source once for many poses changes nothing."""
    network, (source, here, there) = case.trained()
    assert isinstance(network, Generator)
    network.eval()
    with torch.no_grad():
        code = network.encode_source(source, here)
        if differs(
            network.generate_from(code, there).image, case.call(network, (source, here, there))
        ):
            return "in two steps the image is another"
        one = network.encode_source(source[:1], here[:1])
        if any(len(part) != 1 for part in one):
            return "what `encode_source` returns for one source is not of batch size 1"
        expanded = tuple(part.expand(len(there), *part.shape[1:]) for part in one)
        alone = source[:1].expand_as(source), here[:1].expand_as(here), there
        same = not differs(network.generate_from(expanded, there).image, case.call(network, alone))
    return None if same else "with one source's code for several poses the image is another"


GENERATOR: tuple[Check[GeneratorCase], ...] = (
    *(size_multiple, shape, value_range, uses, two_steps),
    *NETWORK,
)
