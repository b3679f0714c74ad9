"""What a reproduction has measured: one JSON file of entries, each whole, kept as soon as it is.

An entry says what it is the result of (`of`: hashes of its inputs, and all that decides it), so a
later run knows whether it still holds. Settings that all entries share (precision, iterations) must
agree before a run may go on: figures of two ways of measuring never meet in one file.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from impasto.errors import OptionError
from impasto.evaluation.crops import is_kept
from impasto.evaluation.results import without_infinity
from impasto.files.atomic import write_text

FORMAT = "impasto-reproduction-1"
NAMES = ("features", "styles", "sheet", "objective", "speed", "style")
_ANOTHER = "give another output folder, or --overwrite"
_ANOTHER_FILE = "give a file as it was written"


@dataclass(kw_only=True)
class Record:
    """The file of one reproduction, `name`, in memory; its pictures lie in a folder beside it."""

    path: Path
    name: str
    settings: dict[str, Any]
    environments: list[dict[str, Any]] = field(default_factory=list)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def pictures(self) -> Path:
        """The folder of the pictures that entries name."""
        return self.path.parent / f"{self.path.stem}-pictures"

    def holds(self, key: str, of: dict[str, Any]) -> bool:
        """Whether there is an entry of exactly these inputs, with its pictures unchanged."""
        entry = self.entries.get(key)
        if entry is None or entry["of"] != json.loads(json.dumps(of)):
            return False
        pictures = entry.get("pictures", {}).values()
        return all(is_kept(picture, self.path.parent) for picture in pictures)

    def environment(self, described: dict[str, Any]) -> int:
        """The number of this environment, added if it is new."""
        if described not in self.environments:
            self.environments.append(described)
        return self.environments.index(described)

    def save(self) -> None:
        """Write atomically. Raises OptionError if the file cannot be written."""
        text = json.dumps(without_infinity(self.to_json()), indent=1, allow_nan=False)
        try:
            write_text(self.path, text + "\n")
        except OSError as error:
            raise OptionError(
                f"{self.path}: cannot be written ({error.strerror or error}); choose another place"
            ) from error

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "reproduction": self.name,
            "settings": self.settings,
            "environments": self.environments,
            "entries": self.entries,
        }


def read_record(path: Path, *, remedy: str = _ANOTHER_FILE) -> Record:
    """Raises OptionError, with this remedy, for a file that is missing or not of `reproduce`."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise OptionError(f"{path}: nothing that `impasto reproduce` wrote; {remedy}")
        if found["reproduction"] not in NAMES:
            raise OptionError(f"{path}: of an unknown reproduction {found['reproduction']!r}")
        return Record(
            path=path,
            name=str(found["reproduction"]),
            settings=dict(found["settings"]),
            environments=list(found["environments"]),
            entries={key: _whole(key, entry) for key, entry in found["entries"].items()},
        )
    except OSError as error:
        raise OptionError(f"{path}: cannot be read ({error.strerror or error})") from error
    except OptionError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise OptionError(f"{path}: damaged ({error!r}); {remedy}") from error


def _whole(key: str, entry: Any) -> dict[str, Any]:
    """The entry; raises ValueError unless it is one, and names files as entries do."""
    named = entry.get("pictures", {})
    whole = isinstance(entry["of"], dict) and isinstance(named, dict)
    if not whole or not all(isinstance(picture, dict) for picture in named.values()):
        raise ValueError(f"entry {key!r}")
    return dict(entry)


def open_record(path: Path, name: str, settings: dict[str, Any], *, overwrite: bool) -> Record:
    """The record in `path` to go on with, or an empty one; new settings are added to its own.

    Nothing is written yet. Raises OptionError if a setting of both differs, or if the file is
    another reproduction's.
    """
    if path.parent.exists() and not path.parent.is_dir():
        raise OptionError(f"--output {path.parent}: is a file; wanted a folder")
    settings = json.loads(json.dumps(settings))
    record = Record(path=path, name=name, settings=settings)
    if path.exists() and not overwrite:
        record = read_record(path, remedy=_ANOTHER)
        if record.name != name:
            raise OptionError(f"{path} is of the reproduction {record.name!r}; {_ANOTHER}")
        differing = [
            f"{key} was {record.settings[key]!r}, is {value!r}"
            for key, value in settings.items()
            if key in record.settings and record.settings[key] != value
        ]
        if differing:
            raise OptionError(
                f"{path} was measured with other settings: {'; '.join(differing)}; {_ANOTHER}"
            )
        record.settings |= settings
    return record
