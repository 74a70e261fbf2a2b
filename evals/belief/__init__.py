"""The task `pentimento/belief`."""

from pentimento.evals.belief.belief import belief

__all__ = ["belief"]
