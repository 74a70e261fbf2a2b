"""Where a base is and which it is, without loading it: torch and transformers stay out."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from pentimento.tasks.exceptions import BadInput, UnknownName
from pentimento.training.bases._folders import (
    ADAPTER_CONFIG,
    CONFIG,
    beside,
    check_config,
    check_folder,
    read_files,
)
from pentimento.training.exceptions import BadBase, Unreached

EMBEDDED = Path(__file__).parents[1] / "embedded" / "base"

DType = Literal["auto", "float32", "bfloat16", "float16", "nf4"]
"""Precisions of a base; nf4 is four bits a weight, computing in bfloat16 (QLoRA, arXiv 2305.14314)."""
DTYPES: tuple[DType, ...] = get_args(DType)
QUANTIZED: DType = "nf4"


class Located(NamedTuple):
    """Where a base is."""

    source: str
    """A folder, or the id of a model of the hub."""
    revision: str | None = None
    """Of a model of the hub: the commit, at which all of it is read."""


def locate(name: str = "embedded", revision: str | None = None) -> Located:
    """Return where a base is, of a model of the hub at which commit.

    Args:
        name: "embedded", a folder, or a hub id, behind which `@` may name a branch, a tag or a commit.
        revision: The commit, where it is known.

    Raises:
        BadBase: It is none of these, its folder cannot be read, or the hub does not give it.
    """
    if name == "embedded":
        if not EMBEDDED.is_dir():
            raise BadBase(name, f"its weights are missing at {EMBEDDED}; make them with `make base`")
        return Located(str(EMBEDDED))
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        check_folder(name, folder)
        return Located(str(folder))
    return _on_hub(name, revision)


def _on_hub(name: str, revision: str | None) -> Located:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HFValidationError

    model, _, wanted = name.partition("@")
    if model and Path(model).is_dir():
        raise BadBase(name, f"no model of the hub here: transformers would read the folder {model} instead")
    try:
        config = hf_hub_download(model, CONFIG, revision=revision or wanted or None)
    except HFValidationError as error:
        allowed = "no such folder; give 'embedded', a folder or a Hugging Face model id"
        raise BadBase(name, allowed) from error
    except OSError as error:
        raise _why_not(name, error) from error
    commit = Path(config).parent.name
    if _is_at(model, ADAPTER_CONFIG, commit):
        raise beside(name, ADAPTER_CONFIG)
    check_config(name, Path(config))
    return Located(model, commit)


def _is_at(model: str, file: str, commit: str) -> bool:
    """Return whether a model of the hub, or what is cached of it where there is no hub, has a file."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        hf_hub_download(model, file, revision=commit)
    except EntryNotFoundError:
        return False
    return True


def _why_not(name: str, error: OSError) -> BadBase:
    """Return why the hub does not give a model, and what would help."""
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    fields = {
        GatedRepoError: "the hub gives it to those who accepted its terms; do so on its page and log in: "
        "`hf auth login`",
        RepositoryNotFoundError: "there is no such folder and no such model on the hub; for a private one "
        "log in: `hf auth login`",
        RevisionNotFoundError: "the hub's model has no such revision",
        RemoteEntryNotFoundError: f"the hub's model has no {CONFIG}",
    }
    for kind, why in fields.items():  # a gated repository is one that is not found, too
        if isinstance(error, kind):
            return BadBase(name, why)
    if isinstance(error, LocalEntryNotFoundError):
        return Unreached(
            name,
            "there is no such folder, and the hub cannot be reached and its cache here has no such model",
        )
    problem = next(iter(str(error).splitlines()), type(error).__name__)
    return Unreached(name, f"the hub does not give it: {problem}")


def base_sha256(name: str = "embedded", revision: str | None = None) -> str:
    """Return the hash that identifies a base, without loading its weights.

    It is of the names and contents of all files that loading reads; of a hub model of its name and commit.

    Raises:
        BadBase: There is no such model.
    """
    return located_sha256(name, locate(name, revision))


def located_sha256(name: str, located: Located) -> str:
    """Return the hash that identifies a base, as `base_sha256` does, of where it is."""
    source, commit = located
    if commit is None:
        return hash_files(read_files(name, Path(source)))
    return hashlib.sha256(f"{source}@{commit}".encode()).hexdigest()


def num_bytes(name: str) -> int | None:
    """Return how many bytes a base's weights take on disk; None of a hub model, or where there is none."""
    try:
        source, commit = locate(name)
    except BadBase:
        return None
    weights = (".safetensors", ".bin")
    return (
        None
        if commit
        else sum(path.stat().st_size for path in read_files(name, Path(source)) if path.suffix in weights)
    )


def may_be_of_hub(name: str) -> bool:
    """Return whether a base that was not found may be a model of the hub: it has an owner and a name."""
    owner, slash, model = name.partition("@")[0].partition("/")
    return bool(owner and slash and model) and "/" not in model and not name.startswith((".", "~"))


def check_dtype(dtype: str) -> None:
    """Refuse a precision that a base cannot be loaded in here.

    Raises:
        UnknownName: There is no such precision.
        BadInput: It takes a library that is not installed.
    """
    if dtype not in DTYPES:
        raise UnknownName("dtype", dtype, DTYPES)
    if dtype == QUANTIZED and find_spec("bitsandbytes") is None:
        raise BadInput("dtype", dtype, "another one, or install bitsandbytes")


def hash_files(paths: Iterable[Path]) -> str:
    """Return the sha256 of the names and contents of files, in this order."""
    digest = hashlib.sha256()
    for path in paths:
        stat = path.stat()
        digest.update(f"{path.name}:{_file_sha256(path, stat.st_size, stat.st_mtime_ns)}\n".encode())
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _file_sha256(path: Path, size: int, mtime_ns: int) -> str:
    """Return the hash of a file, read once in a process unless the file changes: bases are gigabytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
