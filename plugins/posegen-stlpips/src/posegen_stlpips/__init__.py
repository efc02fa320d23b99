"""Perceptual losses and metrics without a download. Nothing is imported here; see `plugin.py`."""
