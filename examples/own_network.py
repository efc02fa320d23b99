"""A network of one's own, trained step by step and scored: python examples/own_network.py."""

from __future__ import annotations

import argparse

import torch
from torch import Tensor, nn

import posegen


class Painter(nn.Module):
    """Paints from the source and the wanted pose; the parameters' names say what it reads."""

    def __init__(self, width: int = 32, joints: int = 18) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3 + joints, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, 3, 5, padding=2),
        )

    def forward(self, source: Tensor, target_pose: Tensor) -> Tensor:
        """Return the image (B, 3, H, W) in [-1, 1]."""
        correction: Tensor = self.layers(torch.cat([source, target_pose], dim=1))
        return (source + correction).tanh()


def main() -> None:
    """Train a plain module with posegen's losses, and score it with posegen's metrics."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--steps", type=int, default=500)
    given = words.parse_args()
    torch.manual_seed(0)
    encoder = posegen.encoder("gaussian", sigma=2.0)
    train = posegen.dataset("people", "train", image_size=[64, 32])
    network = Painter()
    stepper = posegen.stepper(network, (train, encoder), losses={"l1": 1.0}, device="cpu")
    for batch in posegen.batches(train, encoder, 8, steps=given.steps, device="cpu"):
        losses = stepper.step(batch)
    print(f"{train}: l1 {float(losses['generator/l1']):.4f} after {given.steps} steps")
    test = posegen.dataset("people", "test", image_size=[64, 32])
    print(posegen.evaluate_module(network, test, encoder, ["ssim", "l1", "mask-l1"], limit=64))


if __name__ == "__main__":
    main()
