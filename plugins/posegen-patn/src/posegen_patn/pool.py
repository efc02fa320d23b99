"""A history of generated images to train a discriminator on (arXiv:1612.07828)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Remembers generated images, and gives now and then an old one for a new one.

    The rule is the published one, image after image: while there is room, a new image is stored
    and returned; after that, with probability one half it takes the place of a random stored one,
    which is returned, and else it is itself returned and not stored.

    All that is remembered is in buffers, so a checkpoint holds it.

    Args:
        size: how many images are remembered; at least 1.
        channels: channels of an image together with its condition.
        image_size: (H, W).
    """

    images: Tensor
    filled: Tensor

    def __init__(self, size: int, channels: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.zeros(size, channels, *image_size))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))
        # The number in `filled` once more: reading it from a GPU would stall every step.
        self._filled = 0
        self.register_load_state_dict_post_hook(_read_filled)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def exchange(self, new: Tensor, random: torch.Generator) -> Tensor:
        """Store images and return as many, new or old.

        All is decided on the CPU; on the device there are three indexed copies, however large the
        batch is.

        Args:
            new: (B, channels, H, W).
            random: a CPU generator; 2·B numbers are drawn from it.

        Returns:
            (B, channels, H, W), of the pool's type (float32).
        """
        new = new.to(self.images.dtype)
        swap = (torch.rand(len(new), generator=random) > 0.5).tolist()
        slots = torch.randint(self.size, (len(new),), generator=random).tolist()
        content: dict[int, int] = {}  # slot -> the image of this batch that is in it now
        returned = list(range(len(new)))  # for each place, which image of this batch to return,
        old: dict[int, int] = {}  # or from which slot an image of an earlier batch
        for index, (swapped, slot) in enumerate(zip(swap, slots, strict=True)):
            if self._filled < self.size:
                content[self._filled] = index
                self._filled += 1
            elif swapped:
                if slot in content:
                    returned[index] = content[slot]
                else:
                    old[index] = slot
                content[slot] = index
        result = new[self._at(returned)]
        result[self._at(old.keys())] = self.images[self._at(old.values())]
        self.images[self._at(content.keys())] = new[self._at(content.values())]
        self.filled.fill_(self._filled)
        return result

    def _at(self, places: Iterable[int]) -> Tensor:
        index = torch.tensor(list(places), dtype=torch.int64)
        if self.images.is_cuda:
            index = index.pin_memory()  # from other memory, the copy would wait for the GPU
        return index.to(self.images.device, non_blocking=True)


def _read_filled(pool: ImagePool, _: object) -> None:
    pool._filled = int(pool.filled)
