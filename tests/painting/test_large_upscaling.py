"""Enlarged and restored by way of the disk, against the same picture done in memory."""

import errno
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.engines.stores import FileStore
from impasto.engines.tile_engine import SuperResOptions, TileEngine
from impasto.errors import ImageError, OptionError
from impasto.events import Cancelled, CancelToken, Event, Notice, Progress
from impasto.media import read_picture, write_picture
from impasto.media.streaming import streamed_file
from impasto.models import SuperResModel
from impasto.networks.superres import SuperResConfig
from impasto.painting import restore, restore_file, upscale_file
from impasto.painting.canvas import FilePlane
from impasto.painting.enlarging import TileWork
from impasto.painting.preparing import SourceFile
from impasto.painting.tile_steps import TileStep
from impasto.painting.upscale import upscale

Make = Callable[..., SuperResModel]
GENERATOR = torch.Generator().manual_seed(7)
PIXELS = torch.rand(1, 3, 41, 53, generator=GENERATOR)
ALPHA = (torch.rand(1, 1, 41, 53, generator=GENERATOR) * 2 - 0.5).clamp(0, 1)
HARD_ALPHA = torch.ones(1, 1, 41, 53)
HARD_ALPHA[..., 10:25, 12:40] = 0
SMALL: dict[str, Any] = {"width": 0.125, "blocks": 1}


def enhance_file(source: Path, target: Path, model: Any, **options: Any) -> None:
    """Enlarge or restore, as the first of the models is made for."""
    if model[0].factor > 1:
        upscale_file(source, target, model=model, **options)
    else:
        restore_file(source, target, *model, **options)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every picture is too large for the memory."""
    monkeypatch.setattr(TileWork, "fits", lambda *given, **options: False)  # noqa: ARG005


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, Any]]:
    """The same file enlarged in memory, and by way of the disk: two files."""

    def enlarge(
        source: Path, models: Any, suffix: str = ".png", tile_px: int = 16, **given: Any
    ) -> tuple[Path, Path]:
        options = {"tile_px": tile_px, "device": "cpu", **given}
        memory, disk = (tmp_path / f"{way}{suffix}" for way in ("memory", "disk"))
        enhance_file(source, memory, models, **options)
        scratch = tmp_path / "scratch"
        with monkeypatch.context() as patch:
            patch.setattr(TileWork, "fits", lambda *given, **options: False)  # noqa: ARG005
            enhance_file(source, disk, models, scratch=scratch, **options)
        assert list(scratch.iterdir()) == []
        return memory, disk

    return enlarge


def photo_at(tmp_path: Path, **given: Any) -> Path:
    source = tmp_path / "photo.png"
    write_picture(source, PIXELS, **given)
    return source


@pytest.mark.parametrize("tile_px", [5, 16, 37, 200])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_the_file_is_the_same_to_the_byte(
    both: Any, tmp_path: Path, upscaler: SuperResModel, tile_px: int, suffix: str
) -> None:
    memory, disk = both(photo_at(tmp_path), [upscaler], suffix, tile_px)
    assert disk.read_bytes() == memory.read_bytes()


@pytest.mark.parametrize(
    "given",
    [
        {"strength": 0.3},
        {"color_match": "histogram"},
        {"color_match": "low-frequency"},
        {"precision": "bfloat16"},
    ],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_so_it_is_with_every_option(
    both: Any, tmp_path: Path, upscaler: SuperResModel, given: dict[str, Any], bits: int
) -> None:
    memory, disk = both(photo_at(tmp_path, bits=bits), [upscaler], **given)
    if bits == 8:
        assert disk.read_bytes() == memory.read_bytes()
        return
    # floats of 16-bit samples are off by an ulp, which rarely shows as one of 65536 levels
    difference = (read_picture(disk).pixels - read_picture(memory).pixels).abs()
    assert difference.max() < (10 if given.get("color_match") == "histogram" else 1.01) / 65535
    assert (difference > 0).float().mean() < 0.01


@pytest.mark.parametrize("alpha", [ALPHA, HARD_ALPHA], ids=["soft", "hard"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("color_match", ["none", "histogram"])
def test_alpha_goes_through_the_network_too(
    both: Any,
    tmp_path: Path,
    upscaler: SuperResModel,
    alpha: torch.Tensor,
    bits: int,
    color_match: str,
) -> None:
    source = photo_at(tmp_path, alpha=alpha, bits=bits)
    memory, disk = map(read_picture, both(source, [upscaler], color_match=color_match))
    assert (disk.bits, disk.pixels.shape) == (memory.bits, memory.pixels.shape)
    atol = 0 if bits == 8 else 2.01 / 65535
    torch.testing.assert_close(disk.alpha, memory.alpha, rtol=0, atol=atol)
    # hidden colours are filled in at 16 bits there, in floats here
    seen = (memory.alpha > 0).expand_as(memory.pixels)
    difference = (disk.pixels - memory.pixels).abs()[seen]
    assert difference.mean() < 3e-4
    # where a histogram has gaps its map is steep, and a rounding of hidden colours shows
    far = (difference > 1.01 / 255).float().mean()
    assert far == 0 if color_match == "none" else far < 1e-3


@pytest.mark.parametrize("size", [300, 60, 100])
@pytest.mark.parametrize("bits", [8, 16])
def test_another_size_than_the_factors_is_within_rounding(
    both: Any, tmp_path: Path, upscaler: SuperResModel, size: int, bits: int
) -> None:
    files = both(photo_at(tmp_path, bits=bits), [upscaler], size=size)
    memory, disk = map(read_picture, files)
    assert max(disk.pixels.shape) == size
    levels = 1.01 if bits == 8 else 2.01
    torch.testing.assert_close(disk.pixels, memory.pixels, rtol=0, atol=levels / (2**bits - 1))


@pytest.mark.parametrize("size_hw", [(1, 1), (3, 700), (700, 3), (17, 33)])
@pytest.mark.parametrize("size", [None, 100])
def test_sizes_of_every_kind(
    both: Any, tmp_path: Path, upscaler: SuperResModel, size_hw: tuple[int, int], size: int | None
) -> None:
    source = tmp_path / "photo.png"
    write_picture(source, torch.rand(1, 3, *size_hw, generator=GENERATOR))
    memory, disk = map(read_picture, both(source, [upscaler], size=size))
    torch.testing.assert_close(disk.pixels, memory.pixels, rtol=0, atol=1.01 / 255)


@pytest.mark.parametrize("mode", ["L", "LA"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_grey_turned_photos_with_metadata_into_every_format(
    both: Any, tmp_path: Path, upscaler: SuperResModel, suffix: str, mode: str
) -> None:
    source = tmp_path / "photo.png"
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a harbour"  # orientation and description
    samples = (torch.cat([PIXELS[0, 0], HARD_ALPHA[0, 0]]) * 255).byte().numpy().reshape(2, 41, 53)
    image = Image.fromarray(samples[0])
    if mode == "LA":
        image = Image.merge("LA", [image, Image.fromarray(samples[1])])
    image.save(source, exif=exif, dpi=(300, 300))
    memory, disk = both(source, [upscaler], suffix)
    with Image.open(memory) as one, Image.open(disk) as other:
        assert (one.mode, one.size) == (other.mode, other.size)
        assert other.getexif().get(0x010E) == "a harbour"
    one, other = read_picture(memory), read_picture(disk)
    assert one.metadata == other.metadata
    if mode == "L":
        assert memory.read_bytes() == disk.read_bytes()
    else:
        # lossy formats make more of one level
        assert (one.pixels - other.pixels).abs().mean() < 5e-3


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_a_source_that_is_decoded_in_parts_gives_the_same(
    both: Any, tmp_path: Path, upscaler: SuperResModel, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyvips")
    source = tmp_path / f"photo{suffix}"
    write_picture(source, PIXELS)
    genuine = SourceFile.decoded

    def decoded(self: SourceFile, free_bytes: int | None = None) -> Any:
        return genuine(self) if free_bytes is None else streamed_file(self.path, 10**9)

    monkeypatch.setattr(SourceFile, "decoded", decoded)
    memory, disk = map(read_picture, both(source, [upscaler]))
    atol = 1.01 / 255 if suffix != ".jpg" else 8 / 255  # another decoder of JPEG
    torch.testing.assert_close(disk.pixels, memory.pixels, rtol=0, atol=atol)


@pytest.mark.parametrize("alpha", [None, ALPHA])
def test_factor_8_goes_through_two_models(
    both: Any, tmp_path: Path, make_upscaler: Make, alpha: torch.Tensor | None
) -> None:
    models = [make_upscaler(SuperResConfig(factor=factor, **SMALL)) for factor in (4, 2)]
    files = both(photo_at(tmp_path, alpha=alpha), models)
    memory, disk = map(read_picture, files)
    assert alpha is None or torch.equal(memory.alpha, disk.alpha)
    # Tiles of other sizes are rounded otherwise by some processors' convolutions.
    torch.testing.assert_close(disk.pixels, memory.pixels, rtol=0, atol=1.01 / 255)
    assert (memory.pixels - disk.pixels).abs().mean() < 2e-4


class TestRestore:
    @pytest.mark.parametrize("alpha", [None, ALPHA])
    def test_a_picture_keeps_its_size_and_alpha(
        self, both: Any, tmp_path: Path, make_upscaler: Make, alpha: torch.Tensor | None
    ) -> None:
        model = make_upscaler(SuperResConfig(factor=1, shrink=2, **SMALL))
        memory, disk = map(read_picture, both(photo_at(tmp_path, alpha=alpha), [model]))
        torch.testing.assert_close(disk.pixels, memory.pixels, rtol=0, atol=1.01 / 255)
        assert alpha is None or torch.equal(disk.alpha, memory.alpha)

    def test_colour_is_added_to_grey(self, both: Any, tmp_path: Path, make_upscaler: Make) -> None:
        model = make_upscaler(SuperResConfig(factor=1, **SMALL), degradation="gray")
        memory, disk = both(photo_at(tmp_path), [model])
        assert disk.read_bytes() == memory.read_bytes()

    @pytest.mark.parametrize("way", ["mask", "alpha", "both"])
    def test_holes_are_told_by_a_mask_or_alpha(
        self, both: Any, tmp_path: Path, make_upscaler: Make, way: str
    ) -> None:
        model = make_upscaler(SuperResConfig(factor=1, in_channels=4, **SMALL))
        mask = tmp_path / "mask.png"
        Image.fromarray((1 - HARD_ALPHA[0, 0]).mul(255).byte().numpy()).save(mask)
        source = photo_at(tmp_path, alpha=None if way == "mask" else HARD_ALPHA)
        memory, disk = both(source, [model], mask=None if way == "alpha" else mask)
        one, other = read_picture(memory), read_picture(disk)
        assert (one.alpha is None) == (other.alpha is None) == (way != "both")
        torch.testing.assert_close(other.pixels, one.pixels, rtol=0, atol=1.01 / 255)

    @pytest.mark.usefixtures("large")
    def test_masks_and_models_must_fit(self, tmp_path: Path, make_upscaler: Make) -> None:
        source, target, mask = photo_at(tmp_path), tmp_path / "new.png", tmp_path / "mask.png"
        Image.new("L", (10, 9)).save(mask)
        filler = make_upscaler(SuperResConfig(factor=1, in_channels=4, **SMALL))
        with pytest.raises(OptionError, match="give a mask"):
            restore_file(source, target, filler, scratch=tmp_path / "scratch")
        with pytest.raises(ImageError, match="10 x 9 px for a picture of 53 x 41 px"):
            restore_file(source, target, filler, mask=mask)
        plain = make_upscaler(SuperResConfig(factor=1, **SMALL))
        with pytest.raises(OptionError, match="takes no mask"):
            restore_file(source, target, plain, mask=mask)
        assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.usefixtures("large")
def test_progress_rises_to_one(upscaler: SuperResModel, tmp_path: Path) -> None:
    events: list[Any] = []
    options: dict[str, Any] = {"tile_px": 10, "device": "cpu", "on_event": events.append}
    source = photo_at(tmp_path, alpha=ALPHA)
    upscale_file(source, tmp_path / "large.png", model=upscaler, **options)
    heard = [event.done for event in events if isinstance(event, Progress)]
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1)
    assert len(set(heard)) > 10


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("color_match", ["none", "histogram"])
def test_an_interrupted_picture_goes_on_where_it_was(
    upscaler: SuperResModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, color_match: str
) -> None:
    source, target, scratch = photo_at(tmp_path), tmp_path / "large.png", tmp_path / "scratch"
    events: list[Any] = []
    given: dict[str, Any] = {"device": "cpu", "scratch": scratch, "on_event": events.append}
    given |= {"model": upscaler, "tile_px": 10, "color_match": color_match}
    upscale_file(source, tmp_path / "expected.png", **given)
    genuine, tops = TileEngine.run, []

    def stopping(self: TileEngine, *rest: Any, region: Any, **options: Any) -> None:
        tops.append(region.top)
        if len(tops) == 4:
            raise KeyboardInterrupt
        genuine(self, *rest, region=region, **options)

    monkeypatch.setattr(TileEngine, "run", stopping)
    with pytest.raises(KeyboardInterrupt, match="the same command goes on from there"):
        upscale_file(source, target, **given)
    assert not target.exists()
    upscale_file(source, target, **given)
    assert tops == [0, 9, 18, 27, 27, 36]
    # three bands, and reading the file
    assert Notice(message="going on after 4 finished steps") in events
    assert target.read_bytes() == (tmp_path / "expected.png").read_bytes()
    assert list(scratch.iterdir()) == []


@pytest.mark.usefixtures("large")
def test_a_disk_that_fills_up_is_told_and_left_clean(
    upscaler: SuperResModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target, scratch = photo_at(tmp_path), tmp_path / "large.png", tmp_path / "scratch"

    def full(self: FileStore, mode: str) -> None:  # noqa: ARG001
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "_opened", full)
        with pytest.raises(OptionError, match=r"No space left.*`scratch`"):
            upscale_file(source, target, model=upscaler, device="cpu", scratch=scratch)
    assert list(scratch.iterdir()) == []
    monkeypatch.setattr(TileWork, "scratch_bytes", lambda *_: 10**18)
    with pytest.raises(OptionError, match="are needed for a while"):
        upscale_file(source, target, model=upscaler, device="cpu", scratch=scratch)
    assert not target.exists()


@pytest.mark.usefixtures("large")
def test_a_damaged_photo_leaves_nothing_behind(upscaler: SuperResModel, tmp_path: Path) -> None:
    source = photo_at(tmp_path)
    source.write_bytes(source.read_bytes()[:3000])
    with pytest.raises(ImageError, match=r"photo\.png"):
        upscale_file(source, tmp_path / "large.png", model=upscaler, scratch=tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []
    assert not (tmp_path / "large.png").exists()


def test_too_little_memory_is_told_before_the_work(upscaler: SuperResModel, tmp_path: Path) -> None:
    source, target = photo_at(tmp_path), tmp_path / "large.png"
    with pytest.raises(OptionError, match="not enough memory even for one tile"):
        upscale_file(source, target, model=upscaler, max_memory="60MB", device="cpu")
    assert not target.exists()


def test_formats_that_are_not_written_by_rows_need_room_for_the_whole(
    upscaler: SuperResModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.machine.memory.process_bytes", lambda device: 0)  # noqa: ARG005
    source = tmp_path / "photo.png"
    Image.fromarray(np.zeros((2000, 3000, 3), np.uint8)).save(source)
    monkeypatch.setattr(upscaler.network, "forward", None)  # any work would fail
    with pytest.raises(OptionError, match=r"writing \.jpg takes .* choose PNG or TIFF"):
        upscale_file(source, tmp_path / "large.jpg", model=upscaler, max_memory="500MB")


def test_tiles_become_smaller_where_memory_is_short(upscaler: SuperResModel) -> None:
    def tile_of(free_bytes: int) -> tuple[int, int]:
        store = FileStore(Path("none"), 3, (12_000, 16_000), torch.uint8, torch.device("cpu"))
        step = TileStep(
            engine=TileEngine(upscaler, SuperResOptions(tile_px=400)),
            size_hw=(3000, 4000),
            colors=3,
            plane=FilePlane(store, np.dtype(np.uint8)),
            free_bytes=free_bytes,
            tell=print,
            runs=1,
        )
        return step.tile_hw

    assert tile_of(4_000_000_000) == (400, 400)
    high, wide = tile_of(220_000_000)
    assert 16 <= high <= 400
    assert 16 <= wide < 400
    with pytest.raises(OptionError, match="even for one tile"):
        tile_of(107_000_000)


def test_images_that_pass_the_limit_are_refused(
    upscaler: SuperResModel, make_upscaler: Make
) -> None:
    for size in ("plenty", 0):
        with pytest.raises(OptionError, match="max_memory"):
            upscale(PIXELS, 4, upscaler, max_memory=size)
    with pytest.raises(OptionError, match=r"212 x 164 px .* file to file"):
        upscale(PIXELS, 4, upscaler, max_memory="10MB")
    cleaner = make_upscaler(SuperResConfig(factor=1, **SMALL))
    with pytest.raises(OptionError, match="file to file"):
        restore(PIXELS, cleaner, max_memory="10MB")
    assert upscale(PIXELS, 4, upscaler, max_memory="40GB", device="cpu").size == (212, 164)


@pytest.mark.usefixtures("large")
def test_a_picture_in_files_is_cancelled_from_another_thread_and_gone_on_with(
    upscaler: SuperResModel, tmp_path: Path
) -> None:
    source, target, scratch = photo_at(tmp_path), tmp_path / "large.png", tmp_path / "scratch"
    given: dict[str, Any] = {"model": upscaler, "tile_px": 10, "device": "cpu", "scratch": scratch}
    token = CancelToken()

    def watch(event: Event) -> None:
        if isinstance(event, Progress) and event.done > 0.5 and not token.cancelled:
            other = threading.Thread(target=token.cancel)
            other.start()
            other.join()

    with pytest.raises(Cancelled, match="the same command goes on from there"):
        upscale_file(source, target, on_event=watch, cancel=token, **given)
    assert set(tmp_path.iterdir()) == {source, scratch}
    events: list[Event] = []
    upscale_file(source, target, on_event=events.append, **given)
    assert any("going on after" in each.message for each in events if isinstance(each, Notice))
    upscale_file(source, tmp_path / "expected.png", **given)
    assert target.read_bytes() == (tmp_path / "expected.png").read_bytes()
