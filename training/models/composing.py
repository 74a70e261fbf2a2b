"""A chain of adapters as one."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from peft import LoraConfig, PeftModel
from transformers import PreTrainedModel


def compose(base: PreTrainedModel, adapters: Sequence[Path], out: Path) -> Path:
    """Write a chain of adapters, each trained over the merge of those before it, as one adapter on the base.

    The low-rank updates are concatenated, so their ranks add up and the sum is exact (to rounding), with
    mixed ranks and rank-stabilised scaling too.

    Args:
        base: Returned as it was.
        adapters: Folders in the order of training, at least one.
        out: Folder to write, in PEFT's format.
    """
    names = [f"stage{index}" for index in range(len(adapters))]
    model = PeftModel.from_pretrained(base, str(adapters[0]), adapter_name=names[0])
    for name, folder in zip(names[1:], adapters[1:], strict=True):
        model.load_adapter(str(folder), adapter_name=name)
    # PEFT copies the sum's configuration from the first's, whose own scaling is computed by now.
    cast(LoraConfig, model.peft_config[names[0]]).use_rslora = False
    model.add_weighted_adapter(names, [1.0] * len(names), "default", combination_type="cat")
    summed = cast(LoraConfig, model.peft_config["default"])
    # PEFT keeps a set, whose order in the file, and so the adapter's hash, would differ between processes.
    summed.target_modules = sorted(cast(set[str], summed.target_modules))
    model.save_pretrained(str(out), selected_adapters=["default"])
    model.unload()
    return out
