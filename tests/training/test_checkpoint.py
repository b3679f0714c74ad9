from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from impasto.errors import TrainingError
from impasto.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint


def _checkpoint() -> Checkpoint:
    return Checkpoint(
        iteration=7,
        network={"conv.weight": torch.randn(2, 3), "norm.count": torch.tensor(4)},
        optimizer={0: {"step": torch.tensor(7.0), "exp_avg": torch.randn(2, 3)}},
        rng_state=torch.get_rng_state(),
        config={"seed": 1},
        provenance={"torch": "x"},
    )


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    saved = _checkpoint()
    save_checkpoint(tmp_path, saved)
    loaded = load_checkpoint(tmp_path)
    assert loaded is not None
    assert (loaded.iteration, loaded.config, loaded.provenance) == (7, {"seed": 1}, {"torch": "x"})
    for name, tensor in saved.network.items():
        assert torch.equal(loaded.network[name], tensor)
    for name, tensor in saved.optimizer[0].items():
        assert torch.equal(loaded.optimizer[0][name], tensor)
    assert torch.equal(loaded.rng_state, saved.rng_state)


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, _checkpoint())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TrainingError, match=r"checkpoint\.safetensors"):
        load_checkpoint(tmp_path)


def test_another_safetensors_file_is_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "checkpoint.safetensors")
    with pytest.raises(TrainingError, match="format"):
        load_checkpoint(tmp_path)


def test_a_failed_write_keeps_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, _checkpoint())

    def fail(*args: object) -> None:
        Path(str(args[1])).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("impasto.training.checkpoint.save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(tmp_path, _checkpoint())
    assert load_checkpoint(tmp_path) is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint.json",
        "checkpoint.safetensors",
    ]
