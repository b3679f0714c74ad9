"""Feature inversion: what comes back, from where, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

import impasto.optimization.inversion as inversion
import impasto.optimization.memory as memory
from impasto.errors import ImageError, OptionError
from impasto.events import Event, Step
from impasto.losses import isotropic_tv
from impasto.losses.strips import Strips
from impasto.media import psnr, read_picture, resize
from impasto.networks import LossNetwork, load_loss_network
from impasto.networks.loss.blocks import ConvRelu
from impasto.networks.loss.network import Provenance, Stage, StagedLossNetwork
from impasto.optimization.config import InversionConfig
from impasto.optimization.descent import descend
from impasto.optimization.inversion import inversion_stage, invert_features


def _pixels_network() -> LossNetwork:
    """Its only layer, "relu", is the picture itself."""
    provenance = Provenance(
        name="pixels", weights_hash="0", source="-", license="none", redistributable=True
    )
    body = ConvRelu(torch.eye(3).reshape(3, 3, 1, 1), torch.zeros(3))
    return StagedLossNetwork([Stage(body, "relu")], (0.0, 0.0, 0.0), provenance)


def test_a_layer_that_sees_every_pixel_gives_the_picture_back(photo: Tensor) -> None:
    found = invert_features(_pixels_network(), photo, "relu", tv_weight=0.0, iterations=50)
    assert torch.allclose(found, photo, atol=1e-4)


def test_the_minimum_is_the_one_that_scipy_finds() -> None:
    target = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(4))
    weight = 0.3

    def objective(image: Tensor) -> Tensor:
        content = (image - target).square().sum() / target.square().sum()
        return content + weight * isotropic_tv(image, reduction="mean")

    def value_and_gradient(values: np.ndarray) -> tuple[float, np.ndarray]:
        image = torch.from_numpy(values).reshape(1, 3, 16, 16).requires_grad_(True)
        value = objective(image)
        value.backward()
        assert image.grad is not None
        return float(value.detach()), image.grad.numpy().ravel()

    start = np.full(3 * 256, 0.5)
    options = {"maxiter": 3000, "maxfun": 6000}
    bounds = [(0.0, 1.0)] * start.size
    reference = minimize(
        value_and_gradient, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    found = invert_features(_pixels_network(), target, "relu", tv_weight=weight, iterations=400)
    assert float(objective(found)) == pytest.approx(reference.fun, rel=1e-3)


def test_more_total_variation_makes_a_smoother_picture(
    tiny_loss_network: LossNetwork, photo: Tensor
) -> None:
    roughness = [
        float(
            isotropic_tv(
                invert_features(
                    tiny_loss_network, photo, "relu3_1", tv_weight=weight, iterations=30
                )
            )
        )
        for weight in (0.0, 0.3, 10.0)
    ]
    assert roughness[0] > roughness[1] > roughness[2]


def test_the_seed_alone_decides(tiny_loss_network: LossNetwork, photo: Tensor) -> None:
    results = []
    for seed, other in ((0, 1), (0, 2), (3, 2)):
        torch.manual_seed(other)
        results.append(
            invert_features(tiny_loss_network, photo, "relu2_1", iterations=5, seed=seed)
        )
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_events_count_on_from_the_stages_before(
    tiny_loss_network: LossNetwork, photo: Tensor
) -> None:
    events: list[Event] = []
    layers = ("relu1_1", "relu2_1", "relu3_1")
    config = InversionConfig(layers=layers, iterations=4)
    stages = [
        inversion_stage(tiny_loss_network, photo, layer, config, torch.float32) for layer in layers
    ]
    found = descend(stages, on_event=events.append)
    assert len(found.images) == 3
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.iteration for step in steps] == list(range(1, 13))
    assert {(step.stages, step.iterations) for step in steps} == {(3, 12)}
    assert [step.stage for step in steps] == [1] * 4 + [2] * 4 + [3] * 4
    last = steps[-1]
    assert last.loss == pytest.approx(
        last.terms["content"] + 0.4 * last.terms["tv"],
        rel=1e-5,  # samples of 4 px
    )
    assert last.loss < steps[8].loss


def test_strips_give_the_inversion_of_the_whole_image(
    tiny_loss_network: LossNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = torch.rand(1, 3, 96, 20, generator=torch.Generator().manual_seed(6))

    def totals() -> list[float]:
        events: list[Event] = []
        invert_features(tiny_loss_network, image, "relu3_1", iterations=6, on_event=events.append)
        return [event.loss for event in events if isinstance(event, Step)]

    whole = totals()
    monkeypatch.setattr(inversion, "strips_that_fit", lambda *_: Strips(32, 32))
    assert totals() == pytest.approx(whole, rel=1e-3)


def test_an_image_that_does_not_fit_into_memory_is_refused(
    tiny_loss_network: LossNetwork, photo: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "unused_memory", lambda _: 1)
    with pytest.raises(OptionError, match="memory"):
        invert_features(tiny_loss_network, photo, "relu1_1")


def test_nonsense_is_refused_before_the_first_iteration(
    tiny_loss_network: LossNetwork, photo: Tensor
) -> None:
    def refused(error: type[Exception], match: str, **options: object) -> None:
        call = {"image": photo, "layer": "relu1_1", **options}
        with pytest.raises(error, match=match):
            invert_features(tiny_loss_network, on_event=pytest.fail, **call)  # type: ignore[arg-type]

    refused(OptionError, "relu9_9.*relu1_1", layer="relu9_9")
    refused(OptionError, "tv_weight", tv_weight=-1.0)
    refused(OptionError, "tv_weight", tv_weight=float("nan"))
    refused(OptionError, "`iterations`: got 0", iterations=0)
    refused(OptionError, r"\(2, 3, 20, 20\)", image=torch.rand(2, 3, 20, 20))
    refused(OptionError, "finite", image=torch.full((1, 3, 20, 20), float("nan")))
    refused(ImageError, "one colour", image=torch.full((1, 3, 20, 20), 0.4))
    refused(ImageError, "4 x 30 px", image=torch.rand(1, 3, 30, 4))


def test_relu1_2_of_vgg_gives_nearly_the_photo_back_and_deep_layers_less(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_DATA", str(shared_data))
    network = load_loss_network("vgg16-ssd300voc")
    sample = Path(__file__).parents[2] / "docs" / "sample" / "chelsea.jpg"
    photo = resize(read_picture(sample).pixels, (48, 64))
    shallow, deep = (
        float(psnr(invert_features(network, photo, layer, iterations=60), photo, data_range=1.0))
        for layer in ("relu1_2", "relu3_3")
    )
    assert shallow > 28
    assert 10 < deep < 22
