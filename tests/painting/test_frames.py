"""From a call to the network's forward: how many functions of ours lie between. -s prints them."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.nn.modules.module import register_module_forward_pre_hook

import impasto

PHOTO = np.full((24, 32, 3), 90, np.uint8)
OURS = str(Path(impasto.__file__).parent)
MOST = 6
CALLS: dict[str, Callable[[], Any]] = {
    "stylize": lambda: impasto.stylize(PHOTO, "udnie", device="cpu", backend="eager"),
    "upscale": lambda: impasto.upscale(PHOTO, 2, device="cpu", backend="eager"),
    "restore": lambda: impasto.restore(PHOTO, "restore-noise", device="cpu", backend="eager"),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_network_is_near(name: str) -> None:
    found: list[list[str]] = []

    def look(*_: object) -> None:
        ours = [each for each in inspect.stack()[1:] if each.filename.startswith(OURS)]
        found.append([f"{Path(each.filename).stem}.{each.function}" for each in ours])

    hook = register_module_forward_pre_hook(look)
    try:
        CALLS[name]()
    finally:
        hook.remove()
    frames = found[0][::-1]  # of the outermost module, from the call on
    print(f"{name}: {len(frames)} frames: {' -> '.join(frames)}")
    assert frames[0].endswith(f".{name}")
    assert len(frames) <= MOST, frames
