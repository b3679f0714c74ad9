"""How long do the light commands take from start to end, and one photo? Medians of many starts.

    python benchmarks/startup.py [--runs 21] [--output FILE.json]

Prints and writes milliseconds by the clock and of the processor. The aims: light commands less than
300 ms more than bare Python; `impasto stylize` on one photo of 512 x 512 pixels at most 2.5 s, and
`impasto upscale` of 600 x 400 pixels at most 4.4 s of the processor.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

SAMPLE = Path(__file__).parents[1] / "docs" / "sample" / "astronaut.jpg"
PHOTO_PX = 512
SMALL_WH = (600, 400)  # to be enlarged: 0.24 megapixels
STYLIZE = ["-m", "impasto", "stylize", "photo.jpg", "--style", "starry-night", "--overwrite"]
COMMANDS = {
    "bare Python": ["-c", "pass"],
    "impasto --help": ["-m", "impasto", "--help"],
    "impasto --version": ["-m", "impasto", "--version"],
    "impasto styles": ["-m", "impasto", "styles"],
    "impasto styles --json": ["-m", "impasto", "styles", "--json"],
    "import impasto": ["-c", "import impasto"],
    "import torch": ["-c", "import torch"],
    "impasto stylize": [*STYLIZE, "-o", "painted.jpg"],
    "impasto stylize --backend eager": [*STYLIZE, "-o", "painted.jpg", "--backend", "eager"],
    "impasto upscale": ["-m", "impasto", "upscale", "small.jpg", "--overwrite", "-o", "large.jpg"],
}


@dataclass(frozen=True, kw_only=True)
class Start:
    """Seconds of one command, from start to end."""

    wall: float
    processor: float


def start(arguments: list[str], folder: Path) -> Start:
    """Run it in `folder`, output thrown away."""
    before, begin = os.times(), time.perf_counter()
    command = [sys.executable, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    wall, after = time.perf_counter() - begin, os.times()
    used = after.children_user + after.children_system
    return Start(wall=wall, processor=used - before.children_user - before.children_system)


def measure(runs: int) -> dict[str, list[Start]]:
    """Rounds, not blocks: a slow moment of the machine falls on every command alike.

    The first round only warms the disk cache.
    """
    starts: dict[str, list[Start]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photo = Image.open(SAMPLE).convert("RGB").resize((PHOTO_PX, PHOTO_PX))
        photo.save(folder / "photo.jpg", quality=95)
        photo.resize(SMALL_WH).save(folder / "small.jpg", quality=95)
        for turn in range(runs + 1):
            for command, arguments in COMMANDS.items():
                taken = start(arguments, folder)
                if turn:
                    starts[command].append(taken)
    return starts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--output", type=Path, default=Path("runs/startup.json"))
    options = parser.parse_args()
    starts = measure(options.runs)
    medians = {
        name: {
            "wall": round(1000 * statistics.median(each.wall for each in taken), 1),
            "processor": round(1000 * statistics.median(each.processor for each in taken), 1),
        }
        for name, taken in starts.items()
    }
    bare = medians["bare Python"]["wall"]
    for name, median in medians.items():
        more = median["wall"] - bare
        text = f"{median['wall']:>9.1f} ms{more:>+9.1f}   processor {median['processor']:>8.1f} ms"
        print(f"{name:<32}{text}")
    result = {"python": platform.python_version(), "runs": options.runs, "median_ms": medians}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
