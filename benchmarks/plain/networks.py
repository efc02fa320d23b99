"""The networks of PATN (arXiv:1904.03349) as published; keys of their state dicts are as well."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def norm_layer(norm: str, channels: int) -> nn.Module:
    """Return the normalisation, `batch` or `instance`."""
    return nn.BatchNorm2d(channels) if norm == "batch" else nn.InstanceNorm2d(channels)


def down(inputs: int, ngf: int, norm: str) -> list[nn.Module]:
    """Return the stem: (B, inputs, H, W) -> (B, 4·ngf, H/4, W/4)."""
    bias = norm == "instance"
    layers: list[nn.Module] = [
        nn.ReflectionPad2d(3),
        nn.Conv2d(inputs, ngf, 7, bias=bias),
        norm_layer(norm, ngf),
        nn.ReLU(inplace=True),
    ]
    for width in (ngf, 2 * ngf):
        layers += [
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=bias),
            norm_layer(norm, 2 * width),
            nn.ReLU(inplace=True),
        ]
    return layers


def branch(
    inputs: int, outputs: int, norm: str, dropout: float, normalised: bool = True
) -> nn.Sequential:
    """Return the two convolutions of a block: (B, inputs, h, w) -> (B, outputs, h, w)."""
    bias = norm == "instance"
    layers: list[nn.Module] = [
        nn.ReflectionPad2d(1),
        nn.Conv2d(inputs, inputs, 3, bias=bias),
        norm_layer(norm, inputs),
        nn.ReLU(inplace=True),
    ]
    if dropout:
        layers.append(nn.Dropout(dropout))
    layers += [nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3, bias=bias)]
    if normalised:
        layers.append(norm_layer(norm, outputs))
    return nn.Sequential(*layers)


class TransferBlock(nn.Module):
    """A pose-attentional transfer block: two codes in, two codes out."""

    def __init__(self, width: int, pose_width: int, norm: str, dropout: float) -> None:
        super().__init__()
        self.conv_block_stream1 = branch(width, width, norm, dropout)
        self.conv_block_stream2 = branch(pose_width, width, norm, dropout, normalised=False)

    def forward(self, image: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        """(B, width, h, w), (B, pose_width, h, w) -> (B, width, h, w), (B, 2·width, h, w)."""
        change = self.conv_block_stream1(image)
        pose = self.conv_block_stream2(pose)
        image = image + change * torch.sigmoid(pose)
        return image, torch.cat([pose, image], dim=1)


class Transfer(nn.Module):
    """Two encoders, the blocks, a decoder."""

    def __init__(self, ngf: int, blocks: int, norm: str, dropout: float) -> None:
        super().__init__()
        width, bias = 4 * ngf, norm == "instance"
        self.stream1_down = nn.Sequential(*down(3, ngf, norm))
        self.stream2_down = nn.Sequential(*down(36, ngf, norm))
        self.att = nn.Sequential(
            *(
                TransferBlock(width, width if i == 0 else 2 * width, norm, dropout)
                for i in range(blocks)
            )
        )
        self.stream1_up = nn.Sequential(
            nn.ConvTranspose2d(4 * ngf, 2 * ngf, 3, 2, padding=1, output_padding=1, bias=bias),
            norm_layer(norm, 2 * ngf),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(2 * ngf, ngf, 3, 2, padding=1, output_padding=1, bias=bias),
            norm_layer(norm, ngf),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(3),
            nn.Conv2d(ngf, 3, 7),
            nn.Tanh(),
        )

    def forward(self, image: Tensor, poses: Tensor) -> Tensor:
        """(B, 3, H, W), (B, 36, H, W) -> (B, 3, H, W)."""
        image, pose = self.stream1_down(image), self.stream2_down(poses)
        for block in self.att:
            image, pose = block(image, pose)
        made: Tensor = self.stream1_up(image)
        return made


class Generator(nn.Module):
    """netG: source image, source and target pose maps -> image in [-1, 1]."""

    def __init__(self, ngf: int, norm: str, dropout: float, blocks: int = 9) -> None:
        super().__init__()
        self.model = Transfer(ngf, blocks, norm, dropout)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, 0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02)

    def forward(self, source: Tensor, source_pose: Tensor, target_pose: Tensor) -> Tensor:
        """(B, 3, H, W) and twice (B, 18, H, W) -> (B, 3, H, W)."""
        made: Tensor = self.model(source, torch.cat([source_pose, target_pose], dim=1))
        return made


class ResidualBlock(nn.Module):
    """Two convolutions around a shortcut."""

    def __init__(self, width: int, norm: str, dropout: float) -> None:
        super().__init__()
        self.conv_block = branch(width, width, norm, dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Keep the shape."""
        changed: Tensor = features + self.conv_block(features)
        return changed


class Discriminator(nn.Module):
    """netD: an image beside its condition -> scores, through a sigmoid for cross-entropy."""

    def __init__(self, inputs: int, ngf: int, norm: str, dropout: float, sigmoid: bool) -> None:
        super().__init__()
        layers = down(inputs, ngf, norm)
        layers += [ResidualBlock(4 * ngf, norm, dropout) for _ in range(3)]
        if sigmoid:
            layers.append(nn.Sigmoid())
        self.model = nn.Sequential(*layers)

    def forward(self, pair: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, 4·ngf, H/4, W/4)."""
        scores: Tensor = self.model(pair)
        return scores


class VGG(nn.Module):
    """A VGG-19 up to relu1_2, with torchvision's keys; it gets gradients, as published."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.ReLU(inplace=True),
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, 64, H, W)."""
        mean = image.new_tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
        std = image.new_tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
        seen: Tensor = self.features(((image + 1) / 2 - mean) / std)
        return seen
