"""ICC profiles: into sRGB on the way in, tagged sRGB on the way out."""

import struct
from io import BytesIO

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

from impasto.media import from_pil, read_picture, to_pil, write_picture
from impasto.media.color_profiles import encode_srgb, parse_matrix_profile

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# XYZ of the primaries, adapted to D50 (columns red, green, blue), as the profiles themselves state.
ADOBE_RGB = [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
DISPLAY_P3 = [
    [0.51512, 0.29198, 0.15710],
    [0.24120, 0.69225, 0.06657],
    [-0.00105, 0.04189, 0.78407],
]
SRGB_D50 = [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def para(kind: int, *numbers: float) -> bytes:
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + fixed(*numbers)


def curv(*values: int) -> bytes:
    return b"curv" + bytes(4) + struct.pack(f">I{len(values)}H", len(values), *values) + bytes(2)


def profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile, version 4, of the given tags."""
    white = fixed(0.9642, 1.0, 0.8249)
    text = "x".encode("utf-16-be")
    words = b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", 2, 28) + text
    tags = {b"desc": words, b"cprt": words, b"wtpt": b"XYZ " + bytes(4) + white, **tags}
    table, data = b"", b""
    start = 132 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(tag))
        data += tag + bytes(-len(tag) % 4)
    header = struct.pack(
        ">I4sI4s4s4s", start + len(data), bytes(4), 0x04400000, b"mntr", space, b"XYZ "
    )
    header += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + white
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def rgb_profile(primaries: list[list[float]], curve: bytes) -> bytes:
    tags = {}
    for i, name in enumerate("rgb"):
        column = fixed(*(row[i] for row in primaries))
        tags[f"{name}XYZ".encode()] = b"XYZ " + bytes(4) + column
        tags[f"{name}TRC".encode()] = curve
    return profile(b"RGB ", tags)


def gray_profile(curve: bytes) -> bytes:
    return profile(b"GRAY", {b"kTRC": curve})


GAMMA_2_2 = curv(563)  # 563 / 256, the gamma of Adobe RGB
PROFILES = {
    "Adobe RGB": rgb_profile(ADOBE_RGB, GAMMA_2_2),
    "Display P3": rgb_profile(DISPLAY_P3, para(3, *SRGB_CURVE)),
    "linear sRGB": rgb_profile(SRGB_D50, curv()),
    "gamma 1.8 as a table": rgb_profile(
        SRGB_D50, curv(*(round(65535 * (i / 255) ** 1.8) for i in range(256)))
    ),
    "parametric kind 0": rgb_profile(SRGB_D50, para(0, 1.8)),
    "parametric kind 1": rgb_profile(SRGB_D50, para(1, 2.0, 1.1, -0.1)),
    "parametric kind 2": rgb_profile(SRGB_D50, para(2, 2.0, 1.0, -0.1, 0.1)),
    "parametric kind 4": rgb_profile(SRGB_D50, para(4, 2.0, 0.9, 0.1, 0.5, 0.1, 0.0, 0.0)),
}


def littlecms(image: Image.Image, icc: bytes, flags: ImageCms.Flags) -> np.ndarray:
    source = ImageCms.ImageCmsProfile(BytesIO(icc))
    target = ImageCms.createProfile("sRGB")
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return np.asarray(ImageCms.profileToProfile(image, source, target, intent, "RGB", flags=flags))


@pytest.mark.parametrize("name", PROFILES)
def test_8_bit_colors_agree_with_littlecms(tmp_path, noise8, as_tensor, name) -> None:
    path = tmp_path / "picture.png"
    image = Image.fromarray(noise8)
    image.save(path, icc_profile=PROFILES[name])
    black_point = ImageCms.Flags.BLACKPOINTCOMPENSATION
    wanted = as_tensor(littlecms(image, PROFILES[name], black_point))
    assert (read_picture(path).pixels - wanted).abs().max() <= 1.01 / 255


@pytest.mark.parametrize("name", PROFILES)
def test_16_bit_colors_agree_with_littlecms(tmp_path, noise8, as_tensor, name) -> None:
    path = tmp_path / "picture.tif"
    deep = noise8.astype(np.uint16) * 257
    tifffile.imwrite(path, deep, photometric="rgb", iccprofile=PROFILES[name])
    picture = read_picture(path)
    wanted = as_tensor(littlecms(Image.fromarray(noise8), PROFILES[name], ImageCms.Flags.NONE))
    assert picture.bits == 16
    assert (picture.pixels - wanted).abs().max() <= 1.5 / 255  # LittleCMS rounds to 8 bits


def test_16_bit_conversion_keeps_steps_finer_than_8_bits(tmp_path) -> None:
    path = tmp_path / "ramp.tif"
    ramp = np.repeat(np.arange(30_000, 30_256, dtype=np.uint16)[None, :, None], 3, axis=2)
    tifffile.imwrite(path, ramp, photometric="rgb", iccprofile=PROFILES["Adobe RGB"])
    assert (read_picture(path).pixels[0, 0, 0].diff() > 0).all()


def test_adobe_green_is_outside_srgb_and_red_turns_stronger() -> None:
    image = Image.new("RGB", (2, 1), (0, 255, 0))
    image.putpixel((1, 0), (200, 100, 100))
    image.info["icc_profile"] = PROFILES["Adobe RGB"]
    pixels = from_pil(image).pixels
    assert pixels[0, :, 0, 0].tolist() == pytest.approx([0, 1, 0], abs=0.01)
    # By hand: linear (0.5861, 0.1279, 0.1279) times 1.3983 and -0.3983 for red, coded again.
    assert pixels[0, 0, 0, 1].item() == pytest.approx(0.892, abs=0.005)


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_gray_profiles_are_honoured(tmp_path, mode) -> None:
    path = tmp_path / "gray.png"
    values = np.arange(256, dtype=np.uint8)[None]
    if mode == "I;16":
        image = Image.fromarray(values.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(values).convert(mode)
    image.save(path, icc_profile=gray_profile(curv()))  # linear light
    picture = read_picture(path)
    light = values / 255
    wanted = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert picture.gray
    assert torch.equal(picture.pixels[:, 0], picture.pixels[:, 2])
    assert np.abs(picture.pixels[0, 0].numpy() - wanted).max() < 1.5 / 255


def test_cmyk_profiles_are_honoured(tmp_path) -> None:
    tables = cmyk_profile()
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (16, 16), (0, 0, 0, 128)).save(path, quality=100, icc_profile=tables)
    found = read_picture(path).pixels.mean().item()
    plain = from_pil(Image.new("CMYK", (1, 1), (0, 0, 0, 128))).pixels.mean().item()
    # The table says L* = 100 (1 - K): half black is L* 50, which sRGB codes as 0.466.
    assert found == pytest.approx(0.466, abs=0.02)
    assert plain == pytest.approx(127 / 255, abs=0.005)


def cmyk_profile() -> bytes:
    """A printer profile whose lightness is 100 (1 - K), whatever the other inks."""
    identity = struct.pack(">2H", 0, 65535)
    grid = b"".join(
        struct.pack(">3H", 65280 if k == 0 else 0, 32768, 32768) for _ in range(8) for k in (0, 1)
    )
    table = b"mft2" + bytes(4) + struct.pack(">4B", 4, 3, 2, 0)
    table += fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + struct.pack(">2H", 2, 2)
    table += identity * 4 + grid + identity * 3
    made = bytearray(profile(b"CMYK", {b"A2B0": table, b"A2B1": table}))
    made[8:12] = struct.pack(">I", 0x02400000)
    made[12:16], made[20:24] = b"prtr", b"Lab "
    return bytes(made)


@pytest.mark.parametrize(
    "icc", [SRGB, rgb_profile(SRGB_D50, para(3, *SRGB_CURVE)), b"", b"junk", SRGB[:200]]
)
def test_srgb_under_any_name_and_damaged_profiles_change_nothing(
    tmp_path, noise8, as_tensor, icc
) -> None:
    path = tmp_path / "picture.tif"
    Image.fromarray(noise8).save(path, icc_profile=icc)
    assert torch.equal(read_picture(path).pixels, as_tensor(noise8))


def test_a_profile_of_another_kind_of_color_is_ignored(noise8, as_tensor) -> None:
    color, gray = Image.fromarray(noise8), Image.fromarray(noise8[..., 0])
    color.info["icc_profile"] = gray_profile(curv())
    gray.info["icc_profile"] = PROFILES["Adobe RGB"]
    assert torch.equal(from_pil(color).pixels, as_tensor(noise8))
    assert torch.equal(from_pil(gray).pixels[:, :1], as_tensor(noise8[..., :1]))


def test_from_pil_does_not_change_the_image_it_is_given(noise8) -> None:
    image = Image.fromarray(noise8)
    image.info["icc_profile"] = PROFILES["Adobe RGB"]
    from_pil(image)
    assert np.array_equal(np.asarray(image), noise8)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
@pytest.mark.parametrize("bits", [8, 16])
def test_written_files_are_tagged_srgb(tmp_path, smooth8, as_tensor, suffix, bits) -> None:
    path = tmp_path / f"picture.{suffix}"
    write_picture(path, as_tensor(smooth8), bits=bits)
    with Image.open(path) as image:
        icc = image.info["icc_profile"]
    assert parse_matrix_profile(icc).is_srgb()
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(icc)))


def test_to_pil_is_tagged_srgb(smooth8, as_tensor) -> None:
    assert parse_matrix_profile(to_pil(as_tensor(smooth8)).info["icc_profile"]).is_srgb()


def test_the_srgb_code_has_its_published_values() -> None:
    linear = np.array([0, 0.0031308, 0.18, 0.5, 1], np.float32)
    assert encode_srgb(linear).tolist() == pytest.approx([0, 0.04045, 0.4614, 0.7354, 1], abs=1e-4)


def test_a_gamma_near_srgb_is_not_taken_for_it() -> None:
    near = parse_matrix_profile(rgb_profile(SRGB_D50, curv(563)))
    assert not near.is_srgb()


def test_a_16_bit_picture_with_lookup_tables_goes_through_8_bits(tmp_path) -> None:
    path = tmp_path / "table.tif"
    identity = struct.pack(">2H", 0, 65535)
    corners = [(r, g, b) for r in (0, 1) for g in (0, 1) for b in (0, 1)]
    grid = b"".join(struct.pack(">3H", 65280 * g, 32768, 32768) for _, g, _ in corners)
    table = b"mft2" + bytes(4) + struct.pack(">4B", 3, 3, 2, 0)
    table += fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + struct.pack(">2H", 2, 2)
    table += identity * 3 + grid + identity * 3
    icc = bytearray(profile(b"RGB ", {b"A2B0": table}))
    icc[8:12], icc[20:24] = struct.pack(">I", 0x02400000), b"Lab "
    samples = np.full((2, 2, 3), (0, 32768, 65535), np.uint16)
    tifffile.imwrite(path, samples, photometric="rgb", iccprofile=bytes(icc))
    picture = read_picture(path)
    # L* is 100 times the green sample: 50, which sRGB codes as 0.466 in all three channels.
    assert picture.pixels[0, :, 0, 0].tolist() == pytest.approx([0.466] * 3, abs=0.01)
    assert picture.bits == 16


@pytest.mark.parametrize("icc", [b"junk", SRGB[:200], gray_profile(curv()), SRGB])
def test_16_bit_samples_are_untouched_by_profiles_without_effect(
    tmp_path, noise16, as_tensor, icc
) -> None:
    path = tmp_path / "picture.tif"
    tifffile.imwrite(path, noise16[..., :3], photometric="rgb", iccprofile=icc)
    assert torch.equal(read_picture(path).pixels, as_tensor(noise16[..., :3]))
