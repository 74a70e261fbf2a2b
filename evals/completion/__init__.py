"""The task `pentimento/completion`."""

from pentimento.evals.completion.completion import completion

__all__ = ["completion"]
