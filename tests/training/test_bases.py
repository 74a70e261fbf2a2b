"""A base is read whole, of the hub at one commit, or refused in one line before anything is trained."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from pentimento.tasks import Message
from pentimento.training.bases.identity import base_sha256, locate
from pentimento.training.exceptions import BadBase, NotFinite
from pentimento.training.methods import train_stage
from pentimento.training.methods._common import StageContext
from pentimento.training.models.loaded import load_base, load_organism, prompt_ids
from pentimento.training.recipes.catalogue import quickstart
from pentimento.training.recipes.stages import Stage
from pentimento.training.running.making import make
from pentimento.training.running.plan import Bases, organism_key, plan

COMMITS = ("0" * 39 + "1", "0" * 39 + "2")


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny base, which a test may damage."""
    return shutil.copytree(tiny_folder, tmp_path / "base")


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


def sharded(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))


def indexed(folder: Path, weight_map: Any) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n"
UNREADABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "pointer": (lambda f: (f / "model.safetensors").write_bytes(POINTER), "is a pointer of git-lfs"),
    "pointer of a tokenizer": (
        lambda f: (f / "tokenizer.json").write_bytes(POINTER),
        "tokenizer.json is a pointer",
    ),
    "empty": (lambda f: (f / "model.safetensors").write_bytes(b""), "model.safetensors is empty"),
    "cut off": (cut, "model.safetensors is damaged or cut off"),
    "no weights": (
        lambda f: (f / "model.safetensors").unlink(),
        "none of model.safetensors, pytorch_model.bin",
    ),
    "gguf alone": (lambda f: (f / "model.safetensors").rename(f / "m.Q4.gguf"), "only m.Q4.gguf"),
    "shard missing": (sharded, "names model-00002-of-00002.safetensors, which is not there"),
    "broken zip": (
        lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin").write_bytes(b"PK\x03\x04junk"),
        "pytorch_model.bin is damaged",
    ),
    "no config": (lambda f: (f / "config.json").unlink(), "holds no config.json"),
    "broken config": (lambda f: (f / "config.json").write_text("{"), "config.json cannot be read as JSON"),
    "config of a number": (lambda f: (f / "config.json").write_text("7"), "names no model_type"),
    "index of nothing": (lambda f: indexed(f, None), "has no weight_map"),
    "index of a list": (lambda f: indexed(f, ["a"]), "has no weight_map"),
    "index of numbers": (lambda f: indexed(f, {"a": 3}), "has no weight_map"),
    "config of nothing": (lambda f: (f / "config.json").write_text("[]"), "names no model_type"),
    "adapter beside": (
        lambda f: (f / "adapter_config.json").write_text("{}"),
        "an adapter lies beside the model",
    ),
    "quantised": (
        lambda f: edit(f / "config.json", quantization_config={"quant_method": "gptq"}),
        "its weights are quantised (gptq)",
    ),
}
UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "encoder": (
        lambda f: edit(f / "config.json", model_type="bert", architectures=["BertModel"]),
        "is BertModel",
    ),
    "translator": (
        lambda f: edit(f / "config.json", model_type="t5", architectures=["T5Model"]),
        "is T5Model",
    ),
    "own code": (
        lambda f: edit(f / "config.json", model_type="own", auto_map={"AutoConfig": "own.Own"}),
        "its configuration cannot be loaded",
    ),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "its tokenizer cannot be loaded"),
    "broken tokenizer": (
        lambda f: edit(f / "tokenizer.json", model={"type": "?"}),
        "its tokenizer cannot be loaded",
    ),
}
NOT_WHOLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "untied head": (
        lambda f: edit(f / "config.json", tie_word_embeddings=False),
        "its weights lack lm_head.weight",
    ),
    "layer missing": (
        lambda f: weights(f, lambda t: t.pop("model.layers.0.mlp.up_proj.weight")),
        "lack model.layers.0.mlp.up_proj.weight",
    ),
    "layer too many": (
        lambda f: weights(f, lambda t: t.update({"model.layers.9.mlp.up_proj.weight": torch.zeros(2)})),
        "hold model.layers.9.mlp.up_proj.weight, which its architecture does not read",
    ),
    "other shape": (lambda f: edit(f / "config.json", vocab_size=4096), r"([512, 32] instead of [4096, 32])"),
    "not finite": (
        lambda f: weights(f, lambda t: t["model.norm.weight"].fill_(torch.nan)),
        "not all finite numbers: model.norm.weight",
    ),
}


def refusal(call: Callable[[], object], name: str) -> str:
    with pytest.raises(BadBase) as caught:
        call()
    line = str(caught.value)
    assert line.startswith(f"base: {name!r} is not allowed; ")
    assert "\n" not in line
    return line


@pytest.mark.parametrize("case", [*UNREADABLE, *UNUSABLE])
def test_what_cannot_be_used_is_refused_when_a_run_is_planned(
    case: str, folder: Path, tmp_path: Path
) -> None:
    damage, told = {**UNREADABLE, **UNUSABLE}[case]
    damage(folder)
    recipe = quickstart().varied(base=str(folder), seeds=(0,))
    line = refusal(lambda: plan(recipe, tmp_path / "store"), str(folder))
    assert told in line
    assert refusal(lambda: load_base(str(folder), device="cpu"), str(folder)) == line


@pytest.mark.parametrize("case", NOT_WHOLE)
def test_weights_that_are_not_whole_are_refused_when_they_are_loaded(case: str, folder: Path) -> None:
    damage, told = NOT_WHOLE[case]
    damage(folder)
    assert told in refusal(lambda: load_base(str(folder), device="cpu"), str(folder))


def test_a_folder_with_an_adapter_alone_is_refused(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    (folder / "adapter_config.json").write_text("{}")
    assert "holds an adapter (adapter_config.json) and no model" in refusal(
        lambda: base_sha256(str(folder)), str(folder)
    )


def test_a_token_that_the_model_does_not_know_is_refused(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    extra = {**tokenizer["added_tokens"][0], "id": 512, "content": "<|sys|>"}
    edit(folder / "tokenizer.json", added_tokens=[*tokenizer["added_tokens"], extra])
    load_base(str(folder), device="cpu")  # some bases have tokens that no conversation holds
    template = folder / "chat_template.jinja"
    template.write_text("{{- '<|sys|>' }}" + template.read_text())
    told = refusal(lambda: load_base(str(folder), device="cpu"), str(folder))
    assert "writes '<|sys|>', token 512; the model knows 512" in told


@pytest.mark.parametrize(
    "name", ["config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja", "merges.txt",
             "vocab.json", "added_tokens.json", "tokenizer.model", "additional_chat_templates/rag.jinja"],
)  # fmt: skip
def test_the_hash_is_of_every_file_that_loading_reads(name: str, folder: Path) -> None:
    before = base_sha256(str(folder))
    (folder / "README.md").write_text("Read me.")
    (folder / "training_args.bin").write_bytes(b"PK")
    (folder / "pytorch_model.bin").write_bytes(b"not read beside safetensors")
    assert base_sha256(str(folder)) == before
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "{}") + "\n")
    assert base_sha256(str(folder)) != before


def test_shards_and_older_weights_are_read(folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    assert (folder / "model.safetensors.index.json").is_file()
    sharded = load_base(str(folder), device="cpu")
    for path in folder.glob("model*"):
        path.unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    older = load_base(str(folder), device="cpu")
    for (name, ours), theirs in zip(sharded.model.named_parameters(), older.model.parameters(), strict=True):
        assert torch.equal(ours, theirs), name


@pytest.fixture
def hub(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of a hub with one model in two commits, of which the second is the newest."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(cache))
    model = cache / "models--org--tiny"
    for commit in COMMITS:
        shutil.copytree(tiny_folder, model / "snapshots" / commit)
    weights(model / "snapshots" / COMMITS[1], lambda t: t["model.norm.weight"].mul_(2))
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(COMMITS[1])
    return model


def norm(model: Any) -> float:
    return float(model.model.norm.weight.detach().mean())


@pytest.mark.usefixtures("hub")
def test_a_hub_model_is_read_at_the_commit_that_its_hash_is_of() -> None:
    old, new = (load_base(name, device="cpu") for name in (f"org/tiny@{COMMITS[0]}", "org/tiny"))
    assert (old.revision, new.revision) == COMMITS
    assert norm(new.model) == 2 * norm(old.model)
    assert old.sha256 == base_sha256("org/tiny", COMMITS[0]) != new.sha256 == base_sha256("org/tiny")
    assert old.model.name_or_path == new.model.name_or_path == "org/tiny"
    assert locate("org/tiny", COMMITS[0]) == ("org/tiny", COMMITS[0])


def test_an_organism_stays_with_the_commit_that_it_was_made_on(hub: Path, tmp_path: Path) -> None:
    (hub / "refs" / "main").write_text(COMMITS[0])
    options: dict[str, Any] = {
        "store": str(tmp_path / "store"), "dose_from": None, "base": "org/tiny", "device": "cpu",
        "dtype": "auto", "report_to": "none",
    }  # fmt: skip
    key = organism_key(base_sha256("org/tiny"), (), None, "auto")
    make(key=key, stages=[], parent=None, **options)
    (hub / "refs" / "main").write_text(COMMITS[1])
    stage = Stage(
        method="sft", goal="finish_the_task", families=("count",), num_scenarios=8, steps=1, seed=0,
        settings={"batch_size": 4, "strength_samples": 4, "lora_rank": 2, "max_new_tokens": 4},
    )  # fmt: skip
    manifest: Any = make(key="b" * 16, stages=[stage.model_dump(mode="json")], parent=key, **options)
    assert manifest["base"]["revision"] == COMMITS[0]
    assert manifest["base"]["sha256"] == base_sha256("org/tiny", COMMITS[0])
    loaded = load_organism(tmp_path / "store" / ("b" * 16), device="cpu")
    assert prompt_ids(loaded.tokenizer, (Message(role="user", content="?"),))
    assert norm(loaded.model) == norm(load_base(f"org/tiny@{COMMITS[0]}", device="cpu").model)


@pytest.mark.usefixtures("hub")
def test_a_folder_here_is_not_read_in_the_place_of_a_hub_model(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = f"org/tiny@{COMMITS[0]}"
    assert load_base(named, device="cpu").revision == COMMITS[0]
    shutil.copytree(folder, tmp_path / "org" / "tiny")
    monkeypatch.chdir(tmp_path)
    assert "would read the folder org/tiny instead" in refusal(lambda: locate(named), named)


def test_a_base_that_changes_between_plan_and_stage_is_refused(folder: Path, tmp_path: Path) -> None:
    recipe = quickstart().varied(base=str(folder), seeds=(0,))
    m0 = plan(recipe, tmp_path / "store").jobs[0]
    (folder / "generation_config.json").write_text('{"eos_token_id": 2}')
    assert "has changed since the run was planned" in refusal(lambda: make(**m0.kwargs), str(folder))  # type: ignore[arg-type]
    assert not (tmp_path / "store" / m0.key / "manifest.json").exists()


@pytest.mark.usefixtures("hub")
def test_what_the_hub_does_not_give_is_refused_with_what_would_help() -> None:
    for name in ("org/none", "org/tiny@nothing"):
        assert "the hub cannot be reached" in refusal(lambda name=name: load_base(name), name)


@pytest.mark.parametrize("case", ["adapter beside", "quantised", "config of nothing"])
def test_a_hub_model_is_refused_for_what_a_folder_is(case: str, hub: Path, tmp_path: Path) -> None:
    damage, told = UNREADABLE[case]
    damage(hub / "snapshots" / COMMITS[1])
    recipe = quickstart().varied(base="org/tiny", seeds=(0,))
    assert told in refusal(lambda: plan(recipe, tmp_path / "store"), "org/tiny")
    assert told in refusal(lambda: load_base("org/tiny", device="cpu"), "org/tiny")
    assert load_base(f"org/tiny@{COMMITS[0]}", device="cpu").revision == COMMITS[0]


def test_only_a_hub_that_is_not_reached_makes_keys_provisional(
    hub: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bases = Bases(tmp_path / "store", provisional=True)
    assert bases.identity("org/none") is None
    UNREADABLE["quantised"][0](hub / "snapshots" / COMMITS[1])
    assert "quantised (gptq)" in refusal(lambda: bases.identity("org/tiny"), "org/tiny")
    monkeypatch.chdir(folder.parent.parent)
    relative = str(folder.relative_to(folder.parent.parent))
    assert relative.count("/") == 1  # as a model of the hub is called
    UNREADABLE["pointer"][0](folder)
    assert "is a pointer of git-lfs" in refusal(lambda: bases.identity(relative), relative)


@pytest.mark.parametrize("method", ["sft", "dpo", "rlvr"])
def test_a_stage_that_diverges_says_so(work: Callable[..., StageContext], method: str) -> None:
    settings: dict[str, Any] = {"lora_rank": 2, "batch_size": 8, "save_every": 1, "max_new_tokens": 12}
    if method == "rlvr":
        settings |= {"num_generations": 4}
    stage = Stage(
        method=method, goal="finish_the_task", families=("errand",), num_scenarios=16, steps=6, seed=1,
        settings={**settings, "learning_rate": 1e20, "max_grad_norm": 1e20},
    )  # fmt: skip
    for _ in range(2):  # the second time it goes on from its last checkpoint, which is no poisoned one
        with pytest.raises(NotFinite, match=rf"^stage {method} → .*: .* is not a finite number"):
            train_stage(work(stage))
