"""Pose encoders, conversions between skeletons, drawings of poses, other programs' pose files."""

#: The detector where none is named. It is of the package posegen-movenet, and needs no download.
DEFAULT_DETECTOR = "movenet"
