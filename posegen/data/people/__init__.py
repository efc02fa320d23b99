"""The embedded people: a procedural data set, so that the engine needs no download."""

from posegen.data.people.render import Rendered, render_people

__all__ = ["Rendered", "render_people"]
