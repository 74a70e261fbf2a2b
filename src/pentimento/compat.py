"""Every private name of another package that Pentimento uses, each with the version that it was seen in.

Nothing else imports one. A name is looked up when it is first used, so that no package is loaded for another.
`tests/test_compat.py` looks all of them up, and `make test-latest` does so with the newest releases.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

if TYPE_CHECKING:
    from inspect_ai._util.error import PrerequisiteError
    from inspect_ai.log._samples import ActiveSample, sample_active
    from inspect_ai.scorer._scorer import scorer_register
    from peft import PeftModel
    from transformers import PreTrainedModel

__all__ = [
    "ActiveSample",
    "PrerequisiteError",
    "answers_only",
    "attention_of",
    "has_sdpa",
    "is_stateful",
    "launch_settings",
    "sample_active",
    "scorer_register",
]

_HOME = {
    # inspect_ai 0.3.285. It prints this error, and no other, as one line without a traceback.
    "PrerequisiteError": "inspect_ai._util.error",
    # inspect_ai 0.3.285. Which sample asks: without it, samples of one prompt would be alike.
    "ActiveSample": "inspect_ai.log._samples",
    "sample_active": "inspect_ai.log._samples",
    # inspect_ai 0.3.285. Registers a package's scorer under a name without the package, as logs have it.
    "scorer_register": "inspect_ai.scorer._scorer",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def launch_settings(arguments: list[str]) -> tuple[Any, Any]:
    """Return what accelerate's launcher makes of its arguments: them, and the configuration that they name.

    accelerate 1.15.0: `_validate_launch_command`.
    """
    from accelerate.commands import launch

    parsed = launch.launch_command_parser().parse_args(arguments)
    args, config, _ = launch._validate_launch_command(parsed)
    return args, config


@contextmanager
def answers_only() -> Iterator[None]:
    """Have TRL project only the positions with a label onto the vocabulary, on a CPU as it does on a GPU.

    TRL scores every position on devices without Triton, to spare compilers a change of shape; a CPU compiles
    nothing, and with prompts ten times as long as answers that costs a third of each step.

    trl 1.16.0: `trl.trainer.utils._use_triton`; nothing changes where it is gone.
    """
    import trl.trainer.utils as utils

    if not hasattr(utils, "_use_triton"):
        yield
        return
    with patch.object(utils, "_use_triton", lambda device: True):
        yield


def attention_of(model: "PreTrainedModel | PeftModel") -> str:
    """Return the attention that a model computes with. transformers 5.23.0: `_attn_implementation`."""
    return str(model.config._attn_implementation)


def has_sdpa(model_class: "type[PreTrainedModel]") -> bool:
    """Return whether an architecture has PyTorch's attention. transformers 5.23.0: `_supports_sdpa`."""
    return bool(model_class._supports_sdpa)


def is_stateful(model: "PreTrainedModel") -> bool:
    """Return whether a model keeps a state from token to token. transformers 5.23.0: `_is_stateful`."""
    return bool(cast(Any, model)._is_stateful)
