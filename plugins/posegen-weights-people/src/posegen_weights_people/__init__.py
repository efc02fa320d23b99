"""Folders of weights; posegen finds them by name, and never imports this."""
