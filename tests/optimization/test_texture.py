"""Texture synthesis: the statistics, the seams, the sizes, and what is refused."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from impasto.errors import ImageError, OptionError
from impasto.events import Event, Step
from impasto.media import resize
from impasto.networks import LossNetwork
from impasto.optimization.config import TextureConfig
from impasto.optimization.memory import NetworkCost, network_cost
from impasto.optimization.synthesis import (
    resize_periodic,
    synthesize_texture,
    texture_loss,
    wrapped,
)

LAYERS = {"relu1_1": 1.0, "relu2_1": 1.0}
CONFIG = TextureConfig(layers=LAYERS)


def _size(step: Step) -> tuple[int, int]:
    assert step.image is not None
    return step.image.shape[2], step.image.shape[3]


def _cost(network: LossNetwork) -> NetworkCost:
    return network_cost(network, list(LAYERS), torch.float32, torch.device("cpu"))


def test_a_painting_has_its_own_statistics(
    tiny_loss_network: LossNetwork, painting: Tensor
) -> None:
    loss = texture_loss(tiny_loss_network, painting, CONFIG, (36, 44), _cost(tiny_loss_network))
    terms = loss.terms(painting)
    assert float(loss.total(terms)) == pytest.approx(0, abs=1e-9)
    assert float(loss.total(loss.terms(torch.full_like(painting, 0.5)))) > 0.01
    assert {"style", "style relu1_1", "style relu2_1"} <= set(terms.named())


def test_a_seamless_loss_does_not_know_where_the_edges_are(
    tiny_loss_network: LossNetwork, painting: Tensor
) -> None:
    texture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    turned = texture.roll((6, 10), (2, 3))
    totals = []
    for seamless in (True, False):
        loss = texture_loss(
            tiny_loss_network,
            painting,
            replace(CONFIG, seamless=seamless),
            (32, 32),
            _cost(tiny_loss_network),
        )
        totals.append([float(loss.total(loss.terms(image))) for image in (texture, turned)])
    assert totals[0][0] == pytest.approx(totals[0][1], rel=1e-4)
    assert totals[1][0] != pytest.approx(totals[1][1], rel=1e-4)


def test_wrapping_is_circular_padding_by_any_amount() -> None:
    image = torch.rand(1, 3, 5, 7)
    assert torch.equal(wrapped(image, 4), functional.pad(image, (4,) * 4, mode="circular"))
    assert torch.equal(wrapped(image, 12)[..., 12:17, 12:19], image)
    assert torch.equal(wrapped(image, 12)[..., 2:7, 5:12], image)  # one period before
    assert wrapped(image, 0) is image


def test_resizing_a_tile_does_not_crease_its_edges() -> None:
    tile = 0.3 + 0.4 * torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(1))
    plane = resize(torch.cat([torch.cat([tile] * 5, 2)] * 5, 3), (5 * 24, 5 * 24))
    assert torch.allclose(resize_periodic(tile, (24, 24)), plane[..., 48:72, 48:72], atol=1e-5)
    assert resize_periodic(tile, (12, 16)) is tile


def test_a_texture_comes_near_the_statistics_at_any_size(
    tiny_loss_network: LossNetwork, painting: Tensor
) -> None:
    events: list[Event] = []
    texture = synthesize_texture(
        tiny_loss_network,
        painting,
        LAYERS,
        size_wh=(71, 50),
        iterations=40,
        on_event=events.append,
    )
    assert texture.shape == (1, 3, 50, 71)
    assert 0 <= float(texture.min()) <= float(texture.max()) <= 1
    steps = [event for event in events if isinstance(event, Step)]
    assert steps[-1].loss < 1e-3


def test_stages_double_the_size_and_share_the_iterations(tiny_loss_network: LossNetwork) -> None:
    painting = torch.rand(1, 3, 64, 80, generator=torch.Generator().manual_seed(1))
    events: list[Event] = []
    synthesize_texture(
        tiny_loss_network,
        painting,
        ["relu1_1"],
        size_wh=(90, 72),
        iterations=8,
        coarsest_px=16,
        on_event=events.append,
    )
    steps = [event for event in events if isinstance(event, Step)]
    sizes = {step.stage: _size(step) for step in steps}
    assert sizes == {1: (18, 22), 2: (36, 45), 3: (72, 90)}
    assert [step.iteration for step in steps] == list(range(1, 9))
    assert [[step.stage for step in steps].count(stage) for stage in (1, 2, 3)] == [2, 3, 3]


def test_one_stage_starts_from_noise_of_the_paintings_colors(
    tiny_loss_network: LossNetwork,
) -> None:
    painting = torch.zeros(1, 3, 20, 20)
    painting[:, 0] = 1.0
    painting[..., :4, :] = torch.tensor([0.0, 0.0, 1.0]).reshape(1, 3, 1, 1)
    events: list[Event] = []
    synthesize_texture(
        tiny_loss_network,
        painting,
        ["relu1_1"],
        iterations=1,
        coarsest_px=0,
        size_wh=(100, 100),
        on_event=events.append,
    )
    (step,) = (event for event in events if isinstance(event, Step))
    assert step.image is not None
    # one step later about four fifths are still red and a fifth blue
    assert float((step.image[:, 0] > step.image[:, 2]).float().mean()) == pytest.approx(
        0.8, abs=0.1
    )


def test_the_seed_alone_decides(tiny_loss_network: LossNetwork, painting: Tensor) -> None:
    results = []
    for seed, other in ((0, 1), (0, 2), (3, 2)):
        torch.manual_seed(other)
        results.append(
            synthesize_texture(tiny_loss_network, painting, LAYERS, iterations=4, seed=seed)
        )
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_a_seamless_texture_goes_on_at_the_opposite_edge(tiny_loss_network: LossNetwork) -> None:
    # broad stripes: within the texture neighbours are alike
    ramp = torch.linspace(0, 25, 64).sin().mul(0.4).add(0.5)
    painting = ramp.expand(1, 3, 64, 64).contiguous()

    def seam(*, seamless: bool) -> float:
        texture = synthesize_texture(
            tiny_loss_network,
            painting,
            ["relu1_1", "relu2_1", "relu3_1"],
            size_wh=(45, 37),
            iterations=60,
            coarsest_px=0,
            seamless=seamless,
        )
        across = (texture[..., :, 0] - texture[..., :, -1]).abs().mean()
        within = (texture[..., :, 1:] - texture[..., :, :-1]).abs().mean()
        return float(across / within)

    assert seam(seamless=True) < 1.35
    assert seam(seamless=False) > 1.4


def test_nonsense_is_refused_before_the_first_iteration(
    tiny_loss_network: LossNetwork, painting: Tensor
) -> None:
    def refused(error: type[Exception], match: str, **options: object) -> None:
        call = {"painting": painting, "layers": ["relu1_1"], **options}
        with pytest.raises(error, match=match):
            synthesize_texture(tiny_loss_network, on_event=pytest.fail, **call)  # type: ignore[arg-type]

    refused(OptionError, "relu9_9.*relu1_1", layers=["relu9_9"])
    refused(OptionError, "`layers` are missing", layers=[])
    refused(OptionError, "weight above 0", layers={"relu1_1": 0.0})
    refused(OptionError, "weight", layers={"relu1_1": -1.0})
    refused(OptionError, r"`size_wh`: got \(0, 40\)", size_wh=(0, 40))
    refused(OptionError, "`iterations`: got 0", iterations=0)
    refused(ImageError, "one colour", painting=torch.full((1, 3, 20, 20), 0.4))
    refused(ImageError, "4 x 30 px", painting=torch.rand(1, 3, 30, 4))
