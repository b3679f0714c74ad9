"""Pairs of patches: aligned, reproducible, of both kinds of degradation."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from impasto.data.degradations import find_degradation
from impasto.data.pairs import MARGIN_PX, PairPatches, pair_batches
from impasto.data.photo_store import PhotoStore, open_photo_store
from impasto.errors import TrainingError
from impasto.media import imresize


class Drawn:
    """A random degradation whose draw can be read off: the standard one, then a random level."""

    name = "drawn"
    random = True
    channels = 3

    def __call__(self, high_res: Tensor, factor: int, chance: Random | None = None) -> Tensor:
        assert chance is not None
        return find_degradation("standard")(high_res, factor) * 0 + chance.random()


@pytest.fixture
def store(tmp_path: Path) -> PhotoStore:
    for number in range(3):
        chance = np.random.default_rng(number)
        small = chance.integers(0, 256, (9, 11, 3), np.uint8)
        image = Image.fromarray(small).resize((90 + number, 80), Image.Resampling.BICUBIC)
        image.save(tmp_path / f"{number}.png")
    return open_photo_store(sorted(tmp_path.glob("*.png")), folder=tmp_path / "cache")


def _patches(store: PhotoStore, degradation: object = None, **options: int) -> PairPatches:
    settings = {"factor": 4, "patch_px": 48, "seed": 1, **options}
    degradation = degradation or find_degradation("standard")
    return PairPatches(store, degradation, folder=store.path.parent, **settings)


def test_low_and_high_resolution_show_the_same_place(store: PhotoStore) -> None:
    patches = _patches(store)
    for number in range(12):  # all orientations come up
        pair = patches[number]
        assert pair.low_res.shape == (3, 12, 12)
        assert pair.high_res.shape == (3, 48, 48)
        wanted = imresize(pair.high_res.unsqueeze(0), (12, 12))[0].clamp(0, 1)
        inside = slice(2, -2)  # at its border the patch alone does not know its neighbours
        difference = (pair.low_res - wanted)[:, inside, inside].abs().max()
        assert float(difference) < 0.51 / 255


def test_fresh_degradations_see_beyond_the_patch(store: PhotoStore) -> None:
    """The same place from the cache and degraded on the fly is the same to the border."""
    standard = find_degradation("standard")

    class Fresh:
        name = "fresh"
        random = True
        channels = 3

        def __call__(self, high_res: Tensor, factor: int, _: Random | None = None) -> Tensor:
            return standard(high_res, factor)

    patches = _patches(store, Fresh(), factor=2, patch_px=32)
    whole = [standard(store[n].unsqueeze(0)[..., :80, :90] / 255, 2)[0] for n in range(3)]
    windows = torch.cat(
        [
            image.unfold(1, 16, 1).unfold(2, 16, 1).permute(1, 2, 0, 3, 4).reshape(-1, 3, 16, 16)
            for image in whole
        ]
    )
    turned = [torch.rot90(windows, turn, (-2, -1)) for turn in range(4)]
    candidates = torch.cat([*turned, *(window.flip(-1) for window in turned)])
    # only patches at even places have their like in the whole image: a quarter of them
    errors = [
        float((patches[number].low_res - candidates).abs().amax((1, 2, 3)).min())
        for number in range(40)
    ]
    assert sum(error < 1e-6 for error in errors) >= 3


def test_sample_k_is_always_the_same(store: PhotoStore) -> None:
    for degradation in (None, Drawn()):
        settings = {"factor": 2, "patch_px": 32}
        first = _patches(store, degradation, **settings)
        again = _patches(store, degradation, **settings)
        _ = again[3]  # what was asked for before does not matter
        assert torch.equal(first[7].low_res, again[7].low_res)
        assert torch.equal(first[7].high_res, again[7].high_res)
        assert not torch.equal(first[7].high_res, first[8].high_res)


def test_random_degradations_are_drawn_anew_for_each_sample(store: PhotoStore) -> None:
    patches = _patches(store, Drawn(), factor=2, patch_px=32)
    levels = {float(patches[number].low_res[0, 0, 0]) for number in range(6)}
    assert len(levels) == 6


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_go_on_where_they_stopped(store: PhotoStore, workers: int) -> None:
    patches = _patches(store)
    whole = list(pair_batches(patches, batch_size=2, start=0, stop=4, workers=0))
    rest = list(pair_batches(patches, batch_size=2, start=2, stop=4, workers=workers))
    assert len(rest) == 2
    for one, other in zip(whole[2:], rest, strict=True):
        assert torch.equal(one.low_res, other.low_res)
        assert torch.equal(one.high_res, other.high_res)
    assert whole[0].count == 2
    assert whole[0].crop_px == 48


def test_photos_smaller_than_a_patch_with_its_margin_are_refused(store: PhotoStore) -> None:
    with pytest.raises(TrainingError, match=f"has {64 + 2 * 2 * MARGIN_PX} px"):
        _patches(store, Drawn(), factor=2, patch_px=64)
    assert len(_patches(store, factor=2, patch_px=64).usable) == 3
