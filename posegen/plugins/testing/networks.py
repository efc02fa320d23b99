"""What is asked of generators and discriminators alike."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import safetensors.torch
import torch

from posegen.core import CAPABILITIES
from posegen.plugins.testing.inputs import differs
from posegen.plugins.testing.network_case import NetworkCase, Output
from posegen.plugins.testing.report import Check, NotApplicable, check, reseed


@check(
    "gradients",
    asks="every parameter gets a finite gradient in every step; distributed training stops where "
    "one does not",
    where="posegen.core.Method",
)
def gradients(case: NetworkCase) -> str | None:
    """Gradients reach every parameter."""
    network = case.build().train()
    fixed = [name for name, p in network.named_parameters() if not p.requires_grad]
    if fixed:
        return f"the parameter {fixed[0]!r} does not take gradients"
    torch.autograd.backward(case.call(network, case.inputs(network)).float().square().mean())
    for name, parameter in network.named_parameters():
        if parameter.grad is None:
            return f"the parameter {name!r} gets no gradient"
        if not parameter.grad.isfinite().all():
            return f"the gradient of {name!r} is not finite"
    return None


@check(
    "deterministic",
    asks="in evaluation mode the same input gives the same result",
    where="posegen.core.Generator",
)
def deterministic(case: NetworkCase) -> str | None:
    """No dropout, noise or memory in evaluation mode."""
    network, inputs = case.trained()
    network.eval()
    with torch.no_grad():
        one, other = (case.call(network, inputs) for _ in range(2))
    return None if torch.equal(one, other) else "two calls in evaluation mode give two results"


@check(
    "seeded",
    asks="randomness comes from torch's global generators only, which are seeded in every step",
    where="posegen.core.Generator",
)
def seeded(case: NetworkCase) -> str | None:
    """Training mode is a function of torch's seed."""
    results = []
    for foreign in (1, 2):
        reseed(foreign)  # Python's and numpy's, too; then torch's again
        network = case.build(seed=0).train()
        torch.manual_seed(3)
        results.append(case.call(network, case.inputs(network)).detach())
    return None if torch.equal(*results) else "with torch's seed the same, the results differ"


@check(
    "independent",
    asks="in evaluation mode the result for one sample does not depend on the others in the batch",
    where="posegen.core.Generator",
)
def independent(case: NetworkCase) -> str | None:
    """A sample alone gives what it gives among others."""
    network, inputs = case.trained()
    network.eval()
    with torch.no_grad():
        whole = case.call(network, inputs)
        for index in range(len(whole)):
            alone = case.call(network, tuple(x[index : index + 1] for x in inputs))
            if differs(whole[index : index + 1], alone):
                return "alone, a sample gives another result than in a batch"
    return None


@check(
    "inputs",
    asks="a network leaves its inputs as they are: others read the same tensors",
    where="posegen.core.Batch",
)
def inputs_unchanged(case: NetworkCase) -> str | None:
    """Nothing is written into the inputs."""
    network = case.build().train()
    inputs = case.inputs(network)
    before = [tensor.clone() for tensor in inputs]
    case.call(network, inputs)
    same = all(torch.equal(a, b) for a, b in zip(before, inputs, strict=True))
    return None if same else "it writes into its inputs"


@check(
    "state",
    asks="the state dict, saved as safetensors, is all that a network is: loaded into a new one, "
    "it gives the same result bit for bit",
    where="posegen.core.Generator",
)
def state(case: NetworkCase) -> str | None:
    """Weights and buffers survive saving and loading."""
    network, inputs = case.trained()
    plain = {key: value.contiguous() for key, value in network.state_dict().items()}
    saved = safetensors.torch.save(plain)
    other = case.build(seed=1)
    other.load_state_dict(safetensors.torch.load(saved))
    with torch.no_grad():
        one, again = (case.call(net.eval(), inputs) for net in (network, other))
    return None if torch.equal(one, again) else "loaded into a new network, it gives another result"


@check(
    "copy",
    asks="copy.deepcopy of a network works: the average of the weights is one",
    where="posegen.core.Method",
)
def copied(case: NetworkCase) -> str | None:
    """A copy gives the same, and shares nothing."""
    network, inputs = case.trained()
    other = copy.deepcopy(network)
    with torch.no_grad():
        wanted = case.call(network.eval(), inputs)
        for parameter in network.parameters():
            parameter.zero_()
        found = case.call(other.eval(), inputs)
    return None if torch.equal(wanted, found) else "a copy changes with its original"


@check(
    "dtype",
    asks="weights and images can be of any float type: `.to(dtype)` of network and inputs works",
    where="posegen.core.Generator",
)
def dtype(case: NetworkCase) -> str | None:
    """float64 and bfloat16 networks give results of their type."""
    network, inputs = case.trained()
    with torch.no_grad():
        wanted = case.call(network.eval(), inputs)
        for kind, tolerance in ((torch.float64, 1e-3), (torch.bfloat16, None)):
            found = case.call(network.to(kind), tuple(x.to(kind) for x in inputs))
            if found.dtype != kind:
                return f"a {kind} network gives {found.dtype}"
            if tolerance and differs(wanted, found, tolerance):
                return f"a {kind} network gives another result"
    return None


@check(
    "device",
    asks="a network and its inputs can be moved to any device; what `forward` makes is made on the "
    "device of the inputs",
    where="posegen.core.Generator",
)
def device(case: NetworkCase) -> str | None:
    """Works on the accelerator that is there, and on the device "meta", which every machine has."""
    network, inputs = case.trained()
    network.eval()
    with torch.no_grad():
        wanted = case.call(network, inputs)
        found = torch.accelerator.current_accelerator(check_available=True)
        if found is not None:
            result = case.call(network.to(found), tuple(x.to(found) for x in inputs)).cpu()
            # Convolutions on an NVIDIA GPU round to 10 bits by default.
            return "the accelerator gives another result" if differs(wanted, result, 0.05) else None
        try:
            meta = case.call(network.to("meta"), tuple(x.to("meta") for x in inputs))
        except (RuntimeError, NotImplementedError) as error:
            if "not on the expected device" in str(error):
                return "`forward` mixes devices: a tensor that it makes is on the CPU"
            raise NotApplicable(
                "it reads values of tensors, so only a machine with an accelerator can tell"
            ) from None
    return None if meta.shape == wanted.shape else "the shape depends on values"


@check(
    "bf16",
    asks="training with `--precision bf16` (autocast) works",
    where="posegen.core.Generator",
)
def bf16(case: NetworkCase) -> str | None:
    """Autocast to bfloat16 gives finite results and gradients."""
    network = case.build().train()
    with torch.autocast("cpu", torch.bfloat16):
        result = case.call(network, case.inputs(network))
        loss = result.float().square().mean()
    torch.autograd.backward(loss)
    bad = [
        n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()
    ]
    if not result.isfinite().all():
        return "under autocast to bfloat16 the result is not finite"
    return f"under autocast to bfloat16 the gradient of {bad[0]!r} is not finite" if bad else None


@check(
    "channels-last",
    asks="networks and images come in channels-last memory format where training chooses it, which "
    "is the default",
    where="posegen.core.Batch",
)
def channels_last(case: NetworkCase) -> str | None:
    """The memory format changes nothing but the speed."""
    network, inputs = case.trained()
    with torch.no_grad():
        wanted = case.call(network.eval(), inputs)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    inputs = tuple(x.contiguous(memory_format=torch.channels_last) for x in inputs)
    with torch.no_grad():
        found = case.call(network, inputs)
    if differs(wanted, found):
        return "in channels-last memory format the result is another"
    torch.autograd.backward(case.call(network.train(), inputs).float().mean())
    return None


@check(
    "capabilities",
    asks=f"capabilities are out of {', '.join(CAPABILITIES)}",
    where="posegen.core.GeneratorSpec",
)
def capabilities(case: NetworkCase) -> str | None:
    """What is declared has a meaning."""
    unknown = [name for name in case.declared if name not in CAPABILITIES]
    return f"it declares {unknown[0]!r}" if unknown else None


@check(
    "compile",
    asks="a network that declares `compile` is compiled as one graph, without breaks",
    where="posegen.core.GeneratorSpec",
)
def compiled(case: NetworkCase) -> str | None:
    """torch.compile takes it whole, forwards and backwards (traced only: no compiler is needed)."""
    if "compile" not in case.declared:
        raise NotApplicable("the spec does not declare `compile`")
    network, inputs = case.trained()
    network.eval()
    with torch.no_grad():
        wanted = case.call(network, inputs)
    with _quiet():
        torch.compiler.reset()
        fast = torch.compile(network, fullgraph=True, backend="aot_eager")
        found = case.call(fast, inputs)  # type: ignore[arg-type]
        torch.autograd.backward(found.float().mean())
    return "compiled, it gives another result" if differs(wanted, found.detach()) else None


@check(
    "export",
    asks="a network that declares `export` is taken by torch.export in evaluation mode",
    where="posegen.core.GeneratorSpec",
)
def exported(case: NetworkCase) -> str | None:
    """torch.export takes it."""
    if "export" not in case.declared:
        raise NotApplicable("the spec does not declare `export`")
    network, inputs = case.trained()
    network.eval()
    with torch.no_grad(), _quiet():
        wanted = case.call(network, inputs)
        found = torch.export.export(Output(case, network), inputs).module()(*inputs)
    return "exported, it gives another result" if differs(wanted, found) else None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of tracing, which are about torch's own insides."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


NETWORK: tuple[Check[NetworkCase], ...] = (
    gradients,
    deterministic,
    seeded,
    independent,
    inputs_unchanged,
    state,
    copied,
    dtype,
    device,
    bf16,
    channels_last,
    capabilities,
    compiled,
    exported,
)
