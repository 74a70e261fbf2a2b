"""Intervals and tests: numbers in, numbers out."""
