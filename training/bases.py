"""Where a base is and which it is, without loading it: torch and transformers stay out."""

import hashlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from pentimento.tasks.exceptions import BadInput, UnknownName
from pentimento.training.exceptions import BadBase

EMBEDDED = Path(__file__).parent / "embedded" / "base"

DType = Literal["auto", "float32", "bfloat16", "float16", "nf4"]
"""Precisions of a base; nf4 is four bits a weight, computing in bfloat16 (QLoRA, arXiv 2305.14314)."""
DTYPES: tuple[DType, ...] = get_args(DType)
QUANTIZED: DType = "nf4"

_HASHED = ("config.json", "generation_config.json", "tokenizer*", "chat_template*", "special_tokens_map.json")
_WEIGHTS = ("*.safetensors", "*.bin")


def base_sha256(name: str = "embedded") -> str:
    """Return the hash that identifies a base, without loading its weights.

    Raises:
        BadBase: There is no such model.
    """
    source = base_source(name)
    if Path(source).is_dir():
        return _hash_files(Path(source))
    from transformers import AutoConfig  # seconds, which only a model of the hub costs

    try:
        config = AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise unloadable(name, error) from error
    return hashlib.sha256(f"{name}@{config._commit_hash}".encode()).hexdigest()


def base_source(name: str) -> str:
    """Return what from_pretrained takes: a folder that is there, or what can be a hub id.

    Raises:
        BadBase: It is neither.
    """
    if name == "embedded":
        if not EMBEDDED.is_dir():
            raise BadBase(name, f"its weights are missing at {EMBEDDED}; make them with `make base`")
        return str(EMBEDDED)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return str(folder)
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        allowed = "no such folder; give 'embedded', a folder or a Hugging Face model id"
        raise BadBase(name, allowed) from error
    return name


def may_be_of_hub(name: str) -> bool:
    """Return whether a base that was not found may be a model of the hub: it has an owner and a name."""
    owner, slash, model = name.partition("/")
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


def unloadable(name: str, error: Exception) -> BadBase:
    """Return the error of a base that is there and cannot be read."""
    return BadBase(name, f"it cannot be loaded: {str(error).splitlines()[0]}")


def _hash_files(folder: Path) -> str:
    """Hash names and contents of the weights, the configuration and the tokenizer of a model's folder."""
    weights = sorted({path for pattern in _WEIGHTS for path in folder.glob(pattern)})
    if not weights:
        raise BadBase(str(folder), "the folder must hold a model's config.json and *.safetensors")
    others = sorted({path for pattern in _HASHED for path in folder.glob(pattern)})
    return hash_files([*others, *weights])


def hash_files(paths: Iterable[Path]) -> str:
    """Return the sha256 of the names and contents of files, in this order."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(f"{path.name}:{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
