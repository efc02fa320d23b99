"""A step that does not fit into memory, and what would."""

from __future__ import annotations

import traceback

from torch import Tensor

from posegen.compute.failures import is_out_of_memory, most_that_fit
from posegen.core.batches import Batch
from posegen.core.errors import TrainingError
from posegen.training.display import memory_gib
from posegen.training.stepper import Stepper


def step_in_memory(stepper: Stepper, batch: Batch) -> dict[str, Tensor]:
    """Do a step, see `Stepper.step`.

    Raises:
        TrainingError: where memory is lacking, with the parts of a batch that would fit: they are
            tried, which spoils the stepper's state.
    """
    try:
        return stepper.step(batch)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        reason = str(error).split("\n")[0].split(". ")[0][:200]
        traceback.clear_frames(error.__traceback__)  # they hold tensors
    step = stepper.index + 1  # what is tried counts on
    device, parts = stepper.process.device, stepper.training.accumulate
    at_once = -(-len(batch) // parts)
    alone = not stepper.process.distributed  # the others do not try with this process
    fits = most_that_fit(at_once, _Attempt(stepper, batch)) if alone else at_once // 2
    if fits:
        parts = -(-len(batch) // fits)
        remedy = (
            f"{fits} {'fit' if alone else 'may fit'}: go on with `--resume --set "
            f"training.accumulate={parts}`, the same batch in parts, or start again with a smaller "
            "--batch-size. What was saved before stays"
        )
    else:
        remedy = "not one pair fits: take smaller pictures, a smaller network, or --precision bf16"
    height, width = batch["source"].shape[-2:]
    raise TrainingError(
        f"out of memory on {device} at step {step}, with {at_once} pairs of "
        f"{height}×{width} at once (at most {memory_gib(device):.1f} GiB in use; {reason}); "
        f"{remedy}."
    )


class _Attempt:
    """Tries a step in parts of so many pairs."""

    def __init__(self, stepper: Stepper, batch: Batch) -> None:
        self._stepper, self._batch = stepper, batch

    def __call__(self, at_once: int) -> None:
        parts = -(-len(self._batch) // at_once)
        training = self._stepper.training.model_copy(update={"accumulate": parts})
        self._stepper.training = training
        for optimizer in self._stepper.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        self._stepper.step(self._batch)
