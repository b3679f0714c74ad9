"""`impasto bench` in small: what it prints, what it writes, what it advises."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from impasto.cli.app import app
from impasto.engines.backends import Choice
from impasto.evaluation import bench


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", "--device", "cpu", *arguments])


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ways to paint, one round."""
    choices = [Choice(backend="eager", precision=name) for name in ("float32", "bfloat16")]
    monkeypatch.setattr(bench, "available", lambda device: (choices, {"onnx": "not here"}))  # noqa: ARG005
    monkeypatch.setattr(bench, "choose", lambda *names: choices[0])  # noqa: ARG005
    monkeypatch.setattr(bench, "_MOST_ROUNDS", 1)


@pytest.mark.usefixtures("few")
def test_a_table_the_best_settings_and_the_same_as_json(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    result = run("--style", "udnie", "--sizes", "48,32", "--json", str(path))
    assert result.exit_code == 0, result.output
    assert "udnie, full network" in result.stdout
    assert "left out: onnx (not here)" in result.stdout
    assert "`impasto stylize` uses eager in float32 here" in result.stdout
    assert "A 4K picture" in result.stdout
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["format"] == "impasto-bench-1"
    assert written["environment"]["torch"] == torch.__version__
    full = [row for row in written["rows"] if row["quality"] == "full"]
    assert [(row["size_px"], row["precision"]) for row in full] == [
        (32, "float32"),
        (32, "bfloat16"),
        (48, "float32"),
        (48, "bfloat16"),
    ]
    assert all(row["seconds"] > 0 and row["psnr_db"] > 45 for row in full)
    assert all(text in result.stdout for text in written["advice"])


def test_what_is_wrong_is_told_before_anything_runs() -> None:
    for options, message in [
        (("--sizes", "big"), "--sizes: got 'big'"),
        (("--sizes", "4"), "16 or more, 8192 at most"),
        (("--style", "udney"), "no style 'udney'"),
    ]:
        result = run(*options)
        assert result.exit_code == 2
        assert message in result.stderr


def row(precision: str, size_px: int, seconds: float, spread: float = 0.0) -> bench.BenchRow:
    return bench.BenchRow(
        quality="full",
        backend="openvino",
        precision=precision,
        size_px=size_px,
        seconds=seconds,
        spread=spread,
        psnr_db=50.0,
    )


def test_a_choice_that_beats_auto_by_more_than_noise_is_advised() -> None:
    result = bench.Bench(
        environment={},
        config=bench.BenchConfig(sizes=(256, 1024)),
        rows=(
            row("bfloat16", 256, 0.010),
            row("int8", 256, 0.0095),
            row("bfloat16", 1024, 0.2),
            row("int8", 1024, 0.1),
        ),
        left_out={},
        auto=Choice(backend="openvino", precision="bfloat16"),
    )
    assert result.advice() == [
        "`impasto stylize` uses openvino in bfloat16 here: 10 ms at 256 px, 200 ms at 1024 px.",
        "--backend openvino --precision int8 is 2.0 times as fast at 1024 px (50 dB to float32).",
        "A 4K picture (3840 x 2160) takes about 0.8 s, full network.",
    ]


def test_a_gain_that_the_repeats_may_have_made_is_none() -> None:
    auto = row("float32", 256, 0.1, spread=0.1)
    assert row("int8", 256, 0.08, spread=0.1).beats(auto)
    assert not row("int8", 256, 0.08, spread=0.13).beats(auto)
    assert not row("int8", 256, 0.095).beats(row("float32", 256, 0.1))  # not worth a flag


@pytest.mark.parametrize("native", [torch.bfloat16, torch.float32])
def test_bfloat16_is_measured_where_the_processor_multiplies_it(
    native: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "choose_dtype", lambda precision, device: native)  # noqa: ARG005
    choices, left_out = bench.available("cpu")
    has = native == torch.bfloat16
    assert (Choice(backend="eager", precision="bfloat16") in choices) == has
    assert ("bfloat16" in left_out) != has


def test_everything_that_is_installed_is_measured() -> None:
    choices, left_out = bench.available("cpu")
    assert Choice(backend="eager", precision="float32") in choices
    assert "compile" in left_out
    assert not any(choice.precision == "float16" for choice in choices)
