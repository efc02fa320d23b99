"""Experiments of many runs: sweeps and their tables, re-identification with generated pictures."""
