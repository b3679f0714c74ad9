"""How much memory and time does `impasto upscale` take on a large photo, file to file?

    python benchmarks/upscale_memory.py [--megapixels 24] [--factor 4] [--model NAME_OR_FILE]
                                        [--suffix png jpg tif] [--tile PX ...] [--output FILE.json]

Without --model an untrained network of the default plan is used: time and memory are the same.
The aim: 24 megapixels, factor 4, below 4 GB on the CPU. One run takes minutes.
"""

import argparse
import json
import multiprocessing
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


def make_photo(path: Path, megapixels: float) -> None:
    """A 3:2 picture with detail everywhere, the same each time."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    size = (round(1.5 * height), height)
    noise = np.random.default_rng(0).integers(0, 256, (size[1] // 16, size[0] // 16, 3), np.uint8)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path, quality=92)


def make_model(path: Path, factor: int) -> None:
    """An untrained network of the default plan."""
    import torch

    from impasto.models import save_model
    from impasto.networks.superres import SuperResConfig, build_superres_network

    torch.manual_seed(0)
    config = SuperResConfig(factor=factor)
    save_model(path, build_superres_network(config), config, {})


def measure(arguments: list[str]) -> dict[str, float]:
    """Run the command in a process of its own: wall-clock seconds, its CPU time, peak memory."""
    start = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        usage: dict[str, float] = pool.apply(_run, (arguments,))
    return {"seconds": round(time.perf_counter() - start, 1), **usage}


def _run(arguments: list[str]) -> dict[str, float]:
    import subprocess

    subprocess.run([sys.executable, "-m", "impasto", "upscale", *arguments], check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_gb": round(used.ru_maxrss * MAXRSS_BYTES / 1e9, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--model")
    parser.add_argument("--suffix", nargs="+", default=["png"])
    parser.add_argument("--tile", nargs="+", type=int, default=[0], help="0: the default")
    parser.add_argument("--output", type=Path, default=Path("runs/upscale_memory.json"))
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        photo, model = Path(folder, "photo.jpg"), Path(folder, "model.safetensors")
        make_photo(photo, options.megapixels)
        make_model(model, options.factor)
        fixed = [str(photo), "--device", "cpu", "--factor", str(options.factor), "--overwrite"]
        fixed += ["--model", options.model or str(model)]
        for suffix in options.suffix:
            for tile in options.tile:
                target = Path(folder, f"large.{suffix}")
                extra = ["--tile", str(tile)] if tile else []
                row = {"suffix": suffix, "tile_px": tile or "default"}
                row |= measure([*fixed, *extra, "-o", str(target)])
                target.unlink()
                print(json.dumps(row))
                rows.append(row)
    result = {
        "machine": platform.processor() or platform.machine(),
        "megapixels": options.megapixels,
        "factor": options.factor,
        "model": options.model or "modern, untrained",
        "rows": rows,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
