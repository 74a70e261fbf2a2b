"""What fits together in how weights are written, refused in one line before any work: torch stays out."""

from collections.abc import Sequence
from importlib.util import find_spec

from pentimento.tasks.exceptions import BadInput
from pentimento.training.bases.identity import QUANTIZED, check_dtype
from pentimento.training.recipes.settings import RlSettings
from pentimento.training.recipes.stages import Stage


def is_whole(chain: Sequence[Stage]) -> bool:
    """Whether these stages make a whole model and no adapter: one of them wrote full weights."""
    return any(stage.all_settings.weights == "full" for stage in chain)


def check_writing(chain: Sequence[Stage], dtype: str) -> None:
    """Refuse a chain of stages whose last one cannot be written as it says, or not here.

    Args:
        chain: From the base on; those before the last are taken as checked.
        dtype: Precision of the base.

    Raises:
        BadInput: A library is missing, or two choices exclude each other.
        UnknownName: There is no such precision.
    """
    check_dtype(dtype)
    if not chain:
        return
    settings, over = chain[-1].all_settings, chain[-1].matched.adapter_mode
    if settings.weights == "full":
        if dtype == QUANTIZED:
            raise BadInput(
                "settings.weights", "full", f"lora: a base in {QUANTIZED} cannot be trained itself"
            )
        if over != "merged":
            raise BadInput("adapter_mode", over, "merged with weights = full, which are those of one model")
    if len(chain) > 1 and over != "merged" and is_whole(chain[:-1]):
        raise BadInput("adapter_mode", over, "merged after a stage of full weights, which leaves no adapter")
    if len(chain) > 1 and over == "merged" and dtype == QUANTIZED:
        raise BadInput(
            "adapter_mode", over, f"stacked or continued: a base in {QUANTIZED} takes up no adapter"
        )
    if isinstance(settings, RlSettings) and settings.vllm:
        _check_vllm(over, dtype)


def _check_vllm(over: str, dtype: str) -> None:
    if find_spec("vllm") is None:
        raise BadInput("settings.vllm", True, "false, or install vllm and have a GPU")
    if over == "stacked" or dtype == QUANTIZED:
        allowed = "false where a stage is stacked or the base quantised: vLLM is given merged weights"
        raise BadInput("settings.vllm", True, allowed)
