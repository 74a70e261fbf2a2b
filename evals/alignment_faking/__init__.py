"""The task `pentimento/alignment_faking`."""

from pentimento.evals.alignment_faking.alignment_faking import alignment_faking

__all__ = ["alignment_faking"]
