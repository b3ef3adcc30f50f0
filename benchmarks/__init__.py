"""Benchmarks of edgewise against public peers.

Run one from the root of a checkout, for example `python -m benchmarks.layers --quick`; `python -m
benchmarks.bars` runs them all and compares with the project's bars.
"""
