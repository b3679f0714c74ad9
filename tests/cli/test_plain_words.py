"""What is wrong with a command line is told in plain words and with the flag, in every command."""

from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from impasto.cli.app import app
from impasto.cli.root import COMMANDS, QuickCommand

ENGINEERS_WORDS = ("Value error", "Input should be", "unable to parse", "pydantic", "Traceback")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("stylize a.jpg -s udnie --size abc", "--size: got 'abc'; wanted a whole number of px"),
        ("stylize a.jpg -s udnie --size 0", "--size: got 0; wanted a whole number of px, 1 or"),
        ("stylize a.jpg -s udnie --strength 3", "--strength: got 3.0; wanted a number"),
        ("stylize a.jpg -s udnie --backend gpu", "--backend: got 'gpu'; choose from auto, eager"),
        ("stylize a.jpg -s udnie --network best", "--network: got 'best'; choose from full, fast"),
        ("stylize a.jpg -s udnie --quality 101", "--quality: got 101"),
        ("stylize a.jpg -s udnie --format docx", "--format docx: cannot be written"),
        ("stylize a.jpg -s udnie --max-memory 4", "--max-memory: got 4, which counts bytes"),
        ("upscale a.jpg --tile x", "--tile: got 'x'; wanted a whole number of px"),
        ("upscale a.jpg --color-match warm", "--color-match: got 'warm'; choose from auto"),
        ("upscale a.jpg --max-memory 4", "say 4GB"),
        ("restore a.jpg -m restore-noise --tile 0", "--tile: got 0"),
        ("bench --seconds x", "--seconds: got 'x'; wanted a number"),
        ("bench --threads 0", "'--threads': 1 or more"),
        ("bench --threads x", "'--threads': a whole number"),
        ("optimize a.jpg -s b.jpg -o c.jpg --max-memory 4", "--max-memory: got 4, which counts"),
        ("export udnie -o a.onnx --precision int1", "--precision: got 'int1'; choose from float32"),
        ("evaluate superres --factor x", "--factor: got 'x'; wanted a whole number"),
    ],
)
def test_a_wrong_value_is_told_with_its_flag(command: str, said: str) -> None:
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 2
    assert said in result.stderr
    assert not [word for word in ENGINEERS_WORDS if word in result.stderr]


def test_every_command_is_there_when_it_is_called_and_ours() -> None:
    root: Any = get_command(app)
    for name in COMMANDS:
        found = root.load(name)
        for command in getattr(found, "commands", {name: found}).values():
            assert isinstance(command, QuickCommand), name
            assert command.help, name
    assert root.load("stylise") is None


def test_help_has_headings_in_the_order_of_what_people_ask_first() -> None:
    lines = CliRunner().invoke(app, ["stylize", "--help"]).stdout.splitlines()
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Arguments:", "Input and output:", "Look:", "Speed and memory:", "Options:"]
