"""Downloads against a server with faults."""

import hashlib
import threading
from pathlib import Path
from typing import Any

import pytest

from impasto.errors import WeightsError
from impasto.files.download import DownloadError, PartFile, Retry, download_file

CONTENT = bytes(range(256)) * 400
DIGEST = hashlib.sha256(CONTENT).hexdigest()
QUICK = Retry(attempts=3, backoff_s=0.01, timeout_s=5)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_a_file_arrives_whole_and_progress_ends_at_its_size(
    server: Any, served: Any, tmp_path: Path
) -> None:
    seen: list[tuple[int, int | None]] = []
    url = server.add("/a", served(CONTENT))
    path = download_file(
        url,
        tmp_path / "new" / "a.bin",
        sha256=DIGEST,
        on_progress=lambda *p: seen.append(p),
        retry=QUICK,
    )
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert leftovers(path.parent) == ["a.bin"]


def test_a_file_that_is_there_is_not_fetched_again(
    server: Any, served: Any, tmp_path: Path
) -> None:
    (tmp_path / "a.bin").write_bytes(b"mine")
    download_file(server.add("/a", served(CONTENT)), tmp_path / "a.bin", retry=QUICK)
    assert (tmp_path / "a.bin").read_bytes() == b"mine"
    assert server.requests == []


def test_a_cut_connection_is_resumed_from_the_byte_reached(
    server: Any, served: Any, tmp_path: Path
) -> None:
    url = server.add("/a", served(CONTENT, faults=["cut:1000", "cut:5000"]))
    path = download_file(url, tmp_path / "a.bin", sha256=DIGEST, retry=QUICK)
    assert path.read_bytes() == CONTENT
    assert [request.range for request in server.requests] == [None, "bytes=1000-", "bytes=6000-"]
    assert [request.if_range for request in server.requests][1:] == ['"one"', '"one"']


def test_a_download_given_up_goes_on_in_the_next_call(
    server: Any, served: Any, tmp_path: Path
) -> None:
    url = server.add("/a", served(CONTENT, faults=["cut:7000", "status:503", "status:503"]))
    with pytest.raises(DownloadError, match="503"):
        download_file(url, tmp_path / "a.bin", retry=Retry(attempts=2, backoff_s=0.01))
    assert not (tmp_path / "a.bin").exists()
    assert PartFile(tmp_path / "a.bin").size() == 7000
    download_file(url, tmp_path / "a.bin", sha256=DIGEST, retry=QUICK)
    assert server.requests[-1].range == "bytes=7000-"


def test_a_connection_that_always_dies_ends_in_an_error_that_says_why(
    server: Any, served: Any, tmp_path: Path
) -> None:
    url = server.add("/a", served(CONTENT, faults=["cut:0"] * 9))
    with pytest.raises(DownloadError, match=r"connection cut after 0 of 102400 bytes"):
        download_file(url, tmp_path / "a.bin", retry=QUICK)
    assert len(server.requests) == QUICK.attempts


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(
    server: Any, served: Any, tmp_path: Path
) -> None:
    url = server.add("/a", served(CONTENT))
    with pytest.raises(DownloadError, match=f"checksum {DIGEST}, wanted was 00000000"):
        download_file(url, tmp_path / "a.bin", sha256="00000000", retry=QUICK)
    assert leftovers(tmp_path) == []


def test_a_checksum_prefix_is_enough(server: Any, served: Any, tmp_path: Path) -> None:
    url = server.add("/a", served(CONTENT))
    assert download_file(url, tmp_path / "a.bin", sha256=DIGEST[:8], retry=QUICK).exists()


def test_a_damaged_beginning_is_thrown_away_and_fetched_again(
    server: Any, served: Any, tmp_path: Path
) -> None:
    url = server.add("/a", served(CONTENT, faults=["cut:3000", "status:503"]))
    with pytest.raises(DownloadError):
        download_file(url, tmp_path / "a.bin", retry=Retry(attempts=1, backoff_s=0.01))
    part = PartFile(tmp_path / "a.bin")
    part.path.write_bytes(b"x" * part.size())
    path = download_file(url, tmp_path / "a.bin", sha256=DIGEST, retry=QUICK)
    assert path.read_bytes() == CONTENT


def test_a_server_without_ranges_makes_it_start_again(
    server: Any, served: Any, tmp_path: Path
) -> None:
    url = server.add("/a", served(CONTENT, ranges=False, faults=["cut:1000"]))
    path = download_file(url, tmp_path / "a.bin", sha256=DIGEST, retry=QUICK)
    assert path.read_bytes() == CONTENT


def test_without_a_version_from_the_server_nothing_is_resumed(
    server: Any, served: Any, tmp_path: Path
) -> None:
    url = server.add("/a", served(CONTENT, etag=None, faults=["cut:1000"]))
    path = download_file(url, tmp_path / "a.bin", sha256=DIGEST, retry=QUICK)
    assert path.read_bytes() == CONTENT
    assert [request.range for request in server.requests] == [None, None]


def test_a_file_that_changes_in_between_is_fetched_from_its_new_beginning(
    server: Any, served: Any, tmp_path: Path
) -> None:
    new = CONTENT[::-1]
    url = server.add("/a", served(CONTENT, faults=["cut:1000"], replace_after=1, replacement=new))
    path = download_file(url, tmp_path / "a.bin", retry=QUICK)
    assert path.read_bytes() == new


def test_a_partial_file_longer_than_the_file_is_thrown_away(
    server: Any, served: Any, tmp_path: Path
) -> None:
    url = server.add("/a", served(CONTENT))
    part = PartFile(tmp_path / "a.bin")
    part.begin({"url": url, "validator": '"one"'})
    part.path.write_bytes(CONTENT + b"more")
    assert download_file(url, tmp_path / "a.bin", retry=QUICK).read_bytes() == CONTENT


def test_a_missing_file_is_an_error_at_once(server: Any, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"/nowhere answered 404"):
        download_file(server.address + "/nowhere", tmp_path / "a.bin", retry=QUICK)
    assert len(server.requests) == 1


def test_a_redirect_is_followed_and_keeps_the_range(
    server: Any, served: Any, tmp_path: Path
) -> None:
    real = server.add("/real", served(CONTENT, faults=["cut:1000"]))
    url = server.add("/moved", served(b"", redirect=real))
    path = download_file(url, tmp_path / "a.bin", sha256=DIGEST, retry=QUICK)
    assert path.read_bytes() == CONTENT
    assert ("/real", "bytes=1000-") in [(r.path, r.range) for r in server.requests]


def test_a_proxy_from_the_environment_is_used(
    server: Any, served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("http://weights.invalid/a", served(CONTENT))
    monkeypatch.setenv("http_proxy", server.address)
    path = download_file("http://weights.invalid/a", tmp_path / "a.bin", retry=QUICK)
    assert path.read_bytes() == CONTENT


def test_offline_nothing_is_asked_for(
    server: Any, served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_OFFLINE", "1")
    url = server.add("/a", served(CONTENT))
    with pytest.raises(DownloadError, match="IMPASTO_OFFLINE"):
        download_file(url, tmp_path / "a.bin", retry=QUICK)
    assert server.requests == []


def test_a_folder_that_cannot_be_made_is_named_in_the_error(
    server: Any, served: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    url = server.add("/a", served(CONTENT))
    with pytest.raises(DownloadError, match="IMPASTO_CACHE"):
        download_file(url, tmp_path / "file" / "a.bin", retry=QUICK)


def test_two_at_once_fetch_the_file_one_time(server: Any, served: Any, tmp_path: Path) -> None:
    url = server.add("/a", served(CONTENT))
    workers = [
        threading.Thread(target=download_file, args=(url, tmp_path / "a.bin")) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert len(server.requests) == 1
