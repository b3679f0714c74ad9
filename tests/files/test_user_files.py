"""Paths as people type them, and what stands there."""

import os
from pathlib import Path

import pytest

from impasto.files.atomic import atomic_path
from impasto.files.user_files import is_special, nearest_folder, open_to_read, user_path


def test_home_is_put_in_and_nobodys_home_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert user_path("~/a.png") == Path("/somewhere/a.png")
    assert user_path("~no-such-user-here/a.png") == Path("~no-such-user-here/a.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert is_special(pipe)
    assert not is_special(tmp_path)
    assert not is_special(tmp_path / "missing")
    with pytest.raises(OSError, match="is a pipe, socket or device"):
        open_to_read(pipe)


def test_the_error_names_the_target_not_the_temporary_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder"

    def write() -> None:
        with atomic_path(folder / "a.txt") as temporary:
            folder.rmdir()
            temporary.write_text("lost")

    with pytest.raises(FileNotFoundError) as caught:
        write()
    assert caught.value.filename == str(folder / "a.txt")


def test_with_a_token_what_a_killed_process_left_is_written_over(tmp_path: Path) -> None:
    left = tmp_path / ".a.0123.txt"
    left.write_text("half")
    with atomic_path(tmp_path / "a.txt", "0123") as temporary:
        assert temporary == left
        temporary.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_nearest_folder_is_the_first_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert nearest_folder(tmp_path) == tmp_path
    assert nearest_folder(tmp_path / "a" / "b" / "c") == tmp_path
    assert nearest_folder(tmp_path / "file" / "b") == tmp_path / "file"
    assert nearest_folder(Path("no-such-folder")) == Path.cwd()
