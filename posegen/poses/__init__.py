"""Keypoint layouts and pose encoders."""
