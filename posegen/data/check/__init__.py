"""Looks for what is wrong with a data set. This module imports nothing; see `report`."""
