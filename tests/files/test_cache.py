"""Cache folder, offline switch and locks."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from impasto.files.cache import cache_folder, is_offline, locked


def test_cache_folder_is_the_one_the_user_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "mine"


def test_cache_folder_follows_the_xdg_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("IMPASTO_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "impasto"


def test_cache_folder_without_variables_is_in_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("IMPASTO_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert tmp_path in cache_folder().parents
    assert not cache_folder().exists()  # asking for it makes nothing


@pytest.mark.parametrize(
    ("value", "offline"), [("1", True), ("true", True), ("ON", True), ("0", False), ("", False)]
)
def test_offline_switch_reads_the_usual_words(
    monkeypatch: pytest.MonkeyPatch, value: str, offline: bool
) -> None:
    monkeypatch.setenv("IMPASTO_OFFLINE", value)
    assert is_offline() is offline


def test_a_lock_keeps_another_process_waiting(tmp_path: Path) -> None:
    target, entered = tmp_path / "file", tmp_path / "entered"
    code = (
        "import sys; from pathlib import Path; from impasto.files.cache import locked\n"
        "print('ready', flush=True)\n"
        f"with locked(Path({str(target)!r})): Path({str(entered)!r}).touch()"
    )
    with locked(target):
        other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert other.stdout is not None
        other.stdout.readline()
        time.sleep(0.2)
        waited = not entered.exists()
    other.communicate(timeout=20)
    assert waited
    assert other.returncode == 0
    assert entered.exists()
