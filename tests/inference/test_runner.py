"""However a generator is run, it makes the same images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from posegen.core import Config, ConfigError, Generator, GeneratorOutput, TaskInfo
from posegen.inference import runner as runner_module
from posegen.inference.runner import Runner, Speed

Inputs = Callable[..., tuple[Tensor, Tensor, Tensor]]
TASK, CPU = TaskInfo((32, 16), 18), torch.device("cpu")


def named(tensors: Iterable[Tensor]) -> dict[str, Tensor]:
    return dict(zip(("source", "source_pose", "target_pose"), tensors, strict=True))


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("count", [1, 3])
def test_images_are_those_of_the_plain_network(
    norm: str, fold: bool, count: int, patn: Callable[..., Generator], inputs: Inputs
) -> None:
    network = patn(norm=norm)
    wanted = network(*inputs(count))
    runner = Runner(network, TASK, CPU, Speed(fold=fold))
    made = runner(**named(inputs(count)))
    torch.testing.assert_close(made.image, wanted.image, atol=1e-5, rtol=0)
    torch.testing.assert_close(made.aux["attention"], wanted.aux["attention"], atol=1e-5, rtol=0)
    assert (runner.folded > 0) == (fold and norm == "batch")


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("attention", [True, False])
def test_a_source_encoded_once_gives_the_same_for_many_poses(
    norm: str, attention: bool, patn: Callable[..., Generator], inputs: Inputs
) -> None:
    network = patn(norm=norm, attention=attention)
    source, here, there = inputs(5)
    runner = Runner(network, TASK, CPU, Speed())
    # Five poses of one person: what comes from the source is computed once.
    person = {"source": source[:1].expand(5, -1, -1, -1), "source_pose": here[:1].expand_as(here)}
    code = runner.encode_source(**person)
    made = runner.generate_from(code, target_pose=there)
    assert torch.equal(runner(**person, target_pose=there).image, made.image)
    assert runner.encode_source(**person)[0].data_ptr() == code[0].data_ptr()
    other = {name: tensor.clone() for name, tensor in person.items()}
    assert runner.encode_source(**other)[0].data_ptr() != code[0].data_ptr()
    for number in range(5):
        wanted = network(source[:1], here[:1], there[number : number + 1])
        torch.testing.assert_close(made.image[number : number + 1], wanted.image, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.half)])
def test_half_precision_is_near_and_the_original_keeps_its_numbers(
    precision: str, dtype: torch.dtype, patn: Callable[..., Generator], inputs: Inputs
) -> None:
    network = patn()
    wanted = network(*inputs(2)).image
    runner = Runner(network, TASK, CPU, Speed(precision))  # type: ignore[arg-type]
    source, here, _ = inputs(2)
    code = runner.encode_source(source=source, source_pose=here)
    assert {part.dtype for part in code} == {dtype}
    made = runner(**named(inputs(2))).image
    assert made.dtype == torch.float32
    assert 0 < (made - wanted).abs().max() < 0.1
    assert {tensor.dtype for tensor in network.parameters()} == {torch.float32}
    assert torch.equal(network(*inputs(2)).image, wanted)


def test_large_batches_on_a_cpu_go_through_its_kernels(
    patn: Callable[..., Generator], inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "LARGE", 3 * 32 * 16)
    network = patn(ngf=32, blocks=1, norm="instance")
    kinds = {type(module) for module in network.modules()}
    fast = Runner(network, TASK, CPU, Speed())
    used = {type(module) for module in fast._large.whole.modules()}  # type: ignore[attr-defined]
    assert used - kinds
    assert {type(module) for module in network.modules()} == kinds
    calls: list[int] = []
    monkeypatch.setattr(
        fast,
        "_large",
        fast._large._replace(whole=lambda **x: (calls.append(len(x["source"])), network(**x))[1]),
    )
    for count in (2, 3, 5):
        fast(**named(inputs(count)))
    assert calls == [3, 5]
    real = Runner(network, TASK, CPU, Speed())
    wanted = network(*inputs(4)).image
    torch.testing.assert_close(real(**named(inputs(4))).image, wanted, atol=1e-4, rtol=0)
    for speed in (Speed(cpu_kernels=False), Speed("bf16"), Speed(compile=True)):
        plain = Runner(network, TASK, CPU, speed)
        assert plain._large is plain._small


def test_an_unknown_precision_is_named() -> None:
    with pytest.raises(ConfigError, match=r"precision 16: there are 32, bf16, fp16\."):
        Speed("16")  # type: ignore[arg-type]


def test_a_compiled_network_is_compiled_once_for_the_last_smaller_batch_too(
    patn: Callable[..., Generator], inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs: list[int] = []

    def counting(graph: torch.fx.GraphModule, examples: list[Tensor]) -> Callable[..., object]:
        graphs.append(len(examples))
        return graph.forward

    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=counting, fullgraph=True))
    network = patn()
    runner = Runner(network, TASK, CPU, Speed(compile=True))
    wanted = network(*inputs(4))
    for count in (4, 4, 2):
        part = tuple(tensor[:count] for tensor in inputs(4))
        made = runner(**named(part))
        torch.testing.assert_close(made.image, wanted.image[:count], atol=1e-5, rtol=0)
        assert made.aux["attention"].shape == (count, 3, 8, 4)
    assert len(graphs) == 1
    source, here, there = inputs(4)
    code = runner.encode_source(source=source, source_pose=here)
    for count in (4, 3):
        made = runner.generate_from(tuple(x[:count] for x in code), target_pose=there[:count])
        assert made.image.shape == (count, 3, 32, 16)
    assert len(graphs) == 3


class WithSchedule(Generator):
    """Has a table that half precision would spoil."""

    inputs = ("source", "target_pose")
    float32 = ("schedule*",)

    def __init__(self) -> None:
        super().__init__(Config(), TASK)
        self.layer = nn.Conv2d(21, 3, 1)
        self.register_buffer("schedule", torch.linspace(0, 1, 1001))

    def forward(self, source: Tensor, target_pose: Tensor) -> GeneratorOutput:
        scale = self.schedule[999].to(source.dtype)
        return GeneratorOutput(self.layer(torch.cat([source, target_pose], 1)) * scale)


def test_what_must_stay_float32_does(inputs: Inputs) -> None:
    network = WithSchedule().eval()
    runner = Runner(network, TASK, CPU, Speed("bf16"))
    used = runner._small.whole
    assert used.schedule.dtype == torch.float32  # type: ignore[attr-defined]
    assert torch.equal(used.schedule, network.schedule)  # type: ignore[attr-defined]
    assert used.layer.weight.dtype == torch.bfloat16  # type: ignore[attr-defined]
    source, _, there = inputs(2)
    assert runner(source=source, target_pose=there).image.dtype == torch.float32
