"""Plans made before the work: layers by network, stages by size, rows by memory, Adam's bounds."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto.errors import OptimizationError, OptionError
from impasto.networks.loss.blocks import ConvRelu
from impasto.networks.loss.network import LossNetwork, Provenance, Stage, StagedLossNetwork
from impasto.optimization.adam import averaged_adam
from impasto.optimization.config import OptimizationConfig
from impasto.optimization.layers import default_layers
from impasto.optimization.memory import NetworkCost, network_cost, plan_memory
from impasto.optimization.modes import plan_stages
from impasto.training import StyleTrainingConfig, read_recipe

CPU = torch.device("cpu")


def provenance(name: str) -> Provenance:
    return Provenance(name=name, weights_hash="", source="", license="", redistributable=True)


def named(name: str, layers: str) -> LossNetwork:
    return LossNetwork(layers.split(), provenance(name))


VGG19 = (
    "relu1_1 relu1_2 relu2_1 relu2_2 relu3_1 relu3_2 relu3_3 relu3_4 relu4_1 relu4_2 relu4_3 "
    "relu4_4 relu5_1 relu5_2 relu5_3 relu5_4"
)
COMBINED = "relu1_1 relu1_2 relu2_1 relu2_2 relu3_1 relu4_1 relu5_1"


def test_stages_in_which_a_narrow_painting_would_vanish_are_left_out() -> None:
    config = OptimizationConfig(size=512)
    sides = [stage.size_hw[1] for stage in plan_stages(config, (400, 512), narrowest=0.1)]
    assert sides == [362, 512]
    assert plan_stages(config, (400, 512))[0].size_hw[1] == 128


def test_a_whole_vgg_gives_the_papers_layers() -> None:
    gatys = default_layers(named("vgg19", VGG19), "gatys")
    assert list(gatys.content) == ["relu4_2"]
    assert list(gatys.style) == ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
    assert gatys.substitutes == ()
    paper = default_layers(named("vgg16", VGG19), "paper")
    assert list(paper.content) == ["relu3_3"]
    assert list(paper.style) == ["relu1_2", "relu2_2", "relu3_3", "relu4_3"]


def test_weights_that_reach_less_deep_give_the_nearest_layers_each_once() -> None:
    short = default_layers(named("vgg16", "relu1_1 relu1_2 relu2_1 relu2_2"), "paper")
    assert list(short.content) == ["relu2_2"]
    assert list(short.style) == ["relu1_2", "relu2_2"]
    gatys = default_layers(named("a+b", COMBINED), "gatys")
    assert list(gatys.content) == ["relu4_1"]
    assert ("relu4_2", "relu4_1") in gatys.substitutes


def test_the_bundled_styles_network_has_the_recipes_layers_in_the_papers_mode() -> None:
    found = default_layers(named("vgg19-normalised+vgg19-distilled", COMBINED), "paper")
    assert found.content == {"vgg19-distilled/relu3_1": 0.5, "vgg19-distilled/relu4_1": 0.5}
    assert list(found.style) == ["relu1_2", "relu2_2", "relu3_1", "relu4_1"]
    three = f"{COMBINED} relu1 fire2 fire3 fire4 fire5 fire6 fire7 fire8 fire9"
    name = "vgg19-normalised+vgg19-distilled+squeezenet1_1-caffe"
    found = default_layers(named(name, three), "paper")
    recipe = read_recipe(
        Path(__file__).parents[2] / "recipes" / "starry-night.toml", StyleTrainingConfig
    )
    assert recipe["loss_network"] == name
    assert found.content == recipe["content_layers"]
    # of the two names that a layer has, the recipe takes the longer
    own = {layer.removeprefix("vgg19-distilled/"): w for layer, w in recipe["style_layers"].items()}
    assert found.style == own


def test_other_networks_have_layers_of_their_own_and_unknown_ones_are_asked_for() -> None:
    fires = "relu1 " + " ".join(f"fire{n}" for n in range(2, 10))
    found = default_layers(named("squeezenet1_1-caffe", fires), "best")
    assert set(found.content) | set(found.style) <= set(fires.split())
    with pytest.raises(OptionError, match="name content and style layers"):
        default_layers(named("mine", "first second"), "best")


def test_stages_grow_to_the_size_asked_for_and_share_all_iterations() -> None:
    config = OptimizationConfig(iterations=301)
    stages = plan_stages(config, (384, 512))
    sizes = [stage.size_hw for stage in stages]
    assert sizes == [(96, 128), (136, 181), (192, 256), (272, 362), (384, 512)]
    assert sum(stage.iterations for stage in stages) == 301
    assert stages[0].iterations > stages[1].iterations


def test_papers_modes_have_one_stage_of_lbfgs_and_500_iterations() -> None:
    for mode in ("paper", "gatys"):
        config = OptimizationConfig(mode=mode)
        (stage,) = plan_stages(config, (256, 200))
        assert (stage.size_hw, stage.iterations, config.optimizer) == ((256, 200), 500, "lbfgs")


@pytest.mark.parametrize("iterations", [1, 2, 3, 7])
def test_few_iterations_leave_no_stage_without_one(iterations: int) -> None:
    stages = plan_stages(OptimizationConfig(iterations=iterations), (512, 512))
    assert all(stage.iterations for stage in stages)
    assert sum(stage.iterations for stage in stages) == iterations
    assert stages[-1].size_hw == (512, 512)


COST = NetworkCost(bytes_per_pixel=1000.0, reach_px=64)


def test_memory_decides_between_the_whole_image_and_strips() -> None:
    size_hw = (2048, 2048)
    assert plan_memory(size_hw, COST, 0.0, "adam", None).strip_rows is None
    assert plan_memory(size_hw, COST, 0.0, "adam", 2**40).strip_rows is None
    plan = plan_memory(size_hw, COST, 0.0, "adam", 4 * 2**30)
    assert plan.strip_rows is not None
    assert plan.strip_rows % 32 == 0
    assert plan.estimate_bytes <= 4 * 2**30
    with pytest.raises(OptionError, match=r"GiB.*smaller `size`"):
        plan_memory(size_hw, COST, 0.0, "adam", 2**30)


def test_a_network_that_does_not_cut_into_strips_is_refused_where_it_does_not_fit() -> None:
    whole = NetworkCost(bytes_per_pixel=1000.0, reach_px=None)
    with pytest.raises(OptionError, match="GiB"):
        plan_memory((2048, 2048), whole, 0.0, "adam", 4 * 2**30)


def test_filters_in_another_form_are_counted_where_they_are_held() -> None:
    torch.manual_seed(0)
    blocks = [
        ConvRelu(torch.randn(outs, ins, 3, 3), torch.zeros(outs))
        for ins, outs in ((3, 64), (64, 64), (64, 96))
    ]
    stages = [Stage(block, f"relu1_{number}") for number, block in enumerate(blocks, start=1)]
    network = StagedLossNetwork(stages, (0.5, 0.5, 0.5), provenance("wide"))
    assert network_cost(network, ["relu1_1"], torch.float32, CPU).fixed_bytes == 0
    assert network_cost(network, ["relu1_3"], torch.bfloat16, CPU).fixed_bytes == 0
    cost = network_cost(network, ["relu1_3"], torch.float32, CPU)
    held = [block.winograd_filters().nbytes for block in blocks[1:]]
    assert cost.fixed_bytes == sum(held) == 36 * 64 * (64 + 96) * 4
    without = replace(cost, fixed_bytes=0)
    more, less = (plan_memory((64, 64), each, 0.0, "adam", None) for each in (cost, without))
    assert more.estimate_bytes - less.estimate_bytes == cost.fixed_bytes


def test_adam_stays_within_bounds_and_its_average_ends_at_the_clipped_minimum() -> None:
    centre = torch.tensor([[[[-1.0, 0.25], [0.6, 2.0]]]])
    evaluated = []

    def objective(point: Tensor) -> tuple[float, Tensor]:
        evaluated.append(point)
        assert float(point.min()) >= 0
        assert float(point.max()) <= 1
        return float((point - centre).square().sum()), 2 * (point - centre)

    *_, last = averaged_adam(objective, torch.full_like(centre, 0.5), iterations=300)
    torch.testing.assert_close(last.point, centre.clamp(0, 1), rtol=0, atol=2e-3)
    assert len(evaluated) == 301


def test_adams_average_takes_out_the_noise_of_its_steps() -> None:
    generator = torch.Generator().manual_seed(0)
    points = []

    def noisy(point: Tensor) -> tuple[float, Tensor]:
        points.append(point)
        gradient = 2 * (point - 0.5) + 0.5 * torch.randn(point.shape, generator=generator)
        return float((point - 0.5).square().sum()), gradient

    *_, last = averaged_adam(noisy, torch.zeros(1, 3, 8, 8), iterations=300)
    assert float((last.point - 0.5).std()) < 0.6 * float((points[-1] - 0.5).std())


def test_adam_refuses_to_go_on_with_nan() -> None:
    with pytest.raises(OptimizationError, match="iteration 0"):
        next(averaged_adam(lambda x: (float("nan"), x), torch.zeros(1, 3, 2, 2), iterations=3))
