"""Every dependency is pinned for the tests and has its reason written down."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIRECT = [
    Requirement(line)
    for lines in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in lines
]


def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def test_every_direct_dependency_is_pinned_within_its_declared_range() -> None:
    pinned = pins()
    for requirement in DIRECT:
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_pins_name_no_local_build() -> None:
    assert [name for name, version in pins().items() if version.local] == []


def test_every_pinned_dependency_is_explained() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    words = {canonicalize_name(word) for word in re.findall(r"[A-Za-z][\w.-]*\w", text)}
    direct = {canonicalize_name(requirement.name) for requirement in DIRECT}
    assert direct | set(pins()) <= words
