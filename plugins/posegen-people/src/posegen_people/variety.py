"""The look `varied`: what photographs vary and the plain look holds fixed.

Everything is drawn beside a person that is otherwise the same, from random numbers of its own, and
some of it for some people only: what a network must not rely on has to be absent now and then.
"""

from __future__ import annotations

import colorsys
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posegen_people.poses import Shot
from posegen_people.wardrobe import HAIR_COLOURS, SKINS, Row

#: What the plain look has: no texture, no crop, no photograph's faults.
PLAIN = {
    "top_texture": 0.0,  # 0 none, 1 mottled, 2 print of two colours, 3 knit
    "bottom_texture": 0.0,
    "texture_size": 0.1,  # metres
    "texture_depth": 0.0,
    "texture_seed": 0.0,
    "clutter": 0.0,  # contrast of the surroundings' noise
    "clutter_size": 1.0,  # metres
    "gain": (1.0, 1.0, 1.0),
    "contrast": 0.0,
    "fill_light": 0.0,
    "blur": 0.0,  # pixels at 128 rows
    "grain": 0.0,  # of 255
    "jpeg": 100.0,  # quality; 100: not compressed
}

#: Share of people of whom some pictures are cropped.
_CROPPED = 0.4


def plain_look(row: Row) -> Row:
    """Return the person as drawn."""
    return row | {name: np.asarray(value, dtype=np.float32) for name, value in PLAIN.items()}


def vary_person(row: Row, rng: np.random.Generator) -> Row:
    """Vary the person's body, clothes, surroundings and photographs."""
    changed = _body(row, rng) | _cloth(row, rng) | _surroundings(row, rng) | _photograph(rng)
    return plain_look(row) | {
        name: np.asarray(value, dtype=np.float32) for name, value in changed.items()
    }


def _between(rng: np.random.Generator, colours: object) -> NDArray[np.float64]:
    """A linear colour between two of a table of display colours."""
    table = np.asarray(colours)
    a, b = table[rng.integers(len(table), size=2)]
    mixed: NDArray[np.float64] = (a + (b - a) * rng.random()) * rng.uniform(0.92, 1.04)
    return mixed.clip(0.02, 1.0) ** 2


def _body(row: Row, rng: np.random.Generator) -> dict[str, object]:
    stout = np.exp(0.10 * rng.standard_normal())
    skin = _between(rng, SKINS)
    pale = skin.mean() > 0.3
    return {
        "limb": row["limb"] * stout * np.exp(0.05 * rng.standard_normal()),
        "trunk": row["trunk"] * stout,
        "skin": skin,
        "lips": skin * (row["lips"] / row["skin"]),
        "hair": _between(rng, HAIR_COLOURS if pale else HAIR_COLOURS[:3]),
    }


def _cloth(row: Row, rng: np.random.Generator) -> dict[str, object]:
    loose, wide = np.exp(np.abs(rng.standard_normal(2)) * 0.5)
    skirt = float(row["skirt"]) > 0
    top = float(rng.choice(4, p=(0.35, 0.25, 0.25, 0.15)))
    bottom = float(rng.choice(4, p=(0.55, 0.25, 0.15, 0.05)))
    return {
        "ease": row["ease"] * min(loose, 2.5),
        "leg_ease": row["leg_ease"] * (1.0 if skirt else min(wide, 2.2)),
        "top_texture": top,
        "bottom_texture": top if row["dress"] else bottom,
        "texture_size": np.exp(rng.uniform(np.log(0.03), np.log(0.25))),
        "texture_depth": rng.uniform(0.15, 0.6),
        "texture_seed": float(rng.integers(1 << 20)),
    }


def _surroundings(row: Row, rng: np.random.Generator) -> dict[str, object]:
    kind = int(rng.choice(3, p=(0.35, 0.40, 0.25)))
    azimuth = rng.uniform(-1.3, 1.3)
    common: dict[str, object] = {
        "light": (np.sin(azimuth), rng.uniform(0.4, 1.4), np.cos(azimuth)),
        "fill_light": rng.uniform(0.0, 0.7),
        "shadow": row["shadow"] * rng.uniform(0.2, 1.1),
    }
    if kind == 2:  # as drawn
        return common
    if kind == 0:  # paper without an edge, most often nearly white
        white = rng.random() < 0.6
        value = rng.uniform(0.85, 1.0) if white else rng.uniform(0.15, 0.95)
        saturation = rng.uniform(0.0, 0.03 if white else 0.5)
        paper = np.square(colorsys.hsv_to_rgb(rng.random(), saturation, value))
        return common | {
            "wall_low": paper,
            "wall_high": paper * rng.uniform(0.9, 1.0),
            "floor": paper * rng.uniform(0.9, 1.0),
            "wall_blur": 0.4,
            "shape_opacity": row["shape_opacity"] * 0,
            "shadow": row["shadow"] * rng.uniform(0.0, 0.5),
        }
    return common | {
        "clutter": rng.uniform(0.1, 0.9),
        "clutter_size": np.exp(rng.uniform(np.log(0.15), np.log(1.5))),
        "shape_colours": rng.uniform(0.02, 0.9, row["shape_colours"].shape),
        "shape_opacity": rng.uniform(0.3, 1.0, row["shape_opacity"].shape),
    }


def _photograph(rng: np.random.Generator) -> dict[str, object]:
    warm, green = 0.10 * rng.standard_normal(2).clip(-2, 2)
    gain = np.exp(rng.uniform(-0.4, 0.25))
    return {
        "gain": (gain * (1 + warm), gain * (1 + 0.3 * green), gain * (1 - warm)),
        "contrast": rng.uniform(-0.3, 0.4),
        "blur": max(0.0, rng.uniform(-0.4, 0.8)),
        "grain": max(0.0, rng.uniform(-3.0, 5.0)),
        "jpeg": 100.0 if rng.random() < 0.35 else rng.uniform(45, 95),
    }


def vary_shot(shot: Shot, person: np.random.Generator, rng: np.random.Generator) -> Shot:
    """Vary one picture's camera: how near it is, and what it crops.

    person: random numbers that are the same for all pictures of the person.
    """
    cropped = person.random() < _CROPPED
    tilt = np.deg2rad(rng.uniform(-1.0, 11.0))
    camera = shot.camera.copy()
    camera[3:5] = np.cos(tilt), np.sin(tilt)
    if cropped and rng.random() < 0.6:
        zoom, above = rng.uniform(1.25, 2.3), rng.uniform(-0.02, 0.12)
    else:
        zoom, above = (rng.uniform(0.7, 1.0) if rng.random() < 0.35 else 1.0), 0.0
    camera[5:7] = zoom, above
    return replace(shot, camera=camera, grain=int(rng.integers(1 << 20)))
