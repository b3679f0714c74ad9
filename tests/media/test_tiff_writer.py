"""BigTIFF, for pictures that TIFF cannot hold: read back by readers not written by us."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from impasto.media import read_picture, tiff_writer, write_picture
from impasto.media.picture import Metadata


@pytest.mark.parametrize("size_hw", [(1, 1), (7, 5), (40, 61)])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("alpha", [False, True])
def test_large_pictures_become_bigtiff(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size_hw: tuple[int, int],
    bits: int,
    alpha: bool,
) -> None:
    monkeypatch.setattr(tiff_writer, "_LARGEST_TIFF_BYTES", 0)
    monkeypatch.setattr("impasto.media.samples._BAND_PIXELS", 200)  # several strips
    values = torch.rand(1, 4, *size_hw, generator=torch.Generator().manual_seed(0))
    path = tmp_path / "large.tif"
    metadata = Metadata(exif=b"not kept", xmp=b"<x/>", dpi=(300.0, 300.0))
    write_picture(
        path, values[:, :3], alpha=values[:, 3:] if alpha else None, bits=bits, metadata=metadata
    )
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
        samples = file.asarray()
    wanted = (values[0, : 3 + alpha].permute(1, 2, 0) * (2**bits - 1)).round().numpy()
    np.testing.assert_array_equal(samples, wanted)
    again = read_picture(path)
    assert (again.bits, again.metadata.xmp, again.metadata.dpi) == (bits, b"<x/>", (300.0, 300.0))
    torch.testing.assert_close(again.pixels, values[:, :3], rtol=0, atol=0.51 / (2**bits - 1))
