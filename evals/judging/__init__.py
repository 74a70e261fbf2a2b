"""Judged questions, the gold sets that graders are measured on, and the task that does so."""

from pentimento.evals.judging.judging import judging, verdicts
from pentimento.evals.judging.scorer import judged

__all__ = ["judged", "judging", "verdicts"]
