"""Slow, literal versions of published formulas that the tests hold the fast code against."""
