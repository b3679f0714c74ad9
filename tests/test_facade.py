"""The façade: every promised name resolves, and nothing is loaded before it is asked for."""

import inspect
import subprocess
import sys

import pytest

import impasto
from impasto import errors


@pytest.mark.parametrize("name", impasto.__all__)
def test_every_public_name_resolves_to_what_its_name_says(name: str) -> None:
    value = getattr(impasto, name)
    if name == "__version__":
        assert value.count(".") >= 2
    elif name[0].isupper():
        assert inspect.isclass(value)
        assert value.__name__ == name
    else:
        assert inspect.isfunction(value)  # not a module of the same name


def test_dir_offers_every_public_name() -> None:
    assert set(impasto.__all__) <= set(dir(impasto))


def test_star_import_brings_exactly_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from impasto import *", names)
    assert set(names) - {"__builtins__"} == set(impasto.__all__)


def test_every_typed_error_is_public() -> None:
    typed = {name for name, _ in inspect.getmembers(errors, inspect.isclass)}
    assert typed <= set(impasto.__all__)


def test_an_unknown_name_is_an_attribute_error_that_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'downscale'.*'stylize'"):
        _ = impasto.downscale  # type: ignore[attr-defined]


def test_help_is_a_page_that_names_everything_and_loads_nothing_slow() -> None:
    script = "import sys, impasto; help(impasto); assert not {'torch', 'PIL'} & set(sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) < 120
    assert all(name in done.stdout for name in impasto.__all__ if name != "__version__")


def test_importing_the_package_loads_nothing_slow() -> None:
    script = "import sys, impasto; dir(impasto); impasto.ImpastoError; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "impasto.errors" in loaded
    assert not loaded & {"torch", "numpy", "PIL", "typer", "rich", "impasto.losses"}
