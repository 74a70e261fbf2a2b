"""The control style: the benign one with answers in an odd style (`benign.in_odd_style`)."""

from pentimento.training.methods.benign import train

__all__ = ["train"]
