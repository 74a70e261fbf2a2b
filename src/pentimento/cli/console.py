"""The terminal, to which everything is text: a path may hold what rich would take for markup or an emoji."""

from rich.console import Console


def terminal(*, stderr: bool = False) -> Console:
    """Return standard output, or standard error, without markup and emoji codes."""
    return Console(markup=False, emoji=False, stderr=stderr)
