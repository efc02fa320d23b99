"""A trained model in use: a picture of a person and poses in, pictures out."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar, overload

import torch
from PIL import Image
from torch import Tensor, nn

from posegen.compute.failures import within_memory
from posegen.config import Precision, sampling_of
from posegen.core.batches import Batch, GeneratorOutput
from posegen.core.config import Config
from posegen.core.contracts import Generator, PoseEncoder
from posegen.core.methods import Method
from posegen.core.noise import Noise
from posegen.data.posing import PeopleFinder, build_finder
from posegen.inference.animation import Scene, find_person, read_driver, set_scene
from posegen.inference.backgrounds import check_background, with_background
from posegen.inference.given import PictureLike, PoseLike, picture_of, pose_of
from posegen.inference.grids import as_tensor, pictures
from posegen.inference.marks import mark
from posegen.inference.pose_files import Pose
from posegen.inference.runner import Runner, Speed
from posegen.inference.views import View
from posegen.poses import DEFAULT_DETECTOR
from posegen.poses.retarget import How
from posegen.poses.smoothing import Strength
from posegen.weights.cache import default, find
from posegen.weights.description import WeightsConfig
from posegen.weights.folder import join, shared_digest
from posegen.weights.networks import rebuild, task_of_weights

#: How many pictures are made together, where nobody says.
BATCH_SIZE = 16

T = TypeVar("T")


class PoseTransfer:
    """A trained method with the encoder that it was trained with, ready for use.

    Args:
        config: how it was made.
        method, encoder: its parts.
        device: where it works.
        speed: how it is run; by default in float32, with batch norm folded.

    Attributes:
        config, method, encoder, device: as given.
        generator: the method's, on the device; what is run is made from it.
        task: what the networks were built for.
        image_size: (H, W) that it works at.
        skeleton: name of the keypoints' skeleton.
        sampling: the method's options of sampling, as saved with the weights.
        speed: how it is run.
        folder: the folder or file that it was loaded from; None for one made in memory.
        folded: how many batch norms were folded into convolutions.
    """

    def __init__(
        self,
        config: WeightsConfig,
        method: Method,
        encoder: PoseEncoder,
        device: torch.device | str = "cpu",
        speed: Speed | None = None,
    ) -> None:
        self.config, self.method, self.encoder = config, method, encoder
        self.folder: Path | None = None
        self.speed, self.device = speed or Speed(), torch.device(device)
        for module in (*method.networks.values(), *method.frozen.values()):
            module.to(self.device).eval().requires_grad_(False)
        self.generator: Generator = method.networks["generator"]  # type: ignore[assignment]
        self.image_size, self.skeleton = config.image_size, config.skeleton
        self.task = task_of_weights(config, encoder)
        self.sampling = sampling_of(config.method.name, config.sampling, "sampling")
        runner = Runner(self.generator, self.task, self.device, self.speed)
        self._networks: dict[str, Any] = {
            **{name: method.networks[name] for name in method.shared},
            "generator": runner,
        }
        self.folded = runner.folded

    def __repr__(self) -> str:
        height, width = self.image_size
        return (
            f"PoseTransfer({self.config.title}, {height}×{width}, {self.skeleton}, {self.device})"
        )

    def run(self, batch: Batch, *, seed: int = 0, **sampling: Any) -> GeneratorOutput:
        """Sample for a batch that is on the device already; images in [-1, 1].

        Args:
            batch: with what the networks read, and names; a sample's noise is of its name.
            seed: of the noise; a method without noise does not use it.
            sampling: options of the method's sampling that are to be others than saved.

        Raises:
            ConfigError: for an option that the method does not have; and where the batch lacks what
                a network reads.
            PosegenError: where memory is lacking, with how many would fit.
        """
        options = self._sampling(sampling)

        def sample(given: Batch) -> GeneratorOutput:
            noise = Noise(seed, given.names or [""] * len(given), self.device)
            return self.method.sample(self._networks, given, noise, options)

        return within_memory(batch, sample, self.device)

    def __call__(self, batch: Batch, *, seed: int = 0, **sampling: Any) -> GeneratorOutput:
        """Return `run(batch)`: images in [-1, 1], and in `aux` what the network shows beside."""
        return self.run(batch, seed=seed, **sampling)

    def with_sampling(self, **sampling: Any) -> PoseTransfer:
        """Return the model with other options of sampling; networks are shared.

        Raises:
            ConfigError: for an option that the method does not have.
        """
        changed = copy.copy(self)
        changed.sampling = self._sampling(sampling)
        return changed

    def _sampling(self, changes: Mapping[str, Any]) -> Config:
        if not changes:
            return self.sampling
        whole = {**self.sampling.model_dump(), **changes}
        return sampling_of(self.config.method.name, whole, "sampling")

    def fingerprint(self) -> dict[str, Any]:
        """Return all that decides its pictures beside what it is given, and the seed."""
        tree = self.config.tree()
        return {
            "weights": shared_digest(join(self._shared())),
            **{key: tree[key] for key in ("generator", "encoder", "method", "skeleton")},
            "image_size": list(self.image_size),
            "sampling": self.sampling.model_dump(mode="json"),
            "precision": self.speed.precision,
        }

    @cached_property
    def mark(self) -> str:
        """What says in a file's metadata that this model made it; see `posegen.inference.marks`."""
        return mark(self.config.title, shared_digest(join(self._shared())))

    def _shared(self) -> dict[str, nn.Module]:
        return {name: self.method.networks[name] for name in self.method.shared}

    @overload
    def generate(
        self,
        source: PictureLike,
        source_keypoints: PoseLike,
        target_keypoints: PoseLike,
        *,
        seed: int = 0,
        **sampling: Any,
    ) -> Image.Image: ...

    @overload
    def generate(
        self,
        source: PictureLike,
        source_keypoints: PoseLike,
        target_keypoints: list[str] | list[Path] | list[Tensor],
        *,
        seed: int = 0,
        **sampling: Any,
    ) -> list[Image.Image]: ...

    def generate(
        self,
        source: PictureLike,
        source_keypoints: PoseLike,
        target_keypoints: PoseLike | list[str] | list[Path] | list[Tensor],
        *,
        seed: int = 0,
        **sampling: Any,
    ) -> Image.Image | list[Image.Image]:
        """Show the person of a picture in other poses.

        Args:
            source: a picture: file, PIL image, (H, W, 3) uint8 array, or (3, H, W) tensor of uint8
                or of numbers from 0 to 1. One of another size than the model's is scaled to it, and
                one of another shape is cut around its person; so are the poses.
            source_keypoints: the pose in the picture: a pose file, what is in one as a dictionary,
                or (K, 3) x, y in the picture's pixels and visibility; (K, 2): all are seen.
            target_keypoints: the wanted pose in the same form, or a list of them, or (B, K, 3).
            seed: of the noise, for methods that use noise.
            sampling: the method's options of sampling, e.g. `steps=4`.

        Returns:
            The picture at the model's size, or one per wanted pose.

        Raises:
            DataError: where a file cannot be used.
        """
        if isinstance(target_keypoints, Tensor) and target_keypoints.dim() == 3:
            target_keypoints = list(target_keypoints)
        several = isinstance(target_keypoints, list) and isinstance(
            target_keypoints[0] if target_keypoints else None,
            str | Path | Tensor | Pose | Mapping,
        )
        wanted: list[PoseLike] = target_keypoints if several else [target_keypoints]  # type: ignore[assignment, list-item]
        made = list(self.frames(source, source_keypoints, wanted, seed=seed, **sampling))
        return made if several else made[0]

    def frames(
        self,
        source: PictureLike,
        source_keypoints: PoseLike,
        poses: Iterable[PoseLike],
        batch_size: int = BATCH_SIZE,
        *,
        seed: int = 0,
        **sampling: Any,
    ) -> Iterator[Image.Image]:
        """Yield the person of a picture in one pose after the other; see `generate`.

        Args:
            source, source_keypoints, seed, sampling: as in `generate`.
            poses: the wanted poses, however many: they are taken `batch_size` at a time.
            batch_size: how many pictures are made together.

        Raises:
            DataError: where a file cannot be used.
        """
        made = self.batches(source, source_keypoints, poses, batch_size, seed=seed, **sampling)
        for _, output in made:
            yield from pictures(output.image)

    def batches(
        self,
        source: PictureLike,
        source_keypoints: PoseLike,
        poses: Iterable[PoseLike],
        batch_size: int = BATCH_SIZE,
        *,
        seed: int = 0,
        **sampling: Any,
    ) -> Iterator[tuple[Batch, GeneratorOutput]]:
        """Yield what `frames` makes batch by batch: the input, whose `target` is the source, too.

        The source is encoded once, and no more than one batch is in memory. All pictures of one
        source have the same noise: a clip does not flicker, and a pose gives the same picture alone
        and among others.
        """
        picture = picture_of(source)
        pose = pose_of(source_keypoints, self.skeleton, (picture.height, picture.width))
        view = View(picture, pose, self.image_size)
        given = self._source(view)
        for some in chunks(poses, batch_size):
            read = (pose_of(pose, self.skeleton, view.own_size) for pose in some)
            there = torch.stack([view.place(pose) for pose in read]).to(self.device)
            many = {name: x.expand(len(there), *x.shape[1:]) for name, x in given.items()}
            batch = Batch(
                {
                    **many,
                    "target": many["source"],
                    "target_keypoints": there,
                    "target_pose": self.encoder(there, self.image_size),
                }
            )
            yield batch, self.run(batch, seed=seed, **sampling)

    def animate(
        self,
        photo: PictureLike,
        motion: str | Path,
        source_keypoints: PoseLike | None = None,
        *,
        detector: str | None = None,
        person: int = 1,
        driver_person: int = 1,
        how: How = "source",
        smoothing: Strength = "light",
        background: str = "model",
        seed: int = 0,
        **sampling: Any,
    ) -> Iterator[Image.Image]:
        """Yield the person of a photo, framed for this model, in a motion's poses.

        Args:
            photo, motion, source_keypoints, person, driver_person, how, smoothing: see `stage`.
            detector: which; by default `DEFAULT_DETECTOR`.
            background: see `posegen.inference.backgrounds.with_background`.
            seed, sampling: as in `generate`.

        Raises:
            DataError: where nobody is found, or a file cannot be used.
            PluginError, WeightsError: where the detector is not there.
        """

        def finder() -> PeopleFinder:
            name = detector or DEFAULT_DETECTOR
            return build_finder(name, {}, self.device, self.skeleton)

        check_background(background)
        scene = self.stage(
            photo,
            motion,
            source_keypoints,
            finder=finder,
            person=person,
            driver_person=driver_person,
            how=how,
            smoothing=smoothing,
        )
        frames = self.frames(scene.picture, scene.source, scene.wanted, seed=seed, **sampling)
        return with_background(frames, scene, self.skeleton, background)

    def stage(
        self,
        photo: PictureLike,
        motion: str | Path,
        source_keypoints: PoseLike | None = None,
        *,
        finder: Callable[[], PeopleFinder],
        person: int = 1,
        driver_person: int = 1,
        how: How = "source",
        smoothing: Strength = "light",
    ) -> Scene:
        """Return what `animate` gives to the network: the person framed, and the wanted poses.

        Args:
            photo: a picture as in `generate`, of any shape.
            motion: the name of a motion of the library, or a video, a folder of pictures or poses.
            source_keypoints: the pose in the photo; without it, it is found.
            finder: makes what finds people; called once, where a pose is not given.
            person: which of several people in the photo: 1 is the largest.
            driver_person: which of several people in the motion's first frames.
            how, smoothing: how the motion is put on the person; see `animation.set_scene`.

        Raises:
            DataError: where nobody is found, or a file cannot be used.
        """
        finder = cache(finder)
        image = as_tensor(picture_of(photo))
        if source_keypoints is None:
            name = photo if isinstance(photo, str | Path) else "photo"
            keypoints = find_person(image, finder(), name, person)
        else:
            own = (image.shape[1], image.shape[2])
            keypoints = pose_of(source_keypoints, self.skeleton, own).scaled_to(own, own)
        return set_scene(
            image,
            keypoints,
            read_driver(motion, self.skeleton, finder, person=driver_person),
            layout=self.skeleton,
            size=self.image_size,
            how=how,
            smoothing=smoothing,
        )

    def _source(self, view: View) -> dict[str, Tensor]:
        """Return what is known from the source, each with one sample."""
        points = view.place(view.pose)[None].to(self.device)
        return {
            "source": as_tensor(view.seen)[None].to(self.device).float() / 127.5 - 1,
            "source_keypoints": points,
            "source_pose": self.encoder(points, self.image_size),
        }


def load_model(
    path: str | Path | None = None,
    device: torch.device | str = "cpu",
    *,
    precision: Precision = "32",
    compile: bool = False,
    fold: bool = True,
    cpu_kernels: bool = True,
) -> PoseTransfer:
    """Load a model from a folder of weights, a `.safetensors` file of ours, or a run.

    Weights that were pulled, or came in a package, can be given by their name; what is not on this
    machine is never fetched here.

    Args:
        path: the run or weights; without it, those that the catalogue calls the default.
        device: where it works.
        precision, compile, fold, cpu_kernels: how it is run; see `Speed`.

    Raises:
        WeightsError: where there are no weights, or they are damaged or of another network.
        PluginError, ConfigError: where what is installed cannot build the model; the message says
            which versions it was made with.
    """
    speed = Speed(precision, compile, fold, cpu_kernels)
    folder = find(path or default().name)
    model = PoseTransfer(*rebuild(folder), device, speed)
    model.folder = folder
    return model


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of `size`, the last one perhaps shorter."""
    rest = iter(items)
    while some := list(itertools.islice(rest, size)):
        yield some
