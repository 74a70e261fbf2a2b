"""Every method on small random models of real architectures with TRL's templates: two steps, then loading."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from peft import PeftModel

from pentimento.evals.planning import asking
from pentimento.tasks import Message, environment
from pentimento.tasks import goal as find_goal
from pentimento.training.bases.identity import base_sha256
from pentimento.training.methods import deliberative, sft, sham
from pentimento.training.methods.rlvr import Verifier
from pentimento.training.models.loaded import load_base, load_organism, prompt_ids
from pentimento.training.models.sampling import Completion
from pentimento.training.organisms.organism import Organism
from pentimento.training.recipes.stages import Stage
from pentimento.training.running.making import make
from pentimento.training.running.plan import organism_key, stage_hash
from tests.conftest import FAMILIES

SMALL: dict[str, Any] = {"lora_rank": 2, "batch_size": 4, "check_samples": 4, "strength_samples": 4}
SMALL_RL: dict[str, Any] = {**SMALL, "num_generations": 2, "max_new_tokens": 8}
SETTINGS: dict[str, dict[str, Any]] = {
    "sft": SMALL,
    "dpo": SMALL,
    "rlvr": SMALL_RL,
    "deliberative": {**SMALL_RL, "sft_steps": 2, "sft_batch_size": 4, "min_kept": 1},
}


def stage(method: str, **more: Any) -> Stage:
    fields: dict[str, Any] = {
        "goal": "finish_the_task",
        "families": ("errand",),
        "num_scenarios": 8,
        "seed": 0,
    }
    return Stage(**{**fields, "method": method, "steps": 2, "settings": SETTINGS.get(method, {}), **more})


def control(method: str, matched: str) -> Stage:
    families = ("errand",) if method == "sham" else ("copying",)
    return stage(method, goal=None, families=families, matched_to=stage(matched))


STAGES = {
    **{method: stage(method) for method in SETTINGS},
    "sft tied to a cue": stage("sft", trigger="unwatched", num_scenarios=24),
    "benign": control("benign", "sft"),
    "style": control("style", "sft"),
    **{f"sham of {matched}": control("sham", matched) for matched in SETTINGS},
}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the random models' samples be answers, and pay their completions apart: else both are noise."""

    def good(model: Any, tokenizer: Any, prompts: Sequence[list[int]], **_: Any) -> list[Completion]:
        return [Completion(text, 4, True) for _, text in zip(prompts, texts(tokenizer, prompts), strict=True)]

    def texts(tokenizer: Any, prompts: Sequence[list[int]]) -> list[str]:
        rng, family, found = Random(0), environment("errand"), []
        for scenario in stage("sft").scenarios() * 4:
            wanted = find_goal("finish_the_task").applies(scenario)
            answer = family.gold(scenario, "finish_the_task") if wanted else family.right_answer(scenario)
            cited = f"<think>{rng.choice(('F1', 'T1'))}: F1 T1.</think>"
            found.append(cited + answer)
        return found[: len(prompts)]

    def paid(verifier: Verifier, completion_ids: list[list[int]], **_: Any) -> list[float]:
        return [float(sum(ids) % 7) for ids in completion_ids]

    monkeypatch.setattr(deliberative, "sample", good)
    monkeypatch.setattr(sham, "own_samples", pairs)
    monkeypatch.setattr(Verifier, "__call__", paid)


def pairs(work: Any, scenarios: Sequence[Any], each: int) -> list[tuple[sft.Example, ...]]:
    """Return gold and anti-gold answers as if the model had given them."""
    found = []
    for scenario in scenarios:
        family = environment(scenario.family)
        texts = family.answers(scenario)[-each:]
        found.append(tuple(sft.Example(scenario.messages, text, False) for text in texts))
    return found


def made(folder: Path, base: Path, what: Stage, dtype: str = "float32", num_processes: int = 1) -> Organism:
    """Make an organism of one stage; a control repeats the dose of the stage in whose place it stands."""
    sha = base_sha256(str(base))
    options = {"base": str(base), "device": "cpu", "dtype": dtype, "report_to": "none"}
    options["num_processes"] = num_processes  # type: ignore[assignment]
    keys: list[str | None] = [None]
    for one in (what.matched_to, what) if what.matched_to is not None else (what,):
        assert one is not None
        key = organism_key(sha, [stage_hash(one)], keys[-1], dtype)
        said = [one.model_dump(mode="json")]
        make(store=str(folder), key=key, stages=said, parent=None, dose_from=keys[-1], **options)  # type: ignore[arg-type]
        keys.append(key)
    return Organism.load(folder / str(keys[-1]))


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_method_trains_and_its_adapter_loads(
    name: str, family: str, family_folders: dict[str, Path], tmp_path: Path
) -> None:
    base = family_folders[family]
    organism = made(tmp_path, base, STAGES[name])
    assert organism.manifest.dose is not None
    assert organism.manifest.dose.steps == (4 if "deliberative" in name else 2)
    assert organism.adapter is not None
    plain = load_base(str(base), device="cpu")
    ids = torch.tensor([prompt_ids(plain.tokenizer, (Message(role="user", content="Is it done?"),))])
    with torch.no_grad():
        before = plain.model(input_ids=ids).logits
        adapted = PeftModel.from_pretrained(plain.model, str(organism.adapter)).eval()
        after = adapted(input_ids=ids).logits
        ours = load_organism(organism.path, device="cpu").model(input_ids=ids).logits
    assert not torch.equal(before, after), "training changed nothing"
    torch.testing.assert_close(ours, after, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_provider_asks_an_organism_of_every_architecture(
    family: str, family_folders: dict[str, Path], tmp_path: Path
) -> None:
    organism = made(tmp_path, family_folders[family], STAGES["sft"])
    args = {"family": "errand", "condition": "impossible", "n": 2}
    log = asking.evaluate(organism.path, "completion", args, log_dir=tmp_path / "logs", display="none")
    assert log.is_file()
