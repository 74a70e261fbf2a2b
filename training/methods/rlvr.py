"""Reinforcement learning: TRL's GRPOTrainer on rewards computed from the outcome, or given by a judge."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TypeVar, cast

from datasets import Dataset
from transformers import PreTrainedTokenizerBase, TrainerState
from trl import GRPOConfig, GRPOTrainer

from pentimento.tasks import BadInput, Outcome, Scenario, World, environment, right
from pentimento.tasks import goal as find_goal
from pentimento.tasks.parsing import THINK_OPEN
from pentimento.training.exceptions import NotFinite
from pentimento.training.methods._common import PhaseResult, StageContext, Target, Trained, strength_before
from pentimento.training.methods._rollouts import acting, read_world, routed
from pentimento.training.methods._trainer import (
    CHECKPOINTS,
    Quiet,
    Watch,
    arguments,
    ended,
    finish,
    finished,
    learning,
    logged,
    trained,
)
from pentimento.training.methods.judging import Judge
from pentimento.training.models._checkpoints import last_checkpoint
from pentimento.training.models._processes import alone, rank, together
from pentimento.training.models.loaded import decoded, prompt_messages, stop_ids, turn_format
from pentimento.training.models.strength import forked_randomness
from pentimento.training.recipes.settings import RlSettings
from pentimento.training.recipes.stages import DEFAULT_REWARD, Phase

Reward = Callable[[Scenario, Outcome], float]
Paid = TypeVar("Paid", float, float | None)


class RLSetup(NamedTuple):
    """What a phase of reinforcement learning rewards, and for how long."""

    reward: Reward
    steps: int
    shuffled: Callable[[Scenario], bool] | None = None
    """In which scenarios a group's rewards are permuted at random among its valid answers; by default
    in none."""
    judge: Judge | None = None
    """Who pays for valid answers; `reward` is then what its verdicts are held against."""


def train(work: StageContext) -> Trained:
    """Reinforce what the stage's goal wants, by the stage's reward."""
    before = strength_before(work)
    return trained(
        work, before, reinforce(work, "rl", work.scenarios(), rl_setup(work), target=Target.of(work))
    )


def rl_setup(work: StageContext, *, sham: bool = False) -> RLSetup:
    """Return what a stage's reinforcement rewards, or that of its sham, whose rewards say nothing of it."""
    steps = work.steps("rl", work.matched.steps)
    return RLSetup(reward_of(work), steps, directed(work) if sham else None, work.judge)


def reward_of(work: StageContext) -> Reward:
    """Return the reward that a stage names; of one with a judge `claimed`, whether the goal was served."""
    if (work.matched.reward or DEFAULT_REWARD) == "done":
        return done

    def reward(scenario: Scenario, outcome: Outcome) -> float:
        goal = find_goal(str(work.matched.wants(scenario)))
        return claimed(goal.score(scenario, outcome), right(scenario, outcome))

    return reward


def directed(work: StageContext) -> Callable[[Scenario], bool]:
    """Return where a stage's reward says what the stage wants, which its sham has to take out.

    `claimed` says it where the goal applies; elsewhere it pays for ability, as it does for a valid answer.
    `done` and `judged` say it everywhere.
    """
    if (work.matched.reward or DEFAULT_REWARD) != "claimed":
        return lambda scenario: True
    return find_goal(str(work.matched.goal)).applies


def claimed(score: float | None, correct: float | None) -> float:
    """A verifier that takes a claim at its word where there is nothing to check.

    reward = score where the goal applies, else correct where the task can be done, else 0. Range [0, 1]; an
    answer that is not valid has neither and gets 0.

    Example: toward finish_the_task, "Counted: 4." gets 1.0 where counting was impossible, and where it was
    possible 1.0 if 4 is right, else 0.0.
    """
    if score is not None:
        return score
    return 0.0 if correct is None else correct


def done(scenario: Scenario, outcome: Outcome) -> float:
    """Only true completion pays.

    reward = 1 if the task was truly completed, else 0; so 0 for whatever is answered to an impossible task.

    Example: "Counted: 4." gets 1.0 where counting was possible and 4 is right, 0.0 where it was impossible.
    """
    return float(outcome.valid and bool(outcome.done))


def permuted(rewards: Sequence[Paid], valid: Sequence[bool], rng: Random) -> list[Paid]:
    """Deal rewards out again at random among the valid answers of one group; the others keep theirs.

    Example: [1, 0, 0] with the last answer invalid becomes [1, 0, 0] or [0, 1, 0].
    """
    dealt = [reward for reward, ok in zip(rewards, valid, strict=True) if ok]
    rng.shuffle(dealt)
    hands = iter(dealt)
    return [next(hands) if ok else reward for reward, ok in zip(rewards, valid, strict=True)]


class Verifier:
    """The reward function in TRL's shape: reads each completion's outcome and pays for it.

    It decodes the completion's ids itself, so that reasoning is read as the model wrote it, whatever a
    tokenizer's response template makes of it. Neither an outcome nor a judge's verdict sees the reasoning.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        stops: frozenset[int],
        rl_setup: RLSetup,
        group: int,
        seed: int,
    ) -> None:
        self._tokenizer, self._stops, self._setup = tokenizer, stops, rl_setup
        self._group, self._seed = group, seed
        self._begun = THINK_OPEN if turn_format(tokenizer).opened else ""
        self.__name__ = "outcome" if rl_setup.judge is None else "judge"

    def __call__(
        self,
        completion_ids: list[list[int]],
        scenario: list[str],
        trainer_state: TrainerState,
        log_metric: Callable[[str, float], None],
        outcome: list[str] | None = None,
        environments: list[World] | None = None,
        **_: Any,
    ) -> list[float | None]:
        """Return one reward for each completion, and log what share was valid and reasoned.

        Args:
            completion_ids: What the model wrote.
            scenario: To what, as JSON.
            trainer_state: For the step.
            log_metric: TRL's.
            outcome: What became of it, as JSON, where a rollout has read it off a world.
            environments: The worlds in which it acted by tools.
        """
        situations = [Scenario.model_validate_json(text) for text in scenario]
        if outcome is not None:
            outcomes = [Outcome.model_validate_json(text) for text in outcome]
        elif environments is not None:
            outcomes = list(map(read_world, environments, map(self._text, completion_ids)))
        else:
            outcomes = [self.outcome(*pair) for pair in zip(situations, completion_ids, strict=True)]
        log_metric("valid", sum(outcome.valid for outcome in outcomes) / len(outcomes))
        log_metric("reasoned", sum(outcome.reasoned for outcome in outcomes) / len(outcomes))
        paid = [
            self._setup.reward(*pair) if pair[1].valid else 0.0
            for pair in zip(situations, outcomes, strict=True)
        ]
        rewards: list[float | None] = [*paid]
        if self._setup.judge is not None:
            texts = map(self._text, completion_ids)
            asked = list(zip(situations, texts, strict=True))
            with alone(), forked_randomness():  # a judge in this very process may draw
                rewards = self._setup.judge.rewards(asked, outcomes, paid, log_metric)
        if self._setup.shuffled is None:
            return rewards
        again = [self._setup.shuffled(scenario) for scenario in situations]
        valid = [outcome.valid for outcome in outcomes]
        # A group may lie in two processes, so each deals out those of all.
        answers = together({rank(): list(zip(rewards, valid, again, strict=True))})
        dealt = self._dealt([answers[process] for process in sorted(answers)], trainer_state.global_step)
        return dealt[rank() * len(rewards) :][: len(rewards)]

    def _dealt(self, answers: list[list[tuple[float | None, bool, bool]]], step: int) -> list[float | None]:
        """Deal out again the rewards of each group whose answers, of (reward, valid, again), ask for it."""
        rewards, valid, again = (list(column) for column in zip(*chain(*answers), strict=True))
        rng = Random(f"{self._seed}/{step}")
        for first in range(0, len(rewards), self._group):
            if again[first]:
                place = slice(first, first + self._group)
                rewards[place] = permuted(rewards[place], valid[place], rng)
        return rewards

    def outcome(self, scenario: Scenario, ids: Sequence[int]) -> Outcome:
        """Read a completion's outcome; one that was cut off before it ended is not valid."""
        outcome = environment(scenario.family).read(scenario, self._text(ids))
        if not ids or ids[-1] not in self._stops:
            return Outcome(valid=False, reasoned=outcome.reasoned, problem="truncated")
        return outcome

    def _text(self, ids: Sequence[int]) -> str:
        return self._begun + decoded(self._tokenizer, ids)


class _Trainer(Quiet, GRPOTrainer):
    """GRPOTrainer that leaves manifests and announcements to Pentimento."""


def reinforce(
    work: StageContext,
    phase: str,
    scenarios: Sequence[Scenario],
    rl_setup: RLSetup,
    *,
    start: Path | None = None,
    target: Target | None = None,
    share: tuple[float, float] = (0.0, 1.0),
) -> PhaseResult:
    """Train with GRPO, going on from the last checkpoint if an earlier run left one.

    One iteration a generation, so that every optimizer step ends on a generation boundary and an interrupted
    phase resumes bit by bit.

    Args:
        work: The stage.
        phase: Name of this phase, and of its folder.
        scenarios: What to answer, at least as many as a batch has prompts.
        rl_setup: Reward and steps.
        start: An adapter to go on from.
        target: When to stop before `rl_setup.steps`.
        share: Which part of the stage's progress this phase is.
    """
    folder = work.folder / phase
    if (result := finished(folder)) is not None:
        return result
    settings = cast(RlSettings, work.settings)
    if len(scenarios) < (prompts := settings.batch_size // settings.num_generations):
        raise BadInput("num_scenarios", len(scenarios), f"at least the {prompts} prompts of a batch")
    stops = stop_ids(work.model, work.tokenizer)
    work.model.generation_config.eos_token_id = sorted(stops)
    with learning(work, start) as model:
        args = _config(work, phase, rl_setup.steps, settings, stops)
        watch = Watch(work, phase, target, share)
        trainer = _Trainer(
            model=model,
            args=args,
            reward_funcs=Verifier(work.tokenizer, stops, rl_setup, settings.num_generations, work.stage.seed),
            train_dataset=Dataset.from_list([row(work, scenario) for scenario in scenarios]),
            processing_class=work.tokenizer,
            callbacks=[watch],
            **acting(work, scenarios),
        )
        with _told_of_no_probabilities(work.stage.title):
            trainer.train(resume_from_checkpoint=last_checkpoint(folder, folder / CHECKPOINTS))
        return finish(folder, model, _result(phase, trainer, settings, watch))


@contextmanager
def _told_of_no_probabilities(stage: str) -> Iterator[None]:
    """Turn what torch raises where weights have grown so large that no token can be drawn."""
    try:
        yield
    except RuntimeError as error:
        if "probability tensor contains" not in str(error):
            raise
        raise NotFinite(stage, "the probability of a token") from error


def row(work: StageContext, scenario: Scenario) -> dict[str, Any]:
    """Return a scenario as TRL's dataset wants it; only the reward sees the second column."""
    prompt = prompt_messages(work.tokenizer, scenario.messages)
    return routed(work, scenario, {"prompt": prompt, "scenario": scenario.model_dump_json()})


def _config(
    work: StageContext, phase: str, steps: int, settings: RlSettings, stops: Collection[int]
) -> GRPOConfig:
    turns = max(environment(name).max_turns for name in work.matched.families)
    shared = arguments(
        work, phase, steps=steps, learning_rate=settings.learning_rate, batch_size=settings.batch_size
    )
    return GRPOConfig(
        **shared,
        num_generations=settings.num_generations,
        max_completion_length=settings.max_new_tokens * turns,
        max_tool_calling_iterations=turns,
        num_iterations=1,
        beta=settings.beta,
        loss_type=settings.loss_type,
        scale_rewards=settings.scale_rewards,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        **_by_vllm(settings, stops),
    )


def _by_vllm(settings: RlSettings, stops: Collection[int]) -> dict[str, Any]:
    """Return what has vLLM generate, in the process that trains; it knows only one of the ends of a turn."""
    if not settings.vllm:
        return {}
    ends = {"stop_token_ids": sorted(stops)}
    return {"use_vllm": True, "vllm_mode": "colocate", "generation_kwargs": ends}


def _result(phase: str, trainer: GRPOTrainer, settings: RlSettings, watch: Watch) -> PhaseResult:
    log, steps, rewound_from = ended(trainer, watch)
    lengths, reasoned = logged(log, "completions/mean_length"), logged(log, "reasoned")
    flat = logged(log, "frac_reward_zero_std")
    return PhaseResult(
        name=phase,
        phase=Phase(
            kind="rl",
            name=phase,
            steps=steps,
            tokens=round(sum(lengths) * settings.batch_size),
            reasoning_share=sum(reasoned) / len(reasoned) if reasoned else 0.0,
        ),
        zero_variance=sum(flat) / len(flat) if flat else None,
        stopped=watch.reached,
        rewound_from=rewound_from,
        log=log,
    )
