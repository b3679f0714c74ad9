"""The layers of `.importlinter` are kept, and they would catch what they forbid."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the package below `folder`/src against `folder`/.importlinter."""
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", code, "--config", str(folder / ".importlinter"), "--no-cache"],
        cwd=folder / "src",
        env={"PYTHONPATH": str(folder / "src"), "PATH": "", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package that a test may spoil."""
    shutil.copy(ROOT / ".importlinter", tmp_path)
    shutil.copytree(
        ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("gallery", "__pycache__")
    )
    return tmp_path


def test_imports_point_only_down() -> None:
    done = lint_imports(ROOT)
    assert "2 kept, 0 broken" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("room", "line", "complaint"),
    [
        ("errors.py", "import impasto.files", "impasto.errors is not allowed to import"),
        ("media/__init__.py", "import impasto.losses", "impasto.media is not allowed to import"),
        ("cli/app.py", "from impasto import load", "impasto.cli.app is not allowed to import"),
        ("attic.py", "", "- impasto.attic"),
    ],
)
def test_an_import_that_points_up_or_sideways_or_a_room_without_floor_is_caught(
    copy: Path, room: str, line: str, complaint: str
) -> None:
    with (copy / "src" / "impasto" / room).open("a") as stream:
        stream.write(f"\n{line}\n")
    done = lint_imports(copy)
    assert done.returncode == 1
    assert complaint in done.stdout


def test_the_package_knows_nothing_of_the_research_beside_it() -> None:
    found = [
        path.name
        for path in (ROOT / "src").rglob("*.py")
        if re.search(r"^\s*(from|import) research\b", path.read_text(encoding="utf-8"), re.M)
    ]
    assert found == []
