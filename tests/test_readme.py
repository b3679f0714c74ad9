"""README.md does what it says: its Python blocks run, its commands run or at least exist.

A Python block runs in a folder that holds the repository's docs/sample and the first sample as
photo.jpg. What a block takes for granted (a foreign training loop, say) stands before it, unseen
by the reader: `<!-- setup: ... -->`; `<!-- not run: REASON -->` leaves a block out.
"""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "docs" / "sample"
BLOCK = re.compile(
    r"(?:<!--\s*(?P<kind>setup|not run):(?P<note>.*?)-->\s*\n)?"
    r"^```(?P<language>\w+)\n(?P<code>.*?)^```",
    re.DOTALL | re.MULTILINE,
)
# Weights of loss networks are not in the repository.
NEEDS_WEIGHTS = re.compile(r"load_loss_network|PerceptualLoss\(|--loss-network")
CHEAP_COMMANDS = ("--help", "--version", "styles", "stylize", "upscale", "upscalers")


@dataclass(frozen=True)
class Block:
    line: int
    language: str
    code: str
    setup: str = ""
    not_run: str = ""


def read_blocks(text: str) -> list[Block]:
    return [
        Block(
            line=text.count("\n", 0, match.start("code")) + 1,
            language=match["language"],
            code=match["code"],
            setup=match["note"].strip() if match["kind"] == "setup" else "",
            not_run=match["note"].strip() if match["kind"] == "not run" else "",
        )
        for match in BLOCK.finditer(text)
    ]


def read_commands(blocks: list[Block]) -> list[list[str]]:
    """The words of every `impasto ...` in shell blocks: && and line ends part, \\ joins."""
    commands = []
    for block in blocks:
        if block.language not in {"sh", "bash", "shell", "console"} or block.not_run:
            continue
        for line in re.split(r"&&|\n", block.code.replace("\\\n", " ")):
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words and Path(words[0]).name == "impasto":
                commands.append(words[1:])
    return commands


BLOCKS = read_blocks((ROOT / "README.md").read_text(encoding="utf-8"))
COMMANDS = read_commands(BLOCKS)


@pytest.fixture
def reader_folder(tmp_path: Path) -> Path:
    """A folder as a reader has it who cloned the repository; skips while nothing is bundled."""
    gallery = ROOT / "src" / "impasto" / "models" / "gallery"
    photos = sorted(SAMPLES.glob("*.jpg"))
    if not photos or not list(gallery.glob("*.safetensors")):
        pytest.skip("no sample photo or no bundled style yet")
    shutil.copytree(SAMPLES, tmp_path / "docs" / "sample")
    shutil.copy(photos[0], tmp_path / "photo.jpg")
    return tmp_path


def run_python(*arguments: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "block",
    [block for block in BLOCKS if block.language == "python"],
    ids=lambda block: f"line-{block.line}",
)
def test_python_blocks_run(
    block: Block, reader_folder: Path, request: pytest.FixtureRequest
) -> None:
    if block.not_run:
        pytest.skip(block.not_run)
    if NEEDS_WEIGHTS.search(block.code):
        request.getfixturevalue("shared_data")
    run_python("-c", f"{block.setup}\n{block.code}", folder=reader_folder)


@pytest.mark.parametrize("words", COMMANDS, ids=shlex.join)
def test_every_option_of_a_command_exists(words: list[str]) -> None:
    names = [word for word in words if not word.startswith("-")]
    options = {word.split("=")[0] for word in words if word.startswith("--")} - {"--help"}
    depth = 2 if names[:1] and names[0] in ("train", "evaluate") else min(1, len(names))
    done = subprocess.run(
        [sys.executable, "-m", "impasto", *names[:depth], "--help"],
        env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert options <= set(re.findall(r"--[a-z][a-z-]*", done.stdout))


@pytest.mark.parametrize(
    "words", [words for words in COMMANDS if words and words[0] in CHEAP_COMMANDS], ids=shlex.join
)
def test_cheap_commands_run(words: list[str], reader_folder: Path) -> None:
    # Inputs that only the reader has are tried with the sample.
    (reader_folder / "photos" / "sub").mkdir(parents=True)
    shutil.copy(reader_folder / "photo.jpg", reader_folder / "photos" / "sub")
    run_python("-m", "impasto", *words, folder=reader_folder)


def test_blocks_and_commands_are_read_as_written() -> None:
    text = (
        "<!-- setup: x = 1 -->\n```python\nprint(x)\n```\n\n"
        "<!-- not run: takes an hour -->\n```python\ntrain()\n```\n\n"
        "```sh\n# a comment\npip install . && .venv/bin/impasto stylize a.jpg \\\n"
        "    --style wave   # why\nimpasto styles\nmake test\n```\n"
    )
    blocks = read_blocks(text)
    assert blocks[0] == Block(line=3, language="python", code="print(x)\n", setup="x = 1")
    assert blocks[1].not_run == "takes an hour"
    assert read_commands(blocks) == [["stylize", "a.jpg", "--style", "wave"], ["styles"]]
