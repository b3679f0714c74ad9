"""Fetching some tensors of a safetensors file by HTTP ranges, from a server with faults."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from impasto.files.download import ChangedError, DownloadError, PartFile, Retry
from impasto.networks.loss.partial_download import download_tensors

QUICK = Retry(attempts=3, backoff_s=0.01, timeout_s=5)
NAMES = ("features.0.bias", "features.0.weight", "features.2.weight")


def tensors(seed: int) -> dict[str, Tensor]:
    """The wanted tensors side by side, and large unwanted ones before and behind them."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        "embedding.unwanted": (300, 300),
        "features.0.bias": (8,),
        "features.0.weight": (8, 3, 3, 3),
        "features.2.weight": (16, 8, 3, 3),
        "head.fc.weight": (300, 300),
    }
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


WANTED = {name: tuple(tensors(0)[name].shape) for name in NAMES}
WANTED_BYTES = sum(4 * tensors(0)[name].numel() for name in NAMES)


def fetch(url: str, target: Path, **options: Any) -> Path:
    options = {"wanted": WANTED, "metadata": {"source": "test"}, "retry": QUICK, **options}
    return download_tensors(url, target, **options)


def assert_right(path: Path, seed: int = 0) -> None:
    found = load_file(path)
    assert set(found) == set(NAMES)
    for name in NAMES:
        assert torch.equal(found[name], tensors(seed)[name])


def test_only_the_wanted_bytes_are_asked_for(server: Any, served: Any, tmp_path: Path) -> None:
    content = save(tensors(0))
    seen: list[tuple[int, int | None]] = []
    url = server.add("/m", served(content))
    path = fetch(url, tmp_path / "m.safetensors", on_progress=lambda *p: seen.append(p))
    assert_right(path)
    header, span = [request.range for request in server.requests]
    assert header == "bytes=0-65535"
    first, last = (int(place) for place in span[6:].split("-"))
    assert last - first + 1 == WANTED_BYTES < len(content) / 100
    assert seen[-1] == (WANTED_BYTES, WANTED_BYTES)
    with safe_open(path, framework="pt") as stream:
        assert stream.metadata() == {"source": "test"}
    assert not PartFile(path).path.exists()


def test_a_header_longer_than_the_first_request_is_read_to_its_end(
    server: Any, served: Any, tmp_path: Path
) -> None:
    content = save(tensors(0), metadata={"note": "x" * 100_000})
    assert_right(fetch(server.add("/m", served(content)), tmp_path / "m.safetensors"))


def test_cuts_in_the_header_and_in_the_range_are_resumed(
    server: Any, served: Any, tmp_path: Path
) -> None:
    faults = ["cut:100", "status:500", "ok", "cut:40", "cut:600", "cut:1000", "status:502"]
    url = server.add("/m", served(save(tensors(0)), faults=faults))
    assert_right(fetch(url, tmp_path / "m.safetensors"))


def test_the_next_call_goes_on_where_the_last_one_was_cut(
    server: Any, served: Any, tmp_path: Path
) -> None:
    faults = ["ok", "cut:1000", "status:503"]
    url = server.add("/m", served(save(tensors(0)), faults=faults))
    with pytest.raises(DownloadError, match="503"):
        fetch(url, tmp_path / "m.safetensors", retry=Retry(attempts=2, backoff_s=0.01))
    before = len(server.requests)
    assert_right(fetch(url, tmp_path / "m.safetensors"))
    assert len(server.requests) == before + 2  # the header, and the rest of the range


def test_a_server_without_ranges_is_told_apart(server: Any, served: Any, tmp_path: Path) -> None:
    url = server.add("/m", served(save(tensors(0)), ranges=False))
    with pytest.raises(DownloadError, match="only whole files"):
        fetch(url, tmp_path / "m.safetensors")


def test_a_file_that_changes_in_between_never_mixes_versions(
    server: Any, served: Any, tmp_path: Path
) -> None:
    new = save(tensors(1))
    url = server.add("/m", served(save(tensors(0)), replace_after=1, replacement=new))
    assert_right(fetch(url, tmp_path / "m.safetensors"), seed=1)


def test_a_file_that_changes_between_two_calls_is_fetched_anew(
    server: Any, served: Any, tmp_path: Path
) -> None:
    url = server.add("/m", served(save(tensors(0)), faults=["ok", "cut:300", "status:503"]))
    with pytest.raises(DownloadError):
        fetch(url, tmp_path / "m.safetensors", retry=Retry(attempts=2, backoff_s=0.01))
    server.add("/m", served(save(tensors(1)), etag='"two"'))
    assert_right(fetch(url, tmp_path / "m.safetensors"), seed=1)


def test_a_file_that_changes_all_the_time_is_given_up(
    server: Any, served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = served(save(tensors(0)))
    url = server.add("/m", state)
    answers = iter(range(100))
    answer = type(server)._answer

    def changing(self: Any, *arguments: Any) -> None:
        state.etag = f'"{next(answers)}"'
        answer(self, *arguments)

    monkeypatch.setattr(type(server), "_answer", changing)
    with pytest.raises(ChangedError, match="changed on the server"):
        fetch(url, tmp_path / "m.safetensors")


def test_refused_tensors_leave_nothing_behind(server: Any, served: Any, tmp_path: Path) -> None:
    def refuse(_: Any) -> None:
        raise DownloadError("not the genuine ones")

    url = server.add("/m", served(save(tensors(0))))
    with pytest.raises(DownloadError, match="genuine"):
        fetch(url, tmp_path / "m.safetensors", check=refuse)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_values_that_are_not_finite_are_refused(server: Any, served: Any, tmp_path: Path) -> None:
    damaged = {**tensors(0), "features.2.weight": torch.full((16, 8, 3, 3), float("nan"))}
    with pytest.raises(DownloadError, match=r"features\.2\.weight holds NaN"):
        fetch(server.add("/m", served(save(damaged))), tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": [4, 6, 3, 3]}, r"wanted is F32 \[8, 3, 3, 3\]"),
        ({"dtype": "F16"}, "F16"),
        ({"data_offsets": [32, 40]}, "is not its size"),
        ({"data_offsets": [10**9, 10**9 + 864]}, "past the end"),
        ({"data_offsets": [-864, 0]}, "is not its size"),
        ({"data_offsets": None}, "no header with the wanted tensors"),
    ],
)
def test_a_header_that_lies_is_refused(
    server: Any, served: Any, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    content = save(tensors(0))
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["features.0.weight"].update(change)
    text = json.dumps(header).encode()
    forged = len(text).to_bytes(8, "little") + text + content[8 + length :]
    with pytest.raises(DownloadError, match=message):
        fetch(server.add("/m", served(forged)), tmp_path / "m.safetensors")


@pytest.mark.parametrize("content", [b"", b"tiny", b"<html>Not found</html>" * 99])
def test_a_page_that_is_no_safetensors_file_is_refused(
    server: Any, served: Any, tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(DownloadError):
        fetch(server.add("/m", served(content)), tmp_path / "m.safetensors")


def test_a_missing_tensor_is_named(server: Any, served: Any, tmp_path: Path) -> None:
    some = {name: value for name, value in tensors(0).items() if name != "features.0.bias"}
    with pytest.raises(DownloadError, match=r"features\.0\.bias"):
        fetch(server.add("/m", served(save(some))), tmp_path / "m.safetensors")


def test_redirects_to_another_address_keep_the_ranges(
    server: Any, served: Any, tmp_path: Path
) -> None:
    real = server.add("/real", served(save(tensors(0))))
    assert_right(fetch(server.add("/m", served(b"", redirect=real)), tmp_path / "m.safetensors"))
    assert all(request.range for request in server.requests)
