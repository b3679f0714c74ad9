"""Optional packages, imported where they are used."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from impasto.errors import OptionError


def is_installed(package: str) -> bool:
    """Whether `package` can be imported, without importing it."""
    return find_spec(package) is not None


def import_extra(module: str, extra: str) -> Any:
    """The module of an optional package. Raises OptionError, which names the extra to install."""
    try:
        return import_module(module)
    except ImportError as error:
        raise OptionError(
            f"{module.partition('.')[0]} is not installed ({error}); pip install 'impasto[{extra}]'"
        ) from error


@cache
def openvino_core() -> Any:
    """The one `openvino.Core` of this process. Raises OptionError if OpenVINO is not installed.

    Never let go of: its CPU plugin gives the thread another stack for signals, and takes that
    memory away with the last Core. The next signal (a data loader's worker that ends, say) would
    then kill the process.
    """
    return import_extra("openvino", "openvino").Core()
