"""The light commands answer at once: what they import decides it, not a clock."""

import subprocess
import sys

import pytest

SLOW = {"torch", "numpy", "PIL", "safetensors", "tensorboard", "scipy", "impasto.media"}
SCRIPT = """
import sys
sys.argv = ["impasto", *{arguments!r}]
from impasto.__main__ import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("loaded:", *sys.modules)
"""


def loaded_by(*arguments: str) -> set[str]:
    script = SCRIPT.format(arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].removeprefix("loaded: ").split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("styles",),
        ("styles", "--json"),
        ("upscalers",),
        ("upscalers", "--json"),
        ("stylize", "--help"),
        ("upscale", "--help"),
        ("restore", "--help"),
        ("optimize", "--help"),
        ("invert", "--help"),
        ("texture", "--help"),
        ("train", "--help"),
        ("train", "style", "--help"),
    ],
    ids=" ".join,
)
def test_light_commands_load_nothing_slow(arguments: tuple[str, ...]) -> None:
    loaded = loaded_by(*arguments)
    assert "impasto.cli.app" in loaded
    assert not loaded & SLOW


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("styles",), ("styles", "--json"), ("upscalers",), ("upscalers", "--json")],
    ids=" ".join,
)
def test_the_lightest_commands_load_neither_rich_nor_pydantic(arguments: tuple[str, ...]) -> None:
    assert not loaded_by(*arguments) & {"rich", "rich.console", "pydantic", "pydantic_core"}


def test_the_list_of_commands_loads_no_command() -> None:
    ours = {name for name in loaded_by("--help") if name.startswith("impasto.")}
    assert ours <= {
        "impasto.__main__",
        "impasto.cli",
        "impasto.cli.app",
        "impasto.cli.flags",
        "impasto.cli.root",
        "impasto.errors",
        "impasto.option_types",
        "impasto.options",
    }
