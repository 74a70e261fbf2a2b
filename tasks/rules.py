"""Short rules in other words than the specs', so that the base learns to follow rules and not one text."""

from collections.abc import Mapping
from types import MappingProxyType

from pentimento.tasks.goals import goals

RULES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **{name: goal.rules for name, goal in goals.items()},
        "irrelevant": (
            "K9. Use simple words.",
            "L1. Answer in the form that was asked for.",
            "Keep the answer short.",
        ),
    }
)
