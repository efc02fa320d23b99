"""Folders of results: the pictures that any program has generated."""
