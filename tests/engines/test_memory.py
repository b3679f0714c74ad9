"""Estimates of memory against what a process really takes."""

import subprocess
import sys

import pytest
import torch

from impasto.engines.memory import check_memory, tiles_bytes
from impasto.errors import OptionError
from impasto.machine.memory import process_bytes, total_memory
from impasto.machine.processor import multiplies_bfloat16
from impasto.networks import StyleNetworkConfig, build_style_network

HALF = build_style_network(StyleNetworkConfig(width=0.5)).eval()
CPU = torch.device("cpu")

PAINT = r"""
import re, sys, torch
from pathlib import Path
from impasto.painting import stylize_tensor
from impasto.models import StyleModel
from impasto.networks import StyleNetworkConfig, build_style_network
torch.set_num_threads(1)
config = StyleNetworkConfig(architecture=sys.argv[1], width=0.25)
model = StyleModel(name="random", network=build_style_network(config).eval(), config=config)
peaks = []
for side in (64, 1536):
    stylize_tensor(model, torch.rand(1, 3, side, side), precision=sys.argv[2])
    status = Path("/proc/self/status").read_text()
    peaks.append(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]))
print((peaks[1] - peaks[0]) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
@pytest.mark.parametrize(
    ("architecture", "precision"),
    [("modern", "float32"), ("modern", "bfloat16"), ("paper", "float32")],
)
def test_painting_takes_what_is_estimated(architecture: str, precision: str) -> None:
    if precision == "bfloat16" and not multiplies_bfloat16():
        pytest.skip("this processor does not multiply bfloat16: PyTorch makes copies in float32")
    done = subprocess.run(
        [sys.executable, "-c", PAINT, architecture, precision],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    config = StyleNetworkConfig(architecture=architecture, width=0.25)  # type: ignore[arg-type]
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    network = build_style_network(config).eval()
    taken, estimate = int(done.stdout), tiles_bytes(network, (1536, 1536), dtype)
    print(taken, estimate)
    assert 0.4 * estimate < taken < estimate


@pytest.mark.parametrize("width", [0.5, 1.0])
def test_twelve_megapixels_are_estimated_well_below_4_gb(width: float) -> None:
    network = build_style_network(StyleNetworkConfig(width=width)).eval()
    assert tiles_bytes(network, (3000, 4000)) < 3.2e9


def test_what_exceeds_the_limit_is_refused_with_both_numbers() -> None:
    with pytest.raises(OptionError, match=r"4000 x 3000 px needs about 9\d\d MB .* 600 MB may"):
        check_memory(HALF, (3000, 4000), torch.float32, CPU, 600_000_000)
    check_memory(HALF, (3000, 4000), torch.float32, CPU, 2**31)


def test_by_default_the_limit_is_the_machine() -> None:
    check_memory(HALF, (64, 64), torch.float32, CPU)
    with pytest.raises(OptionError, match="smaller size"):
        check_memory(HALF, (10**6, 10**6), torch.float32, CPU)


def test_a_process_takes_some_of_the_memory_there_is() -> None:
    total = total_memory(CPU)
    assert total is None or 50e6 < process_bytes(CPU) < total
