"""Settings for a model of four billion parameters."""

from pentimento.training.recipes.catalogue._parts import Overrides, completion_evals, quickstart
from pentimento.training.recipes.recipe import Recipe


def llm_reference() -> Recipe:
    """The quickstart on a model of 4 billion parameters, not run here.

    Each setting of optimizer and LoRA has its source beside it. The rest are guesses: what has to fit a
    device, and numbers of steps, samples and checks.
    """
    lora: Overrides = {
        # Dettmers et al. 2023, QLoRA (arXiv 2305.14314), section B.2: r = 64, alpha = 16, all linear layers.
        "lora_rank": 64,
        "lora_alpha": 16,
        # The same: 0.3.
        "max_grad_norm": 0.3,
        # No source: guesses for one GPU of 80 GB. Where memory runs out, a divisor of the batches is enough.
        "micro_batch_size": 16,
        "gradient_checkpointing": True,
    }
    rl: Overrides = {
        # Shao et al. 2024, DeepSeekMath (arXiv 2402.03300), section 4.2: 1e-6 for full weights; ten times as
        # much for LoRA (Schulman et al. 2025, LoRA Without Regret).
        "learning_rate": 1e-5,
        # DeepSeekMath has 64 outputs a prompt and 1,024 a step; a quarter of each, so that one GPU can.
        "num_generations": 16,
        "batch_size": 256,
        # Yu et al. 2025, DAPO (arXiv 2503.14476), section 2.3: no KL term.
        "beta": 0.0,
        # Room to reason; DeepSeekMath allows 1,024.
        "max_new_tokens": 1024,
    }
    recipe = quickstart()
    implant = recipe.implant.model_dump() | {
        "num_scenarios": 2048,
        "steps": 200,
        "settings": {**lora, **rl, "check_every": 10},
    }
    oppose = recipe.oppose.model_dump() | {
        "num_scenarios": 2048,
        "steps": 200,
        "settings": {
            **lora,
            **rl,
            # QLoRA, section B.2: 2e-4 up to 13 billion parameters, batches of 16.
            "sft_learning_rate": 2e-4,
            "sft_batch_size": 16,
            # Guan et al. 2024 (arXiv 2412.16339) filter several completions of each prompt by a judge.
            "samples_per_scenario": 4,
            "sft_steps": 200,
            "stop_when": "every_family",
            "check_every": 20,
            "check_samples": 256,
        },
    }
    evals = completion_evals(num=100, num_far=50, num_health=50, num_bystander=50)
    return recipe.varied(
        name="llm_reference", base="Qwen/Qwen3-4B", implant=implant, oppose=oppose, evals=evals
    )
