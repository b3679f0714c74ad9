"""One scratch folder and several who want it."""

import json
import threading
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from impasto.engines.scratch import Scratch, network_hash, scratch_for


def test_who_waits_for_a_folder_works_in_one_of_its_own(tmp_path: Path) -> None:
    """The first removes its folder at the end, and the lock with it."""
    target, base = tmp_path / "new.png", tmp_path / "scratch"
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(5):
            with scratch_for(target, {"photo": 1}, 1, base) as scratch:
                inside.append(1)
                most.append(len(inside))
                (scratch.folder / "map-1").write_text("mine")
                time.sleep(0.005)
                assert (scratch.folder / "map-1").read_text() == "mine"
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == [1] * 20
    assert list(base.iterdir()) == []


def test_who_waits_says_for_what(tmp_path: Path) -> None:
    target, base = tmp_path / "new.png", tmp_path / "scratch"
    notices: list[str] = []

    def second() -> None:
        with scratch_for(target, {}, 1, base, notices.append):
            pass

    with scratch_for(target, {}, 1, base, notices.append):
        assert notices == []  # nobody was there
        thread = threading.Thread(target=second)
        thread.start()
        until = time.monotonic() + 20
        while not notices and time.monotonic() < until:
            time.sleep(0.01)
    thread.join(30)
    assert notices == [f"another process is making {target}; waiting until it is done"]


def test_what_an_interruption_left_is_found_by_the_same_work_only(tmp_path: Path) -> None:
    target, base = tmp_path / "new.png", tmp_path / "scratch"

    resumed: list[int] = []

    def stop(key: str) -> None:
        with scratch_for(target, {"photo": key}, 1, base) as scratch:
            resumed.append(scratch.resumed)
            if not scratch.resumed:
                scratch.note(0, torch.zeros(1), torch.zeros(1))
            raise KeyboardInterrupt

    for key in "aabba":
        with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
            stop(key)
    assert resumed == [0, 1, 0, 1, 0]


@pytest.mark.parametrize("passes", ["text", [["x"]], [[[1.0], ["x"]]], [5]])
def test_notes_that_somebody_changed_are_not_gone_on_from(tmp_path: Path, passes: object) -> None:
    target, base = tmp_path / "new.png", tmp_path / "scratch"

    def stop(scratches: list[Scratch]) -> None:
        with scratch_for(target, {}, 1, base) as scratch:
            scratches.append(scratch)
            scratch.note(0, torch.zeros(1), torch.zeros(1))
            raise KeyboardInterrupt

    left: list[Scratch] = []
    with pytest.raises(KeyboardInterrupt):
        stop(left)
    state = left[0].path("state.json")
    state.write_text(json.dumps({**json.loads(state.read_text()), "passes": passes}))
    with scratch_for(target, {}, 1, base) as scratch:
        assert scratch.resumed == 0


def test_a_networks_hash_is_of_all_its_numbers_counters_too() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    before = network_hash(network)
    assert before == network_hash(network)
    network[1].num_batches_tracked += 1
    assert network_hash(network) != before
