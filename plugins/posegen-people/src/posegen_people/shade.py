"""Light on the painted surface: diffuse light, sky, hollows, cloth folds, gloss and rim."""

from __future__ import annotations

import torch
from torch import Tensor

from posegen_people.bones import People
from posegen_people.geometry import dot, normalise, wave
from posegen_people.paint import CLOTH, PARTS, Samples, paint
from posegen_people.raster import Hits, Mesh


def _occlusion(hits: Hits, metres: Tensor, reach: Tensor) -> Tensor:
    """How much nearer surroundings shade each sample, (N,) in [0, 1].

    Compares each sample's distance with the mean of opposite neighbours: only hollows darken.
    """
    height, width = metres.shape[1:]
    image = hits.sample // (height * width)
    y, x = hits.sample // width % height, hits.sample % width
    flat = metres.flatten()
    own, base = flat[hits.sample], image * (height * width)
    total = torch.zeros_like(own)
    for dx, dy, far in ((1.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.4, 1.4, 2.0), (1.4, -1.4, 2.0)):
        step = reach[image] * far
        sx, sy = (step * dx).round().long(), (step * dy).round().long()
        pair = torch.zeros_like(own)
        for sign in (-1, 1):
            nx, ny = (x + sign * sx).clamp(0, width - 1), (y + sign * sy).clamp(0, height - 1)
            rise = (flat[base + ny * width + nx] - own).clamp(-0.12, 0.12)
            pair = pair + rise
        total = total + (pair / (0.035 * far)).clamp(0, 1)
    return total / 4


def _folds(local: Tensor, around: Tensor, kind: Tensor) -> Tensor:
    """Light and dark of cloth folds, (N,) about 0."""
    cloth = torch.tensor([float(name in CLOTH) for name in PARTS])
    y = local[:, 1]
    a = wave(around * 3 + y * 2.3 + 0.6 * wave(y * 1.7))
    b = wave(around * 5 - y * 4.1 + 0.5 * wave(around * 2 + y))
    return (0.5 * a + 0.5 * a * b) * cloth[kind]


def shade(
    person: People,
    mesh: Mesh,
    hits: Hits,
    *,
    light: Tensor,
    gain: Tensor,
    metres: Tensor,
    reach: Tensor,
) -> tuple[Tensor, Tensor]:
    """Paint and light the hit samples.

    Args:
        person: whom the mesh is of.
        mesh, hits: the surface, and which of it is seen.
        light: (B, 3), unit vector towards the light.
        gain: (B,), its strength.
        metres: (B, H, W), the samples' distance.
        reach: (B,), how far hollows darken, in samples.

    Returns:
        Linear RGB (N, 3), and part numbers (N,), into `PARTS`.
    """
    image = hits.sample // (hits.depth.shape[1] * hits.depth.shape[2])
    corner = mesh.triangles[hits.triangle]
    rows = corner + (image * mesh.vertices.shape[1])[:, None]
    around = mesh.around[:, None].expand(len(mesh.local), -1, 1)
    values = torch.cat((mesh.normals, mesh.local, around), -1).flatten(0, 1)
    a, b, c = (values.index_select(0, rows[:, i]) * hits.weights[:, i : i + 1] for i in range(3))
    blended = a + b + c
    normal, local, turn = normalise(blended[:, :3]), blended[:, 3:6], blended[:, 6]
    kind = mesh.kinds[hits.triangle]
    albedo = paint(Samples(person, image, local, turn), kind)

    light = light[image]
    facing = dot(normal, light)[:, 0] + 0.16 * _folds(local, turn, kind)
    diffuse = ((facing + 0.22) / 1.22).clamp(min=0)
    sky = 0.40 + 0.12 * normal[:, 1] + 0.10 * normal[:, 2]
    hollow = 1 - 0.75 * _occlusion(hits, metres, reach)
    half = normalise(light + light.new_tensor((0.0, 0.05, 1.0)))
    shine = dot(normal, half)[:, 0].clamp(min=0)
    shine = shine * shine
    shine = shine * shine
    shine = 0.05 * shine * shine * shine
    rim = 1 - normal[:, 2].clamp(0, 1)
    rim = 0.05 * rim * rim * rim * (0.5 + 0.5 * normal[:, 1])
    fill = person["fill_light"][image]
    strength = (0.78 * diffuse * gain[image] * (0.35 + 0.65 * hollow) * (1 - fill))[:, None]
    sky = (sky + 0.5 * fill) * hollow
    colour = albedo * (strength * person["light_colour"][image] + sky[:, None])
    return colour + (shine + rim)[:, None], kind
