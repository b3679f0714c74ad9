"""Painting without torch: the same pixels as the engine's, and only where nothing is decided."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.engines.engine import Engine
from impasto.errors import ImageError, ModelError
from impasto.machine import processor
from impasto.machine.devices import choose_dtype
from impasto.models import StyleModel, list_styles, load_style_model, save_model
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.painting import painter, quick
from impasto.painting.painter import Painter
from impasto.painting.quick import QuickPainter, quick_painter
from impasto.painting.stylize import stylize_file

pytest.importorskip("openvino")

SAMPLE = Path(__file__).parents[2] / "docs" / "sample" / "astronaut.jpg"
LIMIT = 10**9


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "may_have_gpu", lambda: False)
    monkeypatch.setattr(quick, "threads_wanted", lambda: 1)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.open(SAMPLE).crop((60, 40, 251, 163)).save(path)
    return path


@pytest.fixture
def udnie() -> QuickPainter:
    made = quick_painter("udnie", device="cpu", precision="bfloat16")
    assert made is not None
    return made


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
        made = quick_painter(style, device="cpu", precision=precision)
        assert made is not None
        assert made.paint_file(photo, tmp_path / "quick.png", max_pixels=LIMIT)
        expected = by_engine(photo, tmp_path / "engine.png", style, precision)
        assert (tmp_path / "quick.png").read_bytes() == expected


@pytest.mark.parametrize("border", [0, 5, 200])
def test_with_whatever_continuation(border: int, photo: Path, tmp_path: Path) -> None:
    made = quick_painter("udnie", device="cpu", precision="float32", border=border)
    assert made is not None
    assert made.paint_file(photo, tmp_path / "quick.png", max_pixels=LIMIT)
    expected = by_engine(photo, tmp_path / "engine.png", "udnie", "float32", border)
    assert (tmp_path / "quick.png").read_bytes() == expected


@pytest.mark.parametrize("kind", ["gray", "turned", "cmyk"])
def test_every_plain_photo_is_read_as_the_engine_reads_it(
    kind: str, photo: Path, tmp_path: Path, udnie: QuickPainter
) -> None:
    image, source = Image.open(photo), tmp_path / f"{kind}.jpg"
    exif = image.getexif()
    if kind == "turned":
        exif[0x0112] = 6
    image.convert({"gray": "L", "cmyk": "CMYK"}.get(kind, "RGB")).save(source, exif=exif)
    assert udnie.paint_file(source, tmp_path / "quick.webp", max_pixels=LIMIT)
    expected = by_engine(source, tmp_path / "engine.webp", "udnie", "bfloat16")
    assert (tmp_path / "quick.webp").read_bytes() == expected


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16"])
def test_alpha_and_16_bits_are_left_to_the_engine(
    mode: str, tmp_path: Path, udnie: QuickPainter
) -> None:
    source, target = tmp_path / "photo.png", tmp_path / "painted.png"
    if mode == "I;16":
        Image.fromarray(np.full((20, 24), 40_000, np.uint16)).save(source)
    else:
        Image.new(mode, (24, 20)).save(source)
    assert not udnie.paint_file(source, target, max_pixels=LIMIT)
    assert not target.exists()


def test_large_photos_are_left_to_the_engine(
    photo: Path, tmp_path: Path, udnie: QuickPainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick, "LARGEST_PIXELS", 191 * 123 - 1)
    assert not udnie.paint_file(photo, tmp_path / "painted.png", max_pixels=LIMIT)


def test_bad_photos_are_told_by_name(tmp_path: Path, udnie: QuickPainter, photo: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff no photo")
    for name, message in [("bad.jpg", "damaged"), ("none.jpg", "no such file")]:
        with pytest.raises(ImageError, match=rf"{name}.*{message}"):
            udnie.paint_file(tmp_path / name, tmp_path / "painted.jpg", max_pixels=LIMIT)
    with pytest.raises(ImageError, match="above the limit"):
        udnie.paint_file(photo, tmp_path / "painted.jpg", max_pixels=100)


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
    assert quick_painter("udnie", **options) is None


def test_what_torch_would_choose_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "multiplies_bfloat16", lambda: None)  # not told by this system
    assert quick_painter("udnie") is None
    monkeypatch.setattr(quick, "multiplies_bfloat16", lambda: False)
    made = quick_painter("udnie")
    assert made is not None
    assert made.precision == "float32"
    monkeypatch.setattr(quick, "may_have_gpu", lambda: True)
    assert quick_painter("udnie") is None
    monkeypatch.setattr(quick, "is_installed", lambda package: package != "openvino")
    assert quick_painter("udnie", device="cpu") is None


def test_networks_without_a_layout_or_a_proof_are_the_engines(tmp_path: Path) -> None:
    paper = StyleNetworkConfig(architecture="paper", width=0.125)
    save_model(tmp_path / "paper.safetensors", build_style_network(paper), paper, {})
    assert quick_painter(tmp_path / "paper.safetensors", device="cpu") is None
    config = StyleNetworkConfig(width=0.125)
    network = build_style_network(config)
    with torch.no_grad():
        network.layers[1].norm.weight[0] = 1e33
    save_model(tmp_path / "wild.safetensors", network, config, {}, dtype=torch.float32)
    assert quick_painter(tmp_path / "wild.safetensors", device="cpu") is None


def test_an_unknown_style_is_told_at_once() -> None:
    with pytest.raises(ModelError, match=r"no style 'udney'.*udnie"):
        Painter("udney", device="cpu")


def test_a_painter_is_quick_only_for_plain_work(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def counting(self: QuickPainter, *rest: Any, **options: Any) -> bool:
        told.append("quick")
        return genuine(self, *rest, **options)

    genuine = QuickPainter.paint_file
    monkeypatch.setattr(QuickPainter, "paint_file", counting)
    plain = Painter("udnie", device="cpu", precision="bfloat16")
    target = tmp_path / "painted.png"
    plain.paint_file(photo, target, size=None, strength=1.0, keep_colors=False)
    assert told == ["quick"]
    assert "engine" not in plain.__dict__
    for look in ({"size": 64}, {"strength": 0.5}, {"keep_colors": True}):
        plain.paint_file(photo, target, **look)
    assert told == ["quick"]
    assert str(plain) == "udnie: openvino, bfloat16, on cpu"
    assert (plain.engine.backend, plain.engine.precision) == ("openvino", "bfloat16")


def test_a_painter_that_is_not_quick_says_what_its_engine_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(painter, "quick_painter", lambda *names, **options: None)  # noqa: ARG005
    slow = Painter("udnie", device="cpu", backend="eager", precision="float32")
    assert str(slow) == "udnie: eager, float32, on cpu"
    assert slow.name == "udnie"


def test_files_with_other_contents_are_left_to_the_loader(tmp_path: Path) -> None:
    model = load_style_model("udnie")
    path = tmp_path / "mine.safetensors"
    save_model(path, model.network, model.config, {"name": "mine"})
    made = quick_painter(path, device="cpu", precision="float32")
    assert made is not None
    assert made.name == "mine"
    data = path.read_bytes()
    for damaged in (data[:-1], data[:2000], b"", data.replace(b"style-1", b"style-9"), b"PK\3\4"):
        path.write_bytes(damaged)
        assert quick_painter(path, device="cpu", precision="float32") is None
    nan: StyleModel = load_style_model("udnie")
    nan.network.layers[0].conv.weight[0, 0, 0, 0] = float("inf")
    tensors = nan.network.state_dict()
    from safetensors.torch import save

    metadata = {"format": "impasto-style-1", "config": '{"width": 0.5}', "card": "{}"}
    path.write_bytes(save(tensors, metadata))
    assert quick_painter(path, device="cpu", precision="float32") is None


def test_bfloat16_is_what_torch_finds() -> None:
    if processor.multiplies_bfloat16() is None:
        pytest.skip("not told by this system")
    bfloat16 = choose_dtype("auto", torch.device("cpu")) == torch.bfloat16
    assert processor.multiplies_bfloat16() == bfloat16


def test_the_command_paints_a_plain_photo_without_torch(photo: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from impasto.cli.app import app\n"
        f"words = ['stylize', {str(photo)!r}, '-s', 'udnie', '-o', {str(tmp_path / 'p.png')!r}]\n"
        "app(words + ['--device', 'cpu', '--precision', 'float32'], standalone_mode=False)\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1:] == ["False"], done.stderr
    assert (tmp_path / "p.png").is_file()
