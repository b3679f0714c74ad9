"""The options of stylize, upscale and restore: bounds, conversions, one declaration of each."""

import subprocess
import sys

import pytest

from impasto.engines.backends import BACKENDS, PRECISIONS
from impasto.engines.color_match import COLOR_MATCHES
from impasto.engines.superres_options import SUPERRES_PRECISIONS
from impasto.errors import OptionError
from impasto.options import Options, declared, from_text
from impasto.painting import options
from impasto.painting.options import (
    Enlargement,
    RestoreFileOptions,
    StylizeFileOptions,
    UpscaleFileOptions,
)

RECORDS = (StylizeFileOptions, Enlargement, UpscaleFileOptions, RestoreFileOptions)


def test_names_are_those_of_the_engines() -> None:
    assert options.BACKENDS == BACKENDS
    assert options.PRECISIONS == PRECISIONS
    assert options.SUPERRES_PRECISIONS == SUPERRES_PRECISIONS
    assert options.COLOR_MATCHES[1:] == COLOR_MATCHES


@pytest.mark.parametrize("record", RECORDS)
def test_every_option_is_a_plain_sentence_under_a_heading(record: type[Options]) -> None:
    for each, _, about in declared(record):
        assert about.help[0].isupper(), each.name
        assert about.help.endswith("."), each.name
        assert about.group in (options.IN_OUT, options.LOOK, options.SPEED), each.name


@pytest.mark.parametrize(
    ("record", "wrong"),
    [
        (StylizeFileOptions, {"strength": 1.5}),
        (StylizeFileOptions, {"strength": True}),
        (StylizeFileOptions, {"size": 0}),
        (StylizeFileOptions, {"border": -1}),
        (StylizeFileOptions, {"quality": 101}),
        (StylizeFileOptions, {"network": "best"}),
        (StylizeFileOptions, {"backend": "tensorrt"}),
        (StylizeFileOptions, {"max_memory": "4 zb"}),
        (StylizeFileOptions, {"max_memory": 0}),
        (UpscaleFileOptions, {"precision": "int8"}),
        (UpscaleFileOptions, {"tile_px": 12.5}),
        (UpscaleFileOptions, {"color_match": "hue"}),
        (Enlargement, {"factor": 0}),
        (RestoreFileOptions, {"strength": float("nan")}),
    ],
)
def test_nonsense_is_refused_by_name(record: type[Options], wrong: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=f"`{next(iter(wrong))}`"):
        record(**wrong)


def test_memory_is_read_as_people_write_it() -> None:
    assert StylizeFileOptions(max_memory="4GB").max_memory == 4 * 10**9
    assert UpscaleFileOptions(max_memory="512 MiB").max_memory == 512 * 2**20


def test_options_do_not_import_torch() -> None:
    code = "import sys, impasto.painting.options; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_device_may_be_torch_s_and_a_tiny_memory_is_named_as_it_was_given() -> None:
    import torch

    assert options.StylizeOptions(device=torch.device("cpu")).device == "cpu"  # type: ignore[arg-type]
    fields = {each.name: (each, hint) for each, hint, _ in declared(options.StylizeOptions)}
    with pytest.raises(OptionError, match="got 1KB; no picture"):
        from_text(*fields["max_memory"], "1KB")
