"""Held-out photos, paintings and objectives: the right ones, or a plain word."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from impasto.errors import ImageError, ModelError, OptionError, WeightsError
from impasto.evaluation.held_out import held_out_photos, look_at
from impasto.evaluation.trained_styles import TrainedObjectives, find_paintings, objective_facts
from impasto.losses import LossWeights, PerceptualLoss
from impasto.media import read_picture, resize_long_side, write_picture
from impasto.models import list_styles, load_style_model

CPU = torch.device("cpu")


def test_a_larger_count_adds_to_a_smaller_one(held_out: Path) -> None:
    names = [photo.name for photo in held_out_photos(held_out)]
    assert sorted(names) == ["one.png", "three.png", "two.png"]
    for count in (1, 2, 9):
        assert [photo.name for photo in held_out_photos(held_out, count)] == names[:count]


def test_a_small_photo_is_enlarged_and_its_middle_kept(held_out: Path) -> None:
    photo = held_out_photos(held_out, 1)[0]
    assert photo.size_hw == (64, 70)
    assert photo.square(128).shape == (1, 3, 128, 128)
    assert torch.equal(photo.square(64), read_picture(photo.path).pixels[..., 3:67])


def test_blank_tiny_missing_and_nameless_photos_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_picture(tmp_path / "blank.png", torch.full((1, 3, 64, 64), 0.5))
    write_picture(tmp_path / "tiny.png", torch.rand(1, 3, 64, 20))
    with pytest.raises(ImageError, match="blank"):
        look_at(tmp_path / "blank.png")
    with pytest.raises(ImageError, match="20 x 64 px"):
        look_at(tmp_path / "tiny.png")
    with pytest.raises(OptionError, match="no such folder"):
        held_out_photos(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(OptionError, match="no pictures"):
        held_out_photos(tmp_path / "empty")
    monkeypatch.delenv("IMPASTO_DATA", raising=False)
    with pytest.raises(OptionError, match="name a folder, `photos`"):
        held_out_photos(None)


def test_a_painting_is_known_by_its_bytes_not_by_its_name(
    make_style: Callable[..., Path], paintings: Path
) -> None:
    model = load_style_model(make_style("swirls"))
    assert find_paintings(model, paintings) == [paintings / "swirls.png"]
    renamed = (paintings / "swirls.png").rename(paintings / "other.png")
    assert find_paintings(model, paintings) == [renamed]
    write_picture(paintings / "swirls.png", torch.rand(1, 3, 9, 9))
    renamed.unlink()
    with pytest.raises(OptionError, match=r"its swirls\.png is another one"):
        find_paintings(model, paintings)


def test_the_objective_is_the_one_of_the_card(
    make_style: Callable[..., Path], paintings: Path, toy_loss_network: None
) -> None:
    del toy_loss_network
    loader = TrainedObjectives(paintings, CPU)
    (found,) = loader.load_all([str(make_style("swirls"))])
    by_hand = PerceptualLoss(
        loader._networks["toy"],
        content_layers={"second": 1.0},
        style_layers={"first": 1.0, "second": 0.5},
        weights=LossWeights(content=1.0, style=2.0, tv=0.1),
        relative=True,
    )
    by_hand.set_style(resize_long_side(read_picture(paintings / "swirls.png").pixels, 64))
    image, other = torch.rand(2, 1, 3, 40, 40)
    assert float(found.criterion(image, other)) == pytest.approx(float(by_hand(image, other)))


def test_a_card_that_does_not_say_and_other_weights_are_refused(
    make_style: Callable[..., Path], paintings: Path, toy_loss_network: None
) -> None:
    del toy_loss_network
    loader = TrainedObjectives(paintings, CPU)
    with pytest.raises(WeightsError, match="not those that 'swirls' was trained with"):
        loader.load_all([str(make_style("swirls", loss_network_hash="1" * 64))])
    with pytest.raises(OptionError, match="name each style once"):
        loader.load_all([str(make_style("swirls"))] * 2)
    with pytest.raises(ModelError, match="does not say"):
        find_paintings(load_style_model(make_style("swirls", style_sha256=[])), paintings)


@pytest.mark.parametrize("quality", ["full", "fast"])
@pytest.mark.parametrize("name", [entry.name for entry in list_styles()])
def test_what_only_guided_the_training_is_not_part_of_the_objective(
    name: str, quality: str
) -> None:
    model = load_style_model(name, quality)
    facts = objective_facts(model)
    trained = model.card["trained"]["weights"]
    assert LossWeights(**facts["weights"]).style == trained["style"] > 0
    assert set(trained) - set(facts["weights"]) <= {"grid", "edges"}
