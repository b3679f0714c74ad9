"""Options declared once: checks, recipes, and what is typed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from impasto.errors import OptionError
from impasto.option_types import as_text, parse_weights
from impasto.options import (
    Options,
    convert,
    declared,
    free_options,
    from_text,
    option,
)


def _layer(text: str) -> dict[str, float]:
    name, _, weight = text.partition(":")
    return {name: float(weight or 1)}


@dataclass(frozen=True, kw_only=True)
class Look(Options):
    size: int | None = option(None, "Long side.", unit="px", at_least=1)
    strength: float = option(1.0, "How much.", at_least=0, at_most=1)
    kind: Literal["a", "b"] = option("a", "Which.", free=True)
    photos: tuple[Path, ...] = option((), "Photos.")
    crops: tuple[tuple[float, int], ...] = option(((1.0, 256),), "Crops.")
    layers: Mapping[str, float] = option(
        help="Layers.", factory=lambda: {"x": 1.0}, parse=_layer, at_least=0
    )
    hidden: object = None


@dataclass(frozen=True, kw_only=True)
class Card(Options):
    tv_weight: float = option(0.0, "Total variation's weight.", card="weights.tv")
    grid_weight: float = option(0.0, "The grid's.", card="weights.grid", card_when_off=False)
    seed: int = option(0, "Not in the card.")


def test_values_of_the_right_kind_pass_and_whole_numbers_become_floats_where_these_are_wanted() -> (
    None
):
    look = Look(size=3, strength=1, layers={"y": 2})
    assert (look.size, look.kind, look.layers) == (3, "a", {"y": 2.0})
    assert isinstance(look.strength, float)
    assert isinstance(look.layers["y"], float)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"size": "3"}, "`size`: got '3'; wanted a whole number of px, 1 or more"),
        ({"size": True}, "`size`"),
        ({"size": 0}, "1 or more"),
        ({"strength": float("nan")}, "`strength`: got nan"),
        ({"strength": 10**400}, "`strength`"),
        ({"strength": 1.5}, "1 at most"),
        ({"kind": "c"}, "`kind`: got 'c'; choose from a, b"),
        ({"photos": 3}, "`photos`: got 3; wanted a list of paths"),
        ({"crops": ((1.0,),)}, "`crops`"),
        ({"layers": {"x": "1"}}, "`layers`"),
        ({"layers": {"x": -1.0}}, "0 or more"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_wanted(values: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match="got") as refused:
        Look(**values)
    assert words in str(refused.value)


def test_a_recipe_is_converted_and_its_paths_are_beside_it(tmp_path: Path) -> None:
    recipe = {"photos": ["a", "b"], "crops": [[0.5, 16], [0.5, 32]], "layers": "y:2", "size": 7}
    assert Look.from_mapping(recipe, "r.toml", tmp_path) == {
        "photos": (tmp_path / "a", tmp_path / "b"),
        "crops": ((0.5, 16), (0.5, 32)),
        "layers": {"y": 2.0},
        "size": 7,
    }


@pytest.mark.parametrize(
    "recipe",
    [{"size": "700"}, {"photos": 3}, {"crops": 256}, {"nonsense": 1}, {"layers": "y:z"}],
)
def test_a_recipe_s_error_names_the_file_and_the_key(recipe: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"r\.toml") as refused:
        Look.from_mapping(recipe, "r.toml", Path())
    assert next(iter(recipe)) in str(refused.value)


def test_what_is_typed_becomes_numbers() -> None:
    found = {each.name: (each, hint) for each, hint, _ in declared(Look)}
    assert from_text(*found["size"], "12") == 12
    assert from_text(*found["strength"], ".5") == 0.5
    assert from_text(*found["photos"], ["a"]) == (Path("a"),)
    with pytest.raises(OptionError, match="whole number"):
        from_text(*found["size"], "1.5")
    assert convert(*found["layers"], "z") == {"z": 1.0}


def test_lists_of_numbers_and_weights_of_names_are_read_without_a_parser() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Listed(Options):
        sizes: tuple[int, ...] = option((1,), "Sizes.", at_least=1)

    ((each, hint, _),) = declared(Listed)
    assert from_text(each, hint, "64") == (64,)
    assert from_text(each, hint, "64, 256") == (64, 256)
    assert parse_weights("relu1_2, net/relu2_2:0.5") == {"relu1_2": 1.0, "net/relu2_2": 0.5}
    assert as_text({"relu1_2": 1.0, "net/relu2_2": 0.5}) == "relu1_2,net/relu2_2:0.5"
    assert as_text(((0.7, 160), (0.3, 256))) == "0.7:160,0.3:256"
    with pytest.raises(OptionError, match="not a number"):
        parse_weights("relu1_2:heavy")
    with pytest.raises(OptionError, match="twice"):
        parse_weights("relu1_2,relu1_2:2")


def test_a_card_tells_what_is_declared_for_it_where_it_is_declared() -> None:
    assert Card().card_entries() == {"weights": {"tv": 0.0}}
    told = Card(grid_weight=2.0, seed=4).card_entries()
    assert told == {"weights": {"tv": 0.0, "grid": 2.0}}
    assert Card.defaults_json() == {"tv_weight": 0.0, "grid_weight": 0.0, "seed": 0}


def test_only_declared_fields_are_options() -> None:
    assert "hidden" not in {each.name for each, _, _ in declared(Look)}
    assert free_options(Look) == {"kind"}
    assert Look(photos=(Path("a"),)).to_json()["photos"] == ["a"]
