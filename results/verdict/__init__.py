"""Signals, thresholds, and the verdict on an organism."""
