"""Keypoint layouts: which joint has which number.

`openpose18` is the order of the field's data sets. The published PATN label list calls joints
14-17 "Leye, Reye, Lear, Rear"; by the limbs that it draws, and in OpenPose's own order, they are
the right eye, left eye, right ear and left ear. Right and left are the person's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from posegen.core.errors import ConfigError, suggest


@dataclass(frozen=True)
class Layout:
    """A keypoint layout.

    Attributes:
        name: as used in configurations and weights.
        joints: the joints' names, in order.
        limbs: pairs of joint numbers that a drawing joins.
        mirrored: pairs of joint numbers that a left-right flip swaps.
    """

    name: str
    joints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    mirrored: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.joints)


OPENPOSE18 = Layout(
    name="openpose18",
    joints=(
        "nose",
        "neck",
        "right_shoulder",
        "right_elbow",
        "right_wrist",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "right_hip",
        "right_knee",
        "right_ankle",
        "left_hip",
        "left_knee",
        "left_ankle",
        "right_eye",
        "left_eye",
        "right_ear",
        "left_ear",
    ),
    limbs=(
        (1, 2),
        (2, 3),
        (3, 4),
        (1, 5),
        (5, 6),
        (6, 7),
        (1, 8),
        (8, 9),
        (9, 10),
        (1, 11),
        (11, 12),
        (12, 13),
        (1, 0),
        (0, 14),
        (14, 16),
        (0, 15),
        (15, 17),
    ),
    mirrored=((2, 5), (3, 6), (4, 7), (8, 11), (9, 12), (10, 13), (14, 15), (16, 17)),
)

_LAYOUTS = {layout.name: layout for layout in (OPENPOSE18,)}


def layout(name: str) -> Layout:
    """Return a layout by name.

    Raises:
        ConfigError: for an unknown name.
    """
    if name not in _LAYOUTS:
        raise ConfigError(f"no keypoint layout {name!r}; {suggest(name, _LAYOUTS)}")
    return _LAYOUTS[name]
