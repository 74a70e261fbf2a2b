"""Base models and organisms, loaded with what their results depend on written down."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, cast, get_args

import torch
from peft import PeftModel
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from pentimento.tasks.exceptions import BadInput, UnknownName
from pentimento.training._chat import (
    answer_ids,
    conversation_ids_and_mask,
    prompt_ids,
    prompt_messages,
    set_training_template,
    stop_ids,
    turn_ids,
)
from pentimento.training.bases import base_sha256, base_source, unloadable
from pentimento.training.exceptions import BaseMismatch
from pentimento.training.organisms import Manifest, Organism

__all__ = [
    "DTYPES",
    "Base",
    "LoadedOrganism",
    "answer_ids",
    "base_sha256",
    "conversation_ids_and_mask",
    "load_base",
    "load_organism",
    "merged_parent",
    "prompt_ids",
    "prompt_messages",
    "stop_ids",
    "turn_ids",
]

ATTENTION = "sdpa"

DType = Literal["auto", "float32", "bfloat16", "float16"]
DTYPES: tuple[DType, ...] = get_args(DType)


@dataclass(frozen=True)
class Base:
    """A base model (M0) with its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    sha256: str
    """Of its weights and tokenizer files; for a hub model, of its name and commit."""
    name: str
    """As the user wrote it: "embedded", a folder or a hub id."""

    @property
    def settings(self) -> dict[str, str]:
        """What of the model's loading its outputs depend on, for manifests and logs."""
        return {
            "device": str(self.model.device),
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "attn_implementation": str(self.model.config._attn_implementation),
        }


class LoadedOrganism(NamedTuple):
    """An organism ready to answer."""

    model: PreTrainedModel | PeftModel
    tokenizer: PreTrainedTokenizerBase
    manifest: Manifest


def load_base(name: str = "embedded", *, device: str = "auto", dtype: DType = "auto") -> Base:
    """Load a base model in evaluation mode.

    Args:
        name: "embedded", a local folder, or a Hugging Face model id.
        device: "auto" (cuda where there is one, else cpu) or a torch device.
        dtype: "auto" is float32 on a cpu and for the embedded base, else bfloat16.

    Raises:
        BadBase: There is no such model, or its tokenizer has no chat template.
        UnknownName: There is no such precision.
        BadInput: Torch has no such device here.
    """
    source, sha256 = base_source(name), base_sha256(name)
    device = _device(device)
    number = _dtype(dtype, name, device)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        set_training_template(tokenizer, name)
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            source, dtype=number, attn_implementation=ATTENTION
        )
    except (OSError, ValueError) as error:
        raise unloadable(name, error) from error
    # Of the generation defaults that a model brings (temperature, penalties) only its stop tokens are kept:
    # sampling in training and in evals is told here and nowhere else.
    stops = model.generation_config.eos_token_id if model.generation_config is not None else None
    model.generation_config = GenerationConfig(eos_token_id=stops)  # type: ignore[no-untyped-call]
    cast(torch.nn.Module, model).to(device).eval()
    return Base(model, tokenizer, sha256, name)


def load_organism(path: Path | str, *, device: str = "auto", dtype: DType = "auto") -> LoadedOrganism:
    """Load an organism: its base with its one adapter, in evaluation mode.

    In float32 the adapter is merged into the base's weights.

    Args:
        path: The organism's folder.
        device: As in `load_base`.
        dtype: "auto" is the precision that it was made in, else as in `load_base`.

    Raises:
        NoOrganism: The folder holds no readable manifest.
        CorruptAdapter: The adapter's files are not those of the manifest.
        BadBase: Its base cannot be loaded.
        BaseMismatch: The base is not the one that the organism was made on.
        UnknownName: There is no such precision.
        BadInput: Torch has no such device here.
    """
    organism = Organism.load(Path(path))
    wanted = organism.manifest.base
    if dtype == "auto":
        dtype = cast(DType, organism.manifest.settings.get("dtype", "auto"))
    base = load_base(wanted.name, device=device, dtype=dtype)
    if base.sha256 != wanted.sha256:
        raise BaseMismatch(base.name, wanted.sha256, base.sha256)
    model: PreTrainedModel | PeftModel = base.model
    if organism.adapter is not None:
        model = PeftModel.from_pretrained(base.model, str(organism.adapter)).eval()
        if base.model.dtype == torch.float32:
            # Answers come a third faster; in a lower precision the sum would round the adapter off.
            model = cast(PreTrainedModel, model.merge_and_unload())
    return LoadedOrganism(model, base.tokenizer, organism.manifest)


def merged_parent(base: Base, parent: Organism | None) -> PreTrainedModel:
    """Return the model that a further stage trains over: the base with the parent's adapter merged in.

    The base's own weights are changed, so it serves for nothing else afterwards. Below float32 the sum is
    rounded to the base's precision, which the stored chain of adapters is not.

    Raises:
        BaseMismatch: The parent was made on another base.
    """
    if parent is None or parent.adapter is None:
        return base.model
    if base.sha256 != parent.manifest.base.sha256:
        raise BaseMismatch(base.name, parent.manifest.base.sha256, base.sha256)
    merged = PeftModel.from_pretrained(base.model, str(parent.adapter)).merge_and_unload()
    return cast(PreTrainedModel, merged)


def _device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:  # torch built without CUDA asserts that it has it
        why = str(error).partition("\n")[0]
        raise BadInput("device", device, f"auto, cpu, or one that torch can use here ({why})") from error
    return device


def _dtype(dtype: DType, name: str, device: str) -> torch.dtype:
    if dtype not in DTYPES:
        raise UnknownName("dtype", dtype, DTYPES)
    if dtype == "auto":
        return torch.float32 if name == "embedded" or device == "cpu" else torch.bfloat16
    return cast(torch.dtype, getattr(torch, dtype))
