"""From file to file by way of the disk, against the same picture painted in memory."""

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.engines import passes
from impasto.engines.engine import Engine
from impasto.engines.passes import PassRunner
from impasto.errors import ImageError, ModelError, OptionError
from impasto.events import Notice, Progress
from impasto.media import read_picture, write_picture
from impasto.models import StyleModel
from impasto.painting import painter
from impasto.painting.options import LARGEST_PIXELS, StylizeFileOptions
from impasto.painting.preparing import SourceFile
from impasto.painting.styling import StyleWork
from impasto.painting.stylize import stylize_file

GENERATOR = torch.Generator().manual_seed(5)
PIXELS = torch.rand(1, 3, 61, 150, generator=GENERATOR)
ALPHA = (torch.rand(1, 1, 61, 150, generator=GENERATOR) * 2 - 0.5).clamp(0, 1)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every picture is too large for the memory."""
    monkeypatch.setattr(StyleWork, "fits", lambda *given, **options: False)  # noqa: ARG005


@pytest.fixture
def engine(model: StyleModel, tmp_path: Path) -> Engine:
    return Engine(
        model,
        device="cpu",
        backend="eager",
        precision="float32",
        max_memory="40GB",
        scratch=tmp_path / "scratch",
    )


@pytest.fixture
def both(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Any, Any]]:
    """The same file painted in memory, and by way of the disk: two pictures."""

    def paint(source: Path, suffix: str = ".png", **look: Any) -> tuple[Any, Any]:
        targets = [tmp_path / f"{way}{suffix}" for way in ("memory", "disk")]
        stylize_file(source, targets[0], engine, **look)
        with monkeypatch.context() as patch:
            patch.setattr(StyleWork, "fits", lambda *given, **options: False)  # noqa: ARG005
            stylize_file(source, targets[1], engine, **look)
        assert list((tmp_path / "scratch").iterdir()) == []
        return tuple(read_picture(target) for target in targets)  # type: ignore[return-value]

    return paint


@pytest.mark.parametrize(
    "look",
    [{}, {"strength": 0.3}, {"strength": 0}, {"keep_colors": True}, {"size": 200}, {"size": 37}],
)
@pytest.mark.parametrize(("bits", "alpha"), [(8, None), (16, None), (8, ALPHA), (16, ALPHA)])
def test_the_result_is_that_of_painting_in_memory(
    both: Any, tmp_path: Path, look: dict[str, Any], bits: int, alpha: torch.Tensor | None
) -> None:
    source = tmp_path / "photo.png"
    write_picture(source, PIXELS, alpha=alpha, bits=bits)
    memory, disk = both(source, **look)
    assert (disk.bits, disk.pixels.shape) == (memory.bits, memory.pixels.shape)
    torch.testing.assert_close(disk.pixels, memory.pixels, rtol=0, atol=1.01 / (2**8 - 1))
    difference = (disk.pixels - memory.pixels).abs().mean()
    assert difference < (2e-4 if bits == 8 else 5e-5)
    if alpha is not None:
        torch.testing.assert_close(disk.alpha, memory.alpha, rtol=0, atol=1.01 / (2**bits - 1))


@pytest.mark.parametrize("size_hw", [(1, 1), (3, 4000), (4000, 3), (17, 33)])
def test_sizes_of_every_kind(both: Any, tmp_path: Path, size_hw: tuple[int, int]) -> None:
    source = tmp_path / "photo.png"
    write_picture(source, torch.rand(1, 3, *size_hw, generator=GENERATOR))
    memory, disk = both(source)
    torch.testing.assert_close(disk.pixels, memory.pixels, rtol=0, atol=1.01 / 255)


@pytest.mark.parametrize("suffix", [".tif", ".jpg", ".webp"])
def test_grey_turned_photos_with_metadata_into_other_formats(
    both: Any, tmp_path: Path, suffix: str
) -> None:
    source = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a harbour"  # orientation and description
    gray = Image.fromarray((PIXELS[0, 0] * 255).byte().numpy())
    gray.save(source, exif=exif, dpi=(300, 300))
    memory, disk = both(source, suffix)
    assert disk.pixels.shape == (1, 3, 150, 61)
    assert disk.metadata == memory.metadata
    assert disk.metadata.exif is not None
    # compression may make a level that was rounded the other way several levels nearby
    levels = 1.01 if suffix == ".tif" else 16
    torch.testing.assert_close(disk.pixels, memory.pixels, rtol=0, atol=levels / 255)
    assert (disk.pixels - memory.pixels).abs().mean() < 1e-3


@pytest.mark.usefixtures("large")
def test_bfloat16_and_float32_after_nan(
    model: StyleModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target, events = tmp_path / "photo.png", tmp_path / "painted.png", []
    write_picture(source, PIXELS)
    genuine = passes.run_plan

    def broken(steps: Any, image: Any, worker: Any, *rest: Any, **options: Any) -> Any:
        if image.dtype == torch.bfloat16 and isinstance(worker, PassRunner):  # no rehearsal
            raise passes.NotFiniteError("a map holds NaN or infinity")
        return genuine(steps, image, worker, *rest, **options)

    monkeypatch.setattr(passes, "run_plan", broken)
    engine = Engine(
        model,
        device="cpu",
        backend="eager",
        precision="bfloat16",
        border=0,
    )
    stylize_file(source, target, engine, on_event=events.append)
    expected = model(read_picture(source).pixels)
    torch.testing.assert_close(read_picture(target).pixels, expected, rtol=0, atol=0.51 / 255)
    assert Notice(message="random leaves the range of bfloat16 here") in events


@pytest.mark.usefixtures("large")
def test_a_model_with_nan_in_it_is_blamed(
    model: StyleModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "photo.png"
    write_picture(source, PIXELS)

    def broken(self: PassRunner, *_: Any, **__: Any) -> Any:  # noqa: ARG001
        raise passes.NotFiniteError("a map holds NaN or infinity")

    monkeypatch.setattr(PassRunner, "run", broken)
    with pytest.raises(ModelError, match="'random' gives NaN"):
        stylize_file(source, tmp_path / "painted.png", Engine(model, device="cpu"))
    assert not (tmp_path / "painted.png").exists()


@pytest.mark.usefixtures("large")
def test_progress_rises_to_one(engine: Engine, tmp_path: Path) -> None:
    source, events = tmp_path / "photo.png", []
    write_picture(source, PIXELS)
    stylize_file(source, tmp_path / "painted.png", engine, size=300, on_event=events.append)
    heard = [event.done for event in events if isinstance(event, Progress)]
    assert heard[-1] == pytest.approx(1)
    assert heard == sorted(heard)
    assert len(set(heard)) > 20


@pytest.mark.usefixtures("large")
def test_an_interrupted_painting_goes_on_where_it_was(
    model: StyleModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "photo.png", tmp_path / "painted.png"
    scratch, events = tmp_path / "scratch", []
    write_picture(source, PIXELS)
    engine = Engine(
        model,
        device="cpu",
        backend="eager",
        precision="float32",
        scratch=scratch,
    )
    stylize_file(source, tmp_path / "expected.png", engine)
    genuine, passes = PassRunner._go_through, []

    def counted(self: PassRunner, *given: Any, **options: Any) -> Any:
        passes.append(self.index)
        if len(passes) == 9:
            raise KeyboardInterrupt
        return genuine(self, *given, **options)

    monkeypatch.setattr(PassRunner, "_go_through", counted)
    with pytest.raises(KeyboardInterrupt, match="the same command goes on from there"):
        stylize_file(source, target, engine)
    assert not target.exists()
    stylize_file(source, target, engine, on_event=events.append)
    # eight passes, and reading the file
    assert Notice(message="going on after 9 finished steps") in events
    assert passes == [*range(2, 11), *range(10, 22)]
    assert target.read_bytes() == (tmp_path / "expected.png").read_bytes()
    assert list(scratch.iterdir()) == []


@pytest.mark.usefixtures("large")
def test_what_is_left_of_another_photo_is_not_gone_on_from(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "photo.png", tmp_path / "painted.png"
    write_picture(source, PIXELS)

    def stop(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(painter, "write_samples", stop)
        with pytest.raises(KeyboardInterrupt):
            stylize_file(source, target, engine)
    write_picture(source, 1 - PIXELS)
    stylize_file(source, target, engine)
    expected = engine.paint(read_picture(source).pixels)
    torch.testing.assert_close(read_picture(target).pixels, expected, rtol=0, atol=0.51 / 255)


KILLED = r"""
import sys, time
from pathlib import Path
import torch
from impasto.painting.styling import StyleWork
from impasto.painting.stylize import stylize_file
from impasto.engines import passes
from impasto.engines.passes import PassRunner
from impasto.models import load_style_model
StyleWork.fits = lambda *given, **options: False
seen = []
genuine = PassRunner._go_through
def slow(self, *given, **options):
    seen.append(1)
    if len(seen) == 5 and sys.argv[4] == "slow":
        print("ready", flush=True)
        time.sleep(60)
    return genuine(self, *given, **options)
PassRunner._go_through = slow
from impasto.engines.engine import Engine
options = {"device": "cpu", "backend": "eager", "precision": "float32"}
engine = Engine(sys.argv[1], scratch=sys.argv[3], **options)
stylize_file(Path(sys.argv[2]), Path(sys.argv[2]).with_name("painted.png"), engine)
print(len(seen))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
def test_a_killed_process_is_gone_on_from_by_another(tmp_path: Path) -> None:
    source, scratch = tmp_path / "photo.png", tmp_path / "scratch"
    write_picture(source, PIXELS)
    command = [sys.executable, "-c", KILLED, "starry-night", str(source), str(scratch)]
    with subprocess.Popen([*command, "slow"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "painted.png").exists()
    done = subprocess.run([*command, "fast"], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 20 - 4  # passes in all, and finished before
    assert list(scratch.iterdir()) == []
    assert (tmp_path / "painted.png").exists()


@pytest.mark.usefixtures("large")
def test_too_little_memory_or_disk_is_told_before_the_work(
    model: StyleModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "photo.png", tmp_path / "painted.png"
    write_picture(source, PIXELS)
    tight = Engine(model, device="cpu", backend="eager", max_memory="60MB")
    with pytest.raises(OptionError, match="not enough memory even for one tile"):
        stylize_file(source, target, tight)
    engine = Engine(model, device="cpu", backend="eager", scratch=tmp_path / "scratch")
    monkeypatch.setattr(StyleWork, "scratch_bytes", lambda *given: 10**18)  # noqa: ARG005
    with pytest.raises(OptionError, match="`scratch`"):
        stylize_file(source, target, engine)
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.usefixtures("large")
@pytest.mark.skipif(sys.platform == "win32", reason="makes a symbolic link")
def test_a_link_in_place_of_the_scratch_folder_is_not_followed(
    engine: Engine, tmp_path: Path
) -> None:
    source, target, precious = tmp_path / "photo.png", tmp_path / "painted.png", tmp_path / "own"
    write_picture(source, PIXELS)
    precious.mkdir()
    (precious / "map-1").write_text("precious")
    name = hashlib.sha256(str(target).encode()).hexdigest()[:16]
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / f"impasto-{name}").symlink_to(precious)
    with pytest.raises(OptionError, match="is a link"):
        stylize_file(source, target, engine)
    assert (precious / "map-1").read_text() == "precious"


@pytest.mark.usefixtures("large")
def test_a_damaged_photo_leaves_nothing_behind(engine: Engine, tmp_path: Path) -> None:
    source = tmp_path / "photo.png"
    write_picture(source, PIXELS)
    source.write_bytes(source.read_bytes()[:3000])
    with pytest.raises(ImageError, match=r"photo\.png"):
        stylize_file(source, tmp_path / "painted.png", engine)
    assert list((tmp_path / "scratch").iterdir()) == []
    assert not (tmp_path / "painted.png").exists()


def test_a_limit_of_memory_takes_the_place_of_the_limit_of_pixels(
    model: StyleModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "photo.png"
    write_picture(source, PIXELS)
    monkeypatch.setattr("impasto.media.picture.DEFAULT_MAX_PIXELS", 100)
    with pytest.raises(ImageError, match="above the limit"):
        stylize_file(source, tmp_path / "painted.png", Engine(model, device="cpu"))
    stylize_file(source, tmp_path / "painted.png", Engine(model, device="cpu", max_memory="40GB"))


def test_which_pictures_fit(model: StyleModel, tmp_path: Path) -> None:
    source = tmp_path / "photo.png"
    Image.fromarray(np.zeros((3000, 4000, 3), np.uint8)).save(source)
    header = SourceFile(path=source, max_pixels=10**9).header
    assert header.size_hw == (3000, 4000)
    assert header.decoded_bytes == 4 * 3000 * 4000

    def fits(max_memory: str, size: int | None = None) -> bool:
        engine = Engine(model, device="cpu", backend="eager", max_memory=max_memory)
        work = StyleWork(engine, print)
        return work.fits(header, StylizeFileOptions(size=size), by_rows=True)

    assert not fits("600MB")
    assert fits("4GB")
    assert not fits("4GB", 30000)
    assert LARGEST_PIXELS > 16_000**2
