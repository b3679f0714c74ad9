"""Photos of every kind through a style: sizes, alpha, depth, metadata, refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import ImageError, ModelError, OptionError
from impasto.media import read_picture, to_pil, write_picture
from impasto.models import StyleModel, save_model
from impasto.painting.stylize import stylize, stylize_file

PIXELS = torch.rand(1, 3, 30, 40, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    write_picture(path, PIXELS)
    return path


def values(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(image).astype(np.float32)) / 255


@pytest.mark.parametrize("size_wh", [(1, 1), (1, 9), (2, 3), (17, 16), (50, 35)])
def test_every_size_comes_back_as_it_was(model: StyleModel, size_wh: tuple[int, int]) -> None:
    image = Image.new("RGB", size_wh, (200, 120, 40))
    painting = stylize(image, model, device="cpu")
    assert (painting.mode, painting.size) == ("RGB", size_wh)


@pytest.mark.parametrize(
    ("size", "size_wh"), [(20, (20, 15)), (80, (80, 60)), (1, (1, 1)), (40, (40, 30))]
)
def test_size_is_the_long_side(model: StyleModel, size: int, size_wh: tuple[int, int]) -> None:
    assert stylize(PIXELS, model, size=size, device="cpu").size == size_wh


@pytest.mark.parametrize("size", [0, -5, 2.5, True, "20"])
def test_sizes_that_are_none_are_refused(model: StyleModel, size: Any) -> None:
    with pytest.raises(OptionError, match="size"):
        stylize(PIXELS, model, size=size)


def test_a_size_beyond_the_memory_is_refused_before_the_photo_is_enlarged(
    model: StyleModel,
) -> None:
    with pytest.raises(OptionError, match="smaller size"):
        stylize(PIXELS, model, size=10**7)


def test_a_style_is_a_model_or_its_file(model: StyleModel, photo: Path) -> None:
    path = photo.with_name("random.safetensors")
    save_model(path, model.network, model.config, {}, dtype=torch.float32)
    paintings = [
        stylize(photo, style, device="cpu", precision="float32")
        for style in (model, path, str(path))
    ]
    assert paintings[0] == paintings[1] == paintings[2]


def test_an_unknown_style_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="no style 'no-such-style'"):
        stylize(PIXELS, "no-such-style")


def test_painting_equals_the_network_to_one_level(model: StyleModel, photo: Path) -> None:
    painting = stylize(photo, model, device="cpu", precision="float32", border=0)
    expected = model(read_picture(photo).pixels)[0].permute(1, 2, 0)
    torch.testing.assert_close(values(painting), expected, rtol=0, atol=0.51 / 255)


def test_strength_0_is_the_photo(model: StyleModel, photo: Path) -> None:
    assert torch.equal(values(stylize(photo, model, strength=0)), values(Image.open(photo)))


def test_grey_photos_are_painted_in_colour(model: StyleModel) -> None:
    gray = Image.fromarray((PIXELS[0, 0] * 255).byte().numpy())
    painting = values(stylize(gray, model, device="cpu"))
    assert (painting[..., 0] - painting[..., 2]).abs().mean() > 0.05


def test_alpha_comes_back_unchanged(model: StyleModel) -> None:
    alpha = torch.linspace(0, 1, 40).expand(1, 1, 30, 40)
    image = to_pil(PIXELS, alpha)
    painting = stylize(image, model, device="cpu")
    assert painting.mode == "RGBA"
    assert painting.getchannel("A") == image.getchannel("A")


def test_alpha_is_resized_with_the_photo(model: StyleModel) -> None:
    alpha = torch.zeros(1, 1, 30, 40)
    alpha[..., 20:] = 1
    painting = values(stylize(to_pil(PIXELS, alpha), model, size=20, device="cpu"))
    assert painting.shape == (15, 20, 4)
    assert painting[:, :8, 3].max() < 0.01
    assert painting[:, 12:, 3].min() > 0.99


@pytest.mark.parametrize("size", [None, 20])
def test_hidden_colours_do_not_reach_the_painting(model: StyleModel, size: int | None) -> None:
    alpha = torch.ones(1, 1, 30, 40)
    alpha[..., :18, :22] = 0
    black, white = PIXELS * alpha, PIXELS * alpha + (1 - alpha)
    paintings = [
        stylize(to_pil(pixels, alpha), model, size=size, device="cpu") for pixels in (black, white)
    ]
    assert paintings[0] == paintings[1]


def test_a_photo_with_alpha_is_itself_at_strength_0(model: StyleModel) -> None:
    alpha = torch.zeros(1, 1, 30, 40)
    alpha[..., 20:] = 1
    image = to_pil(PIXELS, alpha)
    assert torch.equal(values(stylize(image, model, strength=0)), values(image))


def test_a_file_is_painted_with_its_format_from_the_suffix(model: StyleModel, photo: Path) -> None:
    target = photo.with_name("new") / "painting.webp"
    stylize_file(photo, target, model, device="cpu")
    with Image.open(target) as image:
        assert (image.format, image.size) == ("WEBP", (40, 30))


def test_16_bits_stay_16_bits(model: StyleModel, tmp_path: Path) -> None:
    source, target = tmp_path / "deep.png", tmp_path / "painting.png"
    write_picture(source, PIXELS, bits=16)
    stylize_file(source, target, model, device="cpu", border=0)
    painting = read_picture(target)
    assert painting.bits == 16
    # Computed in float32: exact far below one 8-bit level.
    expected = model(read_picture(source).pixels)
    torch.testing.assert_close(painting.pixels, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("keep", [True, False])
def test_metadata_is_kept_only_on_request(model: StyleModel, tmp_path: Path, keep: bool) -> None:
    source, target = tmp_path / "photo.jpg", tmp_path / "painting.jpg"
    exif = Image.Exif()
    exif[0x010E] = "a harbour"  # ImageDescription
    to_pil(PIXELS).save(source, exif=exif, dpi=(300, 300))
    stylize_file(source, target, model, keep_metadata=keep, device="cpu")
    with Image.open(target) as image:
        assert image.getexif().get(0x010E) == ("a harbour" if keep else None)
        assert (image.info.get("dpi") == (300, 300)) == keep


def test_a_broken_file_is_named_and_leaves_no_target(model: StyleModel, tmp_path: Path) -> None:
    source, target = tmp_path / "broken.jpg", tmp_path / "painting.jpg"
    source.write_bytes(b"\xff\xd8\xff\xe0 no photo")
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        stylize_file(source, target, model, device="cpu")
    assert not target.exists()


def test_photos_of_more_pixels_than_allowed_are_refused(model: StyleModel, photo: Path) -> None:
    with pytest.raises(ImageError, match=r"photo\.png"):
        stylize_file(photo, photo.with_name("p.png"), model, max_pixels=1199)
    stylize_file(photo, photo.with_name("p.png"), model, max_pixels=1200, device="cpu")


def test_options_are_refused_before_anything_is_read(model: StyleModel, tmp_path: Path) -> None:
    for options in ({"strength": 2.0}, {"size": 0}, {"device": "abacus"}):
        with pytest.raises(OptionError):
            stylize_file(tmp_path / "none.jpg", tmp_path / "p.jpg", model, **options)
