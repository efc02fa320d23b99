"""From the data sets' own downloads to the published layouts that posegen reads.

This module imports nothing; see `run`.
"""
