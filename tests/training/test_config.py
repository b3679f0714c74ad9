from pathlib import Path

import pytest

from impasto.errors import OptionError
from impasto.options import free_options
from impasto.training import (
    InversionTrainingConfig,
    RestoreTrainingConfig,
    StyleTrainingConfig,
    SuperResTrainingConfig,
    read_recipe,
)
from impasto.training.run_config import RunConfig
from impasto.training.style_config import parse_crops
from impasto.training.style_task import judge_balance


def test_crops_are_parsed_as_one_side_or_as_shares() -> None:
    assert parse_crops("256") == ((1.0, 256),)
    assert parse_crops("0.7:160,0.3:256") == ((0.7, 160), (0.3, 256))
    with pytest.raises(OptionError, match="shares:pixels"):
        parse_crops("big")


def test_a_recipes_paths_are_relative_to_it(tmp_path: Path) -> None:
    recipe = tmp_path / "style.toml"
    recipe.write_text('style = "painting.jpg"\ncrops = "128"\nstyle_layers = "relu1_2:2"\n')
    options = read_recipe(recipe, StyleTrainingConfig)
    assert options["style"] == (tmp_path / "painting.jpg",)
    assert options["crops"] == ((1.0, 128),)
    assert options["style_layers"] == {"relu1_2": 2.0}


@pytest.mark.parametrize("text", ["style = [", 'brush = "wide"\n'])
def test_a_recipe_that_is_wrong_is_refused_by_name(tmp_path: Path, text: str) -> None:
    recipe = tmp_path / "wrong.toml"
    recipe.write_text(text)
    with pytest.raises(OptionError, match=r"wrong\.toml"):
        read_recipe(recipe, StyleTrainingConfig)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('iterations = "700"', "`iterations`: got '700'; wanted a whole number, 1 or more"),
        ("photos = 3", "`photos`: got 3; wanted a path"),
        ("crops = 256", "`crops`: got 256; wanted a list"),
        ("compile = 1", "`compile`: got 1; wanted true or false"),
        ('style_layers = "relu1_2:much"', "`style_layers`: the weight 'much'"),
        ('optimizer = "sgd"', "`optimizer`: got 'sgd'; choose from adam, muon"),
    ],
)
def test_a_value_of_a_wrong_type_is_named_with_file_key_and_what_is_wanted(
    tmp_path: Path, text: str, said: str
) -> None:
    recipe = tmp_path / "typed.toml"
    recipe.write_text(text)
    with pytest.raises(OptionError, match=r"typed\.toml") as refused:
        read_recipe(recipe, StyleTrainingConfig)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "record",
    [
        StyleTrainingConfig,
        SuperResTrainingConfig,
        RestoreTrainingConfig,
        InversionTrainingConfig,
    ],
)
def test_free_are_the_options_that_change_neither_data_nor_arithmetic(
    record: type[RunConfig],
) -> None:
    free = {
        "output", "photos", "workers", "log_every", "checkpoint_every", "preview_every",
        "preview_photos", "validate_every", "validation_photos", "validation_count",
        "name", "title", "artist", "year", "licence", "painting_source", "tensorboard",
    }  # fmt: skip
    assert free_options(record) == free & set(record.__dataclass_fields__)


def test_every_recipe_of_the_repository_names_a_painting_that_is_there() -> None:
    folder = Path(__file__).parents[2] / "recipes"
    for part, suffix in ((folder, ""), (folder / "fast", "-fast")):
        recipes = sorted(part.glob("*.toml"))
        assert recipes
        for recipe in recipes:
            options = read_recipe(recipe, StyleTrainingConfig)
            assert all(path.is_file() for path in options["style"]), recipe
            assert options["name"] == recipe.stem + suffix


def test_a_fast_networks_recipe_has_the_objective_of_its_teachers() -> None:
    folder = Path(__file__).parents[2] / "recipes"
    objective = ("style_size", "loss_network", "content_layers", "style_layers", "style_weight")
    for recipe in sorted((folder / "fast").glob("*.toml")):
        fast, full = (
            read_recipe(path, StyleTrainingConfig) for path in (recipe, folder / recipe.name)
        )
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
