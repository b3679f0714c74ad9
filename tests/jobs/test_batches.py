"""Pictures painted, enlarged and restored by jobs alone: no command line, nothing printed."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from impasto.errors import ModelError
from impasto.events import CancelToken, Event, Notice, Progress, Saved
from impasto.jobs import OutputOptions, restore_pictures, stylize_pictures, upscale_pictures
from impasto.models import save_model
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.networks.superres import SuperResConfig, build_superres_network
from impasto.painting.options import (
    Enlargement,
    RestoreFileOptions,
    StylizeFileOptions,
    UpscaleFileOptions,
)

HERE = {"device": "cpu", "backend": "eager", "precision": "float32"}


@pytest.fixture(autouse=True)
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Path]:
    """The current folder, with three photos and three models; nothing is ever printed."""
    monkeypatch.chdir(tmp_path)
    for name in ("photos/a.png", "photos/sub/b.jpg", "photos/c.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((24, 20), 60).convert("RGB").save(name)
    torch.manual_seed(0)
    style = StyleNetworkConfig(width=0.125, blocks=1)
    save_model(tmp_path / "wave.safetensors", build_style_network(style), style, {"name": "wave"})
    for name, factor in (("twice", 2), ("clean", 1)):
        config = SuperResConfig(factor=factor, width=0.125, blocks=1)
        network = build_superres_network(config)
        save_model(tmp_path / f"{name}.safetensors", network, config, {"name": name})
    yield tmp_path
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def sizes(report_done: list[Path]) -> dict[str, tuple[int, int]]:
    found = {}
    for path in report_done:
        with Image.open(path) as image:
            found[path.as_posix()] = image.size
    return found


def test_a_folder_is_painted_and_every_step_is_an_event() -> None:
    events: list[Event] = []
    options = StylizeFileOptions(size=12, on_event=events.append, **HERE)
    report = stylize_pictures(["photos"], ["wave.safetensors"], options)
    assert sizes(report.done) == {
        "painted/a-wave.png": (12, 10),
        "painted/c-wave.png": (12, 10),
        "painted/sub/b-wave.jpg": (12, 10),
    }
    assert [event.path for event in events if isinstance(event, Saved)] == report.done
    counted = [event for event in events if isinstance(event, Progress)]
    assert [event.done for event in counted if event.task == "pictures"] == [0, 1, 2, 3]
    assert any("eager, float32" in event.message for event in events if isinstance(event, Notice))
    again = stylize_pictures(["photos"], ["wave.safetensors"], options)
    assert (again.done, again.skipped) == ([], report.done)


def test_pictures_are_enlarged_and_restored() -> None:
    report = upscale_pictures(
        ["photos/a.png"],
        Enlargement(model="twice.safetensors"),
        UpscaleFileOptions(device="cpu"),
        OutputOptions(output="large/", format="webp"),
    )
    assert sizes(report.done) == {"large/a-x2.webp": (48, 40)}
    report = restore_pictures(["photos"], "clean.safetensors", RestoreFileOptions(device="cpu"))
    assert sizes(report.done)["restored/sub/b-clean.jpg"] == (24, 20)


def test_another_thread_stops_a_batch_and_what_is_done_is_kept(folder: Path) -> None:
    cancel, saved = CancelToken(), threading.Event()

    def watch(event: Event) -> None:
        if isinstance(event, Saved):
            saved.set()
            stopper.join(10)  # the token is used before the next picture begins

    def stop() -> None:
        assert saved.wait(30)
        cancel.cancel()

    stopper = threading.Thread(target=stop)
    stopper.start()
    options = StylizeFileOptions(on_event=watch, cancel=cancel, **HERE)
    report = stylize_pictures(["photos"], ["wave.safetensors"], options)
    assert report.done == [Path("painted/a-wave.png")]
    assert report.cancelled is not None
    assert [path.name for path in (folder / "painted").rglob("*")] == ["a-wave.png"]


def test_one_bad_picture_is_a_failure_and_a_bad_model_an_error(folder: Path) -> None:
    (folder / "photos" / "empty.jpg").touch()
    report = stylize_pictures(["photos"], ["wave.safetensors"], StylizeFileOptions(**HERE))
    assert len(report.done) == 3
    assert [failure.name for failure in report.failures] == ["photos/empty.jpg"]
    with pytest.raises(ModelError):
        stylize_pictures(["photos"], ["no-such-style"])
    with pytest.raises(ModelError):
        restore_pictures(["photos"], "twice.safetensors")
