"""Put trained models into the package, and draw the gallery of all styles that are there.

python recipes/bundle.py runs/starry-night/model.safetensors ...
python recipes/bundle.py            # only draw docs/gallery and docs/fast.jpg again
python recipes/bundle.py --upscalers runs/pixel-x4/model.safetensors ...

Fast networks go into the gallery's folder of them, beside the full ones; those of super-resolution
and restoration into the folder of upscalers.
"""

import json
import sys
from pathlib import Path
from typing import Any

from torch import Tensor

from impasto.media import contact_sheet, read_picture, resize_long_side, write_picture
from impasto.models import (
    StyleEntry,
    StyleModel,
    list_styles,
    load_style_model,
    load_superres_model,
    save_model,
)
from impasto.models.gallery import FAST_FOLDER, GALLERY_FOLDER
from impasto.models.upscalers import UPSCALERS_FOLDER, find_upscaler
from impasto.painting import Engine

ROOT = Path(__file__).parents[1]
SAMPLES = [ROOT / "docs" / "sample" / f"{name}.jpg" for name in ("chelsea", "astronaut", "coffee")]
PREVIEW_PX = 192
README_PX = 300
PARTS = {0: (20, 60), 1: (0, 120)}  # which sample: top and left of the part
PART_PX = 256
GALLERY_HEAD = """\
# Gallery

Every bundled style: the painting, then what its network makes of three photos at their full size
(docs/sample/SOURCES.md). Drawn by `python recipes/bundle.py`.

Objective: the training's own, content + weight times style + total variation, all relative errors
(0: a perfect match; 1: what an empty picture scores), at 256 px, mean over 50 photos that were not
trained on, beside that of the untouched photo.

| style | painting | weight | content error | style error a layer | objective | untouched |
|---|---|---|---|---|---|---|"""


def bundle(model_file: Path) -> None:
    """Copy a model under its card's name, with the card and a preview beside it."""
    model = load_style_model(model_file)
    fast = model.config.architecture == "fast"
    folder = GALLERY_FOLDER / FAST_FOLDER if fast else GALLERY_FOLDER
    target = folder / f"{model.name.removesuffix('-fast')}.safetensors"
    save_model(target, model.network, model.config, model.card)
    _write_card(target, load_style_model(target).card)
    if fast:
        return
    photo = resize_long_side(read_picture(SAMPLES[0]).pixels, 2 * PREVIEW_PX)
    painted = resize_long_side(_painted(model, photo), PREVIEW_PX)
    write_picture(target.with_suffix(".jpg"), painted, quality=85)


def bundle_upscaler(model_file: Path) -> None:
    """Copy a super-resolution or restoration model under its card's name, the card beside it."""
    model = load_superres_model(model_file)
    target = UPSCALERS_FOLDER / f"{model.name}.safetensors"
    save_model(target, model.network, model.config, model.card)
    _write_card(target, load_superres_model(target).card)
    entry = find_upscaler(model.name)
    print(f"{entry.name}: factor {entry.factor}, {entry.bytes / 1e6:.2f} MB")


def _write_card(target: Path, card: dict[str, Any]) -> None:
    text = json.dumps({**card, "bytes": target.stat().st_size}, indent=2, ensure_ascii=False)
    target.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


def _painted(model: StyleModel, photo: Tensor) -> Tensor:
    """As users see it, in the format of the exact numbers."""
    return Engine(model, device="cpu", precision="float32").paint(photo)


def draw_gallery() -> None:
    """docs/gallery/NAME.jpg for each style, the README's sheet, and the table of them all."""
    entries = list_styles()
    photos = [read_picture(path).pixels for path in SAMPLES]
    for entry in entries:
        model = load_style_model(entry.path)
        painting = read_picture(ROOT / "recipes" / "paintings" / f"{entry.name}.jpg").pixels
        row = [resize_long_side(painting, 512), *(_painted(model, photo) for photo in photos)]
        write_picture(
            ROOT / "docs" / "gallery" / f"{entry.name}.jpg", contact_sheet([row]), quality=88
        )
    _write_table(entries)
    _draw_readme_sheet(entries)
    _draw_fast_sheet(entries)


def _draw_fast_sheet(entries: list[StyleEntry]) -> None:
    """docs/fast.jpg: parts of two photos at their full size, each by the full and the fast one."""
    photos = [read_picture(path).pixels for path in SAMPLES]
    rows = []
    for entry in entries:
        if entry.fast is None:
            continue
        models = [load_style_model(entry.path), load_style_model(entry.fast.path)]
        painted = [(_painted(model, photos[which]), which) for which in PARTS for model in models]
        rows.append([_part(picture, PARTS[which]) for picture, which in painted])
    if rows:
        write_picture(ROOT / "docs" / "fast.jpg", contact_sheet(rows), quality=88)


def _part(picture: Tensor, corner: tuple[int, int]) -> Tensor:
    top, left = corner
    return picture[..., top : top + PART_PX, left : left + PART_PX]


def _draw_readme_sheet(entries: list[StyleEntry]) -> None:
    photo = resize_long_side(read_picture(SAMPLES[1]).pixels, README_PX)
    full = read_picture(SAMPLES[1]).pixels
    models = [load_style_model(entry.path) for entry in entries]
    painted = [resize_long_side(_painted(model, full), README_PX) for model in models]
    cells = [photo, *painted]
    per_row = 3 if len(cells) % 3 == 0 else 4
    rows = [cells[start : start + per_row] for start in range(0, len(cells), per_row)]
    write_picture(ROOT / "docs" / "gallery" / "sheet.jpg", contact_sheet(rows), quality=88)


def _write_table(entries: list[StyleEntry]) -> None:
    lines = [GALLERY_HEAD]
    for entry in entries:
        objective = entry.card["objective"]
        painted, photo = objective["stylised"], objective["untouched_photo"]
        trained = entry.card["trained"]
        cells = [
            f"`{entry.name}`",
            f"{entry.title}, {entry.artist}, {entry.year}",
            f"{trained['weights']['style']:g}",
            f"{painted['content']:.2f}",
            f"{painted['style'] / sum(trained['style_layers'].values()):.3f}",
            f"{painted['total']:.2f}",
            f"{photo['total']:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    for entry in entries:
        lines += ["", f"## {entry.name}", "", f"![{entry.name}]({entry.name}.jpg)"]
    (ROOT / "docs" / "gallery" / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Bundle the files that were named, then draw the styles."""
    if sys.argv[1:2] == ["--upscalers"]:
        for name in sys.argv[2:]:
            bundle_upscaler(Path(name))
        return
    for name in sys.argv[1:]:
        bundle(Path(name))
    draw_gallery()


if __name__ == "__main__":
    main()
