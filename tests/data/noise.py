"""A data set of noise, with masks and fields of its own."""

from __future__ import annotations

import torch

from posegen.core import Field, FieldKind, Pair, PairDataset

SIZE = (16, 8)

FIELDS = {
    "source_parsing": Field(FieldKind.MAP, 4, mirrored=((1, 2),)),
    "target_parsing": Field(FieldKind.MAP, 4, mirrored=((1, 2),)),
    "target_hands": Field(FieldKind.POINTS, 3, mirrored=((0, 2),)),
    "source_garment": Field(FieldKind.IMAGE, 3),
    "target_garment_mask": Field(FieldKind.MASK, 1),
    "style": Field(FieldKind.VECTOR, 5),
}


class NoiseDataset(PairDataset):
    """All pairs of `people` times three pictures."""

    image_size = SIZE
    skeleton = "openpose18"

    def __init__(self, people: int = 3, first: int = 0, extra: bool = True) -> None:
        self.first = first
        self.fields = FIELDS if extra else {}
        self.places = [
            (p, a, b) for p in range(people) for a in range(3) for b in range(3) if a != b
        ]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Pair:
        person, a, b = self.places[index]
        source, target = (self._picture(100 * (person + self.first) + n) for n in (a, b))
        extra = {
            name: (source if name.startswith("source") else target)[name] for name in self.fields
        }
        names = [f"n{person + self.first:03d}_{n:02d}.png" for n in (a, b)]
        shared = ("image", "keypoints", "mask")
        (image, points, mask), others = ([p[key] for key in shared] for p in (source, target))
        return Pair(image, others[0], points, others[1], *names, mask, others[2], extra)

    def _picture(self, seed: int) -> dict[str, torch.Tensor]:
        random = torch.Generator().manual_seed(seed)

        def levels(channels: int) -> torch.Tensor:
            shape = (channels, *SIZE)
            return torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)

        def points(count: int) -> torch.Tensor:
            places = torch.rand(count, 3, generator=random) * torch.tensor([7.0, 15.0, 1.0])
            places[:, 2] = torch.tensor([1.0, 0.5, 0.0]).repeat(count)[:count]
            return places

        return {
            "image": levels(3),
            "keypoints": points(18),
            "mask": levels(1).gt(127).to(torch.uint8) * 255,
            "source_parsing": levels(4) % 2,
            "target_parsing": levels(4) % 2,
            "target_hands": points(3),
            "source_garment": levels(3),
            "target_garment_mask": levels(1),
            "style": torch.rand(5, generator=random),
        }
