"""Pair datasets: the embedded people, the published folder layouts, loading and export.

This module imports nothing, so that `posegen.data.config` costs no torch; import what you need from
`published`, `people`, `loading`, `export` and `detect`.
"""
