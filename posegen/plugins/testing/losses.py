"""What losses promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from posegen.core import Batch, GeneratorOutput, Kind, TaskInfo, UserError
from posegen.plugins.testing.functions import FunctionCase, sliced
from posegen.plugins.testing.inputs import JOINTS, Inputs, Size, batch, differs, images
from posegen.plugins.testing.promises import Broken, NotApplicable, promise, require

IMAGE = "generated image"


@dataclass(kw_only=True)
class LossCase(FunctionCase):
    """A loss, and how to feed it.

    Attributes:
        aux: makes the `GeneratorOutput.aux` that the loss needs from an image (B, 3, H, W); None
            where nobody can say what it needs.
    """

    aux: Callable[[Tensor], dict[str, Tensor]] | None = lambda image: {}

    def build(self) -> Any:
        return self.target(self.config, self.task(self.sizes[0])).eval()

    def task(self, size: Size) -> TaskInfo:
        """Return what it is built for."""
        return TaskInfo(size, JOINTS, extra=self.fields)

    def example(
        self, component: Any, size: Size | None = None, count: int = 2, seed: int = 0
    ) -> Inputs:
        task = self.task(size or self.sizes[0])
        image = images(count, task.image_size, seed + 9)
        image[0] *= 0.2  # so that samples have losses that differ
        return {IMAGE: image, **batch(task, count, seed).tensors}

    def run(self, component: Any, inputs: Inputs) -> Any:
        rest = dict(inputs)
        image = rest.pop(IMAGE)
        aux = self.aux(image) if self.aux else {}
        return component(GeneratorOutput(image, aux), Batch(rest))


@promise(Kind.LOSS, where="GeneratorOutput", gate=True)
def reads(case: LossCase) -> None:
    """Where a generator's `aux` lacks what a loss reads, it raises a posegen.core error."""
    if case.aux is None:
        try:
            case.judging()
        except UserError as error:
            raise NotApplicable(f"only its own tests can give it what it reads: {error}") from None


@promise(Kind.LOSS, where="Loss.forward")
def scalar(case: LossCase) -> None:
    """A finite scalar, for every size and batch size."""
    for loss, _, inputs, what in case.variants():
        made = case.run(loss, inputs)
        if not isinstance(made, Tensor) or made.dim() != 0:
            shown = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
            raise Broken(f"{what} it is {shown}")
        require(made.isfinite(), f"{what} it is {float(made)}")


@promise(Kind.LOSS, where="Loss.forward")
def mean(case: LossCase) -> None:
    """The mean over the batch: a batch computed in parts (training.accumulate) counts as one."""
    loss, inputs, whole = case.judging()
    one, other = (case.run(loss, sliced(inputs, i, i + 1)) for i in (0, 1))
    good = not differs((one + other) / 2, whole)
    require(good, "two samples do not have the mean of their losses")


@promise(Kind.LOSS, where="Loss.forward")
def gradient(case: LossCase) -> None:
    """The generated image gets a finite gradient, even where it is perfect."""
    loss, inputs, _ = case.judging()
    for what, start in (("", inputs[IMAGE]), (" of a perfect image", inputs["target"])):
        image = start.clone().requires_grad_()
        value = case.run(loss, {**inputs, IMAGE: image})
        if value.requires_grad:
            torch.autograd.backward(value)
        if image.grad is None:
            raise Broken("no gradient reaches the generated image")
        require(image.grad.isfinite().all(), f"the gradient{what} is not finite")


@promise(Kind.LOSS, where="Loss.forward")
def bf16(case: LossCase) -> None:
    """Training with `--precision bf16` (autocast) works."""
    loss, inputs, result = case.judging()
    rounded = {**inputs, IMAGE: inputs[IMAGE].bfloat16()}
    with torch.autocast("cpu", torch.bfloat16):
        made = case.run(loss, rounded)
    good = made.isfinite() and not differs(result, made, 0.05)
    require(good, "under autocast to bfloat16 it is another, or not finite")


@promise(Kind.LOSS, where="Batch")
def masks(case: LossCase) -> None:
    """Where a data set has no masks, a loss does without, or raises a posegen.core error that says
    so."""
    loss = case.build()
    inputs = case.example(loss)
    try:
        made = case.run(loss, {n: value for n, value in inputs.items() if "_mask" not in n})
    except UserError:
        return
    require(made.isfinite(), "without masks it is not finite")
