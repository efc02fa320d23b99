"""A history of generated images for a discriminator to be trained on (arXiv:1612.07828)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from posegen.core.batches import TaskInfo

#: Dimensions of a sample's tensor -> the buffer in which those of its form are joined.
_BUFFERS = {3: "images", 2: "points", 1: "vectors"}


class ImagePool(nn.Module):
    """Remembers generated images, and now and then gives an old one for a new one.

    The rule is the published one, image after image: while there is room, a new image is stored
    and returned; after that, with probability one half it takes the place of a random stored one,
    which is returned, and otherwise it is itself returned and not stored. With each image goes
    what it was generated for.

        self.pool = ImagePool(50, self.inputs, task)    # in a discriminator's constructor
        return self.pool.exchange(image, inputs, random)    # in its `replay`

    All that is remembered is in buffers, so a checkpoint holds it.

    Args:
        size: how many images are remembered; at least 1.
        inputs: names of what is remembered beside an image: the discriminator's `inputs`.
        task: what the discriminator was built for.

    Raises:
        posegen.core.ConfigError: for an input that the data does not have.
    """

    filled: Tensor

    def __init__(self, size: int, inputs: Iterable[str], task: TaskInfo) -> None:
        super().__init__()
        self.size = size
        shapes = {"image": task.shape("target"), **{name: task.shape(name) for name in inputs}}
        self._joined: dict[str, list[str]] = {}  # buffer -> what is joined in it
        for name, shape in shapes.items():
            self._joined.setdefault(_BUFFERS[len(shape)], []).append(name)
        for buffer, names in self._joined.items():
            rows = sum(shapes[name][0] for name in names)
            self.register_buffer(buffer, torch.zeros(size, rows, *shapes[names[0]][1:]))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))
        # The number in `filled` once more: reading it from a GPU would stall every step.
        self._filled = 0
        self.register_load_state_dict_post_hook(_read_filled)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def exchange(
        self, image: Tensor, inputs: dict[str, Tensor], random: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Store images and return as many, new or old, each with its own inputs.

        All is decided on the CPU, so that a GPU is not waited for.

        Args:
            image: (B, 3, H, W), the generated images.
            inputs: what they were generated for, by the names that the pool was built with.
            random: a CPU generator; 2·B numbers are drawn from it.

        Returns:
            What `Discriminator.replay` does, in the pool's type (float32).
        """
        swaps = (torch.rand(len(image), generator=random) > 0.5).tolist()
        slots = torch.randint(self.size, (len(image),), generator=random).tolist()
        moves: list[tuple[int, int, bool]] = []  # new image, its slot, whether an old one goes out
        for index, (swapped, slot) in enumerate(zip(swaps, slots, strict=True)):
            if self._filled < self.size:
                moves.append((index, self._filled, False))
                self._filled += 1
            elif swapped:
                moves.append((index, slot, True))
        self.filled.fill_(self._filled)
        given, chosen = {"image": image, **inputs}, dict[str, Tensor]()
        for buffer, names in self._joined.items():
            stored: Tensor = getattr(self, buffer)
            new = torch.cat([given[name] for name in names], dim=1).to(stored.dtype)
            result = new.clone()
            for index, slot, swapped in moves:
                if swapped:
                    result[index] = stored[slot]
                stored[slot] = new[index]
            parts = torch.split(result, [given[name].shape[1] for name in names], dim=1)
            chosen.update(zip(names, parts, strict=True))
        return chosen.pop("image"), chosen


def _read_filled(pool: ImagePool, _: object) -> None:
    pool._filled = int(pool.filled)
