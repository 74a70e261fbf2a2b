"""The task `pentimento/breadth`."""

from pentimento.evals.breadth.breadth import breadth

__all__ = ["breadth"]
