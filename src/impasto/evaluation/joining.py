"""One record of several: the parts of a reproduction that several machines measured."""

import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from impasto.errors import OptionError
from impasto.evaluation.crops import is_kept
from impasto.evaluation.record import Record, read_record
from impasto.files.atomic import write_with


def join_records(parts: Sequence[Path], folder: Path) -> Path:
    """Write all entries into `folder`/NAME.json, with their pictures; returns that file.

    Each entry keeps the environment it was measured in. What several parts hold of the same inputs
    is taken from the first. Raises OptionError for fewer than two parts, for parts of different
    reproductions or settings, for an entry that two parts hold of different inputs, for a picture
    that is gone, and if the folder cannot be written.
    """
    if len(parts) < 2:
        raise OptionError("--join: name at least two files that `impasto reproduce` wrote")
    records = [read_record(path) for path in parts]
    first = records[0]
    joined = Record(path=folder / f"{first.name}.json", name=first.name, settings={})
    for record in records:
        _check_agrees(joined, record, first.path)
        joined.settings |= record.settings
        for key, entry in record.entries.items():
            if key not in joined.entries:
                number = joined.environment(_environment(record, key))
                joined.entries[key] = {**entry, "environment": number}
                _copy_pictures(entry, record.path.parent, folder)
            elif json.dumps(joined.entries[key]["of"]) != json.dumps(entry["of"]):
                raise OptionError(
                    f"{record.path}: {key!r} is of other inputs than in a file before it; leave "
                    "one of them out"
                )
    joined.save()
    return joined.path


def _environment(record: Record, key: str) -> dict[str, Any]:
    try:
        return dict(record.environments[record.entries[key]["environment"]])
    except (KeyError, IndexError, TypeError) as error:
        raise OptionError(
            f"{record.path}: damaged, it does not say where {key!r} was measured; give a file as "
            "it was written"
        ) from error


def _check_agrees(joined: Record, record: Record, first: Path) -> None:
    if record.name != joined.name:
        raise OptionError(
            f"{record.path}: of the reproduction {record.name!r}, {first} of {joined.name!r}; "
            "join those of one kind"
        )
    for name, value in record.settings.items():
        if joined.settings.get(name, value) != value:
            raise OptionError(
                f"{record.path}: measured with {name} {value!r}, files before it with "
                f"{joined.settings[name]!r}; join those of one kind"
            )


def _copy_pictures(entry: dict[str, Any], source: Path, target: Path) -> None:
    """Beside the joined record, under the names that the entry gives."""
    for picture in entry.get("pictures", {}).values():
        path = source / str(picture["file"])
        if not is_kept(picture, source):
            raise OptionError(
                f"{path}: missing, or not the picture that the results name; measure it again"
            )
        if is_kept(picture, target):
            continue
        if (target / str(picture["file"])).exists():
            raise OptionError(
                f"{target / str(picture['file'])}: another picture of that name; give an empty "
                "--output folder"
            )
        try:
            write_with(target / str(picture["file"]), partial(shutil.copyfile, path))
        except OSError as error:
            raise OptionError(
                f"{target}: cannot be written ({error.strerror or error}); choose another folder"
            ) from error
