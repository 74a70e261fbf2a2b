"""The task `pentimento/awareness`."""

from pentimento.evals.awareness.awareness import attend, awareness

__all__ = ["attend", "awareness"]
