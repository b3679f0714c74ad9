from pathlib import Path

import pytest

from impasto.errors import OptionError
from impasto.training import parse_crops, parse_layers, read_recipe
from impasto.training.balance import judge_balance


def test_layers_are_parsed_with_their_weights() -> None:
    assert parse_layers("relu1_2, net/relu2_2:0.5") == {"relu1_2": 1.0, "net/relu2_2": 0.5}
    with pytest.raises(OptionError, match="not a number"):
        parse_layers("relu1_2:heavy")


def test_crops_are_parsed_as_one_side_or_as_shares() -> None:
    assert parse_crops("256") == ((1.0, 256),)
    assert parse_crops("0.7:160,0.3:256") == ((0.7, 160), (0.3, 256))
    with pytest.raises(OptionError, match="--crops"):
        parse_crops("big")


def test_a_recipes_paths_are_relative_to_it(tmp_path: Path) -> None:
    recipe = tmp_path / "style.toml"
    recipe.write_text('style = "painting.jpg"\ncrops = "128"\nstyle_layers = "relu1_2:2"\n')
    options = read_recipe(recipe)
    assert options["style"] == (tmp_path / "painting.jpg",)
    assert options["crops"] == ((1.0, 128),)
    assert options["style_layers"] == {"relu1_2": 2.0}


@pytest.mark.parametrize("text", ["style = [", 'brush = "wide"\n'])
def test_a_recipe_that_is_wrong_is_refused_by_name(tmp_path: Path, text: str) -> None:
    recipe = tmp_path / "wrong.toml"
    recipe.write_text(text)
    with pytest.raises(OptionError, match=r"wrong\.toml"):
        read_recipe(recipe)


def test_every_recipe_of_the_repository_names_a_painting_that_is_there() -> None:
    folder = Path(__file__).parents[2] / "recipes"
    for part, suffix in ((folder, ""), (folder / "fast", "-fast")):
        recipes = sorted(part.glob("*.toml"))
        assert recipes
        for recipe in recipes:
            options = read_recipe(recipe)
            assert all(path.is_file() for path in options["style"]), recipe
            assert options["name"] == recipe.stem + suffix


def test_a_fast_networks_recipe_has_the_objective_of_its_teachers() -> None:
    folder = Path(__file__).parents[2] / "recipes"
    objective = ("style_size", "loss_network", "content_layers", "style_layers", "style_weight")
    for recipe in sorted((folder / "fast").glob("*.toml")):
        fast, full = read_recipe(recipe), read_recipe(folder / recipe.name)
        assert fast["teacher"] == recipe.stem
        assert fast["architecture"] == "fast"
        for key in (*objective, "content_weight", "tv_weight"):
            assert fast.get(key) == full.get(key), key


@pytest.mark.parametrize(
    ("content", "style", "advice"),
    [
        (1.2, 0.1, "drowning"),
        (0.01, 0.5, "hardly painted"),
        (0.3, 0.3, "faint"),
        (0.4, 0.1, "in the range"),
    ],
)
def test_the_balance_is_judged_by_both_errors(content: float, style: float, advice: str) -> None:
    assert advice in judge_balance(content, {"relu1_2": style, "relu2_2": style})
