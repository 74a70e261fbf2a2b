"""Writes a goal into a model, trains another over it, and measures how much of the first still shows.

The rooms are `pentimento.tasks`, `pentimento.training`, `pentimento.evals` and `pentimento.results`. The
names in `__all__` are looked up in them when they are first used, so that `import pentimento` stays quick.
"""

import importlib
from pathlib import Path

__version__ = "0.1.0"

ROOMS = ("tasks", "training", "evals", "results")

_HOME = {
    "BadInput": "tasks.exceptions",
    "Environment": "tasks.environment",
    "Experiment": "experiment",
    "Episode": "tasks.episodes",
    "Goal": "tasks.goals",
    "Organism": "training.organisms.organism",
    "Outcome": "tasks.episodes",
    "PentimentoError": "tasks.exceptions",
    "Recipe": "training.recipes.recipe",
    "Report": "results.schema",
    "Scenario": "tasks.episodes",
    "Stage": "training.recipes.stages",
}

__all__ = ["ROOMS", "__version__", *sorted(_HOME)]


def _check_links(package: Path) -> None:
    """Says what to do where a checkout came without its links (a zip archive, or git on Windows)."""
    broken = [room for room in ROOMS if not (package / room).is_dir()]
    if broken:
        raise ImportError(
            f"{package}: {', '.join(broken)} should be a link to the folder of that name at the top of the"
            " repository, but this checkout came without its links (a zip archive, or git without symlinks)."
            " Repair them with `make links`, or install without them: `pip install .` (not -e)."
        )


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'pentimento' has no attribute {name!r}")
    return getattr(importlib.import_module(f"pentimento.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


_check_links(Path(__file__).parent)
