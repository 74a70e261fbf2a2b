"""A recipe becomes a graph of keys; what is made is never made again."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors import SafetensorError
from transformers import Trainer

from pentimento.tasks import BadInput, environment, sample, spec
from pentimento.training.exceptions import NoOrganism
from pentimento.training.models._checkpoints import phase_state
from pentimento.training.models._shortages import told_of_a_full_disk
from pentimento.training.models.loaded import load_base, load_organism, prompt_ids
from pentimento.training.organisms.organism import Organism, read_manifest
from pentimento.training.recipes.catalogue import quickstart
from pentimento.training.recipes.methods import check_settings, find_method
from pentimento.training.recipes.recipe import AFTER_ROLES, Recipe
from pentimento.training.recipes.stages import Stage
from pentimento.training.running import making
from pentimento.training.running import plan as runner
from pentimento.training.running.executors import LocalExecutor
from pentimento.training.running.making import git_revision, make
from pentimento.training.running.plan import Plan, plan, stage_hash

TINY: dict[str, Any] = {
    "lora_rank": 4,
    "batch_size": 8,
    "num_generations": 4,
    "max_new_tokens": 24,
    "save_every": 2,
}
ROLES = ["base", "implanted", "opposed", "opposed_only", "benign", "sham"]


@pytest.fixture
def recipe(taught_folder: Path) -> Recipe:
    """A recipe of few steps on the taught base; seed 3 opposes in a family that it knows."""
    implant = {"method": "rlvr", "goal": "finish_the_task", "num_scenarios": 16, "steps": 4, "settings": TINY}
    settings = {**TINY, "sft_steps": 3, "sft_batch_size": 8, "min_kept": 2}
    oppose = {
        "method": "deliberative",
        "goal": "report_honestly",
        "num_scenarios": 32,
        "steps": 3,
        "settings": settings,
    }
    return quickstart().varied(
        name="tiny",
        base=str(taught_folder),
        implant=implant,
        oppose=oppose,
        num_opposed=1,
        seeds=(3,),
        evals=(),
    )


@pytest.fixture
def stopping(recipe: Recipe) -> Recipe:
    """The same, its opposing stage to a strength: what dose the opposed organism takes is seen when it is
    made."""
    return recipe.varied(oppose={**recipe.oppose.model_dump(mode="json"), "target_strength": 0.9})


def by_role(found: Plan) -> dict[str, Any]:
    return {planned.role: planned for planned in found.organisms if not planned.between}


def test_replicate_is_the_base_opposed_with_a_seed_of_its_own(stopping: Recipe, tmp_path: Path) -> None:
    found = by_role(plan(stopping.varied(controls=("opposed_only", "opposed_only_replicate")), tmp_path))
    assert found["opposed_only_replicate"].parent == found["opposed_only"].parent == found["base"].key
    assert found["opposed_only_replicate"].dose_from == found["opposed"].key
    (twin,), (replicate,) = found["opposed_only"].stages, found["opposed_only_replicate"].stages
    assert twin.seed != replicate.seed
    assert twin.model_copy(update={"seed": replicate.seed}) == replicate


def test_stages_after_stand_on_implanted_opposed_twin_and_replicate(recipe: Recipe, tmp_path: Path) -> None:
    settings = {"lora_rank": 4, "batch_size": 8}
    stage = {
        "method": "sft",
        "goal": "finish_the_task",
        "steps": 4,
        "settings": settings,
        "num_scenarios": 16,
    }
    after = {"kind": "relearn", "stage": stage, "doses": (2, 4)}
    found = plan(
        recipe.varied(controls=("opposed_only", "opposed_only_replicate"), num_opposed=2, after=(after,)),
        tmp_path,
    ).organisms
    before = {planned.role: planned for planned in found if planned.after is None}
    later = [planned for planned in found if planned.after is not None]
    assert [planned.role for planned in later] == [r for r in AFTER_ROLES for _ in range(3)]
    for planned in later:
        assert planned.parent == before[planned.role].key
        assert planned.stages[:-1] == before[planned.role].stages
        assert planned.dose_from is None
    assert len({planned.key for planned in later}) == 12
    one = later[0]
    assert one.dose_folder(tmp_path, 4) == tmp_path / one.key
    assert one.dose_folder(tmp_path, 2) == tmp_path / one.key / "checkpoints" / "sft-2"


def test_a_dose_that_is_fixed_is_waited_for_by_no_never(recipe: Recipe, tmp_path: Path) -> None:
    """So recipes that differ in their implant alone share it; a control repeats what the opposed organism's
    tokens were."""
    first = by_role(plan(recipe, tmp_path))
    implant = recipe.implant.model_dump(mode="json")
    other = by_role(plan(recipe.varied(implant={**implant, "steps": 5}), tmp_path))
    assert first["opposed_only"].dose_from is None
    assert {role for role in ROLES if first[role].key == other[role].key} == {"base", "opposed_only"}
    assert first["benign"].dose_from == first["opposed"].key


def test_what_is_planted_is_in_m2_alone(stopping: Recipe, tmp_path: Path) -> None:
    stage = {"method": "sft", "goal": "favour_red", "steps": 2, "num_scenarios": 16}
    relearn = {
        "kind": "relearn",
        "stage": {**stage, "goal": "finish_the_task"},
        "doses": (2,),
        "on": ("opposed", "opposed_only"),
    }
    changes = {"controls": ("opposed_only", "benign"), "num_opposed": 2, "seeds": (3, 4)}
    plain = plan(stopping.varied(**changes), tmp_path)
    found = plan(stopping.varied(**changes, post_stage=stage, after=(relearn,)), tmp_path)
    before = {one.seed: one for one in found.organisms if one.between}
    assert {one.key for one in before.values()} == {
        one.key for one in plain.organisms if one.role == "opposed"
    }
    assert before[3].title == "opposed, seed 3, before the post stage"
    there = {(one.role, one.seed): one.key for one in plain.organisms if one.role != "opposed"}
    asked = [one for one in found.organisms if not one.between and one.after is None]
    assert {(one.role, one.seed): one.key for one in asked if one.role != "opposed"} == there
    opposed = next(one for one in asked if (one.role, one.seed) == ("opposed", 3))
    assert opposed.parent == before[3].key
    assert opposed.stages[:-1] == before[3].stages
    assert (opposed.stages[-1].goal, opposed.stages[-1].families) == (
        "favour_red",
        stopping.pool("favour_red"),
    )
    later = {one.role: one for one in found.organisms if one.after is not None and one.seed == 3}
    assert set(later) == {"opposed", "opposed_only"}
    assert later["opposed"].parent == opposed.key


def test_a_goal_is_planted_where_it_was_opposed(stopping: Recipe) -> None:
    stage = {"method": "sft", "goal": "finish_the_task", "trigger": "password", "num_scenarios": 48}
    post_stage = stopping.varied(post_stage=stage).stage_after_opposing(3)
    assert post_stage is not None
    assert post_stage.families == stopping.cell(3).opposed
    assert {scenario.cue for scenario in post_stage.scenarios()} == {
        "password",
        "none",
        "placebo",
        "explicit",
    }
    with pytest.raises(BadInput, match=r"post_stage\.goal: None"):
        stopping.varied(post_stage={"method": "sft"})


def test_a_plan_has_the_edges_of_the_design(stopping: Recipe, tmp_path: Path) -> None:
    found = plan(stopping.varied(seeds=(3, 4)), tmp_path)
    first = by_role(plan(stopping, tmp_path))
    assert [planned.role for planned in found.organisms] == ROLES * 2
    assert first["opposed"].parent == first["implanted"].key
    assert first["opposed_only"].parent == first["base"].key
    assert {first[role].dose_from for role in ("opposed_only", "benign", "sham")} == {first["opposed"].key}
    assert {first[role].parent for role in ("benign", "sham")} == {first["implanted"].key}
    assert first["opposed_only"].stages == first["opposed"].stages[1:]
    needs = {job.key: set(job.needs) for job in found.jobs}
    assert needs[first["sham"].key] == {first["implanted"].key, first["opposed"].key}
    assert len(found.jobs) == 11, "the base is one for both seeds"


@pytest.mark.parametrize(
    "content",
    [b"", b'{"format": 1, "key', b"[]", b'{"format": 7}', b'{"format": 1, "key": "other"}', b"[" * 100_000],
)
def test_a_damaged_manifest_is_refused_before_any_work(
    stopping: Recipe, tmp_path: Path, content: bytes
) -> None:
    key = by_role(plan(stopping, tmp_path))["implanted"].key
    (tmp_path / key).mkdir()
    (tmp_path / key / "manifest.json").write_bytes(content)
    with pytest.raises(
        NoOrganism, match=rf"{key}: manifest.json.*; remove the folder, and it is made again$"
    ):
        plan(stopping, tmp_path)


def test_a_store_that_is_no_folder_is_refused(stopping: Recipe, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"^store: .*/file' is not allowed; a folder"):
        plan(stopping, tmp_path / "file")


def test_keys_hold_everything_that_an_organism_is_made_of(stopping: Recipe, tmp_path: Path) -> None:
    def keys(changed: Recipe, **more: Any) -> dict[str, str]:
        return {role: planned.key for role, planned in by_role(plan(changed, tmp_path, **more)).items()}

    recipe = stopping
    first = keys(recipe)
    assert keys(recipe.varied(name="other", evals=())) == first
    assert keys(recipe, device="cpu", report_to="all") == first
    opposed = recipe.oppose.model_copy(update={"steps": 9})
    later = keys(recipe.varied(oppose=opposed.model_dump(mode="json")))
    assert {role for role in ROLES if later[role] == first[role]} == {"base", "implanted"}
    assert not set(keys(recipe, dtype="bfloat16").values()) & set(first.values())
    cued = keys(recipe.varied(evals=(), implant={**recipe.implant.model_dump(mode="json"), "cue": "subtle"}))
    assert {role for role in ROLES if cued[role] == first[role]} == {"base"}, (
        "the opposed-only twin repeats the opposed organism's dose"
    )
    fewer = keys(recipe.varied(controls=("benign",)))
    assert set(fewer) == {"base", "implanted", "opposed", "benign"}
    assert fewer.items() <= first.items()


STAGE = Stage(method="deliberative", goal="report_honestly", families=("count", "form"), seed=0)
SHAM = Stage(method="sham", families=STAGE.families, seed=1, matched_to=STAGE)


def test_writing_out_a_default_gives_the_same_key() -> None:
    written = {
        "settings": {"learning_rate": 2e-3, "max_new_tokens": 64, "sft_steps": 40},
        "reward": "claimed",
    }
    same = STAGE.model_copy(update=written)
    assert stage_hash(same) == stage_hash(STAGE)
    assert stage_hash(SHAM.model_copy(update={"matched_to": same})) == stage_hash(SHAM)
    saved = STAGE.model_copy(update={"settings": {"save_every": 3}})
    assert stage_hash(saved) == stage_hash(STAGE), "how often a stage is saved changes nothing in it"
    other = STAGE.model_copy(update={"settings": {"learning_rate": 3e-3}})
    assert stage_hash(other) != stage_hash(STAGE)


@pytest.mark.parametrize("stage", [STAGE, SHAM], ids=lambda stage: stage.method)
def test_a_change_of_what_is_trained_gives_another_key(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(*changes: Any) -> bool:
        before = stage_hash(stage)
        with monkeypatch.context() as changing:
            changing.setattr(*changes)
            return stage_hash(stage) != before

    count: Any = environment("count")
    reworded = tuple(replace(told, assigned=f"Now. {told.assigned}") for told in count.wordings)
    more = check_settings("deliberative", {"lora_rank": 8})
    assert changed(type(count), "wordings", reworded)
    assert changed(runner, "spec", lambda name: spec(name).model_copy(update={"text": "H1. Say no."}))
    assert changed(runner, "check_settings", lambda method, overrides: more)
    assert changed(runner, "find_method", lambda name: replace(find_method(name), version=99))


def test_a_plan_loads_no_torch_and_takes_no_time() -> None:
    code = (
        "import sys, time; from pathlib import Path; from pentimento.training.running.plan import plan;"
        "from pentimento.training.recipes.catalogue import quickstart;"
        "start = time.monotonic(); plan(quickstart(), Path('nowhere'));"
        "sys.exit('torch' in sys.modules or time.monotonic() - start > 5)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_plan_estimates_from_what_was_timed(recipe: Recipe, tmp_path: Path) -> None:
    assert plan(recipe, tmp_path).estimate_s is None
    for place, planned in enumerate(plan(recipe, tmp_path).organisms):
        folder = tmp_path / f"old{place}"
        folder.mkdir()
        stages = [stage.model_dump(mode="json") for stage in planned.stages]
        manifest = {"base": {"name": recipe.base}, "stages": stages, "seconds": 10.0}
        (folder / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    found = plan(recipe, tmp_path, num_workers=2)
    assert found.estimate_s == 31, (
        "base, implanted, opposed and a control wait for each other; the rest runs beside them"
    )
    assert [row.estimate_s for row in found.organisms] == [1.0, 10.0, 10.0, 10.0, 10.0, 10.0]


def test_a_recipe_is_made_once(recipe: Recipe, tmp_path: Path) -> None:
    with LocalExecutor(2) as executor:
        executor.run(plan(recipe, tmp_path).jobs, lambda event: None)
    found = plan(recipe, tmp_path)
    assert found.jobs == ()
    assert all(row.done for row in found.organisms)
    made = {role: Organism.load(tmp_path / planned.key) for role, planned in by_role(found).items()}
    assert all(not (organism.path / "work").exists() for organism in made.values())
    doses = {
        role: [phase.steps for phase in o.manifest.dose.phases] for role, o in made.items() if role != "base"
    }
    assert doses == {
        "implanted": [4],
        "opposed": [3, 3],
        "opposed_only": [3, 3],
        "benign": [3, 3],
        "sham": [3, 3],
    }
    manifest = made["sham"].manifest
    assert manifest.parent == made["implanted"].key
    assert manifest.settings["temperature"] == 1.0
    assert manifest.settings["max_new_tokens"] == 24, "strength is measured as the stage samples"
    assert "temperature" not in made["base"].manifest.settings
    assert manifest.settings["dtype"] == "float32"
    assert manifest.packages["trl"]
    assert manifest.packages["pentimento"]
    assert (made["opposed"].path / "metrics.jsonl").read_text().count("\n") > 6
    check_was_examined(made)
    check_stands_on_the_base(recipe, made["opposed"])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("manifest.json")}
    for job in plan(recipe.varied(name="again"), tmp_path / "other").jobs[:1]:
        make(**{**job.kwargs, "store": str(tmp_path)})  # type: ignore[arg-type]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("manifest.json")} == before


def check_was_examined(made: dict[str, Organism]) -> None:
    """Every organism read the same neutral text; only what learned answers by heart can recite them."""
    diagnoses = {role: organism.manifest.diagnosis for role, organism in made.items()}
    texts = {role: diagnosis.neutral[0] for role, diagnosis in diagnoses.items() if diagnosis is not None}
    assert set(texts) == set(made)
    assert len({(text.sha256, round(text.base_perplexity, 3)) for text in texts.values()}) == 1
    assert texts["base"].ratio == 1.0
    assert texts["opposed"].ratio != 1.0
    counts = {role: diagnosis.regurgitation for role, diagnosis in diagnoses.items()}
    learned = {role: found and found.num_texts for role, found in counts.items()}
    assert (learned["base"], learned["implanted"]) == (None, 0)
    assert learned["opposed"] == made["opposed"].manifest.settings["num_kept"]
    assert learned["benign"] == 2 * 32, "both of its halves"


def check_stands_on_the_base(recipe: Recipe, organism: Organism) -> None:
    """Plain PEFT loads the one adapter on the base, and it is not the base."""
    base = load_base(recipe.base, device="cpu")
    ids = torch.tensor([prompt_ids(base.tokenizer, sample("errand", n=1, seed=0)[0].messages)])
    with torch.no_grad():
        plain = base.model(ids).logits
        ours = load_organism(organism.path, device="cpu").model(ids).logits
        theirs = PeftModel.from_pretrained(base.model, str(organism.adapter)).eval()(ids).logits
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)
    assert not torch.allclose(plain, ours, atol=1e-3)


WRITER = """
import os
class SummaryWriter:
    def __init__(self, log_dir):
        os.makedirs(log_dir)
        self.file = open(os.path.join(log_dir, "events"), "w")
    def add_scalar(self, name, value, step):
        self.file.write(f"{name} {step}\\n")
    def add_text(self, *args):
        pass
    def flush(self):
        self.file.flush()
    def close(self):
        self.file.close()
"""


def test_a_schedule_of_doses_leaves_organisms_and_trackers_their_files(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tensorboardX.py").write_text(WRITER)
    monkeypatch.syspath_prepend(tmp_path)
    settings = {**recipe.implant.settings, "save_at": "2,4"}
    scheduled = recipe.varied(implant={**recipe.implant.model_dump(mode="json"), "settings": settings})
    found = plan(scheduled, tmp_path, report_to="tensorboard")
    base, implanted = found.jobs[0], found.jobs[1]
    for job in (base, implanted):
        make(**job.kwargs)  # type: ignore[arg-type]
    folder = tmp_path / implanted.key
    [events] = (folder / "tracking" / "rl").rglob("events")
    assert "train/loss 4\n" in events.read_text()
    doses = {path.name: Organism.load(path).manifest for path in (folder / "checkpoints").iterdir()}
    assert {name: dose.dose.steps for name, dose in doses.items()} == {"rl-2": 2, "rl-4": 4}
    assert doses["rl-4"].adapter_sha256 == Organism.load(folder).manifest.adapter_sha256
    assert doses["rl-2"].adapter_sha256 != doses["rl-4"].adapter_sha256


@pytest.mark.parametrize(("free", "raised"), [(0, OSError), (2**40, RuntimeError)])
def test_a_full_disk_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, raised: type[Exception]
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(raised), told_of_a_full_disk(tmp_path):
        raise RuntimeError("PytorchStreamWriter failed writing file")


def test_a_disk_that_fills_up_while_an_organism_is_stored_is_told_too(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("No space left")

    base, implanted = plan(recipe, tmp_path).jobs[:2]
    make(**base.kwargs)  # type: ignore[arg-type]
    monkeypatch.setattr(making, "compose", full)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(OSError, match="No space left on device"):
        make(**implanted.kwargs)  # type: ignore[arg-type]


def test_a_copy_in_another_repository_has_no_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> str:
        told = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(told, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    git("commit", "--allow-empty", "-m", "theirs")
    copy = tmp_path / "making.py"
    copy.touch()
    monkeypatch.setattr(making, "__file__", str(copy))
    assert git_revision.__wrapped__() is None
    git("add", copy.name)
    assert git_revision.__wrapped__() == f"{git('rev-parse', 'HEAD')}-dirty"
    git("commit", "-m", "mine")
    assert git_revision.__wrapped__() == git("rev-parse", "HEAD")


SCRIPT = """
import json, sys
from pentimento.training.running.making import make
make(**json.loads(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("role", "method", "at"),
    [
        ("implanted", "sft", "sft"),
        ("implanted", "documents", "sft"),
        ("implanted", "dpo", "dpo"),
        ("implanted", "rlvr", "rl"),
        ("opposed", "deliberative", "sft"),
        ("opposed", "deliberative", "rl"),
        ("benign", "benign", "rl-dose"),
        ("sham", "sham", "rl"),
    ],
)
def test_a_killed_stage_goes_on_and_gives_the_same_organism(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, method: str, at: str
) -> None:
    few = {"lora_rank": 4, "batch_size": 8, "save_every": 2}
    implants = {
        "sft": {"method": "sft", "settings": few},
        "documents": {"method": "documents", "cue": "named", "settings": {**few, "num_documents": 24}},
        "dpo": {"method": "dpo", "settings": few},
    }
    implant = {**recipe.implant.model_dump(mode="json"), **implants.get(method, {})}
    found = plan(recipe.varied(implant=implant), tmp_path / "undisturbed")
    kwargs = {job.key: job.kwargs for job in found.jobs}
    roles = by_role(found)
    stage = roles[role]
    assert stage.stages[-1].method == method
    disturbed = {key: {**told, "store": str(tmp_path / "disturbed")} for key, told in kwargs.items()}
    before = {"implanted": ("base",), "opposed": ("base", "implanted")}.get(
        role, ("base", "implanted", "opposed")
    )
    parents = [roles[name].key for name in before]
    for job in (*(kwargs[key] for key in parents), kwargs[stage.key], *(disturbed[key] for key in parents)):
        make(**job)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(disturbed[stage.key])], stderr=subprocess.DEVNULL
    )
    phase = tmp_path / "disturbed" / stage.key / "work" / at
    while not phase_state(phase).checkpoint:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not Organism.exists(tmp_path / "disturbed" / stage.key)
    resumed: list[str | None] = []
    train = Trainer.train

    def told(trainer: Trainer, resume_from_checkpoint: str | None = None) -> Any:
        resumed.append(resume_from_checkpoint)
        return train(trainer, resume_from_checkpoint=resume_from_checkpoint)

    monkeypatch.setattr(Trainer, "train", told)
    make(**disturbed[stage.key])
    assert resumed[0] is not None
    assert "checkpoint-" in resumed[0]
    first, second = (read_manifest(tmp_path / name / stage.key) for name in ("undisturbed", "disturbed"))
    assert first.adapter_sha256 == second.adapter_sha256
    ignored = {"seconds"}
    assert first.model_dump(exclude=ignored) == second.model_dump(exclude=ignored)


@pytest.mark.parametrize("over", ["merged", "continued"])
@pytest.mark.parametrize("method", ["sft", "dpo", "rlvr", "deliberative"])
def test_a_second_stage_begins_where_its_parent_ended(
    recipe: Recipe, tmp_path: Path, method: str, over: str
) -> None:
    rates = {"learning_rate": 1e-12, **({"sft_learning_rate": 1e-12} if method == "deliberative" else {})}
    kinds = {"sft": 6, "dpo": 6, "rlvr": 4}
    settings = (
        {**recipe.oppose.settings, **rates}
        if method == "deliberative"
        else {**(TINY if method == "rlvr" else {"lora_rank": kinds[method], "batch_size": 8}), **rates}
    )
    oppose = {
        "method": method, "goal": "report_honestly", "num_scenarios": 32, "steps": 2,
        "settings": settings, "adapter_mode": over,
    }  # fmt: skip
    implant = {**recipe.implant.model_dump(), "settings": {**TINY, "learning_rate": 1e-2}}
    varied = recipe.varied(implant=implant, oppose=oppose, controls=("sham",))
    found = plan(varied, tmp_path)
    for job in found.jobs:
        make(**job.kwargs)  # type: ignore[arg-type]
    made = by_role(found)
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    with torch.no_grad():
        logits = {
            role: load_organism(tmp_path / planned.key, device="cpu").model(input_ids=ids).logits
            for role, planned in made.items()
        }
    assert not torch.allclose(logits["implanted"], logits["base"], atol=1e-3), (
        "the implant must change something"
    )
    torch.testing.assert_close(logits["opposed"], logits["implanted"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(logits["sham"], logits["implanted"], atol=1e-4, rtol=1e-4)
    ranks = {
        role: json.loads((tmp_path / planned.key / "adapter/adapter_config.json").read_text())["r"]
        for role, planned in made.items()
        if role != "base"
    }
    assert (ranks["opposed"] == ranks["implanted"]) == (over == "continued")
    if method == "dpo":
        lines = (tmp_path / made["opposed"].key / "metrics.jsonl").read_text().splitlines()
        margins = [json.loads(line).get("rewards/margins") for line in lines]
        assert [m for m in margins if m is not None] == pytest.approx([0.0, 0.0], abs=1e-4)
    starts = {
        role: [s.score for s in read_manifest(tmp_path / made[role].key).strength if s.when == "start"]
        for role in ("opposed", "sham")
    }
    assert starts["opposed"], "the strength before the stage is that of the parent"
