"""How weights are written: adapters over each other, full weights, four bits, and what excludes what."""

import json
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from trl import DPOTrainer, GRPOConfig

from pentimento.evals.planning import asking
from pentimento.tasks import BadInput, UnknownName
from pentimento.training.bases import identity as bases
from pentimento.training.exceptions import CorruptWeights
from pentimento.training.methods import rlvr, train_stage
from pentimento.training.methods._common import StageContext, Trained
from pentimento.training.models._checkpoints import read_state
from pentimento.training.models.loaded import load_base, load_organism, merged_parent, stacked_parent
from pentimento.training.organisms.organism import Organism, hash_weights
from pentimento.training.recipes.catalogue import quickstart
from pentimento.training.recipes.methods import check_settings
from pentimento.training.recipes.recipe import Recipe
from pentimento.training.recipes.stages import Stage
from pentimento.training.running import export, writing
from pentimento.training.running.making import make
from pentimento.training.running.plan import Plan, plan, stage_hash
from pentimento.training.running.writing import check_writing

IDS = torch.arange(5, 25)[None]
FEW: dict[str, Any] = {"batch_size": 8, "strength_samples": 8}
FEW_STEPS: dict[str, Any] = {"num_scenarios": 16, "steps": 3}
FULL: dict[str, Any] = {**FEW, "weights": "full", "learning_rate": 1e-3, "save_every": 2}
FULL_RL: dict[str, Any] = {**FULL, "num_generations": 4, "max_new_tokens": 12}
SFT = Stage(
    method="sft",
    goal="finish_the_task",
    families=("errand",),
    num_scenarios=32,
    steps=6,
    settings=FULL,
    seed=3,
)
DPO = SFT.model_copy(update={"method": "dpo"})
RLVR = SFT.model_copy(update={"method": "rlvr", "settings": FULL_RL})
DELIBERATIVE = Stage(
    method="deliberative",
    goal="report_honestly",
    families=("errand", "form"),
    num_scenarios=48,
    steps=3,
    settings={
        **FULL_RL,
        "max_new_tokens": 24,
        "sft_steps": 3,
        "sft_batch_size": 8,
        "sft_learning_rate": 1e-3,
        "min_kept": 4,
    },
    seed=4,
)
LORA = Stage(method="sft", goal="report_honestly", families=("errand",), seed=0)


class Interrupted(Exception):
    """Somebody pulled the plug."""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let vLLM and bitsandbytes seem to be installed."""
    for module in (bases, writing):
        monkeypatch.setattr(module, "find_spec", lambda name: ModuleSpec(name, None))


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(IDS).logits.float()
    return found


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return dict(load_file(trained.adapter / "model.safetensors"))


# Stacked


def test_beside_the_base_or_merged_into_it_a_parent_is_the_same(
    tiny_organism: Organism, tiny_folder: Path
) -> None:
    merged, stacked = (
        logits(put(load_base(str(tiny_folder), device="cpu"), tiny_organism))
        for put in (merged_parent, stacked_parent)
    )
    assert not torch.allclose(merged, logits(load_base(str(tiny_folder), device="cpu").model), atol=0.1)
    torch.testing.assert_close(stacked, merged, rtol=0, atol=1e-4)


def test_below_float32_only_the_merged_parent_is_rounded(tiny_organism: Organism, tiny_folder: Path) -> None:
    asked: dict[str, Any] = {"device": "cpu", "dtype": "bfloat16"}
    model = load_base(str(tiny_folder), **asked).model
    stored = logits(PeftModel.from_pretrained(model, str(tiny_organism.adapter)).eval())
    stacked = logits(stacked_parent(load_base(str(tiny_folder), **asked), tiny_organism))
    merged = logits(merged_parent(load_base(str(tiny_folder), **asked), tiny_organism))
    assert torch.equal(stacked, stored)
    assert not torch.equal(merged, stored)


def test_what_is_trained_beside_a_parent_is_its_own_adapter_alone(
    work: Callable[..., StageContext], tiny_organism: Organism, tiny_folder: Path, tmp_path: Path
) -> None:
    base = load_base(str(tiny_folder), device="cpu")
    before = logits(stacked_parent(base, tiny_organism))
    stage = SFT.model_copy(update={"settings": {**FEW, "lora_rank": 2}, "steps": 2})
    trained = train_stage(
        StageContext(stage=stage, model=base.model, tokenizer=base.tokenizer, folder=tmp_path)
    )
    assert torch.equal(logits(base.model), before), "the parent is as it was"
    names = set(load_file(trained.adapter / "adapter_model.safetensors"))
    assert names
    assert all(name.endswith(("lora_A.weight", "lora_B.weight")) for name in names)


# Full weights


@pytest.mark.parametrize("stage", [SFT, DPO, RLVR, DELIBERATIVE], ids=lambda stage: stage.method)
def test_full_weights_learn_and_the_model_is_as_it_was(
    work: Callable[..., StageContext], stage: Stage
) -> None:
    job = work(stage)
    before = {name: value.clone() for name, value in job.model.state_dict().items()}
    trained = train_stage(job)
    after = job.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert "forward" not in vars(job.model)
    left = weights(trained)
    assert left.keys() <= before.keys()
    moved = [name for name in left if not torch.equal(left[name], before[name])]
    assert len(moved) > len(left) / 2, "embedding, attention and the rest all learn"
    assert not (trained.adapter / "adapter_config.json").exists()


def test_dpo_of_full_weights_holds_to_the_parent(
    work: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = work(DPO.model_copy(update={"steps": 3}))
    with torch.no_grad():
        for weight in job.model.parameters():
            weight.mul_(1.01)  # the parent is not what lies under the base's name
    parent = logits(job.model)
    seen: list[torch.Tensor] = []
    compute = DPOTrainer._compute_loss

    def spy(trainer: DPOTrainer, *args: Any) -> Any:
        seen.append(logits(trainer.ref_model))
        return compute(trainer, *args)

    monkeypatch.setattr(DPOTrainer, "_compute_loss", spy)
    train_stage(job)
    assert len(seen) == 3
    assert all(torch.equal(found, parent) for found in seen)


@pytest.mark.parametrize(
    ("stage", "at"),
    [(SFT, "sft step 5"), (RLVR, "rl step 5"), (DELIBERATIVE, "rl step 1")],
    ids=lambda value: value if isinstance(value, str) else value.method,
)
def test_an_interrupted_stage_of_full_weights_goes_on_bit_by_bit(
    work: Callable[..., StageContext], stage: Stage, at: str
) -> None:
    def interrupt(share: float, text: str) -> None:
        if text.startswith(at):
            raise Interrupted(text)

    undisturbed = train_stage(work(stage, "undisturbed"))
    with pytest.raises(Interrupted):
        train_stage(work(stage, "disturbed", on_progress=interrupt))
    resumed = train_stage(work(stage, "disturbed"))
    assert hash_weights(resumed.adapter) == hash_weights(undisturbed.adapter)
    assert (resumed.dose, resumed.strength) == (undisturbed.dose, undisturbed.strength)


def test_doses_of_full_weights_equal_runs_of_that_dose(work: Callable[..., StageContext]) -> None:
    scheduled = work(SFT.model_copy(update={"settings": {**FULL, "save_at": "2,4"}}), "scheduled")
    train_stage(scheduled)
    shorter = train_stage(work(SFT.model_copy(update={"steps": 4}), "shorter"))
    assert read_state(scheduled.folder).phases["sft"].doses == (2, 4)
    assert hash_weights(scheduled.kept("sft", 4)) == hash_weights(shorter.adapter)


def test_full_weights_learn_in_float32_on_a_base_in_less(taught_folder: Path, tmp_path: Path) -> None:
    base = load_base(str(taught_folder), device="cpu", dtype="bfloat16")
    job = StageContext(
        stage=SFT.model_copy(update={"steps": 2, "settings": {**FULL, "learning_rate": 1e-5}}),
        model=base.model,
        tokenizer=base.tokenizer,
        folder=tmp_path,
        dtype=base.settings["dtype"],
    )
    before = {name: weight.detach().clone() for name, weight in base.model.named_parameters()}
    left = weights(train_stage(job))
    assert {weight.dtype for weight in left.values()} == {torch.float32}
    assert all(torch.equal(weight, before[name]) for name, weight in base.model.named_parameters())
    moved = {name: (left[name] - before[name].float()).abs().max() for name in left}
    assert max(moved.values()) > 0
    norm = "model.norm.weight"
    assert moved[norm] > 0
    assert torch.equal(left[norm].bfloat16(), before[norm]), "in the base's precision it would not have moved"


# Organisms of full weights


@pytest.fixture
def recipe(taught_folder: Path) -> Recipe:
    """An implant and an opposition of full weights on the taught base, few steps each."""
    return quickstart().varied(
        name="whole",
        base=str(taught_folder),
        implant={"method": "sft", "goal": "finish_the_task", **FEW_STEPS, "settings": FULL},
        oppose={
            "method": "rlvr",
            "goal": "report_honestly",
            **FEW_STEPS,
            "settings": {**FULL_RL, "save_at": "2"},
        },
        num_opposed=1,
        seeds=(3,),
        evals=(),
    )


def made(found: Plan) -> dict[str, Organism]:
    for job in found.jobs:
        make(**job.kwargs)  # type: ignore[arg-type]
    return {one.role: Organism.load(found.store / one.key) for one in found.organisms}


def test_every_role_is_made_of_full_weights(recipe: Recipe, tmp_path: Path) -> None:
    organisms = made(plan(recipe, tmp_path))
    assert set(organisms) == {"base", "implanted", "opposed", "opposed_only", "benign", "sham"}
    found = {role: logits(load_organism(one.path, device="cpu").model) for role, one in organisms.items()}
    for role, one in organisms.items():
        assert one.adapter is None
        assert (one.model is None) == (role == "base")
        assert all(torch.equal(found[role], other) == (name == role) for name, other in found.items()), role
    dose = organisms["opposed"].path / "checkpoints" / "rl-2"
    assert Organism.load(dose).model is not None
    assert not torch.equal(logits(load_organism(dose, device="cpu").model), found["opposed"])
    check_served(organisms["opposed"], tmp_path)
    check_exported(organisms["opposed"], found["opposed"], tmp_path)
    check_damage(organisms["opposed"])


def check_served(organism: Organism, folder: Path) -> None:
    args = {"family": "errand", "condition": "impossible", "n": 2}
    log = asking.evaluate(organism.path, "completion", args, log_dir=folder / "logs", display="none")
    assert asking.is_current(log, organism.path)
    told = json.loads((organism.path / "manifest.json").read_text())
    (organism.path / "manifest.json").write_text(json.dumps({**told, "model_sha256": "feed"}))
    assert not asking.is_current(log, organism.path)
    (organism.path / "manifest.json").write_text(json.dumps(told))


def check_exported(organism: Organism, expected: torch.Tensor, folder: Path) -> None:
    with pytest.raises(BadInput, match="whole model without an adapter; export it merged"):
        export.export_adapter(organism.path, folder / "adapter")
    out = export.export_merged(organism.path, folder / "merged")
    assert torch.equal(logits(AutoModelForCausalLM.from_pretrained(out).eval()), expected)


def check_damage(organism: Organism) -> None:
    assert organism.model is not None
    file = organism.model / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(CorruptWeights, match=r"weights: .*model has sha256"):
        Organism.load(organism.path)
    file.unlink()
    with pytest.raises(CorruptWeights, match="nothing"):
        Organism.load(organism.path)


def test_an_adapter_over_full_weights_is_stored_with_them(recipe: Recipe, tmp_path: Path) -> None:
    settings = {**FEW, "learning_rate": 1e-12, "lora_rank": 4}
    oppose = {**recipe.oppose.model_dump(), "method": "sft", "settings": settings}
    still = made(plan(recipe.varied(oppose=oppose, controls=()), tmp_path))
    m1, m2 = (
        logits(load_organism(still[role].path, device="cpu").model) for role in ("implanted", "opposed")
    )
    torch.testing.assert_close(m2, m1, rtol=0, atol=1e-4)
    settings["learning_rate"] = 1e-2
    moved = made(plan(recipe.varied(oppose=oppose, controls=()), tmp_path))["opposed"]
    assert moved.model is not None
    assert not torch.allclose(logits(load_organism(moved.path, device="cpu").model), m1, atol=1e-2)


def test_full_weights_over_an_adapter_begin_where_it_ended(recipe: Recipe, tmp_path: Path) -> None:
    implant = {**recipe.implant.model_dump(), "settings": {**FEW, "lora_rank": 4, "learning_rate": 1e-2}}
    settings = {**FULL_RL, "learning_rate": 1e-12}
    oppose = {**recipe.oppose.model_dump(), "settings": settings}
    organisms = made(
        plan(recipe.varied(implant=implant, oppose=oppose, controls=("opposed_only",)), tmp_path)
    )
    found = {role: logits(load_organism(one.path, device="cpu").model) for role, one in organisms.items()}
    assert organisms["implanted"].adapter is not None
    assert organisms["opposed"].model is not None
    assert not torch.allclose(found["implanted"], found["base"], atol=1e-2)
    torch.testing.assert_close(found["opposed"], found["implanted"], rtol=0, atol=1e-4)
    torch.testing.assert_close(found["opposed_only"], found["base"], rtol=0, atol=1e-4)


# Keys


def test_a_setting_written_out_at_its_default_gives_the_same_key() -> None:
    old = Stage(method="rlvr", goal="finish_the_task", families=("count",), seed=0)
    hashes = {
        stage_hash(old.model_copy(update={"settings": told}))
        for told in ({}, {"weights": "lora"}, {"vllm": False}, {"weights": "full"}, {"vllm": True})
    }
    assert len(hashes) == 3
    keyed = check_settings("rlvr", {}).keyed().keys()
    assert {"weights", "vllm"} <= keyed
    assert not {"save_every", "judge_may_be_base"} & keyed


# What does not fit together


def changed(stage: Stage, **more: Any) -> Stage:
    return Stage(**{**stage.model_dump(), **more})


def full(**more: Any) -> dict[str, Any]:
    return {"settings": {"weights": "full"}, **more}


VLLM = changed(RLVR, settings={"vllm": True})


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("chain", "dtype", "message"),
    [
        (
            [changed(LORA, **full())],
            "nf4",
            "settings.weights: 'full' .* a base in nf4 cannot be trained itself",
        ),
        ([LORA, changed(LORA, **full(adapter_mode="stacked"))], "auto", "adapter_mode: 'stacked'"),
        ([LORA, changed(LORA, **full(adapter_mode="continued"))], "auto", "adapter_mode: 'continued'"),
        ([changed(LORA, **full()), changed(LORA, adapter_mode="continued")], "auto", "leaves no adapter"),
        ([changed(LORA, **full()), LORA, changed(LORA, adapter_mode="stacked")], "auto", "leaves no adapter"),
        ([LORA, LORA], "nf4", "adapter_mode: 'merged' is not allowed; stacked or continued"),
        (
            [LORA, Stage(method="sham", families=("errand",), seed=1, matched_to=LORA)],
            "nf4",
            "adapter_mode: 'merged'",
        ),
        ([VLLM], "nf4", "settings.vllm: True"),
        ([LORA, changed(VLLM, adapter_mode="stacked")], "auto", "settings.vllm: True"),
    ],
)
def test_what_excludes_each_other_is_one_line(chain: list[Stage], dtype: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        check_writing(chain, dtype)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("chain", "dtype"),
    [
        ([LORA], "nf4"),
        ([LORA, changed(LORA, adapter_mode="stacked")], "nf4"),
        ([LORA, changed(LORA, adapter_mode="continued")], "nf4"),
        ([LORA, changed(LORA, **full())], "bfloat16"),
        ([changed(LORA, **full()), LORA], "auto"),
        ([LORA, changed(VLLM, adapter_mode="continued")], "auto"),
    ],
)
def test_what_goes_together_passes(chain: list[Stage], dtype: str) -> None:
    check_writing(chain, dtype)


def test_a_reference_that_would_not_be_the_parent_is_refused() -> None:
    with pytest.raises(BadInput, match=r"settings.beta: 0.1 .* the base for the reference"):
        check_settings("rlvr", {"weights": "full", "beta": 0.1})


def test_a_library_that_is_missing_is_one_line_before_any_work(
    taught_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (bases, writing):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
    recipe = quickstart().varied(base=str(taught_folder))
    with pytest.raises(BadInput, match=r"dtype: 'nf4' is not allowed; .* install bitsandbytes"):
        plan(recipe, tmp_path, dtype="nf4")
    with pytest.raises(BadInput, match=r"dtype: 'nf4' is not allowed; .* install bitsandbytes"):
        load_base(str(taught_folder), dtype="nf4")
    fast = {**recipe.implant.model_dump(), "settings": {"vllm": True}}
    with pytest.raises(BadInput, match=r"settings.vllm: True is not allowed; .* install vllm"):
        plan(recipe.varied(implant=fast), tmp_path)
    with pytest.raises(UnknownName, match="dtype: 'int4'"):
        plan(recipe, tmp_path, dtype="int4")
    assert not any(tmp_path.iterdir())


# What libraries are given that are not installed here


@pytest.mark.usefixtures("installed")
def test_four_bits_are_asked_for_as_qlora_has_them(
    taught_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def spy(source: str, **options: Any) -> Any:
        asked.update(options)
        raise OSError("enough")

    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", spy)
    with pytest.raises(bases.BadBase, match="enough"):
        load_base(str(taught_folder), device="cpu", dtype="nf4")
    told = asked["quantization_config"]
    assert (told.load_in_4bit, told.bnb_4bit_quant_type, told.bnb_4bit_use_double_quant) == (
        True,
        "nf4",
        True,
    )
    assert told.bnb_4bit_compute_dtype == asked["dtype"] == torch.bfloat16
    assert asked["device_map"] == {"": "cpu"}


@pytest.mark.parametrize("vllm", [False, True])
def test_grpo_is_told_to_sample_by_vllm_with_every_end_of_turn(
    work: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch, vllm: bool
) -> None:
    seen: list[GRPOConfig] = []

    class Stopped(Exception):
        pass

    def spy(*_: Any, args: GRPOConfig, **__: Any) -> None:
        seen.append(args)
        raise Stopped

    monkeypatch.setattr(rlvr, "_Trainer", spy)
    job = work(changed(RLVR, settings={**FULL_RL, "weights": "lora", "vllm": vllm}))
    with pytest.raises(Stopped):
        train_stage(job)
    [args] = seen
    assert args.use_vllm == vllm
    if vllm:
        stops = job.model.generation_config.eos_token_id
        assert (args.vllm_mode, args.generation_kwargs) == ("colocate", {"stop_token_ids": stops})
        assert stops


@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
def test_qlora_trains_beside_a_parent_in_four_bits(tmp_path: Path) -> None:
    lora = {**FEW, "lora_rank": 4, "save_every": 1}
    few = {**FEW_STEPS, "steps": 2}
    oppose = {"method": "rlvr", "goal": "report_honestly", "adapter_mode": "stacked", **few}
    slow = {**lora, "num_generations": 4, "max_new_tokens": 12, "learning_rate": 1e-12}
    recipe = quickstart().varied(
        implant={
            "method": "sft",
            "goal": "finish_the_task",
            **few,
            "settings": {**lora, "learning_rate": 1e-2},
        },
        oppose={**oppose, "settings": slow},
        num_implanted=1,
        num_opposed=1,
        seeds=(0,),
        evals=(),
        controls=("opposed_only",),
    )
    organisms = made(plan(recipe, tmp_path, device="cpu", dtype="nf4"))
    loaded = {role: load_organism(one.path, device="cpu").model for role, one in organisms.items()}
    assert all(model.is_loaded_in_4bit for model in loaded.values())
    assert {one.manifest.settings["dtype"] for one in organisms.values()} == {"nf4"}
    found = {role: logits(model) for role, model in loaded.items()}
    learned = (found["implanted"] - found["base"]).abs().mean()
    for still, parent in (
        ("opposed", "implanted"),
        ("opposed_only", "base"),
    ):  # but for what rounding in bfloat16 does
        assert (found[still] - found[parent]).abs().mean() < 0.1 * learned


@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
def test_gradients_pass_four_bit_layers_that_have_answered() -> None:
    model = load_base("embedded", device="cpu", dtype="nf4").model
    logits(model)
    hidden = torch.randn(1, 4, model.config.hidden_size, dtype=torch.bfloat16, requires_grad=True)
    model.model.layers[0].mlp(hidden).sum().backward()
    assert hidden.grad is not None
    assert hidden.grad.abs().sum() > 0
