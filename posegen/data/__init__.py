"""Pair data sets: the published folder layouts, own photos, loading, augmentation and export.

This module imports nothing, so that `posegen.data.config` costs no torch; import what you need from
`published`, `loading`, `export`, `detect` and so on.
"""
