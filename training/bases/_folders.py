"""What transformers reads of a model's folder, and whether it can be read, without loading it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from safetensors import SafetensorError, safe_open

from pentimento.training.exceptions import BadBase

CONFIG = "config.json"
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
"""In PEFT's format."""
_ADAPTER = (ADAPTER_CONFIG, ADAPTER_WEIGHTS, "adapter_model.bin")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""In the order in which transformers looks for them, each alone or as an index of shards."""
_OTHERS = (
    CONFIG, "generation_config.json", "tokenizer*", "special_tokens_map.json", "added_tokens.json",
    "*.jinja", "chat_template*", "additional_chat_templates/*",
    "vocab.json", "vocab.txt", "merges.txt", "*.model",
)  # fmt: skip
_POINTER = b"version https://git-lfs"
_QUANTISED = ("quantization_config", "compression_config")


def check_folder(name: str, folder: Path) -> None:
    """Refuse a folder that is no whole model of its own, in the precision that its weights were trained in.

    Args:
        name: What the user calls the base.
        folder: Where it is.

    Raises:
        BadBase: It lacks a file, a file is damaged, an adapter lies beside or in the place of the model, or
            its weights are quantised.
    """
    adapter = next((file for file in _ADAPTER if (folder / file).is_file()), None)
    if adapter is not None and not (folder / CONFIG).is_file():
        raise BadBase(name, f"the folder holds an adapter ({adapter}) and no model; give the adapter's base")
    if adapter is not None:
        raise beside(name, adapter)
    if not (folder / CONFIG).is_file():
        raise BadBase(name, f"the folder holds no {CONFIG}")
    for path in read_files(name, folder):
        _check_file(name, path)
    check_config(name, folder / CONFIG)


def beside(name: str, adapter: str) -> BadBase:
    """Return the refusal of a model beside which an adapter lies."""
    text = "which transformers would put on it unasked; take the adapter's files out, or merge it"
    return BadBase(name, f"an adapter lies beside the model ({adapter}), {text}")


def read_files(name: str, folder: Path) -> list[Path]:
    """Return the files that loading reads: configuration and tokenizer, then the weights.

    Raises:
        BadBase: There are no weights, or a shard is missing.
    """
    others = {path for pattern in _OTHERS for path in folder.glob(pattern) if path.is_file()}
    return [*sorted(others), *_weights(name, folder)]


def _weights(name: str, folder: Path) -> list[Path]:
    for file in _WEIGHTS:
        if (folder / file).is_file():
            return [folder / file]
        index = folder / f"{file}.index.json"
        if index.is_file():
            content = _mapping(name, index).get("weight_map")
            if not isinstance(content, dict) or not all(isinstance(shard, str) for shard in content.values()):
                raise BadBase(name, f"{index.name} has no weight_map from weights to the names of shards")
            shards = sorted(set(content.values()))
            missing = [shard for shard in shards if not (folder / shard).is_file()]
            if missing or not shards:
                raise BadBase(
                    name, f"{index.name} names {', '.join(missing) or 'no shard'}, which is not there"
                )
            return [index, *(folder / shard for shard in shards)]
    there = sorted(path.name for path in folder.glob("*.gguf"))
    text = f"only {there[0]}, which has to be converted first" if there else f"none of {', '.join(_WEIGHTS)}"
    raise BadBase(name, f"the folder must hold a model's weights; it holds {text}")


def _check_file(name: str, path: Path) -> None:
    """Refuse a file that is empty, a pointer of git-lfs, or cut off."""
    with path.open("rb") as file:
        start = file.read(len(_POINTER))
    if start == _POINTER:
        raise BadBase(name, f"{path.name} is a pointer of git-lfs and not the file; run `git lfs pull`")
    if not start:
        raise BadBase(name, f"{path.name} is empty; fetch it again")
    if path.suffix == ".json":
        _mapping(name, path)
    elif path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="numpy"):
                pass
        except SafetensorError as error:
            raise BadBase(name, f"{path.name} is damaged or cut off; fetch it again ({error})") from error
    elif path.suffix == ".bin" and start.startswith(b"PK") and not is_zipfile(path):
        raise BadBase(name, f"{path.name} is damaged or cut off; fetch it again")


def _mapping(name: str, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadBase(name, f"{path.name} cannot be read as JSON: {error}") from error
    return content if isinstance(content, dict) else {}


def check_config(name: str, path: Path) -> None:
    """Refuse a configuration that is none, or of quantised weights.

    Raises:
        BadBase: It is.
    """
    config = _mapping(name, path)
    if "model_type" not in config:
        raise BadBase(name, f"its {CONFIG} names no model_type")
    for part in _parts(config):
        for field in _QUANTISED:
            if value := part.get(field):
                how = value.get("quant_method", "unknown method") if isinstance(value, Mapping) else value
                text = "give the base that it was made of; --dtype nf4 trains over four bits"
                raise BadBase(
                    name, f"its weights are quantised ({how}), which nothing here trains over; {text}"
                )


def _parts(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield config
    yield from (part for part in config.values() if isinstance(part, Mapping))
