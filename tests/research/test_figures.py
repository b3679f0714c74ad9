"""Figures come from results and pictures beside them; parts of a record are joined."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import OptionError
from impasto.evaluation import PerceptualDistance, SuperResEvaluation, evaluate_superres
from impasto.evaluation.environment import number_of
from impasto.evaluation.record import FORMAT, Record, keep_picture, read_record
from research.figures import DRAWN_BY, draw_figures, join_records
from research.picture_sheets import TILE_PX, Cell, picture_grid


@pytest.fixture
def results_file(
    image_folder: Path,
    tmp_path: Path,
    toy_distances: list[PerceptualDistance],
    make_model: Callable[..., Path],
) -> Path:
    """Results with crops of two images and a distance."""
    del toy_distances
    config = SuperResEvaluation(
        models=("bilinear", "bicubic", str(make_model("net"))),
        sets=(str(image_folder),),
        factor=2,
        output=tmp_path / "out" / "results.json",
        crops=2,
    )
    evaluate_superres(config)
    return config.output


def pixels(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def contains(picture: np.ndarray[Any, Any], part: np.ndarray[Any, Any]) -> bool:
    """Whether `part` lies somewhere in `picture`, to the last bit."""
    height, width = part.shape[:2]
    corners = np.argwhere((picture == part[0, 0]).all(2))
    return any(
        np.array_equal(picture[top : top + height, left : left + width], part)
        for top, left in corners
        if top + height <= len(picture) and left + width <= picture.shape[1]
    )


def test_the_figure_shows_every_kept_crop_pixel_for_pixel(
    results_file: Path, tmp_path: Path
) -> None:
    files = draw_figures(results_file, tmp_path / "figures")
    names = ["results.md", "results-crops-tiny.png", "results-tradeoff.png"]
    assert [path.name for path in files] == names
    sheet = pixels(files[1])
    crops = sorted((results_file.parent / "results-crops").glob("*.png"))
    shown = [path for path in crops if "overview" not in path.name]
    assert len(shown) == 2 * (2 + 3)  # original, low resolution and three models of two images
    for path in shown:
        crop = pixels(path)
        scale = TILE_PX // max(crop.shape[:2])
        assert contains(sheet, crop.repeat(scale, 0).repeat(scale, 1)), path.name


def test_figures_are_drawn_without_images_networks_and_the_first_folder(
    results_file: Path, image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [path.read_bytes() for path in draw_figures(results_file, tmp_path / "before")]

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a network was asked for")

    monkeypatch.setattr("impasto.evaluation.methods.load_superres_model", refuse)
    monkeypatch.setattr("torch.nn.Module.__call__", refuse)
    for path in image_folder.iterdir():
        path.unlink()
    moved = results_file.parent.rename(tmp_path / "moved")
    files = draw_figures(moved / "results.json", tmp_path / "after")
    assert [path.read_bytes() for path in files] == before


def test_a_lost_or_exchanged_crop_is_told(results_file: Path, tmp_path: Path) -> None:
    crop = results_file.parent / "results-crops" / "tiny-a-by-bicubic.png"
    Image.new("RGB", (8, 8)).save(crop)
    with pytest.raises(OptionError, match=r"by-bicubic.png: missing, or not the picture"):
        draw_figures(results_file, tmp_path)
    crop.unlink()
    with pytest.raises(OptionError, match="run the evaluation again"):
        draw_figures(results_file, tmp_path)


def test_without_crops_and_distances_there_is_still_the_table(
    image_folder: Path, tmp_path: Path
) -> None:
    config = SuperResEvaluation(
        models=("bicubic",),
        sets=(str(image_folder),),
        factor=2,
        output=tmp_path / "r.json",
        distances=("none",),
        crops=0,
    )
    evaluate_superres(config)
    assert draw_figures(config.output, tmp_path) == [tmp_path / "r.md"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file"),
        ("[]", "no results of"),
        ("{", "no JSON"),
        ('{"format": 1}', "its format is 1"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "r.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(OptionError, match=message):
        draw_figures(path, tmp_path)


def test_a_folder_that_cannot_be_written_is_told(results_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="cannot be written"):
        draw_figures(results_file, tmp_path / "file" / "figures")


def test_a_crop_of_a_hostile_file_is_not_looked_for_elsewhere(
    results_file: Path, tmp_path: Path
) -> None:
    found = json.loads(results_file.read_text())
    found["rows"][0]["crop"] = {"file": "../../somewhere.png", "sha256": "0" * 64}
    results_file.write_text(json.dumps(found))
    with pytest.raises(OptionError, match="missing, or not the picture"):
        draw_figures(results_file, tmp_path)


@pytest.mark.parametrize("name", sorted(DRAWN_BY))
def test_figures_of_a_record_that_lacks_something_are_refused(tmp_path: Path, name: str) -> None:
    record = {"format": FORMAT, "reproduction": name, "settings": {}, "environments": []}
    path = tmp_path / "r.json"
    path.write_text(json.dumps({**record, "entries": {"a": {"of": {}}}}))
    with pytest.raises(OptionError, match=r"r\.json: damaged, it lacks"):
        draw_figures(path, tmp_path)


def test_a_record_of_something_unknown_is_refused(tmp_path: Path) -> None:
    record = {"format": FORMAT, "reproduction": "x", "settings": {}, "environments": []}
    (tmp_path / "r.json").write_text(json.dumps({**record, "entries": {}}))
    with pytest.raises(OptionError, match="unknown reproduction 'x'"):
        draw_figures(tmp_path / "r.json", tmp_path)


def test_a_grid_keeps_the_pixels_of_its_pictures(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(0, 256, (37, 41, 3), dtype=np.uint8)
    cells = [
        Cell(picture=Image.fromarray(samples + i), lines=("a very long name " * 9,)) for i in (0, 1)
    ]
    picture_grid("A title", [cells, cells[:1]]).savefig(tmp_path / "grid.png")
    finished = pixels(tmp_path / "grid.png")
    assert contains(finished, samples)
    assert contains(finished, samples + 1)
    text_below = finished[34 + 37 : 34 + 37 + 22, 10 + 41 : 20 + 41]
    assert (text_below == 255).all()  # the caption ends where the next column begins


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
