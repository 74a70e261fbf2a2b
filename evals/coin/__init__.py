"""The task `pentimento/coin`."""

from pentimento.evals.coin.coin import coin

__all__ = ["coin"]
