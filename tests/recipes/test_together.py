"""Training several styles at once is the same as training each: loss, gradients, optimiser."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.events import ignore
from impasto.models import load_style_model
from impasto.networks import LossNetwork, build_style_network, load_loss_network
from impasto.training.muon import Muon
from impasto.training.style_task import StyleTask
from impasto.training.task import Setup

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
BORDER = 8


@pytest.fixture(scope="module")
def together() -> Iterator[Any]:
    """The package beside the script, which is not installed."""
    sys.path.insert(0, str(ROOT / "recipes"))
    try:
        from together import joint, lockstep, run, students

        yield argparse.Namespace(joint=joint, lockstep=lockstep, run=run, students=students)
    finally:
        sys.path.remove(str(ROOT / "recipes"))


@pytest.fixture(scope="module")
def loss_network(shared_data: Path) -> LossNetwork:
    folder = shared_data / "loss_networks"
    assert folder.is_dir()
    return load_loss_network("vgg19-normalised+vgg19-distilled+squeezenet1_1-caffe")


@pytest.fixture
def make(together: Any, loss_network: LossNetwork, tmp_path: Path) -> Any:
    def make_student(text: str) -> Any:
        args = argparse.Namespace(
            photos=ROOT / "docs" / "sample",
            output=tmp_path,
            learning_rate=1e-3,
            batch_size=2,
            zoom=1.0,
            color_jitter=0.0,
            seed=0,
            stages=[together.students.Stage(1.0, 64, BORDER)],
        )
        return together.students.make_student(text, args, loss_network, CPU)

    return make_student


def alone(student: Any, images: torch.Tensor) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradients of the trainer that everybody has."""
    config = replace(
        student.config, border_px=BORDER, precision="float32", preview_every=0, initial=""
    )
    photos = [ROOT / "docs" / "sample" / "chelsea.jpg"]
    loss_network = student.criterion.loss_network
    task = StyleTask(
        Setup(
            config=config,
            device=CPU,
            paths=photos,
            held_out=[],
            loss_network=loss_network,
            report=ignore,
        )
    )
    task.network.load_state_dict(student.network.state_dict())
    total, _ = task.terms_of(images)
    total.backward()
    gradients = {name: p.grad for name, p in task.network.named_parameters()}
    return float(total.detach()), {k: v for k, v in gradients.items() if v is not None}


@pytest.mark.parametrize(
    "names",
    [
        ("starry-night", "great-wave"),
        ("starry-night,architecture=fast", "udnie,architecture=fast"),
        ("starry-night,edge_weight=60", "great-wave,edge_weight=60"),
    ],
)
def test_loss_and_gradients_are_those_of_each_style_alone(
    together: Any, make: Any, names: tuple[str, ...]
) -> None:
    students = [make(name) for name in names]
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    wanted = [alone(student, images) for student in students]
    run = together.run.Run(students, CPU)
    painted = None if run.teach is None else run.teach(images).detach()
    edgeless = run._edgeless(images).detach() if run.loss.edges else None
    terms = run.loss(run.paint(images), images, painted, BORDER, edgeless)
    for found, (total, _) in zip(terms.sum(1).tolist(), wanted, strict=True):
        assert found == pytest.approx(total, rel=1e-5)
    gradients = torch.autograd.grad(terms.sum(), run.optimizer.parameters)
    found = {id(p): g for p, g in zip(run.optimizer.parameters, gradients, strict=True)}
    for student, (_, reference) in zip(students, wanted, strict=True):
        names_of = dict(student.network.named_parameters())
        joined = torch.cat([found[id(names_of[name])].flatten() for name in reference])
        exact = torch.cat([gradient.flatten() for gradient in reference.values()])
        # float32 in another order: where a ReLU is at zero, either side may be taken
        assert float((joined - exact).norm() / exact.norm()) < 0.02


def test_the_optimiser_is_muon_with_clipping_for_each(together: Any, make: Any) -> None:
    students = [make("starry-night"), make("great-wave")]
    copies = [
        [torch.nn.Parameter(p.detach().clone()) for p in student.network.parameters()]
        for student in students
    ]
    optimizer = together.joint.JointMuon(students, clip_norm=1.0)
    generator = torch.Generator().manual_seed(1)
    singles = [Muon(copy, lr=1e-3) for copy in copies]
    for step in (1, 2, 3):
        drawn = {id(p): torch.randn(p.shape, generator=generator) for p in optimizer.parameters}
        optimizer.set(1e-3, step)
        optimizer.step([drawn[id(p)] for p in optimizer.parameters])
        for student, copy, single in zip(students, copies, singles, strict=True):
            for own, other in zip(student.network.parameters(), copy, strict=True):
                other.grad = drawn[id(own)].clone()
            torch.nn.utils.clip_grad_norm_(copy, 1.0)
            single.step()
    for student, copy in zip(students, copies, strict=True):
        for own, other in zip(student.network.parameters(), copy, strict=True):
            torch.testing.assert_close(own.detach(), other.detach(), rtol=0, atol=1e-5)


def test_a_gradient_that_is_not_finite_leaves_its_student_alone(together: Any, make: Any) -> None:
    students = [make("starry-night"), make("great-wave")]
    before = [[p.detach().clone() for p in student.network.parameters()] for student in students]
    optimizer = together.joint.JointMuon(students, clip_norm=1.0)
    broken = {id(p) for p in students[0].network.parameters()}
    optimizer.set(1e-3, 1)
    optimizer.step(
        [
            torch.full_like(p, float("nan")) if id(p) in broken else torch.ones_like(p)
            for p in optimizer.parameters
        ]
    )
    moved = [
        any(not torch.equal(p, q) for p, q in zip(student.network.parameters(), old, strict=True))
        for student, old in zip(students, before, strict=True)
    ]
    assert moved == [False, True]


@pytest.mark.parametrize("change", [{"width": 1.0}, {"blocks": 7}, {"width": 1.0, "blocks": 7}])
def test_wider_and_deeper_networks_begin_as_the_same_function(
    together: Any, change: dict[str, Any]
) -> None:
    model = load_style_model("udnie")
    wanted = replace(model.config, **change)
    network, about = together.students.adapted(model.network, model.config, wanted)
    image = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(network(image), model.network(image), rtol=0, atol=1e-4)
    assert len(about) == len(change)
    assert sum(p.numel() for p in network.parameters()) > 424_000


def test_twin_filters_are_told_apart_by_their_gradients(together: Any) -> None:
    """Else a wider network would never be more than the narrow one."""
    model = load_style_model("udnie")
    network, _ = together.students.adapted(
        model.network, model.config, replace(model.config, width=1.0)
    )
    network.requires_grad_(True)
    network(torch.rand(1, 3, 32, 32)).square().mean().backward()
    gradient = network.layers[0].conv.weight.grad
    assert gradient is not None
    assert float((gradient[0::2] - gradient[1::2]).norm() / gradient.norm()) > 0.1


def test_networks_of_two_kinds_are_refused(together: Any) -> None:
    networks = [load_style_model("udnie").network, load_style_model("udnie", "fast").network]
    with pytest.raises(ValueError, match="one architecture"):
        together.lockstep.Lockstep(networks, torch.float32)


def test_a_crop_depends_on_its_number_alone(together: Any) -> None:
    photos = [torch.randint(0, 256, (1, 3, 40, 60), dtype=torch.uint8) for _ in range(3)]
    crops = together.run.Crops(photos, seed=4, zoom=1.0)
    late = crops.batch(7, 2, 32)
    crops.batch(0, 2, 32)
    assert torch.equal(crops.batch(7, 2, 32), late)
    assert late.shape == (2, 3, 32, 32)
    jittered = together.run.Crops(photos, seed=4, zoom=1.0, color_jitter=0.5)
    assert torch.equal(jittered.batch(7, 2, 32), jittered.batch(7, 2, 32))
    assert not all(torch.equal(jittered.batch(n, 2, 32), crops.batch(n, 2, 32)) for n in range(6))


def test_lockstep_paints_what_each_network_paints(together: Any) -> None:
    config = load_style_model("udnie").config
    torch.manual_seed(3)
    networks = [build_style_network(config) for _ in range(3)]
    images = torch.rand(2, 3, 32, 40)
    with torch.no_grad():
        found = together.lockstep.Lockstep(networks, torch.float32)(images)
        for place, network in enumerate(networks):
            own = found[2 * place : 2 * place + 2]
            torch.testing.assert_close(own, network(images), rtol=0, atol=1e-4)
