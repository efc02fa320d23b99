"""A pipeline that edits a person by pose, as big ones do; small, and with random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler, DiffusionPipeline, UNet2DModel
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from PIL import Image


class TinyEdit(DiffusionPipeline):
    """A denoiser that reads the source and the drawing beside the noise."""

    def __init__(self, unet: UNet2DModel, scheduler: DDIMScheduler) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)

    @torch.no_grad()
    def __call__(
        self,
        image: list[Image.Image],
        num_inference_steps: int = 2,
        generator: torch.Generator | None = None,
        output_type: str = "pil",
    ) -> Any:
        known = [torch.from_numpy(np.array(one)).permute(2, 0, 1) / 127.5 - 1 for one in image]
        size = (1, *known[0].shape)
        state = torch.randn(size, generator=generator).to(self.unet.dtype)
        given = torch.cat(known)[None].to(state)
        self.scheduler.set_timesteps(num_inference_steps)
        for t in self.scheduler.timesteps:
            noise = self.unet(torch.cat([state, given], dim=1), t).sample
            state = self.scheduler.step(noise, t, state).prev_sample
        if output_type != "pil":
            return ImagePipelineOutput(images=state)
        array = ((state[0].float().clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).numpy()
        return ImagePipelineOutput(images=[Image.fromarray(array)])


def make(folder: Any) -> None:
    """Save one with random weights."""
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=(32, 16), in_channels=9, out_channels=3, layers_per_block=1,
        block_out_channels=(8, 8), norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    TinyEdit(unet, DDIMScheduler()).save_pretrained(folder, safe_serialization=True)
