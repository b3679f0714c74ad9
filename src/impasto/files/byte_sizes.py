"""Amounts of memory as people write them."""

import math
import re

from impasto.errors import OptionError

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_BINARY_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"\s*(\d+(?:[.,]\d+)?|[.,]\d+)\s*([kmgt]?)(i?)(b?|bytes?)\s*", re.IGNORECASE)

LEAST_BYTES = 1 << 20  # that a number without a unit can mean


def parse_bytes(size: int | str, option: str = "`max_memory`") -> int:
    """ "4GB", "512 MiB", "1.5g" or a number of bytes -> bytes; GB are 10**9, GiB are 2**30.

    Raises OptionError, which names the option if there is one, for what is no size, for none above
    0, and for a number below 1 MiB without a unit, which was meant to have one.
    """
    named = f"{option}: " if option else ""
    count, unit = 0.0, False
    if isinstance(size, str):
        match = _SIZE.fullmatch(size)
        if match and not (match[3] and not match[2]):
            units = _BINARY_UNITS if match[3] else _UNITS
            count = float(match[1].replace(",", ".")) * units[match[2].lower()]
            unit = bool(match[2] or match[4])
    elif not isinstance(size, bool) and isinstance(size, int | float) and math.isfinite(size):
        count = size
    if 0 < count < LEAST_BYTES and not unit:
        raise OptionError(
            f"{named}got {size}, which counts bytes; give the unit too: say {count:g}GB"
        )
    if not 1 <= count < 2**63:
        raise OptionError(f"{named}got {size!r}; wanted a size such as 4GB or 512MiB")
    return int(count)


def in_words(count: float) -> str:
    """Bytes for people: "1.4 GB", "310 MB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{math.ceil(count / 1e6)} MB"
