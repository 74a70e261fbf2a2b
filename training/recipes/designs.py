"""Designs: several recipes that differ in named factors, run together and reported beside each other."""

from typing import Self

from pydantic import Field, model_validator

from pentimento.tasks.exceptions import BadInput
from pentimento.training.recipes.recipe import Recipe, Written
from pentimento.training.recipes.stages import Checked


class Variant(Checked):
    """One recipe of a design."""

    levels: tuple[str, ...] = Field(min_length=1)
    """Where it stands on each of the design's factors, as ("rlvr", "dpo")."""
    recipe: Recipe


class Design(Written):
    """Recipes crossed by factors; what they have in common is made once, and asked once."""

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    factors: tuple[str, ...] = Field(min_length=1)
    """What the recipes differ in, as ("implant", "remover"). Of a factor `verdict` the levels are what each
    recipe is built to be called, and the report says how often it is."""
    variants: tuple[Variant, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [variant.recipe.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise BadInput("variants", names, "each recipe's name once: it is the name of its folder")
        levels = [variant.levels for variant in self.variants]
        if len(set(levels)) < len(levels):
            raise BadInput("variants.levels", levels, "each combination once")
        for variant in self.variants:
            if len(variant.levels) != len(self.factors):
                allowed = f"one for each factor ({', '.join(self.factors)})"
                raise BadInput("variants.levels", variant.levels, allowed)
        return self

    @classmethod
    def of(cls, name: str, factors: tuple[str, ...], recipes: dict[tuple[str, ...], Recipe]) -> Self:
        """Return the design of these recipes, each named by its levels.

        Example:
            >>> Design.of("rates", ("rate",), {("low",): slow, ("high",): fast})
        """
        variants = [
            Variant(levels=levels, recipe=recipe.varied(name="-".join(levels)))
            for levels, recipe in recipes.items()
        ]
        return cls(name=name, factors=factors, variants=tuple(variants))

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The recipe of each variant."""
        return tuple(variant.recipe for variant in self.variants)
