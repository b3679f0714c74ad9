"""A network that learns from another: the distance to its pictures, and where it counts alone."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from impasto.data.photos import PhotoBatch
from impasto.errors import OptionError, TrainingError
from impasto.events import Event, Step, ignore
from impasto.losses import grid_loss
from impasto.models import load_style_model, save_model
from impasto.networks import StyleNetworkConfig, build_style_network, load_loss_network
from impasto.training import StyleTrainingConfig, run
from impasto.training.style_task import StyleTask
from impasto.training.task import Setup

MakeConfig = Callable[..., StyleTrainingConfig]
FULL = StyleNetworkConfig(width=0.125)


@pytest.fixture
def teacher(tmp_path: Path) -> str:
    """A style file of a thin modern network with random weights."""
    torch.manual_seed(7)
    path = tmp_path / "teacher.safetensors"
    save_model(path, build_style_network(FULL), FULL, {"name": "teacher"})
    return str(path)


def _task(config: StyleTrainingConfig) -> StyleTask:
    setup = Setup(
        config=config,
        device=torch.device("cpu"),
        paths=sorted(config.photos.glob("*.png")),
        held_out=[],
        loss_network=load_loss_network(config.loss_network),
        report=ignore,
    )
    return StyleTask(setup)


def _batch(side: int = 24) -> PhotoBatch:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(2, 3, side, side, generator=generator)
    return PhotoBatch(images=images, skipped={})


def _fast(make_config: MakeConfig, teacher: str, **options: object) -> StyleTrainingConfig:
    settings = {"architecture": "fast", "blocks": 1, "precision": "float32", "teacher": teacher}
    return make_config(**{**settings, **options})


def test_distance_is_the_mean_absolute_difference_to_what_the_teacher_paints(
    make_config: MakeConfig, teacher: str
) -> None:
    task, batch = _task(_fast(make_config, teacher, teacher_weight=3.0)), _batch()
    total, terms = task.loss(batch)
    with torch.no_grad():
        painted = load_style_model(teacher).network(batch.images)
        expected = (task.network(batch.images) - painted).abs().mean()
    torch.testing.assert_close(terms["teacher"], expected)
    weights = task.config
    without = (
        weights.content_weight * terms["content"]
        + weights.style_weight * terms["style"]
        + weights.tv_weight * terms["tv"]
    )
    torch.testing.assert_close(total, without + 3 * expected)


def test_a_border_is_mirrored_around_both_pictures_for_the_loss(
    make_config: MakeConfig, teacher: str
) -> None:
    plain, bordered = (
        _task(_fast(make_config, teacher, teacher_weight=0.0, border_px=border))
        for border in (0, 9)
    )
    bordered.network.load_state_dict(plain.network.state_dict())
    batch = _batch(24)
    with torch.no_grad():
        total, _ = bordered.loss(batch)
        pictures = plain.network(batch.images), batch.images
        padded = [torch.nn.functional.pad(each, (9,) * 4, mode="reflect") for each in pictures]
        expected = plain.criterion.total(plain.criterion.terms(*padded))
        without, _ = plain.loss(batch)
    torch.testing.assert_close(total, expected)
    assert (total - without).abs() > 1e-4 * without


def test_the_grids_weight_counts_patterns_of_four_pixels(
    make_config: MakeConfig, teacher: str
) -> None:
    plain, weighted = (
        _task(_fast(make_config, teacher, grid_weight=weight)) for weight in (0.0, 100.0)
    )
    weighted.network.load_state_dict(plain.network.state_dict())
    batch = _batch(26)  # the last two rows and columns end within a period
    with torch.no_grad():
        (total, terms), (more, named) = plain.loss(batch), weighted.loss(batch)
        output = plain.network(batch.images)[..., :24, :24]
    expected = grid_loss(output, batch.images[..., :24, :24], factor=4)
    assert expected > 0
    assert "grid" not in terms
    torch.testing.assert_close(named["grid"], expected)
    torch.testing.assert_close(more, total + 100 * expected)


def test_gradient_reaches_the_network_and_not_the_teacher(
    make_config: MakeConfig, teacher: str
) -> None:
    task = _task(_fast(make_config, teacher, teacher_only=1.0))
    task.loss(_batch())[0].backward()
    assert task.teacher is not None
    assert all(parameter.grad is None for parameter in task.teacher.network.parameters())
    last = list(task.network.parameters())[-1]
    # d mean|o - t| / do is sign(o - t) / count, through the slope 0.55 (1 - tanh^2) to the bias
    with torch.no_grad():
        images = _batch().images
        output, painted = task.network(images), task.teacher.network(images)
        slope = 0.55 * (1 - ((output - 0.5) / 0.55).square())
        each = (output - painted).sign() * slope / output.numel()
        expected = torch.nn.functional.pixel_unshuffle(each, 2).sum((0, 2, 3))
    assert last.grad is not None
    torch.testing.assert_close(last.grad, expected, rtol=1e-3, atol=1e-6)


def test_the_loss_network_is_left_out_for_the_first_share_of_the_iterations(
    make_config: MakeConfig, teacher: str
) -> None:
    config = _fast(make_config, teacher, teacher_only=0.25, validate_every=0)
    steps: list[Step] = []
    run(config, lambda event: steps.append(event) if isinstance(event, Step) else None)
    assert ["content" in step.terms for step in steps] == [False] * 2 + [True] * 6
    assert all("teacher" in step.terms for step in steps)


def test_learning_from_a_teacher_alone_comes_near_to_it(
    make_config: MakeConfig, teacher: str
) -> None:
    config = _fast(
        make_config, teacher, teacher_only=1.0, iterations=60, crops=((1.0, 24),),
        learning_rate=1e-2, preview_every=0, validate_every=0, width=0.25,
    )  # fmt: skip
    steps: list[Step] = []
    run(config, lambda event: steps.append(event) if isinstance(event, Step) else None)
    first, last = (
        sum(step.terms["teacher"] for step in part) / 5 for part in (steps[:5], steps[-5:])
    )
    assert last < 0.75 * first


@pytest.mark.parametrize("stop_at", [1, 5])
def test_a_stopped_run_ends_with_the_same_bits_in_either_part(
    make_config: MakeConfig, teacher: str, tmp_path: Path, stop_at: int
) -> None:
    options = {"teacher_only": 0.5, "iterations": 6, "preview_every": 0, "validate_every": 0}
    whole = _fast(make_config, teacher, output=tmp_path / "whole", **options)
    broken = _fast(make_config, teacher, output=tmp_path / "broken", **options)
    run(whole)

    def stop(event: Event) -> None:
        if isinstance(event, Step) and event.iteration == stop_at:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run(broken, stop)
    run(broken)
    one, other = (
        load_style_model(config.output / "model.safetensors").network.state_dict()
        for config in (whole, broken)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_does_not_go_on_with_another_teacher_of_the_same_name(
    make_config: MakeConfig, teacher: str
) -> None:
    config = _fast(make_config, teacher, iterations=2, preview_every=0, validate_every=0)
    run(config)
    save_model(teacher, build_style_network(FULL), FULL, {"name": "teacher"})
    with pytest.raises(TrainingError, match="teacher was"):
        run(config)


def test_the_card_names_the_teacher(make_config: MakeConfig, teacher: str) -> None:
    config = _fast(
        make_config, teacher, iterations=2, preview_every=0, validate_every=0, teacher_weight=0.5
    )
    model = load_style_model(run(config))
    trained = model.card["trained"]
    assert trained["teacher"]["name"] == "teacher"
    assert len(trained["teacher"]["weights_sha256"]) == 64
    assert (trained["teacher_weight"], trained["teacher_only"]) == (0.5, 0.0)
    assert model.config == config.network


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(make_config: MakeConfig, share: float) -> None:
    with pytest.raises(OptionError, match="`teacher_only`"):
        make_config(teacher="udnie", teacher_only=share)


def test_a_share_without_a_teacher_is_refused(make_config: MakeConfig) -> None:
    with pytest.raises(OptionError, match="without a `teacher`"):
        make_config(teacher_only=0.5)


def test_a_bundled_style_to_start_from_means_its_network_of_the_same_architecture(
    make_config: MakeConfig,
) -> None:
    assert make_config(architecture="fast", initial="udnie").initial_quality == "fast"
    assert make_config(initial="udnie").initial_quality == "full"
    assert make_config(architecture="fast", initial="a/b.safetensors").initial_quality == "full"
