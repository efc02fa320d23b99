"""Configurations: presets, files, overrides, and sentences about what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from posegen.config import (
    ExperimentConfig,
    experiment,
    merge,
    parse_override,
    preset,
    read_toml,
    title_of,
)
from posegen.core import ConfigError, PluginError
from posegen.training.optimizers import learning_rate_factor


def make(*overrides: str, name: str = "demo") -> ExperimentConfig:
    return experiment(preset("patn", name), overrides=overrides)


@pytest.mark.parametrize("name", ["demo", "market1501", "deepfashion"])
def test_presets_resolve_and_survive_toml(name: str, tmp_path: Path) -> None:
    import tomli_w

    root = [] if name == "demo" else ["data.root=/data"]
    config = make(*root, name=name)
    file = tmp_path / "config.toml"
    file.write_text(tomli_w.dumps(config.tree()))
    assert experiment(read_toml(file)) == config


def test_overrides_reach_components() -> None:
    config = make(
        "generator.ngf=16",
        "losses.perceptual.weight=0.5",
        "discriminators.shape=none",
        "training.precision=bf16",
        "data.image_size=[32, 16]",
        "seed=7",
    )
    assert config.generator.options["ngf"] == 16
    assert config.losses["perceptual"].weight == 0.5
    assert list(config.discriminators) == ["appearance"]
    assert config.training.precision == "bf16"
    assert config.data.options["image_size"] == [32, 16]
    assert config.seed == 7


def test_another_component_drops_the_options_of_the_old_one() -> None:
    base = {"encoder": {"name": "gaussian", "sigma": 3.0}, "data": {"name": "a", "image_size": [1]}}
    merged = merge(base, {"encoder": {"name": "one-hot"}, "data": {"name": "b"}})
    assert merged == {"encoder": {"name": "one-hot"}, "data": {"name": "b", "image_size": [1]}}
    assert base["encoder"]["name"] == "gaussian"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a.b=3", {"a": {"b": 3}}),
        ("a=1e-4", {"a": 1e-4}),
        ("a=true", {"a": True}),
        ("a=[1, 2]", {"a": [1, 2]}),
        ("a=text", {"a": "text"}),
        ('a="3"', {"a": "3"}),
        ("a=none", {"a": None}),
        ("a=/some/path=x", {"a": "/some/path=x"}),
    ],
)
def test_overrides_are_toml_values(text: str, tree: object) -> None:
    assert parse_override(text) == tree


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        (
            "generator.ngff=3",
            r"generator.ngff: generator 'patn' has no such option; did you mean 'ngf'",
        ),
        ("generator.blocks=0", r"generator.blocks=0: input should be greater than"),
        ("generator.norm=layer", r"generator.norm=layer: input should be 'batch' or 'instance'"),
        ("training.batchsize=3", r"training.batchsize: .* did you mean 'batch_size'"),
        (
            "trainin.steps=3",
            r"trainin: the configuration has no such option; did you mean 'training'",
        ),
        (
            "training.precision=fp8",
            r"training.precision=fp8: input should be '32', 'bf16' or 'fp16'",
        ),
        ("losses.l1.weight=-1", r"losses.l1.weight=-1: input should be greater than or equal to 0"),
        ("method.objective=wgan", r"method.objective=wgan"),
        ("seed=x", r"seed=x: input should be a valid integer"),
        ("noequals", r"--set noequals: write it as key.subkey=value"),
        ("data.name=market1501", r"data.root: .* needs a value"),
        ("discriminators.shap=none", r"shap=none: no such section; did you mean 'shape'"),
        ("generator=none", r"generator: every experiment needs this section"),
    ],
)
def test_what_is_wrong_is_said(override: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        make(override)


def test_unknown_names() -> None:
    with pytest.raises(PluginError, match=r"no generator 'patnn'; did you mean 'patn'"):
        make("generator.name=patnn")
    with pytest.raises(PluginError, match=r"no model 'pnat'"):
        preset("pnat")
    with pytest.raises(ConfigError, match=r"--preset market: .*did you mean 'market1501'"):
        preset("patn", "market")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such configuration file"):
        read_toml(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("a = \n")
    with pytest.raises(ConfigError, match=r"broken.toml: not a readable TOML file: .*line 1"):
        read_toml(broken)


def test_the_published_schedule() -> None:
    """500 epochs constant, then 1 - (e + 2 - 500) / 201; 87,500 and 400,400 iterations."""
    market = make("data.root=/d", name="market1501")
    assert market.training.steps_per_epoch == 125
    assert market.training.total_steps == 87_500
    fashion = make("data.root=/d", name="deepfashion")
    assert fashion.training.total_steps == 400_400

    def at(epoch: int) -> float:
        return learning_rate_factor(market.training, market.schedule, epoch * 125)

    assert at(0) == at(498) == 1.0
    assert at(499) == pytest.approx(1 - 1 / 201)
    assert learning_rate_factor(market.training, market.schedule, 500 * 125 - 1) == pytest.approx(
        1 - 1 / 201
    )
    assert at(500) == pytest.approx(1 - 2 / 201)
    assert at(698) == pytest.approx(1 - 200 / 201)
    assert at(699) == 0.0


def test_the_order_of_a_name_and_its_options_does_not_matter() -> None:
    ways = (
        ["generator.width=8", "generator.name=unet"],
        ["generator.name=unet", "generator.width=8"],
    )
    one, other = (make(*way).generator for way in ways)
    assert one == other
    assert (one.name, one.options["width"]) == ("unet", 8)


def test_a_mistyped_weight_of_a_loss_names_the_weight() -> None:
    with pytest.raises(ConfigError, match=r"losses\.l1\.wieght: .*did you mean 'weight'"):
        make("losses.l1.wieght=2")


def test_a_file_leaves_a_part_out_as_set_does() -> None:
    tree = {"losses": {"perceptual": "none"}, "discriminators": {"shape": "none"}}
    config = experiment(preset("patn", "demo"), tree)
    assert [*config.losses] == ["l1"]
    assert [*config.discriminators] == ["appearance"]


@pytest.mark.parametrize(
    ("model", "preset", "generator", "title"),
    [
        ("patn", "demo", "patn", "patn"),
        ("patn", "", "patn", "patn"),
        ("patn", "of-old", "unet", "patn with unet"),
        ("nobody-has-this", "", "nobody-has-this", "nobody-has-this"),
        ("nobody-has-this", "", "patn", "nobody-has-this with patn"),
    ],
)
def test_titles_name_the_generator_where_it_is_another(
    model: str, preset: str, generator: str, title: str
) -> None:
    assert title_of(model, preset, generator) == title
