"""Devices and processes: where the work is done."""
