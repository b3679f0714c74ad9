import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.models import save_model
from impasto.networks import StyleNetworkConfig, build_style_network

SMALL = StyleNetworkConfig(width=0.25)


@pytest.fixture
def style_file(tmp_path: Path) -> Path:
    """A quarter-width style with random weights."""
    torch.manual_seed(0)
    path = tmp_path / "swirls.safetensors"
    save_model(path, build_style_network(SMALL), SMALL, {"artist": "Nobody"})
    return path


def read_header(path: Path) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, and the data behind it."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def write_header(path: Path, header: Any, data: bytes) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


@pytest.fixture
def edit_metadata(style_file: Path) -> Callable[[str, str], Path]:
    """Change one text of the style file's metadata; gives its path."""

    def edit(key: str, value: str) -> Path:
        header, data = read_header(style_file)
        header["__metadata__"][key] = value
        write_header(style_file, header, data)
        return style_file

    return edit
