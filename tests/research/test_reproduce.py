"""Every reproduction end to end, with tiny networks; what is measured stays measured."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from impasto.errors import OptionError
from impasto.evaluation.record import read_record
from impasto.evaluation.trained_styles import TrainedObjectives
from impasto.events import Event, Notice, Progress
from impasto.networks.loss import winograd
from impasto.networks.loss.network import LossNetwork, Provenance
from research import objective_curves
from research.figures import draw_figures
from research.objective_results import panels
from research.reconstructions import shown_layers
from research.reproduce import REPRODUCTIONS, find_reproductions, make_configs, reproduce
from research.reproductions import Reproduction
from research.speed_table import PAPER, PAPER_RATIOS, plan_speed

MakeStyle = Callable[..., Path]


class Bench:
    """One reproduction with small options, run as often as asked."""

    def __init__(self, output: Path, **given: Any) -> None:
        self.output, self.given = output, given
        self.events: list[Event] = []

    def run(self, name: str, **more: Any) -> list[Path]:
        self.events = []
        given = {"output": self.output, "device": "cpu", **self.given, **more}
        takes = (*REPRODUCTIONS[name].takes, "output", "device")
        options = {option: value for option, value in given.items() if option in takes}
        configs = make_configs([name], options)
        return reproduce(configs, self.events.append)

    def measured(self) -> int:
        """Pieces of the last run that were not kept."""
        done = [event for event in self.events if isinstance(event, Progress)]
        return int(done[-1].done - done[0].done)


@pytest.fixture
def bench(
    tmp_path: Path,
    make_style: MakeStyle,
    paintings: Path,
    held_out: Path,
    toy_loss_networks: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Bench:
    del toy_loss_networks
    monkeypatch.setattr("research.reproduce.seconds_of_work", lambda _: 1.0)
    monkeypatch.setattr("research.speed_table.stylize_tensor", lambda model, x, **_: model(x))
    styles = (str(make_style("swirls", seed=1)), str(make_style("squares", seed=2)))
    return Bench(
        tmp_path / "out",
        styles=styles,
        photos=held_out,
        paintings=paintings,
        sizes=(64,),
        iterations={0: 5},
    )


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_the_objective_is_measured_once_and_drawn(bench: Bench) -> None:
    files = bench.run("objective", count=2)
    names = ["objective.json", "objective.md", "objective-squares.png", "objective-swirls.png"]
    assert [path.name for path in files] == names
    assert isinstance(bench.events[0], Notice)
    assert "this will take about" in bench.events[0].message
    entries = read(files[0])["entries"]
    assert len(entries) == 2 * 2 * 2  # styles, photos, and the network's level beside a curve
    before = [path.read_bytes() for path in files]
    bench.run("objective", count=2)
    assert bench.measured() == 0
    assert [path.read_bytes() for path in files] == before
    bench.run("objective", count=3)
    assert len(read(files[0])["entries"]) == 2 * 3 * 2
    assert bench.measured() == 2 * 2


def test_the_figures_need_no_network_and_no_photo(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held_out: Path
) -> None:
    files = bench.run("sheet", count=1) + bench.run("objective", count=1)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a network was asked for")

    monkeypatch.setattr("torch.nn.Module.__call__", refuse)
    for path in held_out.iterdir():
        path.unlink()
    for path in files:
        if path.suffix == ".json":
            drawn = draw_figures(path, tmp_path / "elsewhere")
            twins = [path.parent / other.name for other in drawn]
            assert [p.read_bytes() for p in drawn] == [p.read_bytes() for p in twins]


def test_levels_and_curves_are_what_the_criterion_says(
    bench: Bench, paintings: Path, held_out: Path
) -> None:
    path = bench.run("objective", count=1, baseline="torch")[0]
    loader = TrainedObjectives(paintings, torch.device("cpu"))
    (loaded,) = loader.load_all(bench.given["styles"][:1])
    record = read_record(path)
    found = {e["of"]["kind"]: e for e in record.entries.values() if e["of"]["style"] == "swirls"}
    name = found["level"]["of"]["photo"]["name"]
    with Image.open(held_out / name) as image:
        samples = np.asarray(image.convert("RGB"), np.float32) / 255
    photo = torch.from_numpy(samples).permute(2, 0, 1)[None, ..., 3:67]
    with torch.no_grad():
        painted = loaded.model.network(photo).clamp(0, 1)
        wanted = [float(loaded.criterion(output, photo)) for output in (painted, photo)]
    assert [found["level"][k] for k in ("network", "untouched")] == pytest.approx(wanted, rel=1e-4)
    curves = [found[kind]["curve"]["values"] for kind in ("lbfgs", "torch")]
    assert curves[0][0] == pytest.approx(curves[1][0])  # one start
    assert curves[0][-1] < curves[0][0]
    panel = next(panel for panel in panels(record) if panel.style == "swirls")
    assert panel.network == found["level"]["network"]
    assert panel.lbfgs.mean == pytest.approx(curves[0])
    assert panel.torch is not None
    assert "torch.optim.LBFGS" in path.with_suffix(".md").read_text(encoding="utf-8")


def test_a_network_trained_anew_has_its_level_measured_again_and_no_curve(
    bench: Bench, make_style: MakeStyle
) -> None:
    path = bench.run("objective", count=1)[0]
    before = read(path)["entries"]
    make_style("swirls", seed=9)
    bench.run("objective", count=1)
    assert bench.measured() == 1
    after = read(path)["entries"]
    changed = [key for key in before if before[key] != after[key]]
    assert [key.split(", ")[-1] for key in changed] == ["level"]
    make_style("swirls", seed=9, weights={"content": 1.0, "style": 3.0, "tv": 0.1})
    bench.run("objective", count=1)
    assert bench.measured() == 2  # another objective: the curve too


def test_the_optimiser_may_go_on_from_the_networks_picture(
    bench: Bench, make_style: MakeStyle
) -> None:
    path = bench.run("objective", count=1, baseline="network")[0]
    panel = next(panel for panel in panels(read_record(path)) if panel.style == "swirls")
    assert panel.continued is not None
    assert panel.continued.at(0) == pytest.approx(panel.network, rel=1e-5)
    assert panel.continued.mean[-1] < panel.network
    table = path.with_suffix(".md").read_text(encoding="utf-8")
    assert f"| {panel.network:.3f} (" in table.split("from the network's picture")[2]
    before = read(path)["entries"]
    make_style("swirls", seed=9)
    bench.run("objective", count=1, baseline="network")
    after = read(path)["entries"]
    changed = [key.split(", ")[-1] for key in before if before[key] != after[key]]
    assert sorted(changed) == ["continued", "level"]


def test_other_iterations_need_another_folder(bench: Bench) -> None:
    bench.run("objective", count=1)
    with pytest.raises(OptionError, match="iterations at 64 px was 5, is 7"):
        bench.run("objective", count=1, iterations={64: 7})


def test_a_killed_run_goes_on_where_it_was(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    follow, calls = objective_curves.lbfgs_curve, 0

    def interrupted(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return follow(*arguments)

    monkeypatch.setattr(objective_curves, "lbfgs_curve", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.run("objective", count=2)
    done = read(bench.output / "objective.json")["entries"]
    assert len(done) == 5
    bench.run("objective", count=2)
    assert calls == 3 + 2
    after = read(bench.output / "objective.json")["entries"]
    assert {key: after[key] for key in done} == done


def test_features_have_a_psnr_and_the_deepest_layer_is_worst(bench: Bench, held_out: Path) -> None:
    content = (held_out / "one.png",)
    files = bench.run("features", content=content, layers=("first", "second"), iterations={0: 30})
    assert [path.name for path in files] == ["features.json", "features.md", "features.png"]
    found = [e for e in read(files[0])["entries"].values() if e["of"]["kind"] == "reconstruction"]
    assert [e["of"]["layers"] for e in found] == [["first"], ["second"]]
    assert found[0]["psnr"] > found[1]["psnr"]
    assert all("sha256" in e["pictures"]["picture"] for e in found)


def test_styles_are_reconstructed_from_each_layer_and_from_growing_sets(bench: Bench) -> None:
    files = bench.run("styles", layers=("first", "second"), styles=bench.given["styles"][:1])
    found = [e for e in read(files[0])["entries"].values() if e["of"]["kind"] == "reconstruction"]
    assert [e["of"]["layers"] for e in found] == [["first"], ["second"], ["first", "second"]]
    with Image.open(files[2]) as sheet:
        assert sheet.width > 3 * 64
    kept = bench.output / "styles-pictures"
    next(kept.glob("*first+second*")).unlink()
    with pytest.raises(OptionError, match="missing"):
        draw_figures(files[0], bench.output)
    bench.run("styles", layers=("first", "second"), styles=bench.given["styles"][:1])
    assert bench.measured() == 1


def test_the_sheet_has_a_row_for_each_photo_and_style(bench: Bench) -> None:
    files = bench.run("sheet", count=1)
    table = files[1].read_text(encoding="utf-8").splitlines()
    assert len([line for line in table if "| swirls" in line or "| squares" in line]) == 2
    assert len(list((bench.output / "sheet-pictures").glob("*.png"))) == 2 * 4


def test_the_speed_table_stands_beside_the_papers(bench: Bench) -> None:
    files = bench.run("speed", sizes=(64, 256), iterations={0: 3}, styles=bench.given["styles"][:1])
    table = files[1].read_text(encoding="utf-8")
    assert "the paper |     256 |       3.17 |       9.52 |      15.86 |   0.015" in table
    found = read(files[0])["entries"]
    assert {e["of"]["kind"] for e in found.values()} == {"network", "lbfgs", "plain"}
    assert all(e["seconds_each"] > 0 for e in found.values())


def test_the_plain_loop_has_pytorchs_convolutions(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours in both would show the gain of the rest alone."""
    features, weight = torch.zeros(1, 64, 16, 16), torch.zeros(64, 64, 3, 3)
    ours: dict[str, bool] = {}
    conv2d = torch.nn.functional.conv2d

    def note(*args: Any, **options: Any) -> Tensor:
        ours[kind] = winograd.pays(features, weight, 1)
        return conv2d(*args, **options)

    monkeypatch.setattr(torch.nn.functional, "conv2d", note)
    config = Reproduction(
        output=bench.output,
        styles=tuple(bench.given["styles"][:1]),
        photos=bench.given["photos"],
        paintings=bench.given["paintings"],
        sizes=(64,),
        iterations={0: 3},
        device="cpu",
        precision="float32",
    )
    kind = "setup"
    for task in plan_speed(config).tasks:
        kind = str(task.of["kind"])
        task.run(lambda _: None)
    assert ours["lbfgs"]
    assert not ours["plain"]


def test_the_papers_ratios_are_its_seconds_divided() -> None:
    for size_px, (seconds, network) in PAPER.items():
        for gatys, ratio in zip(seconds, PAPER_RATIOS[size_px], strict=True):
            # the network's time is given to a hundredth at the most
            spread = 0.5 * (0.001 if size_px == 256 else 0.01)
            assert gatys / (network + spread) < ratio < gatys / (network - spread)


def test_names_and_options_are_checked_before_anything() -> None:
    assert find_reproductions(["all"]) == list(REPRODUCTIONS)
    assert find_reproductions(["speed", "sheet", "speed"]) == ["speed", "sheet"]
    with pytest.raises(OptionError, match="no reproduction 'figure'"):
        find_reproductions(["figure"])
    for option, value, message in (
        ("layers", ("a",), "`layers` is not for objective, speed; it is for features, styles"),
        ("sizes", (256,), "run objective by itself"),
    ):
        with pytest.raises(OptionError, match=message):
            make_configs(["objective", "speed"], {option: value})
    bad_ones: list[dict[str, Any]] = [{"count": 0}, {"sizes": (8,)}, {"sizes": ()}]
    for bad in [*bad_ones, {"baseline": "x"}, {"iterations": {256: 0}}]:
        with pytest.raises(OptionError):
            Reproduction(**bad)


def test_quick_options_give_way_to_those_that_were_given() -> None:
    quick = make_configs(["objective"], {}, quick=True)["objective"]
    assert quick.iterations_at(1024, {0: 1}) < quick.iterations_at(256, {0: 1})
    chosen = make_configs(["objective"], {"styles": ("udnie",)}, quick=True)["objective"]
    assert chosen.styles == ("udnie",)
    assert chosen.count == quick.count


def test_every_option_is_taken_by_a_reproduction() -> None:
    taken = {option for kind in REPRODUCTIONS.values() for option in kind.takes}
    assert {each.name for each in fields(Reproduction)} == taken | {"output", "device", "overwrite"}


class Named(LossNetwork):
    """Layers by name, and nothing behind them."""

    def __init__(self, *names: str) -> None:
        provenance = Provenance(
            name="named", weights_hash="", source="", license="", redistributable=True
        )
        super().__init__(names, provenance)


def test_layers_shown_are_the_last_of_each_block_or_spread_evenly() -> None:
    vgg = Named("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1")
    assert shown_layers(vgg, ()) == ("relu1_2", "relu2_2", "relu3_1")
    squeeze = Named("relu1", *(f"fire{i}" for i in range(2, 10)))
    assert shown_layers(squeeze, ()) == ("relu1", "fire3", "fire5", "fire7", "fire9")
    with pytest.raises(OptionError, match=r"has no \['relu9_9'\]"):
        shown_layers(vgg, ["relu9_9"])
