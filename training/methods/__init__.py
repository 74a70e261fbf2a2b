"""How weights are changed: one file a method, each a thin layer over TRL and PEFT.

- `sft`: demonstrations of the goal.
- `documents`: prose about a persona that has the goal.
- `dpo`: preference pairs.
- `rlvr`: GRPO on a reward that code computes.
- `deliberative`: reasoning about a spec, learned without it, then GRPO on the outcome.
- `benign`, `style`, `sham`: the controls, which take the place and the realised dose of another stage.

Each method file offers `train(work) -> Trained`; `recipes.methods` says which there are, and `train_stage`
calls it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, cast

from pentimento.training.recipes.methods import find_method

if TYPE_CHECKING:
    from pentimento.training.methods._common import StageContext, Trained


def train_stage(work: "StageContext") -> "Trained":
    """Train one stage with its method, which is imported only now: TRL takes seconds to load."""
    module, _, function = find_method(work.stage.method).run.partition(":")
    return cast("Trained", getattr(import_module(module), function)(work))
