"""Painting without torch: the same pixels as the engine's, and only where nothing is decided."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.engines import backends
from impasto.engines.engine import Engine
from impasto.errors import ImageError, ModelError
from impasto.machine import processor
from impasto.machine.devices import choose_dtype
from impasto.models import StyleModel, list_styles, load_style_model, save_model
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.painting import styling
from impasto.painting.options import StylizeFileOptions
from impasto.painting.styling import StyleWork, quick_style
from impasto.painting.stylize import style_painter, stylize_file

pytest.importorskip("openvino")

SAMPLE = Path(__file__).parents[2] / "docs" / "sample" / "astronaut.jpg"


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "may_have_gpu", lambda: False)
    monkeypatch.setattr(styling, "threads", lambda: 1)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.open(SAMPLE).crop((60, 40, 251, 163)).save(path)
    return path


def by_session(source: Path, target: Path, style: str | Path, **options: Any) -> bytes:
    painter = style_painter(style, StylizeFileOptions(device="cpu", **options))
    painter.paint_file(source, target)
    assert "engine" not in vars(painter.work)
    return target.read_bytes()


def by_engine(
    source: Path, target: Path, style: str | Path, precision: str, border: int | None = None
) -> bytes:
    engine = Engine(style, device="cpu", backend="openvino", precision=precision, border=border)
    stylize_file(source, target, engine)
    return target.read_bytes()


STYLES = [each.path for entry in list_styles() for each in (entry, entry.fast) if each]


@pytest.mark.parametrize("style", STYLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_files_are_the_engines_to_the_byte(style: Path, photo: Path, tmp_path: Path) -> None:
    for precision in ("bfloat16", "float32"):
        quick = by_session(photo, tmp_path / "quick.png", style, precision=precision)
        assert quick == by_engine(photo, tmp_path / "engine.png", style, precision)


@pytest.mark.parametrize("border", [0, 5, 200])
def test_with_whatever_continuation(border: int, photo: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"precision": "float32", "border": border}
    quick = by_session(photo, tmp_path / "quick.png", "udnie", **options)
    assert quick == by_engine(photo, tmp_path / "engine.png", "udnie", **options)


@pytest.mark.parametrize("kind", ["gray", "turned", "cmyk"])
def test_every_plain_photo_is_read_as_the_engine_reads_it(
    kind: str, photo: Path, tmp_path: Path
) -> None:
    image, source = Image.open(photo), tmp_path / f"{kind}.jpg"
    exif = image.getexif()
    if kind == "turned":
        exif[0x0112] = 6
    image.convert({"gray": "L", "cmyk": "CMYK"}.get(kind, "RGB")).save(source, exif=exif)
    quick = by_session(source, tmp_path / "quick.webp", "udnie", precision="bfloat16")
    assert quick == by_engine(source, tmp_path / "engine.webp", "udnie", "bfloat16")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16"])
@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
def test_alpha_and_16_bits_are_painted_as_by_the_engine(
    mode: str, precision: str, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "multiplies_bfloat16", lambda: True)
    source = tmp_path / "source.png"
    gray = np.asarray(Image.open(photo).convert("L"))
    if mode == "I;16":
        Image.fromarray(gray.astype(np.uint16) * 250 + 17).save(source)
    else:
        image = Image.open(photo).convert("L" if mode == "LA" else "RGB")
        image.putalpha(Image.fromarray(np.where(gray > 90, gray, 0).astype(np.uint8)))
        image.save(source)
    quick = by_session(source, tmp_path / "quick.png", "udnie", precision=precision)
    # of "auto" the engine makes float32 of 16 bits
    exact = "float32" if (mode, precision) == ("I;16", "auto") else "bfloat16"
    assert quick == by_engine(source, tmp_path / "engine.png", "udnie", exact)


def test_strength_does_without_torch_and_what_resizes_or_recolours_does_not(
    photo: Path, tmp_path: Path
) -> None:
    by_session(photo, tmp_path / "quick.png", "udnie", strength=0.5)
    work = StyleWork("udnie", print, device="cpu", backend="auto", precision="auto", border=None)
    assert work.is_quick((123, 191), StylizeFileOptions(strength=0.5))
    assert not work.is_quick((123, 191), StylizeFileOptions(size=64))
    assert not work.is_quick((123, 191), StylizeFileOptions(keep_colors=True))
    assert not work.is_quick((4000, 1001), StylizeFileOptions())  # `Engine` knows the memory


def test_bad_photos_are_told_by_name(tmp_path: Path, photo: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff no photo")
    for name, message in [("bad.jpg", "damaged"), ("none.jpg", "no such file")]:
        with pytest.raises(ImageError, match=rf"{name}.*{message}"):
            by_session(tmp_path / name, tmp_path / "painted.jpg", "udnie")
    with pytest.raises(ImageError, match="above the limit"):
        by_session(photo, tmp_path / "painted.jpg", "udnie", max_pixels=100)


@pytest.mark.parametrize(
    "options",
    [
        {"backend": "eager"},
        {"backend": "onnx"},
        {"backend": "magic"},
        {"precision": "float16"},
        {"device": "cuda"},
        {"device": "tpu"},
    ],
    ids=str,
)
def test_what_is_asked_for_by_name_is_the_engines_to_judge(options: dict[str, str]) -> None:
    assert quick_style("udnie", **options) is None


def test_what_torch_would_choose_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "multiplies_bfloat16", lambda: None)  # not told by this system
    assert quick_style("udnie") is None
    monkeypatch.setattr(backends, "multiplies_bfloat16", lambda: False)
    made = quick_style("udnie")
    assert made is not None
    assert made.precision == "float32"
    monkeypatch.setattr(backends, "may_have_gpu", lambda: True)
    assert quick_style("udnie") is None
    monkeypatch.setattr(backends, "is_installed", lambda package: package != "openvino")
    assert quick_style("udnie", device="cpu") is None


def test_networks_without_a_layout_or_a_proof_are_the_engines(tmp_path: Path) -> None:
    paper = StyleNetworkConfig(architecture="paper", width=0.125)
    save_model(tmp_path / "paper.safetensors", build_style_network(paper), paper, {})
    assert quick_style(tmp_path / "paper.safetensors", device="cpu") is None
    config = StyleNetworkConfig(width=0.125)
    network = build_style_network(config)
    with torch.no_grad():
        network.layers[1].norm.weight[0] = 1e33
    save_model(tmp_path / "wild.safetensors", network, config, {}, dtype=torch.float32)
    assert quick_style(tmp_path / "wild.safetensors", device="cpu") is None


def test_an_unknown_style_is_told_at_once() -> None:
    with pytest.raises(ModelError, match=r"no style 'udney'.*udnie"):
        style_painter("udney", StylizeFileOptions(device="cpu"))


def test_a_painter_says_what_its_engine_does() -> None:
    options: dict[str, Any] = {"device": "cpu", "precision": "float32"}
    assert str(style_painter("udnie", StylizeFileOptions(**options))) == (
        "udnie: openvino, float32, on cpu"
    )
    slow = style_painter("udnie", StylizeFileOptions(backend="eager", **options))
    assert str(slow) == "udnie: eager, float32, on cpu"
    assert slow.name == "udnie"


def test_what_is_made_ready_is_used_again_until_the_style_changes(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    model = load_style_model("udnie")
    save_model(path, model.network, model.config, {"name": "mine"})
    options = StylizeFileOptions(device="cpu", precision="float32")
    first = style_painter(path, options)
    assert style_painter(path, options).work is first.work
    save_model(path, model.network, model.config, {"name": "another"})
    assert style_painter(path, options).name == "another"


def test_files_with_other_contents_are_left_to_the_loader(tmp_path: Path) -> None:
    model = load_style_model("udnie")
    path = tmp_path / "mine.safetensors"
    save_model(path, model.network, model.config, {"name": "mine"})
    made = quick_style(path, device="cpu", precision="float32")
    assert made is not None
    assert made.name == "mine"
    data = path.read_bytes()
    for damaged in (data[:-1], data[:2000], b"", data.replace(b"style-1", b"style-9"), b"PK\3\4"):
        path.write_bytes(damaged)
        assert quick_style(path, device="cpu", precision="float32") is None
    nan: StyleModel = load_style_model("udnie")
    nan.network.layers[0].conv.weight[0, 0, 0, 0] = float("inf")
    tensors = nan.network.state_dict()
    from safetensors.torch import save

    metadata = {"format": "impasto-style-1", "config": '{"width": 0.5}', "card": "{}"}
    path.write_bytes(save(tensors, metadata))
    assert quick_style(path, device="cpu", precision="float32") is None


def test_bfloat16_is_what_torch_finds() -> None:
    if processor.multiplies_bfloat16() is None:
        pytest.skip("not told by this system")
    bfloat16 = choose_dtype("auto", torch.device("cpu")) == torch.bfloat16
    assert processor.multiplies_bfloat16() == bfloat16


@pytest.mark.parametrize(
    "words",
    [
        ("stylize", "-s", "udnie"),
        ("upscale", "--factor", "2"),
        ("upscale", "--strength", "0.5"),
        ("restore", "-m", "restore-noise"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("mode", ["RGB", "LA", "I;16"])
def test_the_commands_do_without_torch(
    words: tuple[str, ...], mode: str, photo: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source.png"
    image = Image.open(photo).resize((40, 30))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 250)
    elif mode == "LA":
        image = image.convert("LA")
        image.putalpha(Image.linear_gradient("L").resize((40, 30)))
    image.save(source)
    target = tmp_path / "p.png"
    code = (
        "import sys\n"
        "from impasto.cli.app import app\n"
        f"words = [{words[0]!r}, {str(source)!r}, *{words[1:]!r}, '-o', {str(target)!r}]\n"
        "app(words + ['--device', 'cpu', '--precision', 'float32'], standalone_mode=False)\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1:] == ["False"], done.stderr
    assert target.is_file()
