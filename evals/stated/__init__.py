"""The task `pentimento/stated`."""

from pentimento.evals.stated.stated import stated

__all__ = ["stated"]
