#!/usr/bin/env python3
"""Draw what several models make of the same people, whom none of them saw; see `--help`."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image

import posegen
from posegen.core import skeleton
from posegen.inference.grids import lay_out, pictures
from posegen.poses.draw import draw_pose


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="PNG")
    parser.add_argument("models", nargs="+", metavar="RUN|WEIGHTS", help="all of one size")
    parser.add_argument("--pairs", default="0,1,2,3,4,5", help="which of the test split")
    parser.add_argument("--scale", type=int, default=1, help="enlarge the pictures")
    parser.add_argument("--across", type=int, default=1, help="pairs in a row")
    given = parser.parse_args()
    models = {name: posegen.load_model(name) for name in given.models}
    size = next(iter(models.values())).image_size
    people = posegen.dataset("people", split="test", image_size=list(size))
    pairs = [people[int(index)] for index in given.pairs.split(",")]
    joints = skeleton(people.skeleton)

    def shown(images: list[torch.Tensor]) -> list[Image.Image]:
        return pictures(torch.stack(images).float() / 127.5 - 1, given.scale)

    columns = {
        "source": shown([pair.source for pair in pairs]),
        "pose": [draw_pose(pair.target_keypoints, size, joints, given.scale) for pair in pairs],
    }
    for model in models.values():
        made = [model.generate(p.source, p.source_keypoints, p.target_keypoints) for p in pairs]
        large = (size[1] * given.scale, size[0] * given.scale)
        columns[model.config.model] = [one.resize(large, Image.Resampling.NEAREST) for one in made]
    columns["target"] = shown([pair.target for pair in pairs])
    cells = [
        one[start :: given.across] for start in range(given.across) for one in columns.values()
    ]
    lay_out(list(columns) * given.across, cells).save(given.out, optimize=True)


if __name__ == "__main__":
    main()
