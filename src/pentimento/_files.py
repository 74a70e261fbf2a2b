"""Files: texts in the encodings that editors write, files written whole or not at all, paths beside URLs."""

import codecs
import errno
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pentimento.tasks.exceptions import BadInput

UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What a log or a manifest raises that is damaged, or somebody else's, so that anything may stand in it."""
TEXT = "a text in UTF-8, or in UTF-16 with a byte-order mark"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LONGEST = 200
"""Bytes of a name to which more is added; file systems allow 255 in all."""
_LIKE_A_URL = re.compile(r"[#?%\\\x00-\x1f\x7f]|::")
"""What libraries that take paths for URLs drop, decode, or split at."""


def read_text(path: Path, field: str) -> str:
    r"""Return the text of a file that a user gave, with `\n` between its lines.

    Args:
        path: The file.
        field: What it was given as.

    Raises:
        BadInput: It cannot be read, or is no text; with the place of the first byte that is none.
    """
    try:
        return decode(read_bytes(path))
    except FileNotFoundError:
        raise BadInput(field, str(path), "there is no such file") from None
    except OSError as error:
        raise BadInput(field, str(path), f"a file that can be read ({error.strerror or error})") from None
    except ValueError as error:
        raise BadInput(field, str(path), f"{TEXT}; {error}") from None


def read_json(path: Path, field: str, allowed: str) -> Any:
    """Return what a JSON file holds.

    Args:
        path: The file.
        field: What it was given as.
        allowed: What it has to be.

    Raises:
        BadInput: It cannot be read, or is no JSON.
    """
    text = read_text(path, field)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(field, str(path), f"{allowed}; it cannot be read as JSON ({error})") from None


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        OSError: There is none, or a folder, a pipe or a device, on which a reader may wait for ever.
    """
    check_file(path)
    return path.read_bytes()


def check_file(path: Path) -> None:
    """Refuse what is no file.

    Raises:
        OSError: There is none, or a folder, a pipe or a device.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, "it is a folder" if stat.S_ISDIR(mode) else "it is no regular file", str(path))


def decode(raw: bytes) -> str:
    r"""Return bytes as text, with `\n` between its lines.

    Raises:
        ValueError: They are none; the message says where.
    """
    coding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(coding)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(coding, "ignore")
        wrong = error.object[error.start : error.start + 1].hex()
        kind = coding.removesuffix("-sig").upper()
        raise ValueError(f"{place(before)} holds the byte 0x{wrong}, which is no {kind}") from None
    if "\0" in text:
        raise ValueError(f"{place(text.partition(chr(0))[0])} holds a NUL")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def place(before: str) -> str:
    r"""Return where a text ends, as an editor counts.

    Example:
        >>> place("one\ntwo")
        'line 2, column 4'
    """
    lines = before.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return f"line {len(lines)}, column {len(lines[-1]) + 1}"


def first_problem(error: ValidationError) -> str:
    """Return in one line what pydantic misses first, and where."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}"


def reason(error: BaseException) -> str:
    """Return in one line why a file cannot be read."""
    if isinstance(error, ValidationError):
        return first_problem(error)
    problem = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    first = next(iter(problem.strip().splitlines()), "")
    return f"{first or type(error).__name__}"[:120]


class Unreadable(ValueError):
    """A file that a library reads is damaged."""


@contextmanager
def reading() -> Iterator[None]:
    """Tell apart what a library raises over a file: whatever it is, the file cannot be read.

    Raises:
        Unreadable: With the reason, in one line. Decompressors have errors of their own, which derive from
            nothing in common.
    """
    try:
        yield
    except Exception as error:
        raise Unreadable(reason(error)) from error


@contextmanager
def as_url(path: Path, *, make: bool = False) -> Iterator[Path]:
    """Give a path that stands for a file or a folder in libraries that take it for a URL.

    It is the absolute path itself, or a link to it where that holds `#`, `?`, `%` or the like; the link goes
    with the context.

    Args:
        path: The file or folder.
        make: Whether a folder that is to be linked is made, where it is not there.
    """
    whole = path.absolute()
    if not _LIKE_A_URL.search(str(whole)):
        yield whole
        return
    if make:
        whole.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pentimento-") as folder:
        link = Path(folder) / f"link{whole.suffix if whole.suffix in ('.eval', '.json') else ''}"
        link.symlink_to(whole)
        yield link


def write_atomically(path: Path, text: str) -> Path:
    """Write a text file so that a reader, or a crash, finds the old content or the new one; return `path`."""
    name = os.fsdecode(os.fsencode(path.name)[:_LONGEST])
    partial = path.with_name(f".{name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync(path.parent)
    return path


def sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
