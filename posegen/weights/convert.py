"""Published checkpoints into folders of weights."""

from __future__ import annotations

from pathlib import Path

from posegen.config import ComponentOptions
from posegen.config.parts import build_encoder
from posegen.core.contracts import WeightsConverter
from posegen.core.errors import ConfigError, WeightsError
from posegen.core.pretrained import read_tensors
from posegen.core.specs import Kind
from posegen.core.writing import occupied
from posegen.plugins import registry
from posegen.weights.description import WeightsConfig, packages_of
from posegen.weights.folder import check_finite, save_weights
from posegen.weights.networks import assemble


def convert(
    checkpoint: Path,
    out: Path,
    converter: str,
    *,
    encoder: str | None = None,
    image_size: tuple[int, int] | None = None,
) -> WeightsConfig:
    """Convert a published generator checkpoint to a folder of weights.

    The file is read without unpickling code; the result is checked by loading it into the network.
    Encoder and image size (H, W) are given where the converter's guess is wrong.

    Raises:
        WeightsError: where the file is not what the converter knows, not a generator's, or has
            values that are not finite.
        ConfigError: where `out` has something in it already.
    """
    if occupied(out):
        raise ConfigError(f"--out {out}: exists and is not an empty folder; choose another.")
    worker: WeightsConverter = registry().get(Kind.CONVERTER, converter).load()()
    tree, tensors = worker.convert(read_tensors(checkpoint), checkpoint)
    if "generator" not in tree:
        raise WeightsError(
            f"{checkpoint}: a discriminator's checkpoint; generating needs only the generator's, "
            "so give that one."
        )
    chosen = ComponentOptions(name=encoder) if encoder else ComponentOptions(**tree["encoder"])
    generator, method = ComponentOptions(**tree["generator"]), ComponentOptions(name="adversarial")
    config = WeightsConfig(
        model=str(tree.get("model", generator.name)),
        generator=generator,
        encoder=chosen,
        method=method,
        skeleton=build_encoder(chosen).skeleton,
        image_size=image_size or tuple(tree["image_size"]),
        packages=packages_of(generator, chosen, method),
        training={"converted_from": checkpoint.name, "converter": converter},
    )
    check_finite(tensors, checkpoint)
    tensors = {f"generator.{name}": tensor for name, tensor in tensors.items()}
    assemble(config, tensors, checkpoint)
    save_weights(out, config, tensors)
    return config
