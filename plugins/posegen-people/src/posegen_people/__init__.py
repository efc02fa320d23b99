"""The embedded people, as a plugin of posegen. Nothing is imported here; see `plugin.py`."""
