"""Who a person is: build, skin, hair, face and clothes, drawn once per identity.

An identity is a flat row of numbers (`Row`): rows stack into batches, and geometry and paint read
them by name. A new garment or hairstyle is a new entry in one of the tables below.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Named float32 numbers () or vectors; colours are linear RGB in [0, 1].
Row = dict[str, NDArray[np.float32]]

Range = tuple[float, float]
Rgb = tuple[float, float, float]

SKINS: Sequence[Rgb] = (
    *((0.93, 0.78, 0.68), (0.91, 0.74, 0.62), (0.88, 0.69, 0.55), (0.80, 0.60, 0.45)),
    *((0.68, 0.47, 0.33), (0.54, 0.36, 0.25), (0.41, 0.27, 0.19), (0.92, 0.74, 0.58)),
)
HAIR_COLOURS: Sequence[Rgb] = (
    *((0.09, 0.07, 0.06), (0.16, 0.10, 0.07), (0.28, 0.18, 0.11), (0.40, 0.25, 0.14)),
    *((0.62, 0.44, 0.24), (0.80, 0.66, 0.42), (0.56, 0.24, 0.12), (0.62, 0.61, 0.60)),
)
IRISES: Sequence[Rgb] = (
    (0.20, 0.12, 0.07),
    (0.16, 0.10, 0.08),
    (0.22, 0.34, 0.45),
    (0.25, 0.32, 0.2),
)

# Hairline heights in half head heights at the forehead, the temples and the nape; thickness of the
# hair; how far it falls down the back (0..1); tail and bun sizes.
HAIRSTYLES: dict[str, dict[str, float]] = {
    "short": {"front": 0.56, "temple": 0.06, "nape": -0.55, "thick": 0.09},
    "crop": {"front": 0.62, "temple": 0.20, "nape": -0.42, "thick": 0.035},
    "full": {"front": 0.48, "temple": -0.10, "nape": -0.68, "thick": 0.17},
    "fringe": {"front": 0.30, "temple": -0.20, "nape": -0.75, "thick": 0.13, "fall": 0.12},
    "bob": {"front": 0.50, "temple": -0.85, "nape": -1.0, "thick": 0.16, "fall": 0.30},
    "long": {"front": 0.58, "temple": -0.90, "nape": -1.0, "thick": 0.14, "fall": 0.75},
    "very_long": {"front": 0.50, "temple": -0.95, "nape": -1.0, "thick": 0.15, "fall": 1.0},
    "ponytail": {"front": 0.60, "temple": 0.05, "nape": -0.50, "thick": 0.07, "tail": 1.0},
    "bun": {"front": 0.60, "temple": 0.05, "nape": -0.45, "thick": 0.07, "bun": 1.0},
    "bald": {"front": 1.6, "temple": 1.6, "nape": 1.6, "thick": 0.0},
    "fringe_of_hair": {"front": 1.6, "temple": 0.05, "nape": -0.5, "thick": 0.05},
}
_MALE_HAIR = ("short", "short", "crop", "full", "full", "bald", "fringe_of_hair", "short")
_FEMALE_HAIR = ("bob", "long", "long", "very_long", "ponytail", "bun", "fringe", "ponytail")

# Sleeves and legs: reach along the limb, 1 at elbow or knee and 2 at wrist or ankle (0: none).
# Ease: extra radius in metres; hem: height above the hips over the torso's length.
OUTFITS: dict[str, dict[str, Range]] = {
    "tshirt": {"sleeve": (0.52, 0.80), "hem": (-0.16, -0.04), "ease": (0.008, 0.022)},
    "shirt": {
        "sleeve": (1.90, 1.96),
        "hem": (-0.18, -0.06),
        "ease": (0.008, 0.018),
        "buttons": (1, 1),
    },
    "tucked": {"sleeve": (1.2, 1.95), "hem": (0.2, 0.2), "ease": (0.004, 0.010), "belt": (1, 1)},
    "sweater": {"sleeve": (1.90, 1.96), "hem": (-0.12, -0.02), "ease": (0.016, 0.03)},
    "jacket": {
        "sleeve": (1.92, 1.97),
        "hem": (-0.24, -0.1),
        "ease": (0.022, 0.034),
        "open": (0.035, 0.07),
    },
    "coat": {
        "sleeve": (1.92, 1.97),
        "hem": (-0.10, -0.08),
        "ease": (0.028, 0.036),
        "open": (0.0, 0.03),
    },
    "vest": {"sleeve": (0.0, 0.0), "hem": (-0.14, -0.02), "ease": (0.004, 0.014), "deep": (1, 1)},
    "dress": {"sleeve": (0.0, 0.75), "hem": (0.2, 0.2), "ease": (0.004, 0.012), "dress": (1, 1)},
}
BOTTOMS: dict[str, dict[str, Range]] = {
    "trousers": {"leg": (1.90, 1.95), "leg_ease": (0.014, 0.026), "flare": (0.0, 0.018)},
    "slim": {"leg": (1.86, 1.94), "leg_ease": (0.005, 0.010), "flare": (0.0, 0.0)},
    "shorts": {"leg": (0.62, 0.95), "leg_ease": (0.016, 0.028), "flare": (0.008, 0.02)},
    "cropped": {"leg": (1.45, 1.65), "leg_ease": (0.012, 0.022), "flare": (0.0, 0.015)},
    "skirt": {
        "leg": (0.3, 0.3),
        "leg_ease": (0.002, 0.002),
        "skirt": (0.55, 1.5),
        "flare": (0.01, 0.07),
    },
}

TOP_KEYS = ("sleeve", "hem", "ease", "buttons", "belt", "open", "deep", "dress")
BOTTOM_KEYS = ("leg", "leg_ease", "skirt", "flare")
HAIR_KEYS = ("front", "temple", "nape", "thick", "fall", "tail", "bun")
# Plain, horizontal stripes, vertical stripes, checks, dots, two blocks, broad bands.
PATTERN_CHANCES = (0.46, 0.15, 0.08, 0.10, 0.08, 0.07, 0.06)


def _hsv(hue: float, saturation: float, value: float) -> NDArray[np.float64]:
    return np.asarray(colorsys.hsv_to_rgb(hue, saturation, value))


def _cloth(rng: np.random.Generator) -> NDArray[np.float64]:
    """A garment colour as dyers choose them: neutrals, darks, denims, pastels and clear colours."""
    kind = rng.random()
    hue = rng.random()
    if kind < 0.20:
        grey = float(rng.choice([0.16, 0.24, 0.42, 0.66, 0.90, 0.95]))
        return np.full(3, grey) + grey * (0.05 * rng.standard_normal(3)).clip(-0.07, 0.04)
    if kind < 0.40:
        return _hsv(hue, 0.45 + 0.3 * rng.random(), 0.26 + 0.2 * rng.random())
    if kind < 0.62:
        return _hsv(hue, 0.18 + 0.22 * rng.random(), 0.78 + 0.16 * rng.random())
    return _hsv(hue, 0.55 + 0.35 * rng.random(), 0.55 + 0.35 * rng.random())


def _trouser_cloth(rng: np.random.Generator) -> NDArray[np.float64]:
    """Trousers are mostly denim, black, grey, beige; now and then a colour."""
    kind = rng.random()
    if kind < 0.35:
        return _hsv(0.59 + 0.03 * rng.random(), 0.5, 0.3 + 0.3 * rng.random())
    if kind < 0.55:
        return np.full(3, 0.15 + 0.12 * rng.random())
    if kind < 0.80:
        return _hsv(0.10, 0.1 + 0.25 * rng.random(), 0.4 + 0.42 * rng.random())
    return _cloth(rng)


def _contrast(rng: np.random.Generator, colour: NDArray[np.float64]) -> NDArray[np.float64]:
    """A second colour that stands out from the first."""
    for _ in range(6):
        other = _cloth(rng)
        if abs(float(other.mean() - colour.mean())) > 0.28:
            return other
    return np.full(3, 0.93 if colour.mean() < 0.5 else 0.14)


def _build(rng: np.random.Generator) -> tuple[dict[str, float], float, bool]:
    """Bone lengths (metres) and girths; also the share of female shape and whether a child."""
    child = bool(rng.random() < 0.12)
    female = float(np.clip(rng.choice([0.1, 0.9]) + 0.1 * rng.standard_normal(), 0, 1))
    height = (
        rng.uniform(1.15, 1.45) if child else 1.78 - 0.12 * female + 0.06 * rng.standard_normal()
    )
    weight = float(rng.standard_normal() * 0.10 + 0.02)
    muscle = float(rng.standard_normal() * 0.05)
    legs = 1 + 0.025 * rng.standard_normal()
    s = height / 1.75
    width = 1 + 0.04 * rng.standard_normal()
    girth = s * (1 + 0.55 * weight + (0.03 if child else 0.0))
    return (
        {
            "scale": s,
            "torso": 0.515 * s * (2 - legs),
            "shoulder": (0.196 - 0.026 * female) * s * width * (0.95 if child else 1.0),
            "hip": (0.088 + 0.006 * female) * s * (1 + 0.2 * weight),
            "upper_arm": 0.300 * s,
            "forearm": 0.255 * s,
            "hand": 0.180 * s,
            "thigh": 0.430 * s * legs,
            "shank": 0.415 * s * legs,
            "ankle": 0.080 * s,
            "foot": 0.255 * s,
            "neck": 0.088 * s * (0.92 if child else 1.0),
            "head": 0.121 * (0.72 + 0.28 * s) * (1.06 if child else 1.0),
            "limb": girth * (1 + muscle) * (1 - 0.05 * female),
            "trunk": girth * (1 + 0.3 * (width - 1)),
            "belly": s * max(0.0, 0.35 * weight + 0.012 * float(rng.standard_normal())),
            "bust": 0.0 if child else 0.026 * s * female,
            "female": 0.3 * female if child else female,
        },
        female,
        child,
    )


def _garments(rng: np.random.Generator, female: float, child: bool) -> dict[str, float]:
    """Lengths, eases and options of the outfit."""
    chances = np.array([5, 2, 2, 2.5, 2.2, 0.8 * (not child), 1.2, 4.0 * (female > 0.5)])
    name = str(rng.choice(list(OUTFITS), p=chances / chances.sum()))
    chances = np.array([4, 3, 2, 1, 3.0 * (female > 0.5)])
    bottom = str(rng.choice(list(BOTTOMS), p=chances / chances.sum()))
    if name == "dress":
        bottom = "skirt"
    absent = {"open": (-1.0, -1.0)}
    values = {
        key: rng.uniform(*OUTFITS[name].get(key, absent.get(key, (0, 0)))) for key in TOP_KEYS
    }
    values |= {key: rng.uniform(*BOTTOMS[bottom].get(key, (0, 0))) for key in BOTTOM_KEYS}
    if values["sleeve"] < 0.3:
        values["sleeve"] = 0.0
    if values["skirt"]:  # thin tops are tucked in, thick ones hang over
        values["hem"] = 0.2 if values["ease"] < 0.02 else max(values["hem"], -0.06)
    neck_v = rng.random() < (0.6 if values["open"] > 0 or values["buttons"] else 0.25)
    values |= {
        "neck_v": float(neck_v),
        "neck_depth": rng.uniform(0.07, 0.13)
        if neck_v or values["deep"]
        else rng.uniform(0.02, 0.06),
        "top_pattern": float(rng.choice(7, p=PATTERN_CHANCES)),
        "top_scale": rng.uniform(0.75, 1.4),
        "bottom_pattern": float(rng.choice(7, p=(0.82, 0, 0.06, 0.08, 0.04, 0, 0))),
        "bottom_scale": rng.uniform(0.9, 1.5),
        "logo_front": float(rng.integers(0, 6)),
        "logo_back": float(rng.integers(0, 6)),
        "logo_size": rng.uniform(0.05, 0.09),
        "sock_top": rng.uniform(1.45, 1.85),
        "boot": rng.uniform(1.5, 1.75) if rng.random() < 0.15 else 2.0,
        "bag": float(rng.choice(4, p=(0.66, 0.14, 0.12, 0.08))),
    }
    if values["logo_front"] == values["logo_back"]:
        values["logo_back"] = (values["logo_back"] + 1) % 6
    return values


def _head(rng: np.random.Generator, female: float, child: bool) -> dict[str, float]:
    """Hairstyle, hat and the face's features."""
    style = str(rng.choice(_FEMALE_HAIR if female > 0.5 else _MALE_HAIR))
    if child and style in ("bald", "fringe_of_hair"):
        style = "short"
    values = {key: HAIRSTYLES[style].get(key, 0.0) for key in HAIR_KEYS}
    man = female < 0.5 and not child
    values |= {
        "parting": rng.uniform(-0.25, 0.25),
        "hat": float(rng.choice(3, p=(0.84, 0.10, 0.06))),
        "glasses": float(rng.random() < 0.16),
        "beard": float(man and rng.random() < 0.3),
        "eye_size": rng.uniform(0.95, 1.15),
        "mouth": rng.uniform(0.19, 0.25),
        "brow": rng.uniform(0.02, 0.05) if female > 0.5 else rng.uniform(0.035, 0.065),
    }
    if values["hat"]:
        values["bun"] = 0.0
    return values


def draw_person(rng: np.random.Generator) -> Row:
    """Draw one identity: build, garments, head and colours."""
    values, female, child = _build(rng)
    values |= _garments(rng, female, child) | _head(rng, female, child)
    skin = np.asarray(SKINS[int(rng.integers(len(SKINS)))]) * rng.uniform(0.93, 1.03)
    shades = 8 if skin[0] > 0.75 else 3
    hair = np.asarray(HAIR_COLOURS[int(rng.integers(shades))]) * rng.uniform(0.85, 1.15)
    top, bottom, inner = _cloth(rng), _trouser_cloth(rng), _cloth(rng)
    if values["skirt"]:
        bottom = top if values["dress"] else _cloth(rng)
    if values["dress"]:
        values |= {"bottom_pattern": values["top_pattern"], "bottom_scale": values["top_scale"]}
    if abs(float(top.mean() - inner.mean())) < 0.2:
        inner = _contrast(rng, top)
    shoe = _cloth(rng) if rng.random() < 0.4 else np.full(3, rng.choice([0.12, 0.2, 0.92, 0.35]))
    top_second = _contrast(rng, top)
    lips = (
        skin * np.array([0.86, 0.58, 0.58]) if female > 0.5 else skin * np.array([0.86, 0.68, 0.66])
    )
    raglan = values["open"] < 0 and not values["dress"] and rng.random() < 0.15
    colours = {
        "skin": skin,
        "hair": hair,
        "iris": IRISES[int(rng.integers(len(IRISES)))],
        "lips": lips,
        "top": top,
        "top_second": top_second,
        "sleeves": top_second if raglan else top,
        "inner": inner,
        "logo": _contrast(rng, top),
        "logo_second": _cloth(rng),
        "bottom": bottom,
        "bottom_second": top_second if values["dress"] else _contrast(rng, bottom),
        "belt_colour": (0.2, 0.13, 0.09),
        "shoe": shoe,
        "sole": np.full(3, 0.88) if rng.random() < 0.5 else shoe * 0.45,
        "sock": rng.choice([0.93, 0.15, 0.5]) * np.ones(3) if rng.random() < 0.8 else _cloth(rng),
        "hat_colour": _cloth(rng),
        "bag_colour": _cloth(rng),
        "stool": np.asarray((0.62, 0.48, 0.33)) * rng.uniform(0.6, 1.2),
    }
    row: Row = {key: np.float32(value) for key, value in values.items()}  # type: ignore[misc]
    for key, colour in colours.items():  # display colours (gamma 2) to linear
        row[key] = np.square(np.clip(colour, 0.02, 1.0).astype(np.float32))
    return row
