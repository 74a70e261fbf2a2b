"""The task `pentimento/in_context`."""

from pentimento.evals.in_context.in_context import converse, in_context

__all__ = ["converse", "in_context"]
