"""How much longer than bare Python do the light commands take? Medians of many starts.

    python benchmarks/startup.py [--runs 21] [--output FILE.json]

Prints and writes milliseconds. The aim is less than 300 ms more than bare Python.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "bare Python": ["-c", "pass"],
    "impasto --help": ["-m", "impasto", "--help"],
    "impasto --version": ["-m", "impasto", "--version"],
    "impasto styles": ["-m", "impasto", "styles"],
    "impasto styles --json": ["-m", "impasto", "styles", "--json"],
    "import impasto": ["-c", "import impasto"],
}


def seconds(arguments: list[str]) -> float:
    """Wall-clock seconds of one start, output thrown away."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--output", type=Path, default=Path("runs/startup.json"))
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    # Rounds, not blocks: a slow moment of the machine falls on every command alike. The first
    # round only warms the disk cache.
    for turn in range(options.runs + 1):
        for name, arguments in COMMANDS.items():
            taken = seconds(arguments)
            if turn:
                times[name].append(taken)
    medians = {name: round(1000 * statistics.median(taken), 1) for name, taken in times.items()}
    for name, milliseconds in medians.items():
        extra = milliseconds - medians["bare Python"]
        print(f"{name:<24}{milliseconds:>8.1f} ms{extra:>+9.1f}")
    result = {"python": platform.python_version(), "runs": options.runs, "median_ms": medians}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
