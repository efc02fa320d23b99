"""What generators promise, and what discriminators do."""

from __future__ import annotations

import copy
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from posegen.core import Field, FieldKind, GeneratorOutput, Kind
from posegen.core.fields import other_inputs, source_inputs
from posegen.plugins.testing.inputs import Inputs, Recipe, differs, equal, randomness
from posegen.plugins.testing.networks import NetworkCase, kept_in_float32
from posegen.plugins.testing.promises import Broken, NotApplicable, promise, require


@promise(Kind.GENERATOR)
def declares(case: NetworkCase) -> None:
    """`size_multiple` is what height and width must be divisible by, at least 1; `float32` names
    parameters and buffers that there are."""
    given = getattr(case.bare(case.sizes[0]), "size_multiple", None)
    require(type(given) is int and given >= 1, f"`size_multiple` is {given!r}")
    kept_in_float32(case.build())


@promise(Kind.GENERATOR, where="GeneratorOutput")
def shape(case: NetworkCase) -> None:
    """A GeneratorOutput with an image (B, 3, H, W), for every batch size, every size divisible by
    `size_multiple` and every number of pose channels."""
    for network, size, inputs, what in case.variants():
        try:
            output = network(**inputs)
        except Exception as error:
            raise RuntimeError(f"{what}: {error}") from error
        if not isinstance(output, GeneratorOutput):
            raise Broken(f"it returns {type(output).__name__}")
        count = len(next(iter(inputs.values())))
        good = tuple(output.image.shape) == (count, 3, *size)
        require(good, f"{what} the image is {tuple(output.image.shape)}")
        for name, value in output.aux.items():
            require(isinstance(value, Tensor), f"aux[{name!r}] is no tensor")
        for name in output.aux.keys() & {"attention", "masks"}:
            seen = output.aux[name]
            low, high = map(float, seen.detach().aminmax())
            good = seen.dim() == 4 and len(seen) == count and 0 <= low <= high <= 1
            require(good, f"aux[{name!r}] is not (B, N, h, w) in [0, 1]")


@promise(Kind.GENERATOR, where="GeneratorOutput")
def _range(case: NetworkCase) -> None:
    """Images are in [-1, 1], the whole range."""
    network, inputs, _ = case.judging()
    if case.inputs and case.inputs.keys() & inputs.keys():
        raise NotApplicable("what it returns is for its method to make a picture of")
    recipes = case.recipes()
    for training, level, empty in product((True, False), (None, -1.0, 0.0, 1.0), (False, True)):
        edge = {n: _edge(value, recipes[n], level, empty) for n, value in inputs.items()}
        with torch.no_grad():
            image = case.run(network.train(training), edge)
        finite = image.isfinite().all()
        require(finite, "an empty source or a pose without joints gives values not finite")
        require(image.abs().max() <= 1, f"values reach {image.abs().max():.3g}")
    bright, dark = pushed(case, 1), pushed(case, -1)
    most = max(float(bright.abs().max()), float(dark.abs().max()))
    require(most <= 1, f"after a few steps of training values reach {most:.3g}")
    require(dark.min() < -0.05, "values stay above 0, as if images were in [0, 1]")


def _edge(value: Tensor, recipe: Recipe, level: float | None, empty: bool) -> Tensor:
    """Return an image of one colour, or nobody's map, mask or keypoints."""
    kind = recipe.kind if isinstance(recipe, Field) else FieldKind.VECTOR
    if kind is FieldKind.IMAGE:
        return value if level is None else torch.full_like(value, level)
    return torch.zeros_like(value) if empty and kind is not FieldKind.VECTOR else value


def pushed(case: NetworkCase, sign: float) -> Tensor:
    """Train the last layer for a moment to make the result large (or small); return the result.

    What is not bounded leaves every range soon: a last bias alone moves by three.
    """
    network = case.build().eval()
    inputs = case.example(network, count=1)
    parameters = _last_parameters(case, network, inputs)
    network.requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = torch.optim.Adam(parameters, lr=0.2)
    for _ in range(15):
        optimizer.zero_grad()
        torch.autograd.backward(-sign * case.run(network, inputs).float().mean())
        optimizer.step()
    with torch.no_grad():
        return case.run(network, inputs).float()


def _last_parameters(case: NetworkCase, network: nn.Module, inputs: Inputs) -> list[nn.Parameter]:
    """Return the parameters of the last module called, of those that the result depends on."""
    called: list[list[nn.Parameter]] = []

    def note(module: nn.Module, *_: object) -> None:
        called.append(list(module.parameters(recurse=False)))

    hooks = [module.register_forward_hook(note) for module in network.modules()]
    torch.autograd.backward(case.run(network, inputs).float().mean())
    for hook in hooks:
        hook.remove()
    useful = [own for own in called if own and all(p.grad is not None for p in own)]
    return useful[-1] if useful else list(network.parameters())


@promise(Kind.GENERATOR)
def uses(case: NetworkCase) -> None:
    """The image depends on each of `inputs`: what a network does not use, it does not ask for."""
    case.require_use("the image does not depend on")


@promise(Kind.GENERATOR, where="Generator.generate_from")
def two_steps(case: NetworkCase) -> None:
    """`generate_from(encode_source(…), …)` is what `forward` gives, also with the code of one
    source for many poses."""
    network, inputs, result = case.judging()
    source = {name: inputs[name] for name in source_inputs(network.inputs)}
    rest = {name: inputs[name] for name in other_inputs(network.inputs)}
    with torch.no_grad():
        made = network.generate_from(network.encode_source(**source), **rest).image
        require(not differs(result, made), "in two steps the image is another")
        code = network.encode_source(**{name: value[:1] for name, value in source.items()})
        good = all(len(part) == 1 for part in code)
        require(good, "what `encode_source` returns for one source is not of batch size 1")
        wide = tuple(part.expand(len(result), *part.shape[1:]) for part in code)
        made = network.generate_from(wide, **rest).image
        alone = {name: value[:1].expand_as(value) for name, value in source.items()}
        whole = case.run(network, {**alone, **rest})
    require(not differs(whole, made), "with one source's code for several poses it is another")


@promise(Kind.DISCRIMINATOR, where="Discriminator.forward")
def scores(case: NetworkCase) -> None:
    """Finite scores of any shape whose first dimension is B, for every size and batch size."""
    for network, _, inputs, what in case.variants():
        made = case.run(network, inputs)
        if not isinstance(made, Tensor):
            raise Broken(f"it returns {type(made).__name__}")
        good = made.dim() > 0 and len(made) == len(inputs["image"])
        require(good, f"{what} the scores are {tuple(made.shape)}")
        require(made.isfinite().all(), f"{what} scores are not finite")


@promise(Kind.DISCRIMINATOR, where="Discriminator.forward")
def raw(case: NetworkCase) -> None:
    """Scores are raw, without a sigmoid: the training method takes it."""
    free = pushed(case, 1).max() > 1 and pushed(case, -1).min() < 0
    require(free, "a few steps of training do not bring scores out of [0, 1]")


@promise(Kind.DISCRIMINATOR, where="Discriminator.forward")
def sees(case: NetworkCase) -> None:
    """It scores the image, whose gradient the generator learns by, beside each of `inputs`."""
    network = case.build().train()
    inputs = case.example(network)
    result = case.run(network, {**inputs, "image": inputs["image"].requires_grad_()})
    (gradient,) = torch.autograd.grad(result.sum(), inputs["image"], allow_unused=True)
    require(gradient is not None, "no gradient reaches the image")
    case.require_use("scores do not depend on")


@promise(Kind.DISCRIMINATOR, where="Discriminator.replay")
def replay(case: NetworkCase) -> None:
    """`replay` returns as many images and inputs as it gets, of their shapes, and takes randomness
    from the generator that it is given only."""
    networks = [case.build().train() for _ in range(2)]
    results = []
    for foreign, network in enumerate(networks):
        torch.manual_seed(foreign)
        results.append(_replayed(case, network, randomness(0), range(8)))
    shapes = {name: value.shape for name, value in case.example(networks[0]).items()}
    for made in results[0]:
        same = {name: value.shape for name, value in made.items()} == shapes
        require(same, "it returns others, or of other shapes")
    same = all(map(equal, *results))
    require(same, "with the same generator it chooses otherwise")


@promise(Kind.DISCRIMINATOR, where="Discriminator.replay")
def resumes(case: NetworkCase) -> None:
    """What `replay` remembers is in buffers, so that a resumed run continues exactly."""
    network = case.build().train()
    _replayed(case, network, randomness(0), range(4))
    both = (copy.deepcopy(network), case.loaded(network).train())
    later = [_replayed(case, one, randomness(1), range(4, 8)) for one in both]
    require(all(map(equal, *later)), "after loading its state dict it remembers other images")


def _replayed(
    case: NetworkCase, network: Any, random: torch.Generator, seeds: range
) -> list[Inputs]:
    results = []
    for seed in seeds:
        inputs = case.example(network, seed=seed)
        image, rest = network.replay(inputs.pop("image"), inputs, random)
        results.append({"image": image, **rest})
    return results
