"""Base models and organisms, loaded with what their results depend on written down."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor
from transformers import (
    BitsAndBytesConfig,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from pentimento.compat import attention_of
from pentimento.tasks.exceptions import BadInput
from pentimento.training.bases.identity import (
    DTYPES,
    QUANTIZED,
    DType,
    base_sha256,
    check_dtype,
    locate,
    located_sha256,
)
from pentimento.training.exceptions import BaseMismatch
from pentimento.training.models._batches import Model
from pentimento.training.models._chat import (
    answer_ids,
    chat_ids,
    conversation_ids_and_mask,
    decoded,
    document_ids,
    prompt_ids,
    prompt_messages,
    stop_ids,
    turn_ids,
    written_ids,
)
from pentimento.training.models._loading import load_tokenizer, load_weights
from pentimento.training.models._template import turn_format
from pentimento.training.organisms.organism import Manifest, Organism

__all__ = [
    "DTYPES",
    "Base",
    "DType",
    "LoadedOrganism",
    "answer_ids",
    "base_sha256",
    "chat_ids",
    "conversation_ids_and_mask",
    "decoded",
    "document_ids",
    "load_base",
    "load_organism",
    "loading",
    "merged_parent",
    "prompt_ids",
    "prompt_messages",
    "stacked_parent",
    "stop_ids",
    "turn_format",
    "turn_ids",
    "written_ids",
]


@dataclass(frozen=True)
class Base:
    """A base model with its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    sha256: str
    """Of its weights and tokenizer files; for a hub model, of its name and commit."""
    name: str
    """As the user wrote it: "embedded", a folder or a hub id."""
    revision: str | None = None
    """Of a model of the hub: the commit that it was read at."""

    @property
    def settings(self) -> dict[str, str]:
        """What of the model's loading its outputs depend on, for manifests and logs."""
        return loading(self.model)


class LoadedOrganism(NamedTuple):
    """An organism ready to answer."""

    model: PreTrainedModel | PeftModel
    tokenizer: PreTrainedTokenizerBase
    manifest: Manifest


def loading(model: Model) -> dict[str, str]:
    """Return what of a model's loading its outputs depend on."""
    quantized = getattr(model, "is_loaded_in_4bit", False)
    return {
        "device": str(model.device),
        "dtype": QUANTIZED if quantized else str(model.dtype).removeprefix("torch."),
        "attn_implementation": attention_of(model),
    }


def load_base(
    name: str = "embedded",
    *,
    device: str = "auto",
    dtype: DType = "auto",
    weights: Path | None = None,
    revision: str | None = None,
) -> Base:
    """Load a base model in evaluation mode.

    Args:
        name: "embedded", a local folder, or a Hugging Face model id.
        device: "auto" (cuda where there is one, else cpu) or a torch device.
        dtype: "auto" is float32 on a cpu and for the embedded base, else bfloat16.
        weights: Folder of a whole model that was trained of this base, to have its weights instead.
        revision: Of a model of the hub: the commit; by default what its name says, or the newest.

    Raises:
        BadBase: There is no such model, it is not whole, or its chat template cannot be served.
        UnknownName: There is no such precision.
        BadInput: Torch has no such device here, or the precision takes a library that is not installed.
    """
    check_dtype(dtype)
    located = locate(name, revision)
    sha256 = located_sha256(name, located)
    device = _device(device)
    tokenizer = load_tokenizer(name, located)
    model = load_weights(name, located, tokenizer, weights, **_precision(dtype, name, device))
    # Of the generation defaults that a model brings (temperature, penalties) only its stop tokens are kept:
    # sampling in training and in evals is told here and nowhere else.
    stops = model.generation_config.eos_token_id if model.generation_config is not None else None
    model.generation_config = GenerationConfig(eos_token_id=stops)  # type: ignore[no-untyped-call]
    model.name_or_path = located.source  # where vLLM reads what no trainer gives it
    model.config.get_text_config().output_router_logits = False  # a mixture of experts adds them to its loss
    if dtype == QUANTIZED:
        for layer in model.modules():
            # On some CPUs bitsandbytes turns a layer that has answered to a kernel that passes no gradients.
            if "support_avx512bf16_for_cpu" in vars(layer):
                vars(layer)["support_avx512bf16_for_cpu"] = False
    else:
        cast(torch.nn.Module, model).to(device)
    cast(torch.nn.Module, model).eval()
    return Base(model, tokenizer, sha256, name, located.revision)


def load_organism(path: Path | str, *, device: str = "auto", dtype: DType = "auto") -> LoadedOrganism:
    """Load an organism: its base with its one adapter, or the whole model that it is, in evaluation mode.

    In float32 the adapter is merged into the base's weights.

    Args:
        path: The organism's folder.
        device: As in `load_base`.
        dtype: "auto" is the precision that it was made in, else as in `load_base`.

    Raises:
        NoOrganism: The folder holds no readable manifest.
        CorruptWeights: The files of its adapter or model are not those of the manifest.
        BadBase: Its base cannot be loaded.
        BaseMismatch: The base is not the one that the organism was made on.
        UnknownName: There is no such precision.
        BadInput: Torch has no such device here, or the precision takes a library that is not installed.
    """
    organism = Organism.load(Path(path))
    wanted = organism.manifest.base
    if dtype == "auto":
        dtype = cast(DType, organism.manifest.settings.get("dtype", "auto"))
    base = load_base(
        wanted.name, device=device, dtype=dtype, weights=organism.model, revision=wanted.revision
    )
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
    rounded to the base's precision, which the stored chain of adapters is not: see `stacked_parent`.

    Raises:
        BaseMismatch: The parent was made on another base.
    """
    adapted = _adapted(base, parent)
    return base.model if adapted is None else cast(PreTrainedModel, adapted.merge_and_unload())


def stacked_parent(base: Base, parent: Organism | None) -> PreTrainedModel:
    """Return the same model with the parent's adapter frozen beside the base's weights, and nothing rounded.

    Each layer's output gets what the adapter adds to it, as PEFT computes that. PEFT and TRL see the
    base's own layers: a further adapter goes on top, and switching that one off leaves the parent.

    Raises:
        BaseMismatch: The parent was made on another base.
    """
    adapted = _adapted(base, parent)
    if adapted is None:
        return base.model
    layers = {name: part for name, part in base.model.named_modules() if isinstance(part, LoraLayer)}
    model = cast(PreTrainedModel, adapted.unload())
    for name, layer in layers.items():
        model.get_submodule(name).register_forward_hook(_beside(layer))
    return model


def _adapted(base: Base, parent: Organism | None) -> PeftModel | None:
    """Put the parent's adapter on the base; None where it has none."""
    if parent is not None and base.sha256 != parent.manifest.base.sha256:
        raise BaseMismatch(base.name, parent.manifest.base.sha256, base.sha256)
    if parent is None or parent.adapter is None:
        return None
    return PeftModel.from_pretrained(base.model, str(parent.adapter))


def _beside(layer: LoraLayer) -> Callable[[torch.nn.Module, Any, Tensor], Tensor]:
    """Return the hook that adds to an output what an adapter's layer makes of the input."""
    [name] = layer.active_adapters
    down, up, scaling = layer.lora_A[name], layer.lora_B[name], layer.scaling[name]

    def add(module: torch.nn.Module, inputs: Any, output: Tensor) -> Tensor:
        moved: Tensor = output + up(down(inputs[0].to(down.weight.dtype))) * scaling
        return moved.to(output.dtype)

    return add


def _device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:  # torch built without CUDA asserts that it has it
        why = str(error).partition("\n")[0]
        raise BadInput("device", device, f"auto, cpu, or one that torch can use here ({why})") from error
    return device


def _precision(dtype: DType, name: str, device: str) -> dict[str, Any]:
    """Return the arguments of from_pretrained that set a precision."""
    if dtype == QUANTIZED:
        quantization = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type=QUANTIZED,
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
        return {"dtype": torch.bfloat16, "quantization_config": quantization, "device_map": {"": device}}
    if dtype == "auto":
        return {"dtype": torch.float32 if name == "embedded" or device == "cpu" else torch.bfloat16}
    return {"dtype": getattr(torch, dtype)}
