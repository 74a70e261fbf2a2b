"""The task `pentimento/oversight`."""

from pentimento.evals.oversight.oversight import oversight

__all__ = ["oversight"]
