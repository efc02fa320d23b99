"""Weights as shareable folders of safetensors and JSON."""
