"""A photo, a motion, a clip: python examples/photo_in_motion.py me.jpg walk walk.webp."""

from __future__ import annotations

import argparse
from pathlib import Path

import posegen
from posegen.inference.clips import write_clip


def main() -> None:
    """Find the person in a photo, move them, and write the clip."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("photo", type=Path)
    words.add_argument("motion", help="a name of `posegen motion list`, a video, or other poses")
    words.add_argument("clip", type=Path, help="a .webp, .gif, .apng or .mp4")
    words.add_argument("--weights", help="a run or weights; by default those in the box")
    given = words.parse_args()
    model = posegen.load_model(given.weights)
    frames = model.animate(given.photo, given.motion)
    write_clip(given.clip, frames, 24, model.mark)
    print(f"{given.clip}, by {model}")


if __name__ == "__main__":
    main()
