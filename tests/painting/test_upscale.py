"""Photos of every kind enlarged and restored: sizes, alpha, depth, grey, metadata, refusals."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from impasto.errors import ImageError, ModelError, OptionError
from impasto.events import Cancelled, CancelToken, Event, OnEvent, Progress
from impasto.media import read_picture, to_pil, write_picture
from impasto.models import SuperResModel, load_superres_model, save_model, upscalers
from impasto.networks.superres import SuperResConfig
from impasto.painting import (
    match_colors,
    restore,
    upscale_file,
    upscale_tensor,
)
from impasto.painting.enlarging import TileWork
from impasto.painting.upscale import upscale

Make = Callable[..., SuperResModel]
PIXELS = torch.rand(1, 3, 15, 20, generator=torch.Generator().manual_seed(3))
SMALL: dict[str, Any] = {"width": 0.125, "blocks": 1}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    write_picture(path, PIXELS)
    return path


def values(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(image).astype(np.float32)) / 255


def shares_into(shares: list[float]) -> OnEvent:
    """Collects what share of a picture is said to be done."""

    def hear(event: Event) -> None:
        assert isinstance(event, Progress)
        assert (event.task, event.total) == ("picture", 1.0)
        shares.append(event.done)

    return hear


def as_pixels(image: Image.Image) -> Tensor:
    return values(image).permute(2, 0, 1)[None]


class TestUpscale:
    @pytest.mark.parametrize("size_wh", [(1, 1), (1, 9), (2, 3), (17, 16)])
    def test_every_size_becomes_four_times_as_large(
        self, upscaler: SuperResModel, size_wh: tuple[int, int]
    ) -> None:
        large = upscale(Image.new("RGB", size_wh, (200, 120, 40)), 4, upscaler, device="cpu")
        assert (large.mode, large.size) == ("RGB", (4 * size_wh[0], 4 * size_wh[1]))

    def test_it_is_the_networks_output_rounded(self, upscaler: SuperResModel, photo: Path) -> None:
        large = upscale(photo, model=upscaler, device="cpu", precision="float32", tile_px=7)
        expected = upscaler(read_picture(photo).pixels)
        torch.testing.assert_close(as_pixels(large), expected, rtol=0, atol=0.51 / 255)

    @pytest.mark.parametrize("mode", ["none", "histogram", "low-frequency"])
    def test_colours_are_matched_as_for_tensors(
        self, upscaler: SuperResModel, photo: Path, mode: str
    ) -> None:
        options: dict[str, Any] = {"device": "cpu", "precision": "float32"}
        large = upscale(photo, 4, upscaler, color_match=mode, tile_px=6, **options)
        low_res = read_picture(photo).pixels
        expected = match_colors(upscale_tensor(upscaler, low_res, **options), low_res, mode)
        torch.testing.assert_close(as_pixels(large), expected, rtol=0, atol=0.55 / 255)
        direct = upscale_tensor(upscaler, low_res, color_match=mode, **options)
        torch.testing.assert_close(direct, expected, rtol=0, atol=2e-5)

    def test_auto_is_what_the_card_recommends(self, make_upscaler: Make, photo: Path) -> None:
        model = make_upscaler(SuperResConfig(factor=2, **SMALL), color_match="low-frequency")
        recommended, none, asked = (
            upscale(photo, model=model, device="cpu", color_match=mode)
            for mode in ("auto", "none", "low-frequency")
        )
        assert recommended == asked
        assert recommended != none

    def test_grey_stays_grey(self, upscaler: SuperResModel) -> None:
        gray = Image.fromarray((PIXELS[0, 0] * 255).byte().numpy())
        large = upscale(gray, 4, upscaler, device="cpu", precision="float32")
        assert (large.mode, large.size) == ("L", (80, 60))
        output = upscaler(values(gray).expand(1, 3, -1, -1))[0]
        luma = 0.299 * output[0] + 0.587 * output[1] + 0.114 * output[2]
        torch.testing.assert_close(values(large), luma, rtol=0, atol=0.51 / 255)

    @pytest.mark.parametrize(("size", "size_wh"), [(40, (40, 30)), (100, (100, 75))])
    def test_size_is_the_long_side(
        self, upscaler: SuperResModel, size: int, size_wh: tuple[int, int]
    ) -> None:
        assert upscale(PIXELS, 4, upscaler, size=size, device="cpu").size == size_wh

    def test_a_reduced_result_keeps_its_mean(self, upscaler: SuperResModel) -> None:
        full, half = (
            upscale(PIXELS, 4, upscaler, size=size, device="cpu", strength=0) for size in (None, 40)
        )
        assert abs(values(full).mean() - values(half).mean()) < 0.5 / 255

    def test_the_share_done_rises_to_one(self, upscaler: SuperResModel) -> None:
        shares: list[float] = []
        upscale(PIXELS, 4, upscaler, device="cpu", tile_px=8, on_event=shares_into(shares))
        assert len(set(shares)) > 6  # tiles
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1)


class TestAlpha:
    @pytest.fixture
    def plain(self, make_upscaler: Make) -> SuperResModel:
        """A network that has not learned anything yet: the bicubic enlargement."""
        model = make_upscaler(SuperResConfig(factor=4, width=0.125, blocks=1))
        for parameter in model.network.tail.parameters():
            parameter.zero_()
        return model

    @staticmethod
    def enlarged(alpha: Tensor, model: SuperResModel, **options: Any) -> NDArray[np.int64]:
        pixels = torch.full((1, 3, *alpha.shape[-2:]), 0.5)
        large = upscale(to_pil(pixels, alpha), 4, model, device="cpu", **options)
        assert large.mode == "RGBA"
        return np.asarray(large.getchannel("A")).astype(int)

    def test_an_upright_edge_becomes_a_steady_slope(self, plain: SuperResModel) -> None:
        alpha = torch.zeros(1, 1, 15, 20)
        alpha[..., 10:] = 1
        row = self.enlarged(alpha, plain)[30]
        assert (row[:32] == 0).all()
        assert (row[48:] == 255).all()
        assert (np.diff(row) >= 0).all()
        assert (np.diff(row[37:42]) > 0).all()  # no step of four equal pixels
        assert np.abs(np.diff(row)).max() < 255 / 3

    def test_a_slanted_edge_without_half_transparent_pixels_has_no_stairs(
        self, plain: SuperResModel
    ) -> None:
        """Where each row crosses one half lies on a straight line."""
        rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
        alpha = (columns * 3 > rows + 32)[None, None].float()
        alpha_row = self.enlarged(alpha, plain)[24:-24]
        crossing = np.array([np.interp(127.5, row[24:88], np.arange(64)) for row in alpha_row])
        line = np.polynomial.Polynomial.fit(np.arange(len(crossing)), crossing, 1)
        distance = np.abs(crossing - line(np.arange(len(crossing))))
        stairs = np.repeat(np.argmax(alpha[0, 0].numpy() > 0, axis=1) * 4.0, 4)[24:-24]
        line = np.polynomial.Polynomial.fit(np.arange(len(stairs)), stairs, 1)
        assert distance.max() < 0.5 * np.abs(stairs - line(np.arange(len(stairs)))).max()

    def test_what_is_all_around_opaque_or_transparent_stays_so_whatever_the_network_adds(
        self, upscaler: SuperResModel
    ) -> None:
        rows, columns = torch.meshgrid(torch.arange(20), torch.arange(20), indexing="ij")
        alpha = ((columns - rows) / 4 + 0.5).clamp(0, 1)[None, None]  # half-transparent edges
        large = self.enlarged(alpha, upscaler, tile_px=6)
        inner = torch.nn.functional.interpolate(
            -torch.nn.functional.max_pool2d(-alpha, 3, 1, 1), scale_factor=4
        )
        assert (large[inner[0, 0].numpy() == 1] == 255).all()
        outer = torch.nn.functional.interpolate(
            torch.nn.functional.max_pool2d(alpha, 3, 1, 1), scale_factor=4
        )
        assert (large[outer[0, 0].numpy() == 0] == 0).all()

    @pytest.mark.parametrize("hard", [True, False])
    def test_in_tiles_it_is_the_same(self, upscaler: SuperResModel, hard: bool) -> None:
        alpha = torch.rand(1, 1, 23, 29, generator=torch.Generator().manual_seed(1))
        alpha = (alpha > 0.5).float() if hard else alpha
        options = {"precision": "float32", "tile_px": 100}
        at_once = self.enlarged(alpha, upscaler, **options)
        in_tiles = self.enlarged(alpha, upscaler, **{**options, "tile_px": 7})
        assert np.abs(at_once - in_tiles).max() <= 1

    def test_hidden_colours_leave_no_fringe(self, upscaler: SuperResModel) -> None:
        alpha = torch.ones(1, 1, 15, 20)
        alpha[..., :8, :9] = 0
        black, white = PIXELS * alpha, PIXELS * alpha + (1 - alpha)
        large = [upscale(to_pil(each, alpha), 4, upscaler, device="cpu") for each in (black, white)]
        assert large[0] == large[1]

    def test_grey_with_alpha_stays_so(self, upscaler: SuperResModel) -> None:
        image = Image.new("LA", (6, 5), (100, 200))
        large = upscale(image, 4, upscaler, device="cpu")
        assert (large.mode, large.size) == ("LA", (24, 20))
        assert large.getchannel("A").getextrema() == (200, 200)


class TestFiles:
    def test_the_format_is_the_suffixs(self, upscaler: SuperResModel, photo: Path) -> None:
        target = photo.with_name("new") / "large.webp"
        upscale_file(photo, target, model=upscaler, device="cpu")
        with Image.open(target) as image:
            assert (image.format, image.size) == ("WEBP", (80, 60))

    @pytest.mark.parametrize("suffix", ["png", "tif"])
    def test_16_bits_stay_16_bits(
        self, upscaler: SuperResModel, tmp_path: Path, suffix: str
    ) -> None:
        source, target = tmp_path / "deep.png", tmp_path / f"large.{suffix}"
        write_picture(source, PIXELS, bits=16)
        upscale_file(source, target, model=upscaler, device="cpu")
        large = read_picture(target)
        assert large.bits == 16
        # Computed in float32: exact far below one 8-bit level.
        expected = upscaler(read_picture(source).pixels)
        torch.testing.assert_close(large.pixels, expected, rtol=0, atol=1e-4)

    @pytest.mark.parametrize("suffix", ["png", "jpg"])
    def test_grey_files_stay_grey(
        self, upscaler: SuperResModel, tmp_path: Path, suffix: str
    ) -> None:
        source, target = tmp_path / f"grey.{suffix}", tmp_path / f"large.{suffix}"
        Image.new("L", (9, 7), 90).save(source)
        upscale_file(source, target, model=upscaler, device="cpu")
        with Image.open(target) as image:
            assert (image.mode, image.size) == ("L", (36, 28))

    @pytest.mark.parametrize("keep", [True, False])
    def test_metadata_is_kept_and_the_orientation_applied(
        self, upscaler: SuperResModel, tmp_path: Path, keep: bool
    ) -> None:
        source, target = tmp_path / "photo.jpg", tmp_path / "large.jpg"
        exif = Image.Exif()
        exif[0x010E], exif[0x0112] = "a harbour", 6  # ImageDescription, Orientation: turned
        to_pil(PIXELS).save(source, exif=exif, dpi=(300, 300))
        upscale_file(source, target, model=upscaler, keep_metadata=keep, device="cpu")
        with Image.open(target) as image:
            assert image.size == (60, 80)
            assert image.getexif().get(0x010E) == ("a harbour" if keep else None)
            assert image.getexif().get(0x0112, 1) == 1
            assert (image.info.get("dpi") == (300, 300)) == keep
            assert image.info["icc_profile"]

    @pytest.mark.parametrize(
        ("suffix", "width", "limit"), [("webp", 4096, "16383"), ("jpg", 16_376, "65500")]
    )
    def test_a_result_too_large_for_its_format_is_refused_before_the_work(
        self,
        upscaler: SuperResModel,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        suffix: str,
        width: int,
        limit: str,
    ) -> None:
        source, target = tmp_path / "long.png", tmp_path / f"large.{suffix}"
        Image.new("RGB", (width, 1)).save(source)
        monkeypatch.setattr(upscaler.network, "forward", None)  # any work would fail
        with pytest.raises(ImageError, match=rf"{4 * width} x 4 px.*{limit} px.*PNG or TIFF"):
            upscale_file(source, target, model=upscaler, device="cpu")
        assert not target.exists()

    def test_a_smaller_size_fits(self, upscaler: SuperResModel, tmp_path: Path) -> None:
        source, target = tmp_path / "long.png", tmp_path / "large.webp"
        Image.new("RGB", (4096, 1)).save(source)
        upscale_file(source, target, model=upscaler, size=16_383, device="cpu")
        with Image.open(target) as image:
            assert image.size == (16_383, 4)

    def test_a_result_beyond_the_memory_is_refused(
        self, upscaler: SuperResModel, photo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("impasto.painting.enlarging.total_memory", lambda _: 80 * 60 * 3 - 1)
        with pytest.raises(OptionError, match=r"80 x 60 px.*smaller factor"):
            upscale_file(photo, photo.with_name("large.png"), model=upscaler, device="cpu")

    def test_a_broken_file_is_named_and_leaves_no_target(
        self, upscaler: SuperResModel, tmp_path: Path
    ) -> None:
        source, target = tmp_path / "broken.jpg", tmp_path / "large.jpg"
        source.write_bytes(b"\xff\xd8\xff\xe0 no photo")
        with pytest.raises(ImageError, match=r"broken\.jpg"):
            upscale_file(source, target, model=upscaler, device="cpu")
        assert not target.exists()

    def test_max_pixels_is_for_the_input(self, upscaler: SuperResModel, photo: Path) -> None:
        target = photo.with_name("large.png")
        with pytest.raises(ImageError, match=r"photo\.png"):
            upscale_file(photo, target, model=upscaler, max_pixels=299)
        upscale_file(photo, target, model=upscaler, max_pixels=300, device="cpu")

    def test_a_cancelled_picture_leaves_nothing_behind(
        self, upscaler: SuperResModel, photo: Path
    ) -> None:
        token, target = CancelToken(), photo.with_name("large.png")

        def watch(event: Event) -> None:
            assert isinstance(event, Progress)
            if event.done > 0.5:
                token.cancel()

        options: dict[str, Any] = {"device": "cpu", "tile_px": 5, "on_event": watch}
        with pytest.raises(Cancelled):
            upscale_file(photo, target, model=upscaler, cancel=token, **options)
        assert list(photo.parent.iterdir()) == [photo]
        with pytest.raises(Cancelled):
            upscale(photo, model=upscaler, cancel=token, **options)


class TestModels:
    @pytest.fixture
    def bundled(self, make_upscaler: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """pixel-x2, pixel-x4 and denoise."""
        monkeypatch.setattr(upscalers, "UPSCALERS_FOLDER", tmp_path)
        for name, factor in (("pixel-x2", 2), ("pixel-x4", 4), ("denoise", 1)):
            model = make_upscaler(SuperResConfig(factor=factor, **SMALL), seed=factor)
            path = tmp_path / f"{name}.safetensors"
            save_model(path, model.network, model.config, {"name": name})
            card = {"network": {"factor": factor}}
            path.with_suffix(".json").write_text(json.dumps(card))
        return tmp_path

    @pytest.mark.usefixtures("bundled")
    @pytest.mark.parametrize(
        ("factor", "model", "size"),
        [
            (None, None, (80, 60)),
            (2, None, (40, 30)),
            (2, "pixel", (40, 30)),
            (None, "pixel-x2", (40, 30)),
            (8, None, (160, 120)),
        ],
    )
    def test_names_and_factors(
        self, factor: int | None, model: str | None, size: tuple[int, int]
    ) -> None:
        assert upscale(PIXELS, factor, model, device="cpu").size == size

    def test_factor_8_is_4_and_then_2(self, bundled: Path) -> None:
        large = upscale(PIXELS, 8, device="cpu", precision="float32")
        step = PIXELS
        for name in ("pixel-x4", "pixel-x2"):
            model = load_superres_model(bundled / f"{name}.safetensors")
            step = upscale_tensor(model, step, precision="float32")
        # nothing is rounded to 8 bits between the two
        torch.testing.assert_close(as_pixels(large), step, rtol=0, atol=0.52 / 255)

    @pytest.mark.usefixtures("bundled")
    def test_the_share_done_rises_over_both(self) -> None:
        shares: list[float] = []
        upscale(PIXELS, 8, device="cpu", tile_px=20, on_event=shares_into(shares))
        # 1 part for the first, 4 x 4 for the second
        reading, writing = TileWork.reading, TileWork.writing
        assert reading + (1 - reading - writing) / 17 == pytest.approx(shares[0])
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1)

    def test_another_factor_than_the_models_is_refused(self, upscaler: SuperResModel) -> None:
        with pytest.raises(ModelError, match="'random' is made for factor 4, not 2"):
            upscale(PIXELS, 2, upscaler)

    def test_without_bundled_models_the_way_out_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(upscalers, "UPSCALERS_FOLDER", tmp_path)
        with pytest.raises(ModelError, match=r"factor 4.*impasto train superres"):
            upscale(PIXELS)

    @pytest.mark.usefixtures("bundled")
    def test_tasks_are_not_mixed_up(self, upscaler: SuperResModel) -> None:
        with pytest.raises(ModelError, match=r"'denoise' restores.*impasto restore"):
            upscale(PIXELS, model="denoise")
        with pytest.raises(ModelError, match="'random' enlarges pictures 4 times"):
            restore(PIXELS, upscaler)


class TestRestore:
    def test_a_picture_keeps_its_size(self, make_upscaler: Make) -> None:
        model = make_upscaler(SuperResConfig(factor=1, shrink=2, **SMALL))
        restored = restore(PIXELS, model, device="cpu", precision="float32")
        torch.testing.assert_close(as_pixels(restored), model(PIXELS), rtol=0, atol=0.51 / 255)
        assert restore(PIXELS, model, strength=0, device="cpu") == to_pil(PIXELS)

    def test_a_model_that_colours_gets_grey_and_gives_colour(self, make_upscaler: Make) -> None:
        model = make_upscaler(SuperResConfig(factor=1, **SMALL), degradation="gray")
        gray = Image.fromarray((PIXELS[0, 0] * 255).byte().numpy())
        colored = restore(gray, model, device="cpu")
        assert colored.mode == "RGB"
        assert restore(gray.convert("RGB"), model, device="cpu") == colored

    @pytest.fixture
    def filler(self, make_upscaler: Make) -> SuperResModel:
        return make_upscaler(SuperResConfig(factor=1, in_channels=4, **SMALL))

    def test_only_the_white_of_the_mask_is_filled(self, filler: SuperResModel) -> None:
        mask = np.zeros((15, 20), np.uint8)
        mask[4:9, 5:12] = 255
        filled = as_pixels(restore(PIXELS, filler, mask=mask, device="cpu"))
        hole = torch.from_numpy(mask > 0).expand(1, 3, -1, -1)
        known = (PIXELS * 255).round() / 255
        assert torch.equal(filled[~hole], known[~hole])
        holed = PIXELS.clone()
        holed[hole] = 0.9  # what stands in the hole does not matter
        assert torch.equal(as_pixels(restore(holed, filler, mask=mask, device="cpu")), filled)

    def test_without_a_mask_alpha_tells_what_is_missing(self, filler: SuperResModel) -> None:
        alpha = torch.ones(1, 1, 15, 20)
        alpha[..., 4:9, 5:12] = 0
        by_alpha = restore(to_pil(PIXELS, alpha), filler, device="cpu")
        assert by_alpha.mode == "RGB"
        by_mask = restore(to_pil(PIXELS), filler, mask=1 - alpha[0, 0].numpy(), device="cpu")
        assert by_alpha == by_mask

    def test_masks_and_models_must_fit(self, filler: SuperResModel, make_upscaler: Make) -> None:
        mask = np.zeros((15, 20), np.uint8)
        with pytest.raises(OptionError, match="give a mask, or a picture with alpha"):
            restore(PIXELS, filler)
        with pytest.raises(OptionError, match="takes no mask"):
            restore(PIXELS, make_upscaler(SuperResConfig(factor=1, **SMALL)), mask=mask)
        with pytest.raises(ImageError, match="15 x 20 px for a picture of 20 x 15 px"):
            restore(PIXELS, filler, mask=mask.T)
