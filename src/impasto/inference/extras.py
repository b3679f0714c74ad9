"""Optional packages, imported where they are used."""

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
