"""Painting by optimisation, from tensors and from files: what it does, keeps and refuses."""

import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import impasto
from impasto.errors import ImageError, ImpastoError, OptimizationError, OptionError, WeightsError
from impasto.events import Cancelled, CancelToken, Event, Notice, Step, ignore
from impasto.media import luma, read_picture, write_picture
from impasto.networks import LossNetwork
from impasto.networks.loss.network import StagedLossNetwork
from impasto.optimization.config import OptimizationConfig
from impasto.optimization.memory import plan_memory
from impasto.optimization.objective import PixelObjective
from impasto.optimization.optimize import optimize_file
from impasto.optimization.outputs import OptimizationFiles
from impasto.optimization.run import Optimization, OptimizedImage, Pictures, optimize_image

Painted = Callable[..., OptimizedImage]
QUICK: dict[str, Any] = {"iterations": 12, "start_size": 32, "precision": "float32"}


@pytest.fixture
def painted(tiny_loss_network: LossNetwork, photo: Tensor, painting: Tensor) -> Painted:
    """optimize_image on the photo and the painting with the tiny network."""

    def paint(**options: Any) -> OptimizedImage:
        names = ("content", "styles", "masks", "style_masks", "init")
        looked_at = {name: options.pop(name) for name in names if name in options}
        if isinstance(looked_at.get("init"), str | None):
            options["init"] = looked_at.pop("init", None)
        pictures = Pictures(**{"content": photo, "styles": [painting], **looked_at})
        given = {k: options.pop(k) for k in ("cancel", "keep_interrupted") if k in options}
        on_event = options.pop("on_event", ignore)
        config = OptimizationConfig(**{**QUICK, **options})
        return optimize_image(config, pictures, on_event, loss_network=tiny_loss_network, **given)

    return paint


@pytest.mark.parametrize("mode", ["best", "paper", "gatys"])
def test_every_mode_lowers_its_objective_and_reports_each_term(painted: Painted, mode: str) -> None:
    events: list[Event] = []
    result = painted(mode=mode, on_event=events.append)
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.iteration for step in steps] == list(range(1, len(steps) + 1))
    assert {step.iterations for step in steps} == {12}
    last_stage = [step for step in steps if step.stage == steps[-1].stage]
    assert last_stage[-1].loss < last_stage[0].loss
    assert {"content", "style", "tv"} <= set(steps[-1].terms)
    assert any(name.startswith("style relu") for name in steps[-1].terms)
    assert tuple(result.image.shape) == (1, 3, 40, 48)
    assert 0 <= float(result.image.min()) <= float(result.image.max()) <= 1
    assert len(result.history) == len(steps)


def test_the_same_seed_gives_the_same_picture_and_another_one_another(painted: Painted) -> None:
    first, again, other = (
        painted(mode="paper", iterations=3, seed=seed).image for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_stages_grow_and_report_their_own_sizes(painted: Painted) -> None:
    steps: list[Any] = []
    painted(size=96, on_event=lambda e: steps.append(e) if isinstance(e, Step) else None)
    sizes = list(dict.fromkeys(tuple(step.image.shape[-2:]) for step in steps))
    assert len(sizes) > 1
    assert sizes == sorted(sizes)
    assert sizes[-1] == (80, 96)


def test_luminance_keeps_the_photos_chrominance(painted: Painted, photo: Tensor) -> None:
    image = painted(colors="luminance").image
    difference = (image - luma(image)) - (photo - luma(photo))
    assert float(difference.abs().mean()) < 0.02
    assert float((luma(image) - luma(photo)).abs().mean()) > 0.02


def test_a_painting_recoloured_first_leaves_the_photos_mean_colour(
    painted: Painted, photo: Tensor, painting: Tensor
) -> None:
    blue = (painting * torch.tensor([0.2, 0.3, 1.0]).reshape(1, 3, 1, 1)).clamp(0, 1)
    options = {"styles": [blue], "style_weight": 50.0, "iterations": 40, "init": None}
    distance = {
        colors: float((painted(colors=colors, **options).image - photo).mean((2, 3)).abs().mean())
        for colors in ("style", "recolored")
    }
    assert distance["recolored"] < 0.5 * distance["style"]


def test_masks_send_each_style_to_its_own_region(painted: Painted) -> None:
    noise = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    red, blue = (
        noise * torch.tensor(c).reshape(1, 3, 1, 1) for c in ((1.0, 0.1, 0.1), (0.1, 0.1, 1.0))
    )
    left = torch.zeros(1, 1, 40, 48)
    left[..., :24] = 1
    image = painted(
        styles=[red, blue],
        masks=[left, 1 - left],
        content_weight=0.0,
        tv_weight=0.0,
        optimizer="lbfgs",
        iterations=60,
    ).image
    difference = (image[:, 0] - image[:, 2]).mean(1)[0]
    assert float(difference[:20].mean()) > 0.03
    assert float(difference[28:].mean()) < -0.03


def test_an_image_to_start_from_is_where_it_starts(painted: Painted, painting: Tensor) -> None:
    steps: list[Any] = []

    def first(event: Event) -> None:
        if isinstance(event, Step):
            steps.append(event)

    painted(init=painting, iterations=1, optimizer="adam", learning_rate=1e-5, on_event=first)
    expected = torch.nn.functional.interpolate(
        painting, (40, 48), mode="bicubic", antialias=True
    ).clamp(0, 1)
    torch.testing.assert_close(steps[0].image, expected, rtol=0, atol=1e-3)


def test_strips_change_nothing_that_can_be_seen(painted: Painted, photo: Tensor) -> None:
    tall = photo.repeat(1, 1, 5, 1)
    limits = (None, "646MB")
    images = [
        painted(content=tall, size=200, start_size=200, iterations=4, max_memory=limit).image
        for limit in limits
    ]
    torch.testing.assert_close(images[0], images[1], rtol=0, atol=2e-3)


def test_too_little_memory_is_told_before_the_first_iteration(painted: Painted) -> None:
    events: list[Event] = []
    with pytest.raises(OptionError, match="GiB of memory"):
        painted(max_memory="2MB", on_event=events.append)
    assert not any(isinstance(event, Step) for event in events)


def test_an_interrupted_run_keeps_what_is_there_only_if_asked(
    tiny_loss_network: LossNetwork, photo: Tensor, painting: Tensor
) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Step) and event.iteration == 5:
            raise KeyboardInterrupt

    config = OptimizationConfig(**QUICK)
    arguments = (config, Pictures(content=photo, styles=[painting]), stop)
    with pytest.raises(KeyboardInterrupt):
        optimize_image(*arguments, loss_network=tiny_loss_network)
    kept = optimize_image(*arguments, loss_network=tiny_loss_network, keep_interrupted=True)
    assert kept.interrupted
    assert len(kept.history) == 5
    assert tuple(kept.image.shape) == (1, 3, 40, 48)


def test_a_token_from_another_thread_ends_it_with_the_best_so_far(painted: Painted) -> None:
    token = CancelToken()
    steps: list[Step] = []

    def watch(event: Event) -> None:
        if isinstance(event, Step):
            steps.append(event)
            if len(steps) == 3:
                thread = threading.Thread(target=token.cancel)
                thread.start()
                thread.join()

    kept = painted(on_event=watch, cancel=token, iterations=500)
    assert kept.interrupted
    assert len(kept.history) == len(steps) == 3
    with pytest.raises(Cancelled):
        painted(cancel=token)  # before there is an image


def test_the_loss_network_is_six_frames_of_ours_below_optimize(
    network_file: Path, photo: Tensor, painting: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`optimize` itself and the network's forward counted."""
    depths: list[int] = []
    genuine = StagedLossNetwork.forward

    def counting(self: StagedLossNetwork, *arguments: Any) -> dict[str, Tensor]:
        frame, names = sys._getframe(1), ["forward"]
        while frame is not None and names[-1] != "optimize":
            if "/impasto/" in frame.f_code.co_filename:
                names.append(frame.f_code.co_name)
            frame = frame.f_back  # type: ignore[assignment]
        depths.append(len(names))
        return genuine(self, *arguments)

    monkeypatch.setattr(StagedLossNetwork, "forward", counting)
    impasto.optimize(photo, painting, loss_network=str(network_file), iterations=3, start_size=40)
    assert max(depths) <= 6


def test_an_interruption_before_the_first_step_at_a_new_size_keeps_the_last_stage(
    painted: Painted, photo: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = PixelObjective.__call__
    sizes: list[int] = []

    def stopping(self: PixelObjective, image: Tensor) -> tuple[float, Tensor]:
        sizes.append(image.shape[3])
        if sizes[0] != sizes[-1]:
            raise KeyboardInterrupt
        return genuine(self, image)

    monkeypatch.setattr(PixelObjective, "__call__", stopping)
    kept = painted(content=photo.repeat(1, 1, 2, 2), start_size=68, keep_interrupted=True)
    assert kept.interrupted
    assert sizes[-1] == 96 + 2 * 4  # with the border
    assert kept.history
    assert tuple(kept.image.shape) == (1, 3, 80, 96)
    assert kept.total == pytest.approx(min(kept.history))


def test_a_flat_picture_may_be_started_from(painted: Painted) -> None:
    assert painted(init=BLANK).history


def test_only_what_is_missing_is_told_and_for_what(painted: Painted) -> None:
    events: list[Event] = []
    painted(mode="paper", on_event=events.append)
    told = [event.message for event in events if isinstance(event, Notice)]
    assert any("no relu3_3; the content is compared at" in each for each in told)
    assert any("no relu4_3; the style is compared at" in each for each in told)
    assert not any("no relu4_3; the content" in each for each in told)


def test_a_painting_shown_larger_than_the_result_goes_in_strips_too(
    tiny_loss_network: LossNetwork, photo: Tensor
) -> None:
    def work(**more: Any) -> Optimization:
        config = OptimizationConfig(
            size=48, start_size=48, style_scale=8.0, precision="float32", border=0, **more
        )
        pictures = Pictures(content=photo, styles=[torch.rand(1, 3, 384, 384, generator=seeded())])
        return Optimization(config, pictures, loss_network=tiny_loss_network)

    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(5)

    setup = work()
    stage = setup.plans[-1]
    assert setup.strips(stage) is None
    whole = plan_memory((384, 384), setup.cost, 0.0, "none", None).estimate_bytes
    tight = work(max_memory=whole - 1)
    assert tight.strips(stage) is not None
    # and the loss is the same by strips
    image = photo.clone()
    totals = [loss.total(loss.terms(image)) for loss in (tight.loss(stage), setup.loss(stage))]
    assert float(totals[0]) == pytest.approx(float(totals[1]), rel=1e-5)


BLANK = torch.full((1, 3, 40, 48), 0.25)
MASK = torch.ones(1, 1, 40, 48)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"content": BLANK}, ImageError, "the photo is of one colour"),
        ({"styles": [BLANK]}, ImageError, "painting 1 is of one colour"),
        ({"content": torch.rand(1, 3, 9, 48)}, ImageError, "48 x 9 px"),
        ({"content": torch.rand(3, 40, 48)}, OptionError, r"\(N, C, H, W\)"),
        ({"content": torch.full((1, 3, 40, 48), float("nan"))}, OptionError, "finite"),
        ({"content": torch.rand(1, 3, 20, 400), "size": 64}, OptionError, "larger `size`"),
        ({"styles": []}, OptionError, "at least one painting"),
        ({"size": 100_000}, OptionError, "8192"),
        ({"size": 3}, OptionError, "`size`"),
        ({"iterations": 0}, OptionError, "`iterations`"),
        ({"mode": "worst"}, OptionError, "choose from"),
        ({"colors": "sepia"}, OptionError, "`colors`"),
        ({"optimizer": "sgd"}, OptionError, "`optimizer`"),
        ({"style_weight": -1.0}, OptionError, "`style_weight`"),
        ({"style_weight": float("nan")}, OptionError, "`style_weight`"),
        ({"style_scale": 0.0}, OptionError, "`style_scale`"),
        ({"learning_rate": float("inf")}, OptionError, "`learning_rate`"),
        ({"learning_rate": 0.1}, OptionError, "`optimizer` adam"),
        ({"content_layers": {"relu9_9": 1.0}}, OptionError, "relu9_9"),
        ({"style_layers": {"relu1_1": -1.0}}, OptionError, "weight of style layer 'relu1_1'"),
        ({"content_layers": {"relu1_1": float("nan")}}, OptionError, "`content_layers`"),
        ({"style_layers": {}}, OptionError, "`style_weight` 0"),
        ({"style_layers": ["relu1_1", "relu1_1"]}, OptionError, "each layer once"),
        ({"style_weight": "4"}, OptionError, "`style_weight`"),
        ({"threads": -1}, OptionError, "`threads`"),
        ({"relative": False}, OptionError, "absolute errors .* are for `mode` paper"),
        ({"size": 40, "start_size": 64}, OptionError, "`start_size` 64 is above"),
        ({"loss_network_family": "caffe"}, OptionError, "`loss_network_family`"),
        ({"styles": [torch.rand(1, 3, 16, 400)]}, OptionError, "painting 1 would be shown as"),
        ({"style_layers": {"conv1_1": 1.0}}, OptionError, "conv1_1"),
        ({"style_weight": 1e38, "content_weight": 1e38}, OptimizationError, "lower the weights"),
        (
            {"content_weight": 0.0, "style_weight": 0.0, "tv_weight": 0.0},
            OptionError,
            "nothing to optimise",
        ),
        ({"style_image_weights": (1.0, 2.0)}, OptionError, "2 weights for 1 styles"),
        ({"style_image_weights": (0.0,)}, OptionError, "weight 0"),
        ({"masks": [MASK, MASK]}, OptionError, "2 masks for 1 styles"),
        ({"masks": [torch.zeros_like(MASK)]}, OptionError, "black all over"),
        ({"masks": [torch.ones(1, 1, 48, 40)]}, OptionError, "same size"),
        ({"style_masks": [torch.ones(1, 1, 40, 90)]}, OptionError, "painting 1"),
        ({"init": BLANK[..., :8, :8]}, ImageError, "start from"),
    ],
)
def test_bad_input_is_refused_by_type_before_the_first_iteration(
    painted: Painted, options: dict[str, Any], error: type[ImpastoError], said: str
) -> None:
    events: list[Event] = []
    with pytest.raises(error, match=said):
        painted(**options, on_event=events.append)
    assert not any(isinstance(event, Step) for event in events)


def save(path: Path, pixels: Tensor, **options: Any) -> Path:
    write_picture(path, pixels, **options)
    return path


def test_the_facade_takes_pictures_of_any_kind_and_gives_one_back(
    network_file: Path, photo: Tensor, painting: Tensor, tmp_path: Path
) -> None:
    rgba = np.zeros((40, 48, 4), np.uint8)
    rgba[..., :3] = (photo[0].permute(1, 2, 0) * 255).to(torch.uint8).numpy()
    rgba[:20, :, 3] = 255
    rgba[20:, :, :3] = 0  # hidden
    result = impasto.optimize(
        Image.fromarray(rgba),
        [painting, save(tmp_path / "two.png", painting.flip(1))],
        loss_network=str(network_file),
        size=40,
        iterations=2,
        start_size=40,
        style_image_weights=(2.0, 1.0),
    )
    assert result.mode == "RGBA"
    assert result.size == (40, 33)
    assert result.getchannel("A").getpixel((5, 2)) == 255
    assert result.getchannel("A").getpixel((5, 30)) == 0


def test_a_loss_network_that_is_not_there_is_told(photo: Tensor, painting: Tensor) -> None:
    with pytest.raises(WeightsError, match="no loss network"):
        impasto.optimize(photo, painting, loss_network="vgg99")


@pytest.fixture
def files(tmp_path: Path, photo: Tensor, painting: Tensor) -> OptimizationFiles:
    exif = Image.Exif()
    exif[0x013B] = "A. Painter"
    source = tmp_path / "photo.jpg"
    Image.fromarray((photo[0].permute(1, 2, 0) * 255).to(torch.uint8).numpy()).save(
        source, exif=exif
    )
    return OptimizationFiles(
        content=source,
        styles=(save(tmp_path / "painting.png", painting),),
        target=tmp_path / "new" / "out.png",
        preview=tmp_path / "new" / "out.preview.jpg",
        preview_every_s=0.0,
    )


def config_of(network_file: Path, **options: Any) -> OptimizationConfig:
    return OptimizationConfig(
        loss_network=str(network_file), size=32, iterations=3, start_size=32, **options
    )


def test_a_file_is_written_with_the_photos_metadata_and_the_preview_goes(
    files: OptimizationFiles, network_file: Path
) -> None:
    seen: list[bool] = []
    assert files.preview is not None
    preview = files.preview
    optimize_file(config_of(network_file), files, lambda _: seen.append(preview.is_file()))
    assert any(seen)
    assert [path.name for path in files.target.parent.iterdir()] == ["out.png"]
    with Image.open(files.target) as written:
        assert written.size == (32, 27)
        assert written.getexif()[0x013B] == "A. Painter"
        assert "icc_profile" in written.info


def test_an_interrupted_file_is_written_from_what_is_there(
    files: OptimizationFiles, network_file: Path
) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Step) and event.iteration == 2:
            raise KeyboardInterrupt

    assert optimize_file(config_of(network_file), files, stop).interrupted
    assert tuple(read_picture(files.target).pixels.shape) == (1, 3, 27, 32)


def test_sixteen_bits_stay_sixteen_bits(
    files: OptimizationFiles, network_file: Path, photo: Tensor
) -> None:

    deep = save(files.content.with_suffix(".png"), photo, bits=16)
    optimize_file(config_of(network_file), replace(files, content=deep))
    assert read_picture(files.target).bits == 16


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"target": "photo.jpg"}, OptionError, "never overwritten"),
        ({"target": "out.xyz"}, ImageError, "cannot write"),
        ({"target": "photo.jpg/out.png"}, ImageError, "folder"),
        ({"preview": "new/out.png"}, OptionError, "the result itself"),
        ({"content": "missing.jpg"}, ImageError, "no such file"),
        ({"content": "text.jpg"}, ImageError, "not a picture"),
        ({"content": "blank.png"}, ImageError, "blank.png is of one colour"),
    ],
)
def test_files_are_checked_before_the_loss_network_is_loaded(
    files: OptimizationFiles, tmp_path: Path, change: dict[str, str], error: Any, said: str
) -> None:

    (tmp_path / "text.jpg").write_text("no picture")
    save(tmp_path / "blank.png", BLANK)
    changed = replace(files, **{key: tmp_path / name for key, name in change.items()})
    with pytest.raises(error, match=said):
        optimize_file(OptimizationConfig(loss_network="vgg99"), changed)
    assert not (tmp_path / "new").exists()


def test_a_preview_that_cannot_be_written_is_told_once_and_the_work_goes_on(
    files: OptimizationFiles, network_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: Any) -> None:
        raise ImageError(f"{path}: the disk is full")

    monkeypatch.setattr("impasto.media.tensor_writing.write_picture", refuse)
    events: list[Event] = []
    optimize_file(config_of(network_file), files, events.append)
    told = [e.message for e in events if isinstance(e, Notice) and "previews" in e.message]
    assert len(told) == 1
    assert files.target.is_file()
