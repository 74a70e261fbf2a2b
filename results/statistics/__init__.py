"""Intervals, tests and simulation: numbers in, numbers out."""
