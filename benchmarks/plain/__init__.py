"""The published training step, written down plainly: what posegen is compared with.

Float32, contiguous memory, one operation after the other as the paper and its code have them, no
options for speed. `tests/benchmarks/test_plain.py` holds it to the numbers that were recorded from
the published code.
"""
