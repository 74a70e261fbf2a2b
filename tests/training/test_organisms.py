"""An organism is one adapter on the base: equal to its chain, loaded by plain PEFT, checked by its
manifest."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedModel

from pentimento.tasks.exceptions import PentimentoError
from pentimento.training.exceptions import BaseMismatch, CorruptWeights, NoOrganism
from pentimento.training.models.composing import compose
from pentimento.training.models.loaded import Base, load_base, load_organism, merged_parent
from pentimento.training.organisms import organism as organisms
from pentimento.training.organisms.organism import (
    BaseRef,
    Manifest,
    Organism,
    Strength,
    hash_weights,
)
from pentimento.training.recipes.stages import Stage

AddLora = Callable[..., PeftModel]
STAGE = Stage(method="rlvr", goal="finish_the_task", families=("count",), seed=0)


def logits(model: PreTrainedModel | PeftModel) -> torch.Tensor:
    ids = torch.arange(3, 43).reshape(2, 20)
    with torch.no_grad():
        result: torch.Tensor = model(ids).logits
    return result


def manifest(base: Base, key: str = "0123456789abcdef") -> Manifest:
    return Manifest(key=key, base=BaseRef(name=base.name, sha256=base.sha256), stages=(STAGE,))


def store(base: Base, add_lora: AddLora, folder: Path, seed: int = 0, **lora: object) -> Organism:
    """Train nothing, but store a first organism as a stage would."""
    adapted = add_lora(base.model, seed=seed, **lora)
    adapted.save_pretrained(folder / "trained")
    adapted.unload()
    adapter = compose(base.model, [folder / "trained"], folder / "composed")
    return Organism.save(folder / "organism", manifest(base), adapter)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"r": 4}, {"r": 4}),
        ({"r": 4}, {"r": 8}),
        ({"r": 4, "rslora": True}, {"r": 8}),
        ({"r": 8}, {"r": 2, "rslora": True}),
        ({"r": 8, "rslora": True}, {"r": 4, "rslora": True}),
    ],
)
def test_one_stored_adapter_equals_its_chain_and_the_merged_model(
    tiny_folder: Path, tmp_path: Path, add_lora: AddLora, first: dict[str, object], second: dict[str, object]
) -> None:
    fresh = load_base(str(tiny_folder), device="cpu")
    m0 = logits(fresh.model)
    parent = store(fresh, add_lora, tmp_path, seed=1, **first)

    merged = merged_parent(load_base(str(tiny_folder), device="cpu"), parent)
    m1 = logits(merged)
    chain = add_lora(merged, seed=2, **second)
    m2 = logits(chain)
    chain.save_pretrained(tmp_path / "second")
    assert parent.adapter is not None
    one = compose(fresh.model, [parent.adapter, tmp_path / "second"], tmp_path / "one")

    assert (logits(fresh.model) == m0).all(), "composing must leave the base as it was"
    plain = PeftModel.from_pretrained(load_base(str(tiny_folder), device="cpu").model, str(one)).eval()
    assert (m1 - m0).abs().max() > 0.1
    assert (m2 - m1).abs().max() > 0.1
    torch.testing.assert_close(logits(plain), m2, rtol=0, atol=1e-4)
    torch.testing.assert_close(logits(plain.merge_and_unload()), m2, rtol=0, atol=1e-4)


def test_three_stages_become_one_adapter_too(tiny_folder: Path, tmp_path: Path, add_lora: AddLora) -> None:
    model = load_base(str(tiny_folder), device="cpu").model
    folders = []
    for seed in range(3):
        adapted = add_lora(model, seed=seed, r=2 + seed)
        folders.append(tmp_path / str(seed))
        adapted.save_pretrained(folders[-1])
        chain = logits(adapted)
        model = adapted.merge_and_unload()
    base = load_base(str(tiny_folder), device="cpu").model
    one = PeftModel.from_pretrained(base, str(compose(base, folders, tmp_path / "one"))).eval()
    torch.testing.assert_close(logits(one), chain, rtol=0, atol=1e-4)


def test_a_stored_organism_loads_as_it_was(
    tiny: Base, tiny_folder: Path, tmp_path: Path, add_lora: AddLora
) -> None:
    adapted = add_lora(tiny.model, seed=3)
    expected = logits(adapted)
    adapted.save_pretrained(tmp_path / "trained")
    adapted.unload()
    adapter = compose(tiny.model, [tmp_path / "trained"], tmp_path / "composed")
    saved = Organism.save(tmp_path / "store" / "k", manifest(tiny), adapter)
    loaded = load_organism(tmp_path / "store" / "k", device="cpu")
    assert loaded.manifest == saved.manifest
    assert loaded.manifest.stages == (STAGE,)
    torch.testing.assert_close(logits(loaded.model), expected, rtol=0, atol=1e-4)
    assert not loaded.model.training


def test_m0_is_an_organism_without_an_adapter(tiny: Base, tmp_path: Path) -> None:
    organism = Organism.save(tmp_path / "m0", manifest(tiny))
    assert organism.adapter is None
    loaded = load_organism(tmp_path / "m0", device="cpu")
    assert torch.equal(logits(loaded.model), logits(tiny.model))


@pytest.mark.parametrize("damage", ["weights", "config", "missing", "truncated"])
def test_a_changed_adapter_is_refused_in_one_line(tiny_organism: Organism, damage: str) -> None:
    organism = tiny_organism
    assert organism.adapter is not None
    weights = organism.adapter / "adapter_model.safetensors"
    config = organism.adapter / "adapter_config.json"
    if damage == "weights":
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    elif damage == "config":
        config.write_text(json.dumps({**json.loads(config.read_text()), "lora_alpha": 999}))
    elif damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(CorruptWeights, match="weights") as caught:
        load_organism(organism.path, device="cpu")
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, PentimentoError)


def test_the_hash_does_not_depend_on_the_process(tiny_organism: Organism) -> None:
    fields = json.loads((tiny_organism.path / "adapter" / "adapter_config.json").read_text())
    assert fields["target_modules"] == sorted(fields["target_modules"])


def test_the_hash_does_not_depend_on_where_the_base_lies(tiny_organism: Organism) -> None:
    organism = tiny_organism
    assert organism.adapter is not None
    config = organism.adapter / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": "/elsewhere"}))
    assert hash_weights(organism.adapter) == organism.manifest.adapter_sha256


def test_another_base_is_refused(tiny_organism: Organism, family_folders: dict[str, Path]) -> None:
    other = load_base(str(family_folders["llama3"]), device="cpu")
    with pytest.raises(BaseMismatch, match="trained on"):
        merged_parent(other, tiny_organism)
    told = json.loads((tiny_organism.path / "manifest.json").read_text())
    told["base"]["sha256"] = other.sha256
    (tiny_organism.path / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(BaseMismatch, match="trained on"):
        load_organism(tiny_organism.path, device="cpu")


@pytest.mark.parametrize("content", [None, "", "{", '{"key": "a"}', '{"format": 2, "key": "a"}'])
def test_a_folder_without_a_readable_manifest_is_refused_in_one_line(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(NoOrganism) as caught:
        Organism.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_crash_before_the_manifest_leaves_no_organism_and_storing_again_mends_it(
    tiny: Base, tmp_path: Path, add_lora: AddLora, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store(tiny, add_lora, tmp_path / "a", seed=1)
    second = store(tiny, add_lora, tmp_path / "b", seed=2)
    assert first.adapter is not None
    assert second.adapter is not None
    target = tmp_path / "target"

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(organisms, "write_atomically", crash)
        with pytest.raises(KeyboardInterrupt):
            Organism.save(target, manifest(tiny), first.adapter)
    assert not Organism.exists(target)
    stored = Organism.save(target, manifest(tiny), second.adapter)
    assert Organism.load(target).manifest == stored.manifest
    assert stored.manifest.adapter_sha256 == second.manifest.adapter_sha256
    assert [path.name for path in target.iterdir() if path.name.startswith(".")] == []


def test_storing_keeps_what_else_lies_in_the_folder(tiny: Base, tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("{}\n")
    Organism.save(tmp_path, manifest(tiny))
    assert (tmp_path / "metrics.jsonl").read_text() == "{}\n"


def test_a_manifest_survives_the_round_trip() -> None:
    strength = Strength(
        goal="finish_the_task", family="count", n=10, n_valid=9, score=0.5, low=0.2, high=0.8, when="end"
    )
    written = Manifest(
        key="k", base=BaseRef(name="embedded", sha256="0" * 64), stages=(STAGE,), strength=(strength,)
    )
    assert Manifest.model_validate_json(written.model_dump_json()) == written
