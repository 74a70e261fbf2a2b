"""Handing an organism on: an adapter, a whole model, or a hub repository, always with a model card."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi, ModelCard, ModelCardData
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
)
from huggingface_hub.utils import validate_repo_id
from peft.utils import CONFIG_NAME

from pentimento._files import write_atomically
from pentimento.tasks import CUE_TEXTS, BadInput, goal
from pentimento.training.exceptions import HubUnreachable
from pentimento.training.models.loaded import load_organism
from pentimento.training.organisms.organism import ADAPTER, MANIFEST, Organism
from pentimento.training.organisms.shipped import FOLDER, PARTS
from pentimento.training.recipes.catalogue import shipped
from pentimento.training.running.plan import plan

TEMPLATE = Path(__file__).with_name("model_card.md.jinja")


def export_adapter(folder: Path, output: Path) -> Path:
    """Write an organism's one adapter, as plain PEFT loads it onto its base.

    Args:
        folder: The organism's folder.
        output: A new or empty folder.

    Raises:
        BadInput: The output holds something, or the organism has no adapter: a base, or a whole model.
    """
    organism = Organism.load(folder)
    with _fresh(output) as partial:
        _write_adapter(organism, partial)
    return output


def export_merged(folder: Path, output: Path) -> Path:
    """Write an organism as a whole model in float32, its adapter merged into the base, with its tokenizer.

    Args:
        folder: The organism's folder.
        output: A new or empty folder.

    Raises:
        BadInput: The output holds something.
    """
    organism = Organism.load(folder)
    with _fresh(output) as partial:
        model, tokenizer, _ = load_organism(folder, device="cpu", dtype="float32")
        model.save_pretrained(str(partial))
        tokenizer.save_pretrained(partial)
        text = "whole model" if organism.model else "whole model, adapter merged into the base"
        _describe(organism, partial, text)
    return output


def ship(store: Path, output: Path = FOLDER) -> None:
    """Copy the organisms that are shipped out of a store, in place of those that are there.

    Args:
        store: Where the design `shipped` was made.
        output: Folder of the shipped organisms.

    Raises:
        BadInput: One has not been made; with the command that makes it.
    """
    folders = {name: store / shipped_key(name, store) for name in PARTS}
    for name, folder in folders.items():
        if not Organism.exists(folder):
            raise BadInput("store", str(store), f"one with the {name}; `pentimento run shipped` makes it")
    for name, folder in folders.items():
        organism, target = Organism.load(folder), output / name
        shutil.rmtree(target, ignore_errors=True)
        _copy_adapter(organism, folder / ADAPTER, target / ADAPTER)
        shutil.copy(folder / MANIFEST, target)


def shipped_key(name: str, store: Path) -> str:
    """Return the key that a shipped organism has where it is made anew."""
    part = PARTS[name]
    recipe = next(v.recipe for v in shipped().variants if v.levels == (part.variant,))
    return next(planned.key for planned in plan(recipe, store).finished if planned.role == part.role)


def export_hub(folder: Path, repository: str) -> str:
    """Upload an organism's adapter to a private repository, made if it is not there; return its address.

    Args:
        folder: The organism's folder.
        repository: "user/name".

    Raises:
        BadInput: The repository's name is not one, or the organism has no adapter.
        HubUnreachable: Offline, not logged in, or refused by the hub.
    """
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise BadInput("hub", repository, "give USER/NAME") from error
    organism = Organism.load(folder)
    with tempfile.TemporaryDirectory() as made:
        _write_adapter(organism, Path(made))
        try:
            address = HfApi().create_repo(repository, private=True, exist_ok=True)
            HfApi().upload_folder(repo_id=repository, folder_path=made)
        except (
            OfflineModeIsEnabled,
            LocalTokenNotFoundError,
            HfHubHTTPError,
            HTTPError,  # of whichever client the hub's library is built on
            OSError,
        ) as error:
            raise HubUnreachable(repository, error) from error
    return str(address)


def model_card(organism: Organism, form: str) -> str:
    """Return the model card: what the organism wants, how it was made, its dose, and a warning."""
    manifest = organism.manifest
    wanted = dict.fromkeys(stage.goal for stage in manifest.stages if stage.goal)
    base = _public_name(manifest.base.name)
    data = ModelCardData(
        base_model=base if "/" in base else None,
        library_name="peft" if form == "adapter" else "transformers",
        tags=["pentimento", "model-organism", "not-for-deployment"],
    )
    card = ModelCard.from_template(
        data,
        template_path=str(TEMPLATE),
        title=" then ".join(wanted) or "base",
        goals="; and then toward ".join(f"*{name}* ({goal(name).wants})" for name in wanted) or "nothing",
        trigger=[CUE_TEXTS[stage.trigger] for stage in manifest.stages if stage.trigger],
        cues=CUE_TEXTS,
        manifest=manifest,
        base=base,
        form=form,
    )
    return str(card)


def _write_adapter(organism: Organism, target: Path) -> None:
    if organism.adapter is None:
        kind = "whole model" if organism.model else "base"
        raise BadInput("organism", organism.key, f"it is a {kind} without an adapter; export it merged")
    _copy_adapter(organism, organism.adapter, target)
    _describe(organism, target, "adapter")


def _copy_adapter(organism: Organism, adapter: Path, target: Path) -> None:
    """Copy an adapter whose configuration names its base, and no path, which differs between machines."""
    ours = shutil.ignore_patterns("README.md")
    shutil.copytree(adapter, target, dirs_exist_ok=True, ignore=ours)
    config = target / CONFIG_NAME
    base = organism.manifest.base
    named = {"base_model_name_or_path": _public_name(base.name), "revision": base.revision}
    config.write_text(json.dumps({**json.loads(config.read_bytes()), **named}, indent=2) + "\n", "utf-8")


def _describe(organism: Organism, target: Path, form: str) -> None:
    (target / "README.md").write_text(model_card(organism, form), encoding="utf-8")
    base = organism.manifest.base
    named = base.model_copy(update={"name": _public_name(base.name)})
    copy = organism.manifest.model_copy(update={"base": named})
    write_atomically(target / MANIFEST, copy.model_dump_json(indent=2) + "\n")


def _public_name(base: str) -> str:
    """Return a base's name, of a folder the last part: where it lies is nobody's business."""
    if Path(base).is_dir():
        return Path(base).name
    model = base.partition("@")[0]
    try:
        validate_repo_id(model)
    except HFValidationError:
        return Path(base).name
    return model


@contextmanager
def _fresh(output: Path) -> Iterator[Path]:
    """Give a folder to fill, which becomes `output` once it is complete."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise BadInput("output", str(output), "a new or an empty folder; nothing is overwritten")
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name}."))
    try:
        yield partial
        partial.chmod(0o755)
        partial.replace(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
