"""Protocols: how scores of published papers, and posegen's own, are computed; one file each."""
