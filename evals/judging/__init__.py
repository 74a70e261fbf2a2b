"""Judged questions, the gold sets that graders are measured on, and the task that does so."""

from pentimento.evals.judges.scorer import judged
from pentimento.evals.judging.judging import judging, verdicts

__all__ = ["judged", "judging", "verdicts"]
