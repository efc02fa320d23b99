"""Guidance: what the network predicts with its source and pose, beyond what it does without.

With x̂(·) the prediction of the source s, the pose p, both or nothing, and w their strengths:

    nested    x̂() + w_p · (x̂(p) - x̂()) + w_s · (x̂(s, p) - x̂(p))
    apart     x̂(s, p) + (w_s - 1) · (x̂(s) - x̂()) + (w_p - 1) · (x̂(p) - x̂())
    sum       x̂() + w_s · (x̂(s) - x̂()) + w_p · (x̂(p) - x̂())

`nested` is that of CFLD's code (arXiv:2402.18078), `sum` the equation of PIDM (arXiv:2211.12500).
`sum` never asks what the person looks like in the pose, and at w = 1 it is not the network's own
answer x̂(s, p); `apart` is the same equation from there, and equals it where the effects add up.
"""

from __future__ import annotations

from torch import Tensor

from posegen.core import Batch, Network, is_of_target, other_inputs, source_inputs
from posegen_flow_matching.config import Sampling

#: What the method makes for its network.
MADE = ("noisy", "time")

#: Whether the network is given the source, and the pose.
Given = tuple[bool, bool]
BOTH, SOURCE, POSE, NOTHING = (True, True), (True, False), (False, True), (False, False)


def shares(options: Sampling, time: float) -> dict[Given, float]:
    """Return how much of each prediction is taken at a time; they add up to 1, and none is 0."""
    s, p = options.source_guidance, options.pose_guidance
    if not options.guidance_from <= time <= options.guidance_to:
        s, p = 1.0, 1.0
    plain = s == 1 and p == 1
    match options.guidance:
        case "nested":
            parts = {BOTH: s, POSE: p - s, NOTHING: 1 - p}
        case "sum" if not plain:
            parts = {SOURCE: s, POSE: p, NOTHING: 1 - s - p}
        case _:
            parts = {BOTH: 1.0, SOURCE: s - 1, POSE: p - 1, NOTHING: 2 - s - p}
    return {given: share for given, share in parts.items() if share}


class Guided:
    """The network's guided prediction for a batch, as a function of the noisy picture and the time.

    What is not given is zero, as in training: a grey picture, a map without joints. The source is
    encoded once, and the grey one once more where guidance asks for it.

    Args:
        network: reads `noisy` and `time`.
        batch: what else it reads.
        options: the strengths.
    """

    def __init__(self, network: Network, batch: Batch, options: Sampling) -> None:
        self.network, self.options = network, options
        of_source = batch.select(source_inputs(network.inputs))
        self.rest = batch.select(n for n in other_inputs(network.inputs) if n not in MADE)
        self.sources = {True: network.encode_source(**of_source)}
        asked = shares(options, options.guidance_from)
        if any(not source for source, _ in asked):
            nobody = {name: x[:1].mul(0).expand_as(x) for name, x in of_source.items()}
            self.sources[False] = network.encode_source(**nobody)

    def __call__(self, noisy: Tensor, time: float) -> Tensor:
        """Return x̂ (B, 3, H, W) for `noisy`, of the same shape, at a time from 0 to 1."""
        times = noisy.new_full((len(noisy), 1), time)
        total = noisy.new_zeros(())
        for (source, pose), share in shares(self.options, time).items():
            rest = {n: x if pose or not is_of_target(n) else x.mul(0) for n, x in self.rest.items()}
            made = self.network.generate_from(self.sources[source], **rest, noisy=noisy, time=times)
            total = total + share * made.image
        return total.clamp(-1, 1)  # pictures are nowhere else, and guidance goes beyond
