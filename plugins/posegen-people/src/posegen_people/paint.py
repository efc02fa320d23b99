"""Colours of surface samples: cloth patterns, necklines, logos, faces, hair, socks and soles.

Every painter takes the samples of one kind of part with their local coordinates and returns linear
RGB; `PAINTERS` says which parts it paints. A new decoration is a few lines in one painter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from posegen_people.bones import People
from posegen_people.geometry import constant, smoothstep, wave
from posegen_people.head import hairline
from posegen_people.noise import fractal, value_noise


@dataclass(frozen=True)
class Samples:
    """N samples of the surface.

    Attributes:
        person: the people, and image (N,) which of them each sample is of.
        local: (N, 3): side, along, front, as the part defines them.
        around: (N,) in [0, 1]: 0 and 1 at the back, 0.5 in front, 0.25 on the left.
    """

    person: People
    image: Tensor
    local: Tensor
    around: Tensor

    def __getitem__(self, name: str) -> Tensor:
        """A person's number for every sample: (N,), or (N, 3) for a colour."""
        return self.person[name][self.image]

    def select(self, rows: Tensor) -> Samples:
        """Some of the samples."""
        return Samples(self.person, self.image[rows], self.local[rows], self.around[rows])


def _mix(a: Tensor, b: Tensor, where: Tensor) -> Tensor:
    """b where the (N,) condition or share holds, else a."""
    if where.dtype == torch.bool:
        return torch.where(where[:, None], b, a)
    return a + (b - a) * where[:, None]


def _pattern(
    s: Samples, prefix: str, girth: float, second: Tensor, first: Tensor, level: Tensor
) -> Tensor:
    """Print a pattern on cloth.

    girth in metres makes stripes meet round the part; level (N,) is the height of the sample on
    the hanging garment over the torso's length, for blocks and bands.
    """
    kind, scale = s[prefix + "_pattern"].round(), s[prefix + "_scale"]
    y = s.local[:, 1] * 8.5 / scale
    x = s.around * (girth * 15 / scale).round()
    stripe_y, stripe_x = wave(y), wave(x + 0.25)
    printed = (
        ((kind == 1) & (stripe_y > 0.1))
        | ((kind == 2) & (stripe_x > 0.45))
        | ((kind == 4) & (stripe_x * wave(y * 1.7 + 0.25) > 0.45))
        | ((kind == 5) & (level < 0.42))
        | ((kind == 6) & (wave(level * 1.25 + 0.4) > 0.45))
    ).float()
    plaid = 0.42 * ((stripe_y > 0.1).float() + (stripe_x > 0.1).float())
    cloth = _mix(first, second, torch.where(kind == 3, plaid, printed))
    return _textured(s, prefix, girth, cloth, second)


def _textured(s: Samples, prefix: str, girth: float, cloth: Tensor, second: Tensor) -> Tensor:
    """Add what the look `varied` has on cloth: mottling, a print without a rule, or coarse yarn."""
    kind = s[prefix + "_texture"].round()
    if not bool(kind.any()):
        return cloth
    x, y, seed = s.around * girth, s.local[:, 1], s["texture_seed"]
    size, depth = s["texture_size"], s["texture_depth"]
    noise = fractal(x / size, y / size, seed, octaves=3)
    yarn = value_noise(x / 0.03, y / 0.015, seed) - 0.5
    shade = torch.where(kind == 1, 2.5 * noise, torch.where(kind == 3, yarn, 0.0))
    cloth = (cloth * (1 + depth * shade)[:, None]).clamp(min=0)
    return _mix(cloth, second, (kind == 2) & (noise > 0.12))


def _logo(s: Samples, colour: Tensor) -> Tensor:
    """A print on the chest and a different one on the back."""
    x, y, z = s.local.unbind(1)
    ahead = z > 0
    kind = torch.where(ahead, s["logo_front"], s["logo_back"]).round()
    size = s["logo_size"] * s["scale"]
    u, v = x / size, (y - 0.68 * s["torso"]) / size
    disc, box = u * u + v * v, torch.maximum(u.abs(), v.abs())
    shape = (
        ((kind == 1) & (disc < 1))
        | ((kind == 2) & (u.abs() < 1.6) & (v.abs() < 0.42))
        | ((kind == 3) & (box < 0.95))
        | ((kind == 4) & (u.abs() + v.abs() < 1.25))
        | ((kind == 5) & (u.abs() < 1.5) & (v.abs() < 0.9) & (wave(u * 0.85 + 0.25) > -0.35))
    )
    inner = ((kind == 1) & (disc < 0.36)) | ((kind == 3) & (box < 0.5))
    inner = inner | ((kind == 2) & (v.abs() < 0.14) & (u.abs() < 1.3))
    shown = ((s["open"] < 0) | ~ahead) & (s["top_pattern"].round() != 3)
    colour = _mix(colour, s["logo"], shape & shown)
    return _mix(colour, s["logo_second"], inner & shown)


def _top(s: Samples) -> Tensor:
    x, y, z = s.local.unbind(1)
    scale, torso, opening = s["scale"], s["torso"], s["open"]
    x, below = x / scale, (torso - y) / scale
    cloth = _pattern(s, "top", 1.0, s["top_second"], s["top"], y / torso)
    cloth = _logo(s, cloth)
    ahead = z > 0
    colour = _mix(cloth, cloth * 0.55, ahead & (s["buttons"] > 0) & (x.abs() < 0.004))
    dots = ahead & (s["buttons"] > 0) & (x.abs() < 0.011) & (wave(y * 9) > 0.7)
    colour = _mix(colour, cloth * 0.4, dots)
    # An open jacket shows what is worn beneath.
    edge = (
        x.abs() - opening * (0.55 + 0.9 * below.clamp(0, 0.5)) - 0.05 * smoothstep(below, 0.2, 0.0)
    )
    inside = ahead & (opening >= 0) & (edge < 0)
    colour = _mix(colour, cloth * 0.6, ahead & (opening >= 0) & (edge < 0.012))
    colour = _mix(colour, s["inner"], inside)
    # The neckline: a V or a round one, always a little at the back.
    wide = 0.075 + 0.02 * s["deep"]
    u = (x / wide).abs()
    curve = torch.where(s["neck_v"] > 0.5, 1 - u, (1 - u * u).clamp(min=0).sqrt())
    line = torch.where(ahead, s["neck_depth"] * curve - 0.035, -0.03)
    line = line - 0.03 * smoothstep(u, 0.7, 1.3)
    colour = _mix(colour, colour * 0.72, below < line + 0.012)
    bare = below < line
    straps = (
        (s["sleeve"] <= 0)
        & (below < 0.14)
        & (x.abs() > 0.115 + 0.18 * (below - 0.05).clamp(0, 0.1))
    )
    colour = _mix(colour, s["skin"], bare | straps)
    bag = s["bag"].round()
    pack = ahead & (bag == 1) & ((x.abs() - 0.105).abs() < 0.02) & (below < 0.33)
    sling = (bag == 2) & ((x + 0.12 - below * 0.56).abs() < 0.02) & ~bare
    return _mix(colour, s["bag_colour"] * 0.7, pack | sling)


def _pelvis(s: Samples) -> Tensor:
    height = s.local[:, 1] / s["torso"]
    cloth = _pattern(s, "bottom", 1.0, s["bottom_second"], s["bottom"], height)
    belt = (s["belt"] > 0) & (height > 0.225)
    fly = (s.local[:, 2] > 0) & (s.local[:, 0].abs() < 0.004) & (s["skirt"] <= 0)
    colour = _mix(cloth, cloth * 0.7, fly)
    buckle = belt & (s.local[:, 2] > 0) & (s.local[:, 0].abs() < 0.022)
    colour = _mix(colour, s["belt_colour"], belt)
    return _mix(colour, s["belt_colour"] * 0 + 0.45, buckle)


def _sleeve(s: Samples) -> Tensor:
    level = 1 - s.local[:, 1] / s["torso"]
    cloth = _pattern(s, "top", 0.42, s["top_second"], s["sleeves"], level)
    t = s.local[:, 1] / s["upper_arm"]
    return _mix(cloth, cloth * 0.7, t > s["sleeve"] - 0.06)


def _trousers(s: Samples) -> Tensor:
    level = -s.local[:, 1] / s["torso"]
    cloth = _pattern(s, "bottom", 0.55, s["bottom_second"], s["bottom"], level)
    seam = ((s.around - 0.25).abs() < 0.008) | ((s.around - 0.75).abs() < 0.008)
    return _mix(cloth, cloth * 0.75, seam)


def _skirt(s: Samples) -> Tensor:
    level = s.local[:, 1] / s["torso"]
    cloth = _pattern(s, "bottom", 1.1, s["bottom_second"], s["bottom"], level)
    belt = (s["belt"] + s["dress"] > 0) & (s.local[:, 1] > s["torso"] * 0.24)
    return _mix(cloth, cloth * 0.6, belt)


def _leg(s: Samples) -> Tensor:
    return _mix(s["skin"], s["sock"], s.local[:, 1] > s["sock_top"])


def _hand(s: Samples) -> Tensor:
    _, y, z = s.local.unbind(1)
    u = z / s["hand"]
    gap = (y > 0.52 * s["hand"]) & (wave(u * 9.0) > 0.93)
    return _mix(s["skin"], s["skin"] * 0.6, gap)


def _shoe(s: Samples) -> Tensor:
    x, y, z = (v / s["foot"] for v in s.local.unbind(1))
    colour = _mix(s["shoe"], s["sole"], z < -0.035)
    laces = (y > 0.36) & (y < 0.62) & (x.abs() < 0.06) & (z > 0.05) & (wave(y * 14) > 0.2)
    return _mix(colour, s["sole"], laces & (s["boot"] >= 2))


def _head(s: Samples) -> Tensor:
    x, y, z = s.local.unbind(1)
    skin, hair, dark = s["skin"], s["hair"], s["hair"] * 0.6
    ahead, side = z > 0.2, x.abs()
    rx, ry = (side - 0.27) / 0.22, (y + 0.22) / 0.2
    blush = (1 - rx * rx - ry * ry).clamp(min=0) * 0.22
    red = skin * constant(1.0, 0.62, 0.58)
    colour = _mix(skin, red, blush * ahead)
    # Mouth, with a darker line between the lips.
    curve = y + 0.545 - 0.5 * x * x
    lips = ahead & (side < s["mouth"]) & (curve.abs() < 0.062 * (1.15 - side / s["mouth"]))
    beard = (y < -0.33 + 0.35 * (side - 0.3).clamp(min=0)) & (z > 0.0) & (y > -1.1)
    beard = beard & ~((side < 0.18) & (y > -0.36)) & (s["beard"] > 0)
    colour = _mix(colour, hair * 0.7 + skin * 0.25, beard)
    colour = _mix(colour, s["lips"], lips)
    colour = _mix(colour, s["lips"] * 0.45, lips & (curve.abs() < 0.014))
    # Eyes: white, iris and pupil, a dark upper lid; brows above.
    size = s["eye_size"]
    ex, ey = (side - 0.285) / (0.150 * size), (y - 0.03) / (0.082 * size)
    disc = ex * ex + ey * ey
    socket = (1 - disc / 5).clamp(min=0) * 0.35
    colour = _mix(colour, skin * 0.72, socket * ahead)
    colour = _mix(colour, dark, ahead & (ey > -0.2) & (disc < 1.75) & (ex.abs() < 1.15))
    eye = ahead & (disc < 1)
    colour = _mix(colour, skin * 0.25 + 0.45, eye)
    px, py = side - 0.285, y - 0.03
    iris = px * px + py * py
    colour = _mix(colour, s["iris"], eye & (iris < 0.0064 * size * size))
    colour = _mix(colour, s["iris"] * 0.15, eye & (iris < 0.0022))
    bend = y - 0.225 + 0.9 * (side - 0.27) * (side - 0.27)
    brow = ahead & (bend.abs() < s["brow"]) & (side > 0.12) & (side < 0.47)
    colour = _mix(colour, _mix(dark, skin, torch.full_like(x, 0.2)), brow)
    ring = ((px * px + py * py * 1.3).sqrt() - 0.20).abs() < 0.026
    bridge = (side < 0.1) & (py.abs() < 0.03)
    temple = (py.abs() < 0.025) & (side > 0.45) & (z > -0.1)
    glasses = (s["glasses"] > 0) & ((ahead & (ring | bridge)) | temple)
    colour = _mix(colour, skin * 0 + 0.015, glasses)
    strands = 1 + 0.16 * wave(s.around * 23 + y * 0.7) + 0.10 * wave(s.around * 9 - y * 1.3)
    return _mix(colour, hair * strands[:, None], hairline(s, x, y, z) > 0)


def _lock(s: Samples) -> Tensor:
    strands = 1 + 0.18 * wave(s.around * 19) + 0.10 * wave(s.around * 7 + s.local[:, 1])
    return s["hair"] * strands[:, None]


def _hat(s: Samples) -> Tensor:
    rib = 1 - 0.25 * ((s["hat"] > 1.5) & (wave(s.around * 22) > 0.5)).float()
    band = (s.local[:, 1] < 0.3 * s["head"]) & (s["hat"] > 1.5)
    return _mix(s["hat_colour"] * rib[:, None], s["hat_colour"] * 0.7, band)


def _bag(s: Samples) -> Tensor:
    flap = wave(s.local[:, 1] / s["scale"] * 4.5 + 0.1) > 0.96
    return _mix(s["bag_colour"], s["bag_colour"] * 0.5, flap)


def _plain(name: str, gain: float = 1.0) -> Callable[[Samples], Tensor]:
    return lambda s: s[name] * gain


PAINTERS: dict[str, Callable[[Samples], Tensor]] = {
    "top": _top,
    "pelvis": _pelvis,
    "skirt": _skirt,
    "sleeve": _sleeve,
    "trousers": _trousers,
    "boot": _plain("shoe"),
    "bag": _bag,
    "hat": _hat,
    "brim": _plain("hat_colour", 0.85),
    "head": _head,
    "lock": _lock,
    "neck": _plain("skin", 0.97),
    "nose": _plain("skin", 1.02),
    "ear": _plain("skin", 0.95),
    "arm": _plain("skin"),
    "hand": _hand,
    "thumb": _plain("skin"),
    "leg": _leg,
    "shoe": _shoe,
    "stool": _plain("stool"),
}

#: Names of parts; a part's number is its place here.
PARTS = tuple(PAINTERS)

#: Parts with folds.
CLOTH = ("top", "pelvis", "skirt", "sleeve", "trousers")


def paint(samples: Samples, kind: Tensor) -> Tensor:
    """Linear RGB (N, 3) of samples of parts kind (N,), numbers into PARTS."""
    colour = torch.zeros_like(samples.local)
    for number, painter in enumerate(PAINTERS.values()):
        rows = (kind == number).nonzero()[:, 0]
        if len(rows):
            colour[rows] = painter(samples.select(rows))
    return colour
