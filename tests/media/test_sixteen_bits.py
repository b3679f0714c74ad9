"""16-bit files keep every bit, on the way in and on the way out."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from impasto.media import read_picture, write_picture


def png_bytes(values, *, color_type: int, extra: bytes = b"", interlace: int = 0) -> bytes:
    """A 16-bit PNG of (H, W, C), written from the specification: no filter, one IDAT."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, interlace)
    passes = [values]
    if interlace:
        starts = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)]
        starts += [(2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        passes = [values[y::dy, x::dx] for y, x, dy, dx in starts]
    rows = b"".join(
        b"\0" + row.astype(">u2").tobytes() for part in passes for row in part if row.size
    )
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + data + chunk(b"IEND", b"")


def decoded_png(path) -> np.ndarray:
    """A PNG's samples (H, W, C) by the specification's own decoding loop (8 or 16 bits)."""
    data, place, packed = path.read_bytes(), 8, b""
    while place < len(data):
        (size,) = struct.unpack_from(">I", data, place)
        name, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        assert struct.unpack_from(">I", data, place + 8 + size)[0] == zlib.crc32(name + body)
        if name == b"IHDR":
            width, height, bits, color_type = struct.unpack_from(">IIBB", body)
        packed += body if name == b"IDAT" else b""
        place += 12 + size
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[color_type]
    step, raw = channels * bits // 8, bytearray(zlib.decompress(packed))
    stride, before, rows = width * step, bytearray(width * step), []
    for y in range(height):
        kind, row = raw[y * (stride + 1)], raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)]
        for i in range(stride):
            left, corner = (row[i - step], before[i - step]) if i >= step else (0, 0)
            # Paeth: of equally near ones the first
            paeth = min(
                left, before[i], corner, key=lambda byte: abs(left + before[i] - corner - byte)
            )
            predicted = (0, left, before[i], (left + before[i]) // 2, paeth)[kind]
            row[i] = (row[i] + predicted) % 256
        before = row
        rows.append(bytes(row))
    return np.frombuffer(b"".join(rows), ">u2" if bits == 16 else "u1").reshape(
        height, width, channels
    )


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize(("channels", "color_type"), [(1, 0), (2, 4), (3, 2), (4, 6)])
def test_png_of_16_bits_keeps_all_of_them(
    tmp_path, noise16, as_tensor, channels, color_type, interlace
) -> None:
    path = tmp_path / "deep.png"
    values = noise16[..., -channels:]
    path.write_bytes(png_bytes(values, color_type=color_type, interlace=interlace))
    picture = read_picture(path)
    wanted = as_tensor(values)
    colors = wanted if channels in (1, 3) else wanted[:, :-1]
    assert torch.equal(picture.pixels, colors.expand(1, 3, -1, -1))
    assert picture.bits == 16
    assert picture.gray == (channels < 3)
    if channels in (2, 4):
        assert torch.equal(picture.alpha, wanted[:, -1:])
    else:
        assert picture.alpha is None


@pytest.mark.parametrize(("channels", "color_type"), [(1, 0), (3, 2)])
def test_the_transparent_color_of_a_16_bit_png_is_compared_in_16_bits(
    tmp_path, channels, color_type
) -> None:
    path = tmp_path / "key.png"
    values = np.full((1, 2, channels), 0x1234, np.uint16)
    values[0, 1] += 1  # the high byte is the same
    key = b"\x12\x34" * channels
    chunk = (
        struct.pack(">I", len(key)) + b"tRNS" + key + struct.pack(">I", zlib.crc32(b"tRNS" + key))
    )
    path.write_bytes(png_bytes(values, color_type=color_type, extra=chunk))
    assert read_picture(path).alpha.flatten().tolist() == [0, 1]


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_of_16_bits_keeps_all_of_them(
    tmp_path, noise16, as_tensor, byteorder, compression, channels
) -> None:
    path = tmp_path / "deep.tif"
    values = noise16[..., :channels]
    tifffile.imwrite(
        path,
        values[..., 0] if channels == 1 else values,
        byteorder=byteorder,
        compression=compression,
        photometric="minisblack" if channels == 1 else "rgb",
        extrasamples=["unassalpha"] if channels == 4 else None,
    )
    picture = read_picture(path)
    wanted = as_tensor(values)
    assert torch.equal(picture.pixels, wanted[:, :3].expand(1, 3, -1, -1))
    assert (picture.bits, picture.gray) == (16, channels == 1)
    assert picture.alpha is None if channels < 4 else torch.equal(picture.alpha, wanted[:, 3:])


@pytest.mark.parametrize(("compression", "tolerance"), [(None, 0.0), ("zlib", 1 / 256)])
def test_tiff_with_a_plane_for_each_channel(
    tmp_path, noise16, as_tensor, compression, tolerance
) -> None:
    path = tmp_path / "planes.tif"
    planes = np.ascontiguousarray(noise16[..., :3].transpose(2, 0, 1))
    tifffile.imwrite(
        path, planes, photometric="rgb", planarconfig="separate", compression=compression
    )
    # libtiff hands Pillow the high bytes only when such a file is compressed.
    error = (read_picture(path).pixels - as_tensor(noise16[..., :3])).abs().max()
    assert error <= tolerance


def test_premultiplied_16_bit_tiff_is_divided_at_full_precision(tmp_path) -> None:
    path = tmp_path / "premultiplied.tif"
    samples = np.array([[[1001, 2002, 3003, 4004], [9, 9, 9, 65535], [0, 0, 0, 0]]], np.uint16)
    tifffile.imwrite(path, samples, photometric="rgb", extrasamples=["assocalpha"])
    picture = read_picture(path)
    assert picture.pixels[0, :, 0, 0].tolist() == pytest.approx([0.25, 0.5, 0.75], abs=1e-6)
    assert picture.pixels[0, :, 0, 1].tolist() == pytest.approx([9 / 65535] * 3)
    assert picture.pixels[0, :, 0, 2].tolist() == [0, 0, 0]


def test_12_bit_gray_tiff_reaches_white_at_4095(tmp_path) -> None:
    path = tmp_path / "twelve.tif"
    packed = bytes([0xFF, 0xF0, 0x00])  # two samples: 4095, 0
    entries = [(256, 4, 2), (257, 4, 1), (258, 3, 12), (259, 3, 1), (262, 3, 1)]
    entries += [(273, 4, 8), (277, 3, 1), (278, 4, 1), (279, 4, 3)]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    path.write_bytes(b"II*\0" + struct.pack("<I", 12) + packed + b"\0" + directory + bytes(4))
    assert read_picture(path).pixels[0, 0].tolist() == [[1, 0]]


def test_16_bit_tiff_with_white_at_zero_is_inverted(tmp_path) -> None:
    path = tmp_path / "white_is_zero.tif"
    tifffile.imwrite(path, np.array([[0, 65535]], np.uint16), photometric="miniswhite")
    assert read_picture(path).pixels[0, 0].tolist() == [[1, 0]]


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_what_is_written_with_16_bits_is_what_others_read(
    tmp_path, noise16, as_tensor, suffix, channels
) -> None:
    path = tmp_path / f"deep.{suffix}"
    wanted = as_tensor(noise16)
    alpha = wanted[:, 3:] if channels == 4 else None
    write_picture(path, wanted[:, :3], alpha=alpha, bits=16)
    found = decoded_png(path) if suffix == "png" else _tiff_samples(path)
    assert np.array_equal(found, noise16[..., :channels])


def _tiff_samples(path) -> np.ndarray:
    """The samples of one of our TIFF files, its layout read by tifffile, decoded here."""
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        assert (page.compression, page.predictor, page.photometric) == (8, 2, 2)
        data = path.read_bytes()
        strips = zip(page.dataoffsets, page.databytecounts, strict=True)
        raw = b"".join(zlib.decompress(data[place : place + size]) for place, size in strips)
        differences = np.frombuffer(raw, "<u2").reshape(page.shape)
    return np.cumsum(differences, axis=1, dtype=np.uint16)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_picture_of_many_bands_is_written_and_read_whole(
    tmp_path, monkeypatch, noise16, as_tensor, suffix
) -> None:
    monkeypatch.setattr("impasto.media.samples._BAND_PIXELS", 23 * 4)
    path = tmp_path / f"deep.{suffix}"
    wanted = as_tensor(noise16)
    write_picture(path, wanted[:, :3], alpha=wanted[:, 3:], bits=16)
    picture = read_picture(path)
    assert torch.equal(picture.pixels, wanted[:, :3])
    assert torch.equal(picture.alpha, wanted[:, 3:])


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_pillow_opens_our_16_bit_files(tmp_path, noise16, as_tensor, suffix) -> None:
    path = tmp_path / f"deep.{suffix}"
    write_picture(path, as_tensor(noise16)[:, :3], bits=16)
    with Image.open(path) as image:
        image.load()
        assert np.array_equal(np.asarray(image), (noise16[..., :3] >> 8).astype(np.uint8))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_16_bit_tiffs_are_turned_upright(tmp_path, noise16, as_tensor, orientation) -> None:
    path = tmp_path / "turned.tif"
    extra = [(274, 3, 1, orientation, True)]
    tifffile.imwrite(path, noise16[..., :3], photometric="rgb", extratags=extra)
    upright = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
        7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda a: a.transpose(1, 0, 2)[::-1],
    }[orientation](noise16[..., :3])
    assert torch.equal(read_picture(path).pixels, as_tensor(upright))


@pytest.mark.parametrize("suffix", ["jpg", "webp", "bmp", "avif"])
def test_formats_without_16_bits_are_written_with_8(tmp_path, smooth8, as_tensor, suffix) -> None:
    path = tmp_path / f"picture.{suffix}"
    write_picture(path, as_tensor(smooth8), bits=16)
    picture = read_picture(path)
    assert picture.bits == 8
    assert (picture.pixels - as_tensor(smooth8)).abs().mean() < 0.02
