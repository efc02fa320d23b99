"""Pose encoders, conversions between skeletons, drawings of poses, other programs' pose files."""
