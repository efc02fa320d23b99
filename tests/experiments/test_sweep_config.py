from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from posegen.core.errors import ConfigError
from posegen.experiments.sweeps.config import SweepConfig, named_sweeps, plan, read_sweep


def made(**changes: Any) -> SweepConfig:
    given = {"base": {"model": "patn"}, "variant": [{"name": "a"}], **changes}
    return SweepConfig.model_validate({k: v for k, v in given.items() if v is not None})


def test_a_list_of_variants_times_seeds_seed_by_seed():
    variants = [{"name": "a"}, {"name": "b", "set": ["generator.attention=false"]}]
    planned = plan("s", made(variant=variants, seeds=[3, 5]))
    assert [run.name for run in planned.runs] == ["a--3", "b--3", "a--5", "b--5"]
    assert [run.config["generator"]["attention"] for run in planned.runs] == [True, False] * 2
    assert planned.runs[2].experiment().seed == 5


def test_a_grid_has_every_combination():
    grid = {"generator.blocks": [1, 2], "generator.attention": [True, False]}
    planned = plan("s", made(variant=None, grid=grid, seeds=[1]))
    assert planned.variants == [
        *("blocks=1,attention=true", "blocks=1,attention=false"),
        *("blocks=2,attention=true", "blocks=2,attention=false"),
    ]
    assert planned.runs[3].config["generator"]["blocks"] == 2
    assert planned.runs[3].config["generator"]["attention"] is False


def test_a_grid_can_change_components_and_remove_them():
    grid = {"generator.name": ["patn", "unet"], "discriminators.shape": ["none"]}
    planned = plan("s", made(variant=None, grid=grid, seeds=[1]))
    assert [run.config["generator"]["name"] for run in planned.runs] == ["patn", "unet"]
    assert list(planned.runs[0].config["discriminators"]) == ["appearance"]


def test_what_is_given_for_all_is_below_a_variant_s_own():
    variants = [{"name": "a"}, {"name": "b", "set": ["generator.ngf=3"]}]
    planned = plan("s", made(variant=variants), ("generator.ngf=5",), (9,))
    assert [run.config["generator"]["ngf"] for run in planned.runs] == [5, 3]
    assert planned.seeds == [9]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"variant": [{"name": "a", "set": ["generator.nfg=3"]}]}, "variant a: generator.nfg"),
        ({"baseline": "b"}, "baseline=b: no such variant"),
        ({"variant": [{"name": "a"}, {"name": "a"}]}, "two variants"),
        ({"base": {}}, "base.model is missing"),
    ],
)
def test_mistakes_are_found_before_anything_begins(changes, said):
    with pytest.raises(ConfigError, match=said):
        plan("s", made(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"grid": {"generator.blocks": [1]}},
        {"variant": None},
        {"seeds": [1, 1]},
        {"variant": [{"name": "../a"}]},
        {"variant": None, "grid": {"generator.blocks": []}},
    ],
)
def test_what_is_no_sweep_is_refused(changes):
    with pytest.raises(ValidationError):
        made(**changes)


def test_models_bring_sweeps_by_name():
    assert "patn-ablation" in named_sweeps()
    title, sweep = read_sweep("patn-ablation")
    planned = plan(title, sweep)
    assert planned.baseline == "patn-9"
    configs = {run.variant: run.config for run in planned.runs}
    assert configs["no-attention"]["generator"]["attention"] is False
    assert configs["blocks-13"]["generator"]["blocks"] == 13
    assert list(configs["no-shape-d"]["discriminators"]) == ["appearance"]
    assert list(configs["no-l1"]["losses"]) == ["perceptual"]


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="did you mean 'patn-ablation'"):
        read_sweep("patn-abblation")
