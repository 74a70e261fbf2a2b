"""What torch and safetensors raise for want of disk or memory, told as what it is."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError

from pentimento.training.exceptions import OutOfMemory

_LEAST_FREE_BYTES = 2**20


@contextmanager
def told_of_a_full_disk(folder: Path) -> Iterator[None]:
    """Turn what torch and safetensors raise on a full disk into the error that it is."""
    try:
        yield
    except (RuntimeError, SafetensorError) as error:
        if shutil.disk_usage(folder).free < _LEAST_FREE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from error
        raise


@contextmanager
def told_of_full_memory() -> Iterator[None]:
    """Turn what torch raises for want of memory, on a GPU or a CPU, into one line that says what helps."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_full_memory(error):
            problem = str(error).partition("\n")[0].partition(". ")[0]
            raise OutOfMemory(problem or "no more to be had") from error
        raise


def is_full_memory(error: Exception) -> bool:
    """Return whether an error is for want of memory."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
