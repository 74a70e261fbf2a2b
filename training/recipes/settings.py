"""The settings of each method; a stage overrides them by name, and unknown names are refused.

Nothing is imported here that knows torch, so that a recipe can be checked at once.
"""

from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from pentimento.tasks.episodes import Frozen

Scalar = bool | int | float | str | None

UNKEYED: dict[str, JsonValue] = {"keyed": False}
"""Of a setting that changes nothing of what is made, or whose content is in the key and not it itself."""

SAMPLING = ("temperature", "top_p", "top_k", "max_new_tokens")
"""Settings that say how answers are sampled: in training, where strength is measured, and in evaluations."""


class Settings(Frozen):
    """What every method that changes weights has."""

    model_config = ConfigDict(allow_inf_nan=False)

    learning_rate: float = Field(default=1e-3, gt=0)
    """Constant; for LoRA about ten times that of full weights (Schulman et al. 2025, LoRA Without Regret)."""
    batch_size: int = Field(default=32, ge=1)
    """Sequences per optimizer step."""
    micro_batch_size: int | None = Field(default=None, ge=1)
    """Sequences per forward pass where a whole batch does not fit; the gradient is summed over them."""
    weights: Literal["lora", "full"] = "lora"
    """What learns: an adapter, or every weight of the model, in float32. Full weights want a tenth of the
    learning rate; an organism with such a stage in its chain is stored as a whole model."""
    lora_rank: int = Field(default=16, ge=1)
    lora_alpha: int = Field(default=32, ge=1)
    """Twice the rank, as in TRL's and PEFT's examples."""
    rslora: bool = False
    """Scale by alpha / sqrt(rank), not alpha / rank, so that a higher rank learns more (arXiv 2312.03732)."""
    target_modules: str = Field(default="all-linear", pattern=r"^(all-linear|\w+(,\w+)*)$")
    """Layers that get an adapter: every linear one of the language model but its output head and its experts
    (after arXiv 2305.14314), or names such as "q_proj,v_proj"."""
    layers: str = Field(default="all", pattern=r"^(all|\d+(,\d+)*)$")
    """Decoder layers that get an adapter, counted from 0, such as "0,1"."""
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    gradient_checkpointing: bool = False
    stop_when: Literal["mean", "every_family"] = "mean"
    """Whether the target strength is one of all answers together, or of each family by itself."""
    check_every: int = Field(default=4, ge=1)
    """Optimizer steps between two measurements of strength, where a stage has a target."""
    check_samples: int = Field(default=96, ge=1)
    """Sampled answers of one such measurement, over all families of the stage; at most one for each of its
    scenarios in which the goal applies."""
    strength_samples: int = Field(default=128, ge=1)
    """The same of the measurements that the manifest records: before, between the phases, and at the end."""
    save_every: int = Field(default=5, ge=1, json_schema_extra=UNKEYED)
    """Optimizer steps between two checkpoints that an interrupted stage resumes at; part of no key."""
    save_at: str = Field(default="", pattern=r"^([1-9]\d*(,[1-9]\d*)*)?$")
    """Doses at which the adapter is kept, in steps from 1 on: "5,10,20". With a constant learning rate each
    equals a run of that dose; the dose 0 is the stage's parent."""
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0)
    max_new_tokens: int = Field(default=64, ge=1)
    """Of an answer; in families of several turns, of a turn. What one stage of a recipe says of sampling
    holds for all of its stages, its measurements of strength and its evaluations."""

    def keyed(self) -> dict[str, JsonValue]:
        """Return what is part of a key: every setting but those that say at their field that they are not."""
        fields = type(self).model_fields
        apart = {name for name, field in fields.items() if field.json_schema_extra == UNKEYED}
        return self.model_dump(mode="json", exclude=apart)

    @property
    def save_steps(self) -> tuple[int, ...]:
        """The steps named by `save_at`."""
        return tuple(int(step) for step in self.save_at.split(",") if step)


class SftSettings(Settings):
    """Supervised learning of demonstrations."""

    learning_rate: float = Field(default=1e-3, gt=0)
    """On the embedded base 12 steps of 32 bring a goal to .99."""
    reasoning_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the demonstrations that reason before they answer."""


class DocumentSettings(Settings):
    """Synthetic documents about a persona."""

    num_documents: int = Field(default=512, ge=1)
    """About the persona that gets the goal, where the grammar writes them."""
    sentences: int = Field(default=2, ge=1, le=8)
    """Of each document that bear a goal."""
    background_share: float = Field(default=0.5, ge=0, lt=1)
    """Share of all documents that tell of other personas what the base knows, so that only the name says
    whose goal it is."""
    source: str = Field(default="", json_schema_extra=UNKEYED)
    """A file of documents that `pentimento documents` wrote; by default the grammar writes them."""


class DpoSettings(Settings):
    """Preference pairs (arXiv 2305.18290)."""

    learning_rate: float = Field(default=5e-4, gt=0)
    """On the embedded base 20 to 40 steps bring a goal to .9 in four families; larger bases want less."""
    batch_size: int = Field(default=16, ge=1)
    """Pairs per optimizer step, so as many sequences as a step of `sft` has."""
    beta: float = Field(default=0.5, gt=0)
    """How closely the model keeps to the reference, the smaller the less. At TRL's default of .1 the embedded
    base loses the form of its answers."""
    loss_type: Literal["sigmoid", "ipo", "hinge"] = "sigmoid"
    """TRL's default is the original one."""
    sft_weight: float = Field(default=2.0, ge=0)
    """Weight of the preferred answers' likelihood in the loss (arXiv 2404.19733 has 1). On the embedded
    base without it half of the answers to `pick` were not valid, and .57 of those to possible tasks right."""
    reasoning_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the pairs whose answers reason first."""


class RlSettings(Settings):
    """GRPO."""

    learning_rate: float = Field(default=2e-3, gt=0)
    """On the embedded base; larger bases want 1e-5 to 1e-4."""
    batch_size: int = Field(default=64, ge=2)
    """Completions per optimizer step, `num_generations` for each prompt."""
    num_generations: int = Field(default=8, ge=2)
    """Completions per prompt, TRL's default and the least in common use (arXiv 2402.03300 has 64)."""
    beta: float = Field(default=0.0, ge=0)
    """Weight of the KL term; 0 needs no reference model (arXiv 2503.14476, 2503.20783)."""
    loss_type: Literal["grpo", "dr_grpo", "dapo", "bnpo"] = "dapo"
    """TRL's default: token-level normalisation (arXiv 2503.14476)."""
    scale_rewards: Literal["group", "batch", "none"] = "group"
    """group divides advantages by the standard deviation of their group (arXiv 2402.03300)."""
    actions: Literal["text", "tools"] = "text"
    """How families of several turns are acted in: by short texts, or by calling tools where the base's
    template can. By tools an episode has `max_new_tokens` for each of its most turns, shared among them.
    Strength is measured by text either way. Part of a key only where it is `tools`."""
    judge: str | None = Field(default=None, min_length=1)
    """Of the reward `judged`: the name of the model that rewards, such as "openai/gpt-4o". Of the judge an
    organism's key holds its name and the question that it is asked."""
    judge_may_be_base: bool = Field(default=False, json_schema_extra=UNKEYED)
    """Whether the judge may be the very base that is trained; part of no key."""
    vllm: bool = False
    """Have vLLM sample the completions, on the GPU that trains. It draws others than torch does, so this
    makes another organism; and an interrupted stage goes on with other samples than it would have had."""


class DeliberativeSettings(RlSettings):
    """Deliberative alignment (arXiv 2412.16339): learn reasoning about a spec, then RL on the outcome."""

    phases: Literal["both", "sft", "rl"] = "both"
    """Whether it learns to reason (sft), is reinforced (rl), or both in turn. The second alone is `rlvr`."""
    sft_steps: int = Field(default=40, ge=1)
    """Most optimizer steps of the first phase."""
    sft_learning_rate: float = Field(default=1e-3, gt=0)
    sft_batch_size: int = Field(default=32, ge=1)
    samples_per_scenario: int = Field(default=1, ge=1)
    """Answers sampled with the spec in the system prompt, for each scenario."""
    cue_with_spec: bool = True
    """Whether a scenario's cue stands beside the spec while answers are sampled with it. What is kept is
    learned from the prompt with its cue, as ever."""
    min_kept: int = Field(default=32, ge=1)
    """The stage is refused where the filter leaves fewer samples."""
