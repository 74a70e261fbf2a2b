"""The task `pentimento/preference`."""

from pentimento.evals.preference.preference import preference

__all__ = ["preference"]
