"""`posegen.evaluate_module`: scores of a network of one's own, on pairs of one's own choice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from posegen.compute.process import Process, pick_device
from posegen.config.parts import task_of
from posegen.core.batches import Batch
from posegen.core.contracts import Generator, PairDataset, PoseEncoder
from posegen.core.plain import PlainGenerator
from posegen.evaluation.asked import images_of, plans_of
from posegen.evaluation.evaluator import score
from posegen.evaluation.plan import Options
from posegen.evaluation.result import Evaluation
from posegen.evaluation.streams import Loading, ModelPairs


def evaluate_module(
    network: nn.Module,
    pairs: PairDataset,
    encoder: PoseEncoder,
    metrics: Sequence[str] | None = None,
    *,
    protocols: Sequence[str] = (),
    limit: int | None = None,
    options: Options | None = None,
    reference: PairDataset | str | Path | None = None,
    inception_weights: str | Path | None = None,
    name: str | None = None,
    batch_size: int = 32,
    workers: int = 0,
    device: str = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score any network, and beside it the baseline *copy the source*.

    It is scored as it is, in evaluation mode and without gradients, and then is in the mode that it
    was in.

    Args:
        network: a `posegen.core.Generator`, or any module whose `forward` has names of a batch's
            tensors as parameters (`source`, `source_pose`, `target_pose`…) and returns the image
            (B, 3, H, W) in [-1, 1], or a `GeneratorOutput`.
        pairs: what it is scored on; see `posegen.dataset`.
        encoder: makes the pose maps; see `posegen.encoder`.
        reference: the real images for scores of distributions: another split, or a folder.
        name: of the row; by default the class's.
        metrics, protocols, limit, options, inception_weights, batch_size, workers, device,
            on_progress: as in `evaluate`.

    Raises:
        ConfigError, DataError, PluginError: before anything is scored.
        PosegenError: for images of another shape than the targets', or that are not finite.
    """
    started = time.perf_counter()
    process = Process(pick_device(device))
    plans = plans_of(protocols, metrics, options, pairs.image_size, inception_weights)
    task = task_of(pairs, encoder)
    generator = network if isinstance(network, Generator) else PlainGenerator(network, task)
    modes = [(module, module.training) for module in generator.modules()]
    generator.to(process.device).eval()

    def sample(batch: Batch) -> Tensor:
        image: Tensor = generator(**batch.select(generator.inputs)).image
        return image

    title = name or type(network).__name__
    stream = ModelPairs(
        sample,
        pairs,
        encoder,
        row=title,
        loading=Loading(batch_size, workers, limit),
        process=process,
    )
    references = None
    if reference is not None:
        real = reference if isinstance(reference, PairDataset) else Path(reference)
        references = images_of(real, process, batch_size)
    subject = {"kind": "module", "path": None, "model": title, "limit": limit}
    try:
        with torch.no_grad():
            names, scores = score(
                stream, plans, process, references=references, on_progress=on_progress
            )
    finally:
        for module, mode in modes:
            module.training = mode
    return Evaluation(subject, names, scores, time.perf_counter() - started)
