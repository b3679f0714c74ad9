"""Projected L-BFGS against SciPy's bounded L-BFGS-B and against minima known by hand."""

from typing import Any

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

from impasto.errors import OptimizationError, OptionError
from impasto.losses import LossWeights, PerceptualLoss
from impasto.networks import LossNetwork
from impasto.optimization.lbfgs import LbfgsStep, Objective, projected_lbfgs


def differentiated(function: Any) -> Objective:
    """A function of a tensor -> its value and gradient."""

    def objective(point: Tensor) -> tuple[float, Tensor]:
        leaf = point.detach().requires_grad_(True)
        value = function(leaf)
        (gradient,) = torch.autograd.grad(value, leaf)
        return float(value.detach()), gradient

    return objective


def minimum(objective: Objective, start: Tensor, **options: Any) -> LbfgsStep:
    """The last step; on the way every iterate must lie within bounds, and no value may rise."""
    lower, upper = options.get("lower", 0.0), options.get("upper", 1.0)
    last = None
    for step in projected_lbfgs(objective, start, **options):
        assert float(step.point.min()) >= lower
        assert float(step.point.max()) <= upper
        assert last is None or step.value <= last.value
        last = step
    assert last is not None
    return last


def scipy_minimum(objective: Objective, start: Tensor, lower: float, upper: float) -> Any:
    def on_vectors(vector: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = objective(torch.from_numpy(vector).reshape(start.shape))
        return value, gradient.numpy().ravel()

    return scipy.optimize.minimize(
        on_vectors,
        start.numpy().ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(lower, upper)] * start.numel(),
        options={"maxiter": 1000, "maxfun": 20000, "ftol": 1e-15, "gtol": 1e-10},
    )


def quadratic(size: int, seed: int) -> tuple[Tensor, Tensor]:
    """A symmetric positive definite matrix, and a point."""
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(size, size, generator=generator, dtype=torch.float64)
    matrix = root @ root.T / size + 0.1 * torch.eye(size, dtype=torch.float64)
    return matrix, torch.randn(size, generator=generator, dtype=torch.float64)


def test_a_quadratic_within_wide_bounds_ends_at_the_solution_of_its_linear_system() -> None:
    matrix, right = quadratic(12, 0)
    objective = differentiated(lambda x: 0.5 * x @ matrix @ x - right @ x)
    found = minimum(
        objective, torch.zeros_like(right), lower=-100, upper=100, iterations=200, tolerance=1e-10
    )
    torch.testing.assert_close(found.point, torch.linalg.solve(matrix, right), rtol=0, atol=1e-7)


def test_separable_problem_ends_at_the_clipped_centre() -> None:
    centre = torch.tensor([-2.0, 0.25, 0.5, 3.0], dtype=torch.float64)
    scales = torch.tensor([1.0, 10.0, 100.0, 5.0], dtype=torch.float64)
    objective = differentiated(lambda x: (scales * (x - centre).square()).sum())
    found = minimum(objective, torch.full_like(centre, 0.9), iterations=100)
    torch.testing.assert_close(found.point, centre.clamp(0, 1), rtol=0, atol=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_bounded_quadratic_has_scipys_minimum_with_bounds_active(seed: int) -> None:
    matrix, right = quadratic(30, seed)
    objective = differentiated(lambda x: 0.5 * x @ matrix @ x - right @ x)
    start = torch.full_like(right, 0.5)
    expected = scipy_minimum(objective, start, 0.0, 1.0)
    found = minimum(objective, start, iterations=500, tolerance=1e-9)
    on_bounds = ((found.point == 0) | (found.point == 1)).sum()
    assert 0 < on_bounds < 30
    assert found.value == pytest.approx(expected.fun, rel=1e-9)
    np.testing.assert_allclose(found.point.numpy(), expected.x, atol=1e-5)


@pytest.mark.parametrize("upper", [2.0, 0.5])
def test_rosenbrock_inside_and_against_the_bounds(upper: float) -> None:
    def rosenbrock(x: Tensor) -> Tensor:
        return (100 * (x[1:] - x[:-1].square()).square() + (1 - x[:-1]).square()).sum()

    objective = differentiated(rosenbrock)
    start = torch.tensor([-1.2, 0.4, -0.5, 0.1], dtype=torch.float64)
    expected = scipy_minimum(objective, start, -2.0, upper)
    found = minimum(objective, start, lower=-2, upper=upper, iterations=400, tolerance=1e-8)
    assert found.value == pytest.approx(expected.fun, rel=1e-7, abs=1e-12)
    np.testing.assert_allclose(found.point.numpy(), expected.x, atol=1e-4)


def test_a_perceptual_objective_ends_no_higher_than_scipy(
    tiny_loss_network: LossNetwork, photo: Tensor, painting: Tensor
) -> None:
    """Not convex, so the minima may differ; from the same start they do not here."""
    network = tiny_loss_network.double()
    criterion = PerceptualLoss(
        network,
        content_layers=["relu2_1"],
        style_layers=["relu1_1", "relu2_1"],
        weights=LossWeights(content=1.0, style=2.0, tv=0.1),
        relative=True,
    )
    size = (slice(None), slice(None), slice(0, 8), slice(0, 8))
    criterion.set_style(painting[size].double())
    criterion.set_content(photo[size].double())
    objective = differentiated(lambda image: criterion(image))
    start = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    expected = scipy_minimum(objective, start, 0.0, 1.0)
    found = minimum(objective, start, iterations=500, tolerance=1e-7)
    assert found.value == pytest.approx(expected.fun, rel=5e-3)


def test_the_start_is_step_zero_clamped_and_left_alone() -> None:
    start = torch.tensor([-1.0, 0.5, 2.0])
    kept = start.clone()
    steps = list(projected_lbfgs(differentiated(lambda x: x.square().sum()), start, iterations=3))
    assert steps[0].iteration == 0
    assert steps[0].value == pytest.approx(1.25)
    assert torch.equal(steps[0].point, torch.tensor([0.0, 0.5, 1.0]))
    assert torch.equal(start, kept)
    assert [step.iteration for step in steps] == list(range(len(steps)))


def test_it_ends_at_once_where_every_gradient_points_out_of_the_box() -> None:
    objective = differentiated(lambda x: x.sum())
    steps = list(projected_lbfgs(objective, torch.zeros(4), iterations=50))
    assert len(steps) == 1


def test_slack_lets_a_noisy_objective_go_on() -> None:
    """Values rounded to a thousandth, as bfloat16 would: without slack the search gives up."""

    def rounded(point: Tensor) -> tuple[float, Tensor]:
        value = 1 + float((point - 0.3).square().mean())
        return round(value, 2), 2 * (point - 0.3) / point.numel()

    start = torch.linspace(0, 1, 50)
    ends = {}
    for slack in (0.0, 0.01):
        *_, last = projected_lbfgs(rounded, start, iterations=50, slack=slack)
        ends[slack] = float((last.point - 0.3).abs().max())
    assert ends[0.01] < 0.01
    assert ends[0.01] <= ends[0.0]


def test_nonsense_is_refused() -> None:
    objective = differentiated(lambda x: x.square().sum())
    for options in ({"lower": 1.0, "upper": 1.0}, {"iterations": 0}, {"history": 0}):
        with pytest.raises(OptionError):
            next(projected_lbfgs(objective, torch.zeros(2), **options))
    with pytest.raises(OptionError, match="NaN"):
        next(projected_lbfgs(objective, torch.tensor([0.0, float("nan")])))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_objective_that_is_not_finite_at_the_start_is_told(value: float) -> None:
    with pytest.raises(OptimizationError, match="lower the weights"):
        next(projected_lbfgs(lambda x: (value, torch.zeros_like(x)), torch.zeros(2)))
    with pytest.raises(OptimizationError):
        next(projected_lbfgs(lambda x: (1.0, torch.full_like(x, value)), torch.zeros(2)))


def test_steps_into_nan_are_taken_back() -> None:
    """A function that is infinite from 0.6 on: the line search stays on this side of it."""

    def cliff(point: Tensor) -> tuple[float, Tensor]:
        if float(point.max()) > 0.6:
            return float("inf"), torch.zeros_like(point)
        return float(-point.sum()), -torch.ones_like(point)

    found = minimum(cliff, torch.zeros(3), iterations=30)
    assert float(found.point.max()) <= 0.6
    assert found.value < -1.5
