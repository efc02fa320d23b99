"""`check_loss`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from posegen.core import Batch, GeneratorOutput, Kind, Loss, LossSpec, TaskInfo, UserError
from posegen.plugins.testing.inputs import JOINTS, SIZES, Size, batch, differs, images
from posegen.plugins.testing.report import Check, Report, check
from posegen.plugins.testing.subject import Subject, examine

Aux = Callable[[Tensor], dict[str, Tensor]]


def check_loss(
    component: str | LossSpec,
    *,
    options: Mapping[str, Any] | None = None,
    sizes: Sequence[Size] = SIZES,
    aux: Aux | None = None,
    skip: Mapping[str, str] | None = None,
) -> Report:
    """Test a loss against its contract.

    Args:
        component: its name among the installed plugins, or its spec.
        options: its options; by default the example that its configuration class gives, else the
            defaults.
        sizes: (H, W) of the images.
        aux: makes the `GeneratorOutput.aux` that the loss needs from an image (B, 3, H, W); by
            default it is empty.
        skip: name of a check -> why it is left out.
    """
    subject = Subject(Kind.LOSS, component, options)
    case = LossCase(subject, sizes, aux or (lambda image: {}))
    return examine(subject, case.build, case, LOSS, skip)


@dataclass(frozen=True)
class LossCase:
    """A loss, and how to feed it."""

    subject: Subject
    sizes: Sequence[Size]
    aux: Aux

    def build(self, size: Size | None = None) -> Loss:
        """Build it for a size."""
        loss: Loss = self.subject.build(TaskInfo(size or self.sizes[0], JOINTS))
        return loss.eval()

    def value(self, loss: Loss, image: Tensor, data: Batch) -> Tensor:
        """Return the loss of an image."""
        found: Tensor = loss(GeneratorOutput(image, self.aux(image)), data)
        return found


@check(
    "scalar",
    asks="a finite scalar, for every size and batch size",
    where="posegen.core.Loss.forward",
)
def scalar(case: LossCase) -> str | None:
    """One number comes back."""
    for size in case.sizes:
        loss = case.build(size)
        for count in (1, 3):
            found = case.value(loss, images(count, size, 9), batch(count, size))
            if not isinstance(found, Tensor) or found.dim() != 0:
                shown = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
                return f"for {count} images of {size} it is {shown}"
            if not found.isfinite():
                return f"for {count} images of {size} it is {float(found)}"
    return None


@check(
    "mean",
    asks="the mean over the batch: a batch computed in parts (training.accumulate) counts as one",
    where="posegen.core.Loss.forward",
)
def mean(case: LossCase) -> str | None:
    """The loss of two samples is the mean of their losses."""
    loss, data, image = case.build(), batch(2, case.sizes[0]), images(2, case.sizes[0], 9)
    image[0] *= 0.2  # so that the two have losses that differ
    whole = case.value(loss, image, data)
    halves = [case.value(loss, image[i : i + 1], part) for i, part in enumerate(data.split(2))]
    expected = (halves[0] + halves[1]) / 2
    return "two samples do not have the mean of their losses" if differs(expected, whole) else None


@check(
    "gradient",
    asks="the generated image gets a finite gradient",
    where="posegen.core.Loss.forward",
)
def gradient(case: LossCase) -> str | None:
    """The generator can learn from it, even where the image is perfect."""
    loss, data = case.build(), batch(2, case.sizes[0])
    for what, start in (("", images(2, case.sizes[0], 9)), (" of a perfect image", data.target)):
        image = start.clone().requires_grad_()
        value = case.value(loss, image, data)
        if not value.requires_grad:
            return "no gradient reaches the generated image"
        (found,) = torch.autograd.grad(value, image, allow_unused=True)
        if found is None:
            return "no gradient reaches the generated image"
        if not found.isfinite().all():
            return f"the gradient{what} is not finite"
    return None


@check(
    "deterministic",
    asks="the same input gives the same loss",
    where="posegen.core.Loss.forward",
)
def deterministic(case: LossCase) -> str | None:
    """Two calls give one number."""
    loss, data, image = case.build(), batch(2, case.sizes[0]), images(2, case.sizes[0], 9)
    one, other = (case.value(loss, image, data) for _ in range(2))
    return None if torch.equal(one, other) else "two calls give two losses"


@check(
    "inputs",
    asks="a loss leaves the output and the batch as they are: others read the same tensors",
    where="posegen.core.Batch",
)
def inputs_unchanged(case: LossCase) -> str | None:
    """Nothing is written into the inputs."""
    loss, data, image = case.build(), batch(2, case.sizes[0]), images(2, case.sizes[0], 9)
    before = {key: value.clone() for key, value in vars(data).items() if isinstance(value, Tensor)}
    shown = image.clone()
    case.value(loss, shown, data)
    same = torch.equal(shown, image) and all(
        torch.equal(value, getattr(data, key)) for key, value in before.items()
    )
    return None if same else "it writes into its inputs"


@check(
    "bf16",
    asks="training with `--precision bf16` (autocast) works",
    where="posegen.core.Loss.forward",
)
def bf16(case: LossCase) -> str | None:
    """An image of bfloat16 has nearly the same loss."""
    loss, data, image = case.build(), batch(2, case.sizes[0]), images(2, case.sizes[0], 9)
    wanted = case.value(loss, image, data)
    with torch.autocast("cpu", torch.bfloat16):
        found = case.value(loss, image.bfloat16(), data)
    if not found.isfinite():
        return "under autocast to bfloat16 it is not finite"
    return "under autocast to bfloat16 it is another" if differs(wanted, found, 0.05) else None


@check(
    "masks",
    asks="where a data set has no masks, a loss does without, or raises a posegen.core error that "
    "says so",
    where="posegen.core.Batch",
)
def masks(case: LossCase) -> str | None:
    """A batch without masks gives a number or a sentence."""
    data = replace(batch(2, case.sizes[0]), source_mask=None, target_mask=None)
    try:
        found = case.value(case.build(), images(2, case.sizes[0], 9), data)
    except UserError:
        return None
    return None if found.isfinite() else "without masks it is not finite"


LOSS: tuple[Check[LossCase], ...] = (
    scalar,
    mean,
    gradient,
    deterministic,
    inputs_unchanged,
    bf16,
    masks,
)
