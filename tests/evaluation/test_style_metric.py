"""Style distances by an independent network: known by hand at both ends, and refused if not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from impasto.errors import OptionError, WeightsError
from impasto.evaluation import StyleEvaluation, evaluate_style
from impasto.evaluation.record import Record, read_record
from impasto.evaluation.style_metric import (
    StyleMetric,
    check_independent,
    load_metric_network,
)
from impasto.evaluation.style_results import style_scores, untouched_nearest
from impasto.models import load_style_model
from impasto.networks.loss.network import LossNetwork, Provenance
from research.figures import draw_figures

MakeStyle = Callable[..., Path]


class Identity(LossNetwork):
    """The layer `rgb` is the image itself."""

    def __init__(self, name: str = "identity") -> None:
        provenance = Provenance(
            name=name, weights_hash=f"{name:0<64}", source="", license="", redistributable=True
        )
        super().__init__(("rgb",), provenance)

    def forward(self, image: Tensor, layers: Any) -> dict[str, Tensor]:
        return dict.fromkeys(layers, image)


@pytest.fixture
def metric() -> StyleMetric:
    return StyleMetric(Identity(), style_layers=("rgb",), content_layers=("rgb",))


def flat(*colour: float) -> Tensor:
    return torch.tensor(colour).reshape(1, 3, 1, 1).expand(1, 3, 4, 6).clone()


def test_an_equal_image_is_at_0_and_an_empty_one_at_1(metric: StyleMetric) -> None:
    image = metric.look(torch.rand(1, 3, 8, 8))
    empty = metric.look(torch.zeros(1, 3, 8, 8))
    assert metric.style_distance(image, image) == 0
    assert metric.content_distance(image, image) == 0
    assert metric.style_distance(empty, image) == pytest.approx(1)
    assert metric.content_distance(empty, image) == pytest.approx(1)


def test_distances_of_flat_colours_by_hand(metric: StyleMetric) -> None:
    red, grey = metric.look(flat(1.0, 0.0, 0.0)), metric.look(flat(1.0, 1.0, 1.0))
    # Gram of red: one 1/3; of white: nine. Difference to red 8 of 1; to white 8 of 9.
    assert metric.style_distance(grey, red) == pytest.approx(8)
    assert metric.style_distance(red, grey) == pytest.approx(8 / 9)
    assert metric.ranking_distance(grey, red) == metric.ranking_distance(red, grey)
    assert metric.ranking_distance(red, grey) == pytest.approx(8 / (9 + 1))
    assert metric.content_distance(red, grey) == pytest.approx(2 / 3)


def test_a_style_does_not_ask_for_the_paintings_size(metric: StyleMetric) -> None:
    image = torch.rand(1, 3, 8, 8)
    tiled = image.repeat(1, 1, 3, 2)
    distance = metric.style_distance(metric.look(tiled), metric.look(image))
    assert distance == pytest.approx(0, abs=1e-10)


def test_a_network_of_the_training_is_refused(make_style: MakeStyle) -> None:
    model = load_style_model(make_style("swirls", loss_network="vgg19-a+vgg19-b"))
    check_independent(Identity(), [model])
    with pytest.raises(OptionError, match="'swirls' was trained with 'vgg19-b'"):
        check_independent(Identity("vgg19-b"), [model])
    renamed = Identity("file")
    renamed.weights_hash = "0" * 64
    with pytest.raises(OptionError, match="`allow_training_network`"):
        check_independent(renamed, [model])


def test_layers_that_the_network_lacks_are_refused() -> None:
    with pytest.raises(OptionError, match=r"no layers \['relu1'\]"):
        StyleMetric(Identity(), style_layers=("relu1",), content_layers=("rgb",))


@pytest.fixture
def config(
    tmp_path: Path,
    make_style: MakeStyle,
    paintings: Path,
    held_out: Path,
    toy_loss_network: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., StyleEvaluation]:
    del toy_loss_network
    monkeypatch.setattr(
        "impasto.evaluation.style_evaluation.load_metric_network", lambda *_: Identity()
    )
    styles = tuple(str(make_style(name, seed=i)) for i, name in enumerate(("swirls", "squares")))

    def make(**options: Any) -> StyleEvaluation:
        defaults: dict[str, Any] = {
            "output": tmp_path / "style.json",
            "styles": styles,
            "photos": held_out,
            "paintings": paintings,
            "style_layers": ("rgb",),
            "content_layers": ("rgb",),
            "size_px": 64,
            "device": "cpu",
        }
        return StyleEvaluation(**{**defaults, **options})

    return make


def test_every_style_is_scored_beside_its_baselines(
    config: Callable[..., StyleEvaluation], tmp_path: Path
) -> None:
    record = evaluate_style(config(lbfgs=1, iterations=3))
    scores = style_scores(record)
    assert [score.style for score in scores] == ["swirls", "squares"]
    for score in scores:
        assert score.photos == 3
        assert score.lbfgs_photos == 1
        assert sum(score.nearest.values()) == 3
        assert min(score.style_distance, score.content_distance, score.untouched) > 0
    files = draw_figures(tmp_path / "style.json", tmp_path)
    names = ["style.md", "style-distances.png", "style-nearest.png"]
    assert [path.name for path in files] == names
    table = files[0].read_text(encoding="utf-8")
    assert f"{scores[0].recognised} of 3" in table
    assert "Beside L-BFGS" in table


def test_a_second_run_measures_nothing(
    config: Callable[..., StyleEvaluation], tmp_path: Path
) -> None:
    evaluate_style(config())
    before = (tmp_path / "style.json").read_bytes()
    evaluate_style(config())
    assert (tmp_path / "style.json").read_bytes() == before
    with pytest.raises(OptionError, match="size_px was 64, is 96"):
        evaluate_style(config(size_px=96))


def test_the_network_of_the_training_needs_the_flag(
    config: Callable[..., StyleEvaluation], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "impasto.evaluation.style_evaluation.load_metric_network", lambda *_: Identity("toy")
    )
    with pytest.raises(OptionError, match="was trained with 'toy'"):
        evaluate_style(config())
    assert not (tmp_path / "style.json").exists()
    evaluate_style(config(allow_training_network=True, count=1))


def entry(kind: str, photo: str, **more: Any) -> dict[str, Any]:
    return {"of": {"kind": kind, "photo": {"name": photo}, **more.pop("of", {})}, **more}


def test_the_nearest_painting_is_counted(tmp_path: Path) -> None:
    record = Record(path=tmp_path / "r", name="style", settings={"styles": ["a", "b"]})
    for photo, near in (("1", 0.1), ("2", 0.6)):
        record.entries[f"{photo} u"] = entry(
            "untouched",
            photo,
            style_distances={"a": 2.0, "b": 4.0},
            ranking_distances={"a": 0.5, "b": 0.4},
            content_of_paintings={"a": 3.0, "b": 3.0},
        )
        record.entries[f"{photo} n"] = entry(
            "network",
            photo,
            of={"style": "a"},
            style_distances={"a": near, "b": 0.5},
            ranking_distances={"a": near, "b": 0.5},
            content_distance=1.0,
        )
    (score,) = style_scores(record)
    assert score.nearest == {"a": 1, "b": 1}
    assert score.recognised == 1
    assert untouched_nearest(record) == {"b": 2}
    assert score.style_distance == pytest.approx(0.35)
    assert (score.untouched, score.painting_content, score.painting_crop) == (2.0, 3.0, None)


def test_bundled_styles_are_recognised_by_a_network_that_they_have_not_seen(
    shared_data: Path, tmp_path: Path
) -> None:
    """The metric ranks the right painting first: two styles far apart, two photos."""
    root = Path(__file__).parents[2]
    config = StyleEvaluation(
        output=tmp_path / "style.json",
        styles=("starry-night", "the-scream"),
        photos=shared_data / "photos" / "eval50",
        count=2,
        paintings=root / "recipes" / "paintings",
        size_px=256,
        device="cpu",
    )
    evaluate_style(config)
    record = read_record(tmp_path / "style.json")
    # SqueezeNet, the first choice, was in their training
    assert record.settings["loss_network"] == "googlenet-caffe"
    for score in style_scores(record):
        assert score.recognised == score.photos == 2
        assert score.style_distance < 0.6 * score.untouched


def test_auto_takes_the_first_network_that_no_style_has_seen(
    make_style: MakeStyle, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = {"squeezenet1_1-caffe"}

    def load(name: str) -> Identity:
        if name in absent:
            raise WeightsError(f"no {name}")
        return Identity(name)

    monkeypatch.setattr("impasto.evaluation.style_metric.load_loss_network", load)
    assert load_metric_network().name == "squeezenet1_1"
    unseen = load_style_model(make_style("swirls", loss_network="vgg19-a"))
    seen = load_style_model(make_style("squares", loss_network="vgg19-a+squeezenet1_1-caffe"))
    assert load_metric_network("auto", [unseen]).name == "squeezenet1_1"
    # torchvision's SqueezeNet is the same training in another format
    assert load_metric_network("auto", [unseen, seen]).name == "googlenet-caffe"
    absent.add("googlenet-caffe")
    assert load_metric_network("auto", [seen]).name == "alexnet"
    absent.add("alexnet")
    with pytest.raises(WeightsError, match="no alexnet"):
        load_metric_network("auto", [seen])
