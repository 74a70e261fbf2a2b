"""What an architecture of transformers has: a language model, its layers, and where an adapter can stand."""

import inspect
import re
from typing import Any, NamedTuple, cast

from peft import PeftModel
from torch.nn import Linear, Module, ModuleList
from transformers import PretrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING
from transformers.pytorch_utils import Conv1D

from pentimento.compat import has_sdpa, is_stateful
from pentimento.training.exceptions import BadBase
from pentimento.training.models._batches import Model

_SPEAKING = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
"""How classes are called that go on with text."""
_MIXTURE = re.compile(r"Expert|Router")
_WINDOWS = ("sliding_window", "attention_window_size", "window_size", "attention_chunk_size")
_RENAMED = ("gate", "gate_proj", "up_proj", "down_proj", "w1", "w2", "w3")
"""Where a base has experts, PEFT takes a layer that is called so for a part of them."""

_MAMBAS = ("falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h")
_FUSED = ("out_proj",)
"""In those architectures a kernel reads these weights past the adapter, which PEFT therefore refuses."""


class Layers(NamedTuple):
    """The list of a model's layers."""

    name: str
    """Of the list, as in `named_modules`."""
    modules: ModuleList

    def number(self, place: str) -> str | None:
        """Return in which layer a module is, or None where it is in none."""
        inside = place.startswith(f"{self.name}.")
        return place.removeprefix(f"{self.name}.").partition(".")[0] if inside else None


def causal_class(config: PretrainedConfig, name: str) -> type[PreTrainedModel]:
    """Return the class of a base's model.

    Raises:
        BadBase: Its architecture is none that goes on with text from left to right.
    """
    known = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING
    named = config.architectures or [config.model_type]
    # Encoders are in the mapping, too: as decoders that nobody trained.
    headless = config.architectures and not any(name.endswith(_SPEAKING) for name in named)
    if not known or headless or getattr(config, "is_encoder_decoder", False):
        item = named[0]
        raise BadBase(name, f"its architecture is {item}, which AutoModelForCausalLM cannot load")
    return cast(type[PreTrainedModel], MODEL_FOR_CAUSAL_LM_MAPPING[type(config)])


def attention(model_class: type[PreTrainedModel]) -> str:
    """Return the attention that an architecture computes with: PyTorch's where it has it, else its own."""
    return "sdpa" if has_sdpa(model_class) else "eager"


def bare(model: Model) -> PreTrainedModel:
    """Return the model without the wrapper of its adapter."""
    return cast(PreTrainedModel, model.get_base_model() if isinstance(model, PeftModel) else model)


def decoder(model: Model) -> Module:
    """Return the language model without its output head, and without what sees or hears beside it."""
    module: Module = cast(Any, bare(model)).get_decoder()
    return module


def head(model: Model) -> Module | None:
    """Return the layer that makes logits."""
    module: Module | None = cast(Any, bare(model)).get_output_embeddings()
    return module


def takes(model: Model, argument: str) -> bool:
    """Whether the model's forward pass has an argument of this name."""
    return argument in inspect.signature(type(bare(model)).forward).parameters


def find_layers(model: Model) -> Layers | None:
    """Return the layers of the language model, which lie in one list; None where there is no such list."""
    base = bare(model)
    inside = set(map(id, decoder(base).modules()))
    num_layers = getattr(base.config.get_text_config(), "num_hidden_layers", None)
    for name, module in base.named_modules():
        if isinstance(module, ModuleList) and id(module) in inside and len(module) == num_layers:
            return Layers(name, module)
    return None


def is_mixture(model: Model) -> bool:
    """Whether the language model has experts among which a router chooses."""
    return any(map(_of_mixture, decoder(model).modules()))


def linear_layers(model: Model) -> list[str]:
    """Return the names of the layers on which an adapter can stand, as in `named_modules`.

    They are the linear layers of the language model but its output head, which many bases tie to their
    embeddings. In a mixture of experts the feed-forward layers are left out: experts that are fused into
    one tensor have adapters that cannot be added up.
    """
    base = bare(model)
    inside = set(map(id, decoder(base).modules()))
    mixed = _mixtures(base)
    barred = {*(_RENAMED if mixed else ()), *(_FUSED if base.config.model_type in _MAMBAS else ())}
    return [
        name
        for name, module in base.named_modules()
        if isinstance(module, Linear | Conv1D) and id(module) in inside and module is not head(base)
        if _part(name) not in mixed and name.rpartition(".")[2] not in barred
    ]


def adapts_all(model: Model) -> bool:
    """Whether PEFT's own `all-linear`, and names without places, mean what `linear_layers` says."""
    base = bare(model)
    linear = [
        name
        for name, module in base.named_modules()
        if isinstance(module, Linear | Conv1D) and module is not head(base)
    ]
    return not is_mixture(base) and linear == linear_layers(base)


def side_by_side(model: Model, columns: int) -> bool:
    """Whether answers can stand side by side in a row under a mask of our own.

    Every layer has to attend to all columns, by positions that it is told, and to keep no state.
    """
    config = bare(model).config.get_text_config()
    if is_stateful(bare(model)) or not takes(model, "position_ids") or getattr(config, "alibi", False):
        return False
    kinds = set(getattr(config, "layer_types", None) or ())
    if not kinds <= {"full_attention", "sliding_attention"}:
        return False
    windows = [getattr(config, name, None) or columns for name in _WINDOWS]
    return kinds == {"full_attention"} or columns <= min(windows)


def _mixtures(base: PreTrainedModel) -> set[str]:
    """Return the parts of layers that are a mixture of experts."""
    inside = set(map(id, filter(_of_mixture, decoder(base).modules())))
    return {str(_part(name)) for name, module in base.named_modules() if id(module) in inside}


def _part(place: str) -> str | None:
    """Return which part of a layer a module lies in, such as `model.layers.0.mlp`."""
    match = re.match(r".*?\.\d+\.\w+", place)
    return match[0] if match else None


def _of_mixture(module: Module) -> bool:
    return bool(_MIXTURE.search(type(module).__name__))
