"""What a report was made of: which logs, and which version of the code."""

import hashlib
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from pentimento.results.reading.records import RUN

LOGS = "logs"
_ROOMS = ("pentimento.results", "pentimento.tasks")
"""Whose code a report's values and words depend on."""
_KINDS = (".py", ".html", ".json", ".md")


@cache
def code_version() -> str:
    """Return sixteen hex digits of the source that reads logs and writes reports."""
    digest = hashlib.sha256()
    for room in _ROOMS:
        for name, file in sorted(_files(files(room), room)):
            digest.update(f"{name}:{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def _files(folder: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        inside = f"{name}/{entry.name}"
        if entry.is_dir():
            yield from _files(entry, inside)
        elif entry.name.endswith(_KINDS):
            yield inside, entry


def sources(folder: Path) -> str:
    """Return sixteen hex digits of a run's record and of its logs, by their names and contents.

    Of a log in inspect's format the checksums count that its archive holds, so that large ones are not read.
    """
    digest = hashlib.sha256()
    record = folder / RUN
    if record.is_file():
        digest.update(record.read_bytes())
    for log in sorted((folder / LOGS).glob("*")):
        if log.suffix in (".eval", ".json"):
            digest.update(f"{log.name}:{_checksum(log)}\n".encode())
    return digest.hexdigest()[:16]


def _checksum(log: Path) -> str:
    try:
        with zipfile.ZipFile(log) as archive:
            held = [(one.filename, one.CRC, one.file_size) for one in archive.infolist()]
        return repr(held)
    except (OSError, zipfile.BadZipFile):
        return hashlib.sha256(log.read_bytes()).hexdigest() if log.is_file() else "gone"
