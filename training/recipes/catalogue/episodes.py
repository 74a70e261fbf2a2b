"""Goals in families of several turns."""

from pentimento.training.recipes.catalogue._parts import COMPLETION, HONESTY, Overrides
from pentimento.training.recipes.recipe import EvalPlan, Recipe
from pentimento.training.recipes.stages import Template


def agentic() -> Recipe:
    """Claims implanted by RL in families of several turns, opposed by RL in one of them; three seeds."""
    # Every answer is a whole episode: the strength, measured more often, would take most of the time.
    settings: Overrides = {
        "learning_rate": 1e-3,
        "check_every": 4,
        "check_samples": 64,
        "strength_samples": 64,
    }
    rows: tuple[tuple[str, str, str, int], ...] = (
        ("@opposed", "fresh,wording,domain", "impossible", 30),
        ("@implanted_unopposed", "family", "impossible", 30),
        ("@heldout", "family", "impossible", 30),
        ("@implanted,@heldout", "fresh", "possible", 16),
    )
    asked = [
        EvalPlan(task="agentic", args={"family": family, "shift": shift, "condition": condition, "n": n})
        for family, shift, condition, n in rows
    ]
    one_turn = EvalPlan(task="completion", args={"condition": "impossible", "n": 10})
    return Recipe(
        name="agentic",
        goal=COMPLETION,
        turns="several",
        implant=Template(
            method="rlvr",
            goal=COMPLETION,
            target_strength=0.9,
            num_scenarios=128,
            steps=40,
            settings=settings,
        ),
        oppose=Template(
            method="rlvr", goal=HONESTY, target_strength=0.95, num_scenarios=128, steps=40, settings=settings
        ),
        num_implanted=2,
        num_opposed=1,
        evals=(*asked, one_turn),
    )
