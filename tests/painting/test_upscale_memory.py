"""From file to file the result exists once, as bytes: what a process really takes."""

import subprocess
import sys
from pathlib import Path

import pytest

UPSCALE = r"""
import re, sys, torch
from pathlib import Path
from PIL import Image
from impasto.painting import upscale_file
from impasto.models import SuperResModel
from impasto.networks.superres import SuperResConfig, build_superres_network
torch.set_num_threads(1)
config = SuperResConfig(factor=8, width=0.125, blocks=1)
model = SuperResModel(name="random", network=build_superres_network(config).eval(), config=config)
folder = Path(sys.argv[1])
peaks = []
for side in (64, 640):
    Image.new("RGB", (side, side), (90, 120, 200)).save(folder / "photo.png")
    options = {"precision": "float32", "tile_px": 64, "color_match": sys.argv[2]}
    upscale_file(folder / "photo.png", folder / "large.png", model=model, **options)
    status = Path("/proc/self/status").read_text()
    peaks.append(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]))
print((peaks[1] - peaks[0]) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
@pytest.mark.parametrize(("color_match", "sample_bytes"), [("none", 1), ("histogram", 2)])
def test_a_large_result_takes_its_bytes_and_little_more(
    tmp_path: object, color_match: str, sample_bytes: int
) -> None:
    """26 megapixels: 79 MB of bytes, where a float32 copy alone would take 315 MB."""
    done = subprocess.run(
        [sys.executable, "-c", UPSCALE, str(tmp_path), color_match],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    result = 5120 * 5120 * 3 * sample_bytes
    source = 640 * 640 * 3 * 4
    taken = int(done.stdout)
    print(taken / 1e6, result / 1e6)
    # 80 MB: OpenVINO compiles the network once more for the larger tiles of the second picture
    assert result < taken < result + 3 * source + 80e6


BATCH = r"""
import sys, torch
from pathlib import Path
from impasto.painting import upscale_file
from impasto.machine.memory import process_bytes
from impasto.media import write_picture
from impasto.models import SuperResModel
from impasto.networks.superres import SuperResConfig, build_superres_network
torch.set_num_threads(1)
config = SuperResConfig(factor=4, width=0.125, blocks=1)
model = SuperResModel(name="random", network=build_superres_network(config).eval(), config=config)
folder = Path(sys.argv[1])
write_picture(folder / "photo.png", torch.rand(1, 3, 1000, 1000))
limit = process_bytes(torch.device("cpu")) + 310_000_000
for number in range(2):
    notices = []
    target = folder / f"{number}.png"
    options = {"precision": "float32", "max_memory": limit, "on_event": notices.append}
    upscale_file(folder / "photo.png", target, model=model, **options)
    print(notices)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_what_one_photo_took_is_there_for_the_next(tmp_path: Path) -> None:
    # Else the second is refused: there is hardly more than the way from file to file needs.
    subprocess.run(
        [sys.executable, "-c", BATCH, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert (tmp_path / "0.png").read_bytes() == (tmp_path / "1.png").read_bytes()
