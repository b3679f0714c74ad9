"""From `impasto stylize photo.jpg` to the written file no room is entered twice.

Looked at are all calls of our functions: the rooms on the stack, from the command on, are
different ones. Left out are what a module runs when it is imported, and the events that go back to
whoever watches, and the ladder of precisions, which only calls what it is given. The rows of the
result that the writer pulls are a walk of their own.
"""

import itertools
import sys
from pathlib import Path
from types import FrameType

import pytest
from PIL import Image
from typer.testing import CliRunner

import impasto
from impasto.cli.app import app

PACKAGE = str(Path(impasto.__file__).parent)


def rooms(frame: FrameType | None) -> list[str]:
    """Rooms of our functions on the stack, outermost first; [] for what is left out."""
    found = []
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(PACKAGE):
            if code.co_name in ("<module>", "tell") or code.co_qualname == "_Show.__call__":
                return []
            path = Path(code.co_filename).relative_to(PACKAGE)
            if code.co_name != "in_range":
                found.append(path.parts[0])
            if path.as_posix() == "painting/results.py":
                break
        frame = frame.f_back
    return [room for room, _ in itertools.groupby(reversed(found))]


@pytest.mark.parametrize("backend", ["auto", "eager"])
def test_no_room_is_entered_twice(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.effect_noise((40, 30), 40).convert("RGB").save("photo.jpg")
    walks: set[tuple[str, ...]] = set()

    def note(frame: FrameType, event: str, value: object) -> None:  # noqa: ARG001
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            walks.add(tuple(rooms(frame)))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        words = ["stylize", "photo.jpg", "--style", "udnie", "--backend", backend]
        result = CliRunner().invoke(app, words)
    finally:
        sys.setprofile(before)
    assert result.exit_code == 0, result.output
    assert Path("photo-udnie.jpg").is_file()
    assert any(walk[:3] == ("cli", "jobs", "painting") for walk in walks)
    assert [walk for walk in walks if len(set(walk)) < len(walk)] == []
