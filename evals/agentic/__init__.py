"""The task `pentimento/agentic`."""

from pentimento.evals.agentic.agentic import agentic

__all__ = ["agentic"]
