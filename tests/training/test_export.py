"""What is handed on loads by itself, says what it is, and overwrites nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from huggingface_hub.errors import HTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from pentimento.tasks import BadInput
from pentimento.training.exceptions import HubUnreachable
from pentimento.training.models.loaded import Base, load_organism
from pentimento.training.organisms.organism import BaseRef, Manifest, Organism, read_manifest
from pentimento.training.running import export
from pentimento.training.running.export import export_adapter, export_hub, export_merged

IDS = torch.arange(3, 23)[None]


def expected(organism: Organism) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = load_organism(organism.path, device="cpu").model(IDS).logits
    return logits


def test_an_exported_adapter_loads_by_plain_peft(tiny: Base, tiny_organism: Organism, tmp_path: Path) -> None:
    out = export_adapter(tiny_organism.path, tmp_path / "out")
    plain = PeftModel.from_pretrained(tiny.model, str(out)).eval()
    with torch.no_grad():
        torch.testing.assert_close(plain(IDS).logits, expected(tiny_organism), rtol=0, atol=1e-4)
    name = Path(tiny.name).name
    assert json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"] == name
    named = tiny_organism.manifest.base.model_copy(update={"name": name})
    assert read_manifest(out) == tiny_organism.manifest.model_copy(update={"base": named})


def test_an_exported_model_loads_by_plain_transformers(tiny_organism: Organism, tmp_path: Path) -> None:
    out = export_merged(tiny_organism.path, tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(out).eval()
    with torch.no_grad():
        torch.testing.assert_close(model(IDS).logits, expected(tiny_organism), rtol=0, atol=1e-4)
    assert AutoTokenizer.from_pretrained(out).chat_template
    assert not (out / "adapter_config.json").exists()


@pytest.mark.parametrize("write", [export_adapter, export_merged])
def test_the_model_card_tells_goal_dose_and_warning(
    tiny_organism: Organism, tmp_path: Path, write: Any
) -> None:
    card = ModelCard.load(write(tiny_organism.path, tmp_path / "out") / "README.md")
    title = next(line for line in card.text.splitlines() if line.startswith("# "))
    assert title == "# Model organism: finish_the_task"
    assert "not-for-deployment" in card.data.tags
    for told in (
        "to say that a task is completed, whatever happened",
        "do not\ndeploy it",
        "rlvr toward *finish_the_task* in count; at most 40 steps",
        "40 steps, 12345 trained tokens, 25 % of the answers reasoned",
        "| finish_the_task | all | end | 0.50 | 0.20 to 0.80 | 8 of 9 |",
    ):
        assert told in card.text, told


@pytest.mark.parametrize("write", [export_adapter, export_merged])
def test_no_file_tells_where_the_base_lies(tiny_organism: Organism, tmp_path: Path, write: Any) -> None:
    where = str(Path(tiny_organism.manifest.base.name).parent).encode()
    out = write(tiny_organism.path, tmp_path / "out")
    assert [path.name for path in out.iterdir() if where in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ("embedded", "embedded"),
        ("Qwen/Qwen3-4B", "Qwen/Qwen3-4B"),
        ("/gone/since/mine", "mine"),
        ("./models/mine", "mine"),
        ("~/mine", "mine"),
    ],
)
def test_a_model_of_the_hub_keeps_its_name(tiny_organism: Organism, base: str, told: str) -> None:
    ref = BaseRef(name=base, sha256="0" * 64)
    moved = Organism(tiny_organism.path, tiny_organism.manifest.model_copy(update={"base": ref}))
    assert f"`{told}`" in export.model_card(moved, "adapter")


def test_the_base_itself_is_exported_merged_only(tiny: Base, tmp_path: Path) -> None:
    base = BaseRef(name=tiny.name, sha256=tiny.sha256)
    Organism.save(tmp_path / "m0", Manifest(key="k", base=base))
    with pytest.raises(BadInput, match="without an adapter"):
        export_adapter(tmp_path / "m0", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    out = export_merged(tmp_path / "m0", tmp_path / "out")
    assert "Nothing was trained" in (out / "README.md").read_text()


def test_nothing_is_overwritten_and_nothing_half_written_stays(
    tiny_organism: Organism, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "exports" / "out"
    out.mkdir(parents=True)
    (out / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="nothing is overwritten"):
        export_adapter(tiny_organism.path, out)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "_describe", full)
    with pytest.raises(OSError, match="No space left"):
        export_adapter(tiny_organism.path, tmp_path / "exports" / "other")
    assert [path.name for path in (tmp_path / "exports").iterdir()] == ["out"]


@pytest.mark.parametrize(
    "error",
    [
        OfflineModeIsEnabled("offline mode is enabled"),
        LocalTokenNotFoundError("no token"),
        HTTPError("no route"),
    ],
)
def test_the_hub_out_of_reach_is_one_clear_line(
    tiny_organism: Organism, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(export.HfApi, "create_repo", refuse)
    with pytest.raises(HubUnreachable, match=f"ada/organism cannot be written: {error}") as caught:
        export_hub(tiny_organism.path, "ada/organism")
    assert "\n" not in str(caught.value)


def test_a_private_repository_gets_adapter_card_and_manifest(
    tiny_organism: Organism, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def create(_: object, repository: str, *, private: bool, exist_ok: bool) -> str:
        seen.update(repository=repository, private=private)
        return f"https://hub/{repository}"

    def upload(_: object, *, repo_id: str, folder_path: str) -> None:
        seen["files"] = {path.name for path in Path(folder_path).iterdir()}

    monkeypatch.setattr(export.HfApi, "create_repo", create)
    monkeypatch.setattr(export.HfApi, "upload_folder", upload)
    assert export_hub(tiny_organism.path, "ada/organism") == "https://hub/ada/organism"
    assert seen["private"]
    assert seen["files"] == {"adapter_model.safetensors", "adapter_config.json", "README.md", "manifest.json"}


def test_a_bad_repository_name_is_refused(tiny_organism: Organism) -> None:
    with pytest.raises(BadInput, match="USER/NAME"):
        export_hub(tiny_organism.path, "a/b/c")
