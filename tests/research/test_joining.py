"""Parts of one reproduction, measured apart, become one record; what does not fit is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.errors import OptionError
from impasto.evaluation.environment import number_of
from impasto.evaluation.record import Record, keep_picture, read_record
from research.figures import join_records


def part(folder: Path, entries: dict[str, str], *, name: str = "sheet", **settings: Any) -> Path:
    """A record in `folder` whose entries are of the inputs given, with one picture each."""
    record = Record(path=folder / "part.json", name=name, settings=settings)
    for key, photo in entries.items():
        path = record.pictures / f"{key}.png"
        shade = torch.full((1, 3, 4, 4), len(photo) / 10)
        record.entries[key] = {
            "of": {"photo": photo},
            "environment": number_of(record.environments, {"processor": folder.name}),
            "pictures": {"picture": keep_picture(path, shade, folder)},
        }
    record.save()
    return record.path


def test_parts_of_two_machines_become_one_with_their_pictures(tmp_path: Path) -> None:
    one = part(tmp_path / "one", {"a": "x", "b": "xx"}, start="noise")
    two = part(tmp_path / "two", {"b": "xx", "c": "xxx"}, start="noise", size=256)
    joined = read_record(join_records([one, two], tmp_path / "all"))
    assert joined.path == tmp_path / "all" / "sheet.json"
    assert joined.settings == {"start": "noise", "size": 256}
    assert list(joined.entries) == ["a", "b", "c"]
    where = [joined.environments[entry["environment"]] for entry in joined.entries.values()]
    assert [environment["processor"] for environment in where] == ["one", "one", "two"]
    for key, entry in joined.entries.items():
        assert joined.holds(key, entry["of"])  # its picture is there, unchanged


def test_a_run_goes_on_from_the_joined_file(tmp_path: Path) -> None:
    one, two = (part(tmp_path / key, {key: key}) for key in "ab")
    joined = join_records([one, two], tmp_path)
    three = part(tmp_path / "c", {"c": "c"})
    assert list(read_record(join_records([joined, three], tmp_path)).entries) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("other", "wanted"),
    [
        ({"entries": {"c": "x"}, "name": "speed"}, r"'speed', .*part.json of 'sheet'"),
        ({"entries": {"c": "x"}, "start": "photo"}, "start 'photo', files before it with 'noise'"),
        ({"entries": {"a": "another"}, "start": "noise"}, "'a' is of other inputs"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, other: dict[str, Any], wanted: str) -> None:
    one = part(tmp_path / "one", {"a": "x"}, start="noise")
    two = part(tmp_path / "two", **other)
    with pytest.raises(OptionError, match=wanted):
        join_records([one, two], tmp_path / "all")
    assert not (tmp_path / "all" / "sheet.json").exists()


def test_one_part_a_lost_picture_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    one, two = (part(tmp_path / key, {key: key}) for key in "ab")
    with pytest.raises(OptionError, match="at least two"):
        join_records([one], tmp_path)
    (tmp_path / "b" / "part-pictures" / "b.png").write_bytes(b"another")
    with pytest.raises(OptionError, match=r"b\.png: missing, or not the picture"):
        join_records([one, two], tmp_path)
    found = json.loads(one.read_text())
    found["environments"] = []
    one.write_text(json.dumps(found))
    with pytest.raises(OptionError, match="does not say where 'a' was measured"):
        join_records([one, one], tmp_path)
