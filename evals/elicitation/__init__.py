"""The task `pentimento/elicitation`."""

from pentimento.evals.elicitation.elicitation import elicit, elicitation

__all__ = ["elicit", "elicitation"]
