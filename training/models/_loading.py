"""A base's tokenizer and weights, read from where it is; what cannot be read, or is not whole, is refused."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from pentimento.training.bases.identity import Located
from pentimento.training.exceptions import BadBase
from pentimento.training.models._architecture import attention, causal_class
from pentimento.training.models._chat import set_training_template
from pentimento.training.models._shortages import is_full_memory
from pentimento.training.models.served import check_served, used_ids

_SHOWN = 3
"""Names of weights in a message."""


def load_tokenizer(name: str, located: Located) -> PreTrainedTokenizerBase:
    """Return a base's tokenizer with the chat template that everything uses.

    Args:
        name: What the user calls the base.
        located: Where it is.

    Raises:
        BadBase: It cannot be read, or its template cannot be served.
    """
    with _reading(name, "tokenizer"):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            located.source, revision=located.revision, trust_remote_code=False
        )
    set_training_template(tokenizer, name)
    check_served(tokenizer, name)
    return tokenizer


def load_config(name: str, located: Located) -> PretrainedConfig:
    """Return a base's configuration.

    Args:
        name: What the user calls the base.
        located: Where it is.

    Raises:
        BadBase: It cannot be read, or its architecture is none that goes on with text.
    """
    with _reading(name, "configuration"):
        config: PretrainedConfig = AutoConfig.from_pretrained(
            located.source, revision=located.revision, trust_remote_code=False
        )
    causal_class(config, name)
    return config


def load_weights(
    name: str, located: Located, tokenizer: PreTrainedTokenizerBase, weights: Path | None, **precision: Any
) -> PreTrainedModel:
    """Return a base's model, every weight of which was read.

    Args:
        name: What the user calls the base.
        located: Where it is.
        tokenizer: Of the base.
        weights: Folder of a whole model that was trained of it, to have its weights instead.
        precision: Arguments of from_pretrained.

    Raises:
        BadBase: The model cannot be read, lacks weights or has others, one is not a finite number, or the
            tokenizer has tokens that it does not know.
    """
    config = load_config(name, located)
    where = {"revision": located.revision, "trust_remote_code": False}
    with _reading(name, "weights"):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            weights or located.source,
            config=config,
            attn_implementation=attention(causal_class(config, name)),
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, by their names
            **(where if weights is None else {}),
            **precision,
        )
    model, info = loaded
    _check_whole(name, info)
    _check_finite(name, model)
    rows = cast(Any, model).get_input_embeddings().weight.shape[0]
    beyond = sorted({token for token in used_ids(tokenizer) if token >= rows})
    if beyond:
        written = tokenizer.decode(beyond[:1])
        raise BadBase(
            name, f"its chat template writes {written!r}, token {beyond[0]}; the model knows {rows}"
        )
    return cast(PreTrainedModel, model)


@contextmanager
def _reading(name: str, what: str) -> Iterator[None]:
    """Turn whatever a library raises while it reads a file into one line that names the base."""
    try:
        yield
    except Exception as error:  # tokenizers raise bare ones, readers of weights all kinds
        if isinstance(error, BadBase) or is_full_memory(error):
            raise
        problem = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise BadBase(name, f"its {what} cannot be loaded: {' '.join(problem.split())}") from error


def _check_whole(name: str, info: dict[str, Any]) -> None:
    for problem, names in (
        ("missing_keys", "its weights lack {}, which would be drawn at random"),
        ("mismatched_keys", "its weights have other shapes than its configuration says: {}"),
        ("unexpected_keys", "its weights hold {}, which its architecture does not read"),
    ):
        if keys := sorted(map(_key, info.get(problem) or ())):
            raise BadBase(name, names.format(_listed(keys)))


def _key(value: Any) -> str:
    """Return the name of a weight; one of another shape comes with both, the file's first."""
    if isinstance(value, str):
        return value
    name, *shapes = value
    return f"{name} ({' instead of '.join(str(list(shape)) for shape in shapes)})"


def _listed(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return f"{', '.join(keys[:_SHOWN])}{more}"


def _check_finite(name: str, model: torch.nn.Module) -> None:
    for place, weight in model.named_parameters():
        # The ends are no numbers where one weight is none, and finding them needs no second tensor.
        counts = weight.is_floating_point() and weight.numel()
        if counts and not torch.stack(weight.aminmax()).isfinite().all():
            raise BadBase(name, f"its weights are not all finite numbers: {place}")
