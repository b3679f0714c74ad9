"""Super-resolution in training: network, patches, loss, previews, scores."""

import random
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from torch import Tensor, nn

from impasto.data.pairs import PairBatch, PairPatches, pair_batches
from impasto.data.photo_store import open_photo_store
from impasto.errors import TrainingError
from impasto.media import luma_bt601, psnr
from impasto.models import load_superres_model
from impasto.networks import LossNetwork
from impasto.networks.bicubic import enlarge
from impasto.networks.loss.weight_file import hash_tensors
from impasto.networks.superres import build_superres_network
from impasto.training.superres_config import SuperResTrainingConfig
from impasto.training.superres_loss import Criterion, SuperResCriterion
from impasto.training.task import PREVIEW_COUNT, Scores, Setup, Task, channels_last, readable

PREVIEW_PX = 256  # side of the middles that the preview sheet shows
AnyPairConfig = TypeVar("AnyPairConfig", bound=SuperResTrainingConfig)


class SuperResTask(Task[AnyPairConfig, PairBatch]):
    """A super-resolution (or, at factor 1, restoration) network for the training loop.

    Scores are terms and PSNR of luma over whole photos, beside bicubic's.
    """

    untouched_name = "bicubic"

    def __init__(self, setup: Setup[AnyPairConfig]) -> None:
        super().__init__(setup)
        config = setup.config
        self.network_config = config.network
        criterion = self.make_criterion(config, setup.loss_network)
        self.criterion: Criterion = channels_last(criterion.to(setup.device))
        store = open_photo_store(setup.paths, scales=config.scales, least_px=config.patch_px)
        self.degradation = config.find_degradation()
        patches = PairPatches(
            store,
            self.degradation,
            factor=config.factor,
            patch_px=config.patch_px,
            seed=config.seed,
        )
        self.sampled = partial(pair_batches, patches)
        self.network: nn.Module = channels_last(_initial_network(config).to(setup.device))
        self._previews = self._preview_pairs()

    def make_criterion(self, config: AnyPairConfig, loss_network: LossNetwork | None) -> Criterion:
        """The loss of the config."""
        return SuperResCriterion(config, loss_network)

    def terms_of(self, *tensors: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        low_res, high_res = tensors
        output = self.network(low_res)
        terms = self.terms(output, low_res, high_res, shift_px=self.config.shift_px)
        return self.criterion.total(terms), terms

    def terms(
        self,
        output: Tensor,
        low_res: Tensor,  # noqa: ARG002  # restoration's losses look at it
        high_res: Tensor,
        *,
        shift_px: int = 0,
    ) -> dict[str, Tensor]:
        """Unweighted terms of the network's output."""
        criterion = cast(SuperResCriterion, self.criterion)
        return criterion.terms(output, high_res, shift_px=shift_px)

    def finished(self, output: Tensor, low_res: Tensor) -> Tensor:  # noqa: ARG002
        """What a user gets of the network's output."""
        return output.clamp(0, 1)

    def psnr(self, result: Tensor, high_res: Tensor) -> float:
        """As the `standard` protocol measures it: 8 bits, luma, `factor` px a side left out."""
        factor = self.config.factor
        rounded = (result * 255).round() / 255
        shave = slice(factor, -factor)
        pair = [luma_bt601(image.cpu())[..., shave, shave] for image in (rounded, high_res)]
        return float(psnr(*pair, data_range=255.0))

    def scores(self, pixels: Tensor, number: int) -> tuple[Scores, Scores] | None:
        pair = self._degraded(pixels, number)
        if pair is None:
            return None
        low_res, high_res = pair
        outputs = self.network(low_res), enlarge(low_res[:, :3], self.config.factor)
        ours, without = (self._score(each.clamp(0, 1), low_res, high_res) for each in outputs)
        return ours, without

    def _score(self, output: Tensor, low_res: Tensor, high_res: Tensor) -> Scores:
        terms = self.terms(output, low_res, high_res)
        scores = {name: float(term) for name, term in terms.items()}
        scores["total"] = float(self.criterion.total(terms))
        scores["psnr"] = self.psnr(self.finished(output, low_res), high_res)
        return scores

    def _degraded(self, pixels: Tensor, number: int) -> tuple[Tensor, Tensor] | None:
        """Low and high resolution, on the device; a random degradation is drawn always alike."""
        multiple = self.config.factor * self.config.shrink
        height, width = (side // multiple * multiple for side in pixels.shape[-2:])
        if not height or not width:
            return None
        high_res = pixels[..., :height, :width]
        chance = random.Random(f"{self.config.seed}:held out:{number}")
        low_res = self.degradation(high_res, self.config.factor, chance)
        return low_res.to(self.device), high_res.to(self.device)

    def _preview_pairs(self) -> list[tuple[Tensor, Tensor]]:
        """The middles of the photos of the preview sheet: the ones named, else held-out ones."""
        config = self.config
        if not config.preview_every:
            return []
        paths = config.preview_photos or tuple(self.held_out[:PREVIEW_COUNT])
        return list(self._middles(paths))

    def _middles(self, paths: Sequence[Path]) -> Iterator[tuple[Tensor, Tensor]]:
        factor = self.config.factor
        for number, pixels in enumerate(readable(paths, len(paths))):
            pair = self._degraded(pixels, number)
            if pair is None:
                continue
            low_res, high_res = pair
            side = PREVIEW_PX // factor
            top, left = (max(0, (size - side) // 2) for size in low_res.shape[-2:])
            low_part = low_res[..., top : top + side, left : left + side]
            rows, columns = (part * factor for part in low_part.shape[-2:])
            top, left = top * factor, left * factor
            yield low_part, high_res[..., top : top + rows, left : left + columns]

    def preview_rows(self) -> list[list[Tensor]]:
        rows = []
        for low_res, high_res in self._previews:
            before = enlarge(low_res[:, :3], self.config.factor)
            after = self.finished(self.network(low_res), low_res)
            rows.append([cell.clamp(0, 1).cpu() for cell in (before, after, high_res)])
        return rows

    def card(self) -> dict[str, Any]:
        config = self.config
        weights = config.loss_weights
        return {
            "name": config.name or f"{config.architecture}-{config.loss}-x{config.factor}",
            "task": "superres" if config.factor > 1 else "restore",
            "degradation": config.degradation,
            "licence": config.licence,
            "trained": {
                "weights": {"content": weights.content, "pixel": weights.pixel},
                "initial": _of_model(config.initial),
            },
        }


def _of_model(name_or_path: str) -> dict[str, str] | None:
    """Which model it is; None if none was named."""
    if not name_or_path:
        return None
    model = load_superres_model(name_or_path)
    return {"name": model.name, "weights_sha256": hash_tensors(model.network.state_dict())}


def _initial_network(config: SuperResTrainingConfig) -> nn.Module:
    network = build_superres_network(config.network).train()
    if config.initial:
        load_matching(network, load_superres_model(config.initial).network, config.initial)
    return network


def load_matching(network: nn.Module, other: nn.Module, name: str) -> None:
    """Copy the weights of `other`, all but the last layer's if that is of another factor.

    Raises TrainingError if any other tensor does not fit.
    """
    found, wanted = other.state_dict(), network.state_dict()
    last_layer = next(reversed(wanted)).rpartition(".")[0]
    fitting = {
        key: found[key] for key in wanted if key in found and found[key].shape == wanted[key].shape
    }
    if misfits := [key for key in wanted if key not in fitting and not key.startswith(last_layer)]:
        raise TrainingError(
            f"`initial` {name} is another network, {misfits[0]} does not fit; give the same "
            "`architecture`, `width` and `blocks`"
        )
    network.load_state_dict({**wanted, **fitting})
