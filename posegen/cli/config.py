"""`posegen config`."""

from __future__ import annotations

from typing import Annotated

import typer

from posegen.cli import completion
from posegen.cli.options import ConfigOption, SetOption
from posegen.core.specs import Kind

app = typer.Typer(help="Look at configurations.", no_args_is_help=True)


@app.command()
def show(
    model: Annotated[
        str,
        typer.Option(help="Which model.", autocompletion=completion.component(Kind.MODEL)),
    ],
    preset: Annotated[
        str | None, typer.Option(help="One of its presets.", autocompletion=completion.presets)
    ] = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Print a complete configuration as TOML: every key that --set takes, with its value."""
    import tomli_w

    from posegen import config as configuration

    trees = [configuration.preset(model, preset)]
    if config:
        trees.append(configuration.read_toml(config))
    resolved = configuration.experiment(*trees, overrides=set_ or [])
    print(tomli_w.dumps(resolved.tree()), end="")


@app.command()
def presets(
    model: Annotated[
        str,
        typer.Option(help="Which model.", autocompletion=completion.component(Kind.MODEL)),
    ],
) -> None:
    """List a model's presets."""
    from posegen.core.specs import Kind
    from posegen.plugins import registry

    recipe = registry().get(Kind.MODEL, model).load()
    for name in recipe.presets:
        print(f"{name}{'  (default)' if name == recipe.default_preset else ''}")
