"""What help() shows of the functions: every option with its default, from the one declaration."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from impasto.options import Options
from impasto.painting import restore, restore_file, stylize_file, upscale_file
from impasto.painting.options import (
    RestoreFileOptions,
    RestoreOptions,
    StylizeFileOptions,
    StylizeOptions,
    UpscaleFileOptions,
    UpscaleOptions,
)
from impasto.painting.stylize import stylize
from impasto.painting.upscale import upscale

SQUARE = np.full((8, 9, 3), 90, np.uint8)


@pytest.mark.parametrize(
    ("function", "record"),
    [
        (stylize, StylizeOptions),
        (stylize_file, StylizeFileOptions),
        (upscale, UpscaleOptions),
        (upscale_file, UpscaleFileOptions),
        (restore, RestoreOptions),
        (restore_file, RestoreFileOptions),
    ],
    ids=lambda each: each.__name__,
)
def test_every_option_is_shown_with_its_default(
    function: Callable[..., Any], record: type[Options]
) -> None:
    shown = inspect.signature(function).parameters
    assert "options" not in shown
    for each in fields(record):
        assert shown[each.name].default == each.default
        assert shown[each.name].kind is inspect.Parameter.KEYWORD_ONLY


def test_a_function_is_found_without_torch_and_by_few_modules() -> None:
    code = (
        "import sys, impasto\n"
        "impasto.upscale, impasto.stylize, impasto.restore\n"
        "ours = [name for name in sys.modules if name.partition('.')[0] == 'impasto']\n"
        "print(len(ours), 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, torch = done.stdout.split()
    assert int(count) <= 60
    assert torch == "False"


def test_an_unknown_option_is_told_before_anything_is_read() -> None:
    with pytest.raises(TypeError, match=r"no option 'sise'; choose from .*size"):
        stylize("none.jpg", "udnie", sise=3)  # type: ignore[call-arg]


def test_the_old_word_for_a_network_still_works() -> None:
    with pytest.warns(DeprecationWarning, match="`network`"):
        painted = stylize(SQUARE, "udnie", quality="fast", device="cpu")  # type: ignore[call-arg]
    assert painted.tobytes() == stylize(SQUARE, "udnie", network="fast", device="cpu").tobytes()
