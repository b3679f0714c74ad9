"""True resume: a killed run, started again, ends with the very bits of an uninterrupted one."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from impasto.errors import TrainingError
from impasto.events import Cancelled, CancelToken, Event, Saved, Step
from impasto.training import StyleTrainingConfig, run
from impasto.training.checkpoint import load_checkpoint
from impasto.training.trainer import check_same_run

MakeConfig = Callable[..., StyleTrainingConfig]


class Stop(Exception):  # noqa: N818
    """Stands for any sudden end."""


def _same_bits(one: Path, other: Path) -> None:
    first, second = load_file(one), load_file(other)
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


@pytest.mark.parametrize("stop_at", [1, 3, 4, 7])
def test_a_run_stopped_at_any_iteration_ends_with_the_same_bits(
    make_config: MakeConfig, tmp_path: Path, stop_at: int
) -> None:
    whole, broken = make_config(output=tmp_path / "whole"), make_config(output=tmp_path / "broken")
    run(whole)

    def stop(event: Event) -> None:
        if isinstance(event, Step) and event.iteration == stop_at:
            raise Stop

    with pytest.raises(Stop):
        run(broken, stop)
    events: list[Event] = []
    run(broken, events.append)
    first_step = next(event for event in events if isinstance(event, Step))
    # the step is reported before its checkpoint is written, so an even one is lost too
    assert first_step.iteration == (stop_at - 1) // 2 * 2 + 1
    for name in ("checkpoint.safetensors", "model.safetensors"):
        _same_bits(whole.output / name, broken.output / name)


def test_batch_norms_running_statistics_are_resumed_too(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    paper = {"architecture": "paper", "norm": "batch", "workers": 1, "iterations": 4}
    whole = make_config(output=tmp_path / "whole", **paper)
    broken = make_config(output=tmp_path / "broken", **paper)
    run(whole)

    def stop(event: Event) -> None:
        if isinstance(event, Step) and event.iteration == 3:
            raise Stop

    with pytest.raises(Stop):
        run(broken, stop)
    run(broken)
    _same_bits(whole.output / "checkpoint.safetensors", broken.output / "checkpoint.safetensors")


def test_the_log_of_a_resumed_run_tells_each_iteration_once(
    make_config: MakeConfig,
) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Step) and event.iteration == 5:
            raise Stop

    with pytest.raises(Stop):
        run(make_config(), stop)
    run(make_config())
    lines = (make_config().output / "log.jsonl").read_text().splitlines()
    steps = [json.loads(line) for line in lines]
    iterations = [step["iteration"] for step in steps if step["event"] == "step"]
    assert iterations == list(range(1, 9))


def test_kill_9_at_random_moments_leaves_the_same_bits(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(output=tmp_path / "whole", iterations=30, checkpoint_every=1)
    run(config)
    killed = tmp_path / "killed"
    command = [sys.executable, "-m", "impasto", "train", "style"]
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(_recipe(config.to_json()), encoding="utf-8")
    command += ["--config", str(recipe), "--output", str(killed)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    chance = random.Random(3)
    kills = 0
    for _ in range(3):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        log = killed / "log.jsonl"
        before = _lines(log)
        deadline = time.monotonic() + 60
        while _lines(log) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.3))
        if process.poll() is None:
            kills += 1
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert kills
    subprocess.run(command, env=environment, check=True, capture_output=True)
    _same_bits(tmp_path / "whole" / "checkpoint.safetensors", killed / "checkpoint.safetensors")
    _same_bits(tmp_path / "whole" / "model.safetensors", killed / "model.safetensors")


@pytest.mark.parametrize("workers", [0, 1])
def test_ctrl_c_saves_the_iteration_that_it_came_in(
    make_config: MakeConfig, tmp_path: Path, workers: int
) -> None:
    config = make_config(
        output=tmp_path / "whole", iterations=40, checkpoint_every=1000, workers=workers
    )
    run(config)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(_recipe(config.to_json()), encoding="utf-8")
    stopped = tmp_path / "stopped"
    command = [sys.executable, "-m", "impasto", "train", "style", "--config", str(recipe)]
    command += ["--output", str(stopped)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    # As a terminal does: a group of processes, and the signal to all of them.
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, process_group=0
    )
    deadline = time.monotonic() + 60
    while _lines(stopped / "log.jsonl") < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said
    seen = [json.loads(line) for line in (stopped / "log.jsonl").read_text().splitlines()]
    last = max(line["iteration"] for line in seen if line["event"] == "step")
    assert 0 < last < 40
    checkpoint = load_checkpoint(stopped)
    assert checkpoint is not None
    assert checkpoint.iteration == last
    subprocess.run(command, env=environment, check=True, capture_output=True)
    _same_bits(tmp_path / "whole" / "checkpoint.safetensors", stopped / "checkpoint.safetensors")


def test_a_token_cancels_from_another_thread_and_nothing_is_lost(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    whole = make_config(output=tmp_path / "whole", checkpoint_every=1000)
    stopped = make_config(output=tmp_path / "stopped", checkpoint_every=1000)
    run(whole)
    token = CancelToken()
    events: list[Event] = []

    def cancel_at_third(event: Event) -> None:
        events.append(event)
        if isinstance(event, Step) and event.iteration == 3:
            thread = threading.Thread(target=token.cancel)
            thread.start()
            thread.join()

    with pytest.raises(Cancelled):
        run(stopped, cancel_at_third, token)
    saved = [event for event in events if isinstance(event, Saved)]
    assert [(event.kind, event.iteration) for event in saved] == [("checkpoint", 3)]
    run(stopped)
    _same_bits(whole.output / "model.safetensors", stopped.output / "model.safetensors")


def test_a_run_that_is_cancelled_before_it_begins_writes_nothing(make_config: MakeConfig) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        run(make_config(), cancel=token)
    assert not make_config().output.exists()


def test_a_checkpoint_of_before_an_option_goes_on_if_that_is_at_its_default(
    make_config: MakeConfig,
) -> None:
    config = make_config(iterations=4, style_layers={"relu1_1": 1.0})
    run(config)
    checkpoint = load_checkpoint(config.output)
    assert checkpoint is not None
    for name in ("style_image_weights", "content_layers", "color_jitter", "crops"):
        del checkpoint.config[name]
    changed = replace(
        config, content_layers={"relu3_3": 1.0}, crops=((0.7, 160), (0.3, 256)), title="free"
    )
    check_same_run(changed, checkpoint.provenance, checkpoint)
    other = replace(changed, style_image_weights=(2.0,))
    with pytest.raises(TrainingError, match=r"`style_image_weights` was \[\], is \[2.0\]") as said:
        check_same_run(other, checkpoint.provenance, checkpoint)
    assert "content_layers" not in str(said.value)


def _lines(path: Path) -> int:
    return len(path.read_bytes().splitlines()) if path.exists() else 0


def _recipe(options: dict[str, object]) -> str:
    """TOML with the options of a config, which the command must read back to the same run."""
    lines = []
    for name, value in options.items():
        if name == "output" or value is None:
            continue
        if isinstance(value, dict):
            text = ",".join(f"{key}:{number}" for key, number in value.items())
            lines.append(f'{name} = "{text}"')
        else:
            lines.append(f"{name} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"
