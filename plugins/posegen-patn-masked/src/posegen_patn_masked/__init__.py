"""Masked pose attention transfer: the model `patn-masked`."""
