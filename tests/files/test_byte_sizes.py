"""Amounts of memory as people write them."""

from typing import Any

import pytest

from impasto.errors import OptionError
from impasto.files.byte_sizes import in_words, parse_bytes


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("4GB", 4_000_000_000),
        ("4 GiB", 4 * 2**30),
        ("512 mib", 512 * 2**20),
        ("1.5g", 1_500_000_000),
        ("1,5 G", 1_500_000_000),
        (".5TB", 500_000_000_000),
        ("8000000", 8_000_000),
        ("1048576", 1 << 20),
        ("20 bytes", 20),
        (1234567, 1234567),
    ],
)
def test_sizes_are_read_as_they_are_meant(text: int | str, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize(
    "text", ["", "GB", "4XB", "four GB", "-4GB", "0", "1e9", "4iB", 0, -1, True, None, float("inf")]
)
def test_what_is_no_size_is_refused_with_the_options_name(text: Any) -> None:
    with pytest.raises(OptionError, match=r"--max-memory: got .*4GB"):
        parse_bytes(text, "--max-memory")


@pytest.mark.parametrize("size", ["4", 4, "1048575", "0.5"])
def test_a_small_number_needs_its_unit(size: Any) -> None:
    with pytest.raises(OptionError, match=r"`max_memory`: got .* counts bytes; .* say .*GB"):
        parse_bytes(size)


def test_sizes_are_told_in_few_digits() -> None:
    assert [in_words(n) for n in (0, 999, 5_200_000, 1_340_000_000)] == [
        "0 MB",
        "1 MB",
        "6 MB",
        "1.3 GB",
    ]
