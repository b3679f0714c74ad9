"""What enlarges, by name and by file."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from impasto.errors import ModelError, OptionError
from impasto.evaluation.methods import default_models, find_methods
from impasto.media import imresize
from impasto.models import load_superres_model
from impasto.painting import match_colors

MakeModel = Callable[..., Path]
LOW_RES = torch.rand(1, 3, 9, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["bilinear", "bicubic", "lanczos"])
def test_a_filter_is_imresize_clamped(name: str) -> None:
    (method,) = find_methods([name], factor=3)
    expected = imresize(LOW_RES, (27, 36), kernel=name).clamp(0, 1)  # type: ignore[arg-type]
    assert torch.equal(method.enlarge(LOW_RES), expected)
    assert method.weights_sha256 is None


def test_a_model_file_enlarges_as_its_network_does(make_model: MakeModel) -> None:
    path = make_model("mine")
    (method,) = find_methods([str(path)], factor=2)
    model = load_superres_model(path)
    assert method.name == "mine"
    assert torch.allclose(method.enlarge(LOW_RES), model(LOW_RES), atol=1e-6)
    assert method.facts["config"]["factor"] == 2
    assert method.facts["parameters"] == sum(p.numel() for p in model.network.parameters())


def test_the_hash_is_of_the_weights_not_of_the_file(make_model: MakeModel) -> None:
    paths = [make_model("a"), make_model("b", note="another card"), make_model("c", seed=1)]
    first, second, third = (find_methods([str(path)], factor=2)[0] for path in paths)
    assert first.weights_sha256 == second.weights_sha256
    assert first.weights_sha256 != third.weights_sha256


def test_labels_tell_models_apart(make_model: MakeModel, tmp_path: Path) -> None:
    path = make_model("mine")
    run = tmp_path / "runs" / "sharp" / "model.safetensors"
    run.parent.mkdir(parents=True)
    run.write_bytes(path.read_bytes())
    found = find_methods([f"first={path}", str(path), str(run), "wide=bicubic"], factor=2)
    assert [method.name for method in found] == ["first", "mine", "sharp", "wide"]
    with pytest.raises(OptionError, match="several models called mine"):
        find_methods([str(path), str(path)], factor=2)


def test_an_equals_sign_in_a_path_is_no_label(make_model: MakeModel, tmp_path: Path) -> None:
    path = tmp_path / "a=b" / "model.safetensors"
    path.parent.mkdir()
    path.write_bytes(make_model("mine").read_bytes())
    assert find_methods([str(path)], factor=2)[0].name == "a=b"


def test_every_network_comes_with_every_colour_match_and_filters_without(
    make_model: MakeModel,
) -> None:
    path = make_model("net")
    found = find_methods(
        ["bicubic", str(path)], factor=2, color_matches=["none", "histogram", "low-frequency"]
    )
    assert [m.name for m in found] == ["bicubic", "net", "net+histogram", "net+low-frequency"]
    plain = found[1].enlarge(LOW_RES)
    assert torch.equal(found[2].enlarge(LOW_RES), match_colors(plain, LOW_RES, "histogram"))
    assert len({method.weights_sha256 for method in found[1:]}) == 1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["bicubix"], "did you mean the filter 'bicubic'"),
        (["no-such-model"], "no-such-model"),
        (["missing.safetensors"], "missing.safetensors"),
    ],
)
def test_unknown_models_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        find_methods(names, factor=4)


def test_models_of_another_factor_or_task_are_refused(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match="made for factor 2, but factor 4"):
        find_methods([str(make_model("double"))], factor=4)
    with pytest.raises(ModelError, match="not for super-resolution"):
        find_methods([str(make_model("clean", task="restore"))], factor=2)


def test_no_model_and_an_unknown_colour_match_are_refused() -> None:
    with pytest.raises(OptionError, match="no models"):
        find_methods([], factor=4)
    with pytest.raises(OptionError, match=r"no colour match \['sepia'\]"):
        find_methods(["bicubic"], factor=4, color_matches=["sepia"])


def test_defaults_begin_with_the_filters_and_can_all_be_had() -> None:
    for factor in (2, 3, 4, 8):
        names = default_models(factor)
        assert names[:3] == ("bilinear", "bicubic", "lanczos")
        assert len(find_methods(names, factor=factor)) == len(names)
