"""Super-resolution as the training loop sees it: network, patches, loss, previews, validation."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from impasto.data.pairs import PairBatch, PairPatches, pair_batches
from impasto.data.photo_store import PhotoStore
from impasto.errors import TrainingError
from impasto.machine.devices import choose_dtype
from impasto.media import contact_sheet, luma_bt601, psnr, write_picture
from impasto.models import load_superres_model, save_model
from impasto.networks.bicubic import enlarge
from impasto.networks.superres import build_superres_network
from impasto.training.events import OnEvent, Saved, Validated
from impasto.training.provenance import superres_card
from impasto.training.split import readable
from impasto.training.superres_config import SuperResTrainingConfig
from impasto.training.superres_loss import Criterion, SuperResCriterion

PREVIEW_PX = 256  # side of the middles that the preview sheet shows
PREVIEW_COUNT = 4
MODEL_FILE = "model.safetensors"


class SuperResTask:
    """A super-resolution (or, at factor 1, restoration) network for the training loop."""

    def __init__(
        self,
        config: SuperResTrainingConfig,
        criterion: Criterion,
        store: PhotoStore,
        held_out: Sequence[Path],
        device: torch.device,
        report: OnEvent,
    ) -> None:
        self.config = config
        self.criterion = criterion
        self.device = device
        self.report = report
        self.degradation = config.find_degradation()
        self.patches = PairPatches(
            store,
            self.degradation,
            factor=config.factor,
            patch_px=config.patch_px,
            seed=config.seed,
        )
        network = _initial_network(config).to(device)
        # twice `to`: PyTorch's stubs know no overload with both
        self.network: nn.Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.dtype = choose_dtype(config.precision, device)
        self.held_out = list(held_out)
        self.previews = self._preview_pairs()
        self._loss = torch.compile(self._plain_loss) if config.compile else self._plain_loss

    def batches(self, start: int) -> Iterator[PairBatch]:
        return pair_batches(
            self.patches,
            batch_size=self.config.batch_size,
            start=start,
            stop=self.config.iterations,
            workers=self.config.workers,
        )

    def loss(self, batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        return self._loss(batch.low_res, batch.high_res)

    def _plain_loss(self, low_res: Tensor, high_res: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            output = self.network(low_res)
            terms = self._terms(output, low_res, high_res, shift_px=self.config.shift_px)
        return self.criterion.total(terms), terms

    def _terms(
        self,
        output: Tensor,
        low_res: Tensor,  # noqa: ARG002  # restoration's losses look at it
        high_res: Tensor,
        *,
        shift_px: int = 0,
    ) -> dict[str, Tensor]:
        criterion = cast(SuperResCriterion, self.criterion)
        return criterion.terms(output, high_res, shift_px=shift_px)

    def _finished(self, output: Tensor, low_res: Tensor) -> Tensor:  # noqa: ARG002
        """What a user gets of the network's output."""
        return output.clamp(0, 1)

    def _psnr(self, result: Tensor, high_res: Tensor) -> float:
        return _psnr_y(result, high_res, self.config.factor)

    def after_step(self, iteration: int, terms: dict[str, float]) -> None:  # noqa: ARG002
        config = self.config
        last = iteration == config.iterations
        if config.preview_every and (iteration % config.preview_every == 0 or last):
            self._preview(iteration)
        if config.validate_every and self.held_out and iteration % config.validate_every == 0:
            self.validate(iteration, self.held_out[: config.validation_count])

    def finish(self, provenance: dict[str, Any]) -> Path:
        """Validate on every held-out photo and write the model with its card."""
        config = self.config
        objective = self.validate(config.iterations, self.held_out) if self.held_out else None
        path = config.output / MODEL_FILE
        card = self._card(provenance, objective)
        save_model(path, self.network, config.network, card)
        self.report(Saved(iteration=config.iterations, kind="model", path=path))
        return path

    def _card(self, provenance: dict[str, Any], objective: Validated | None) -> dict[str, Any]:
        return superres_card(self.config, provenance, objective)

    @torch.no_grad()
    def validate(self, iteration: int, paths: Sequence[Path]) -> Validated:
        """Mean terms and PSNR of luma over held-out photos, beside bicubic's, in float32."""
        self.network.eval()
        sums: dict[str, list[float]] = {}
        for low_res, high_res in self._held_out_pairs(paths):
            for kind, output in (("output", self.network(low_res)), ("bicubic", None)):
                if output is None:
                    output = enlarge(low_res[:, :3], self.config.factor)
                output = output.clamp(0, 1)
                terms = self._terms(output, low_res, high_res)
                scores = {name: float(term) for name, term in terms.items()}
                scores["total"] = float(self.criterion.total(terms))
                scores["psnr"] = self._psnr(self._finished(output, low_res), high_res)
                for name, score in scores.items():
                    sums.setdefault(f"{kind} {name}", []).append(score)
        self.network.train()
        means = {name: sum(values) / len(values) for name, values in sums.items()}
        event = Validated(
            iteration=iteration,
            terms={k.split()[1]: v for k, v in means.items() if k.startswith("output")},
            untouched={k.split()[1]: v for k, v in means.items() if k.startswith("bicubic")},
        )
        self.report(event)
        return event

    def _held_out_pairs(self, paths: Sequence[Path]) -> Iterator[tuple[Tensor, Tensor]]:
        """Low and high resolution, on the device; a random degradation is drawn always alike."""
        multiple = self.config.factor * self.config.shrink
        for number, pixels in enumerate(readable(paths, len(paths))):
            height, width = (side // multiple * multiple for side in pixels.shape[-2:])
            if not height or not width:
                continue
            high_res = pixels[..., :height, :width]
            chance = random.Random(f"{self.config.seed}:held out:{number}")
            low_res = self.degradation(high_res, self.config.factor, chance)
            yield low_res.to(self.device), high_res.to(self.device)

    def _preview_pairs(self) -> list[tuple[Tensor, Tensor]]:
        """The middles of the photos of the preview sheet: the ones named, else held-out ones."""
        config = self.config
        if not config.preview_every:
            return []
        paths = config.preview_photos or tuple(self.held_out[:PREVIEW_COUNT])
        pairs = []
        for low_res, high_res in self._held_out_pairs(paths):
            side = PREVIEW_PX // config.factor
            top, left = (max(0, (size - side) // 2) for size in low_res.shape[-2:])
            low_part = low_res[..., top : top + side, left : left + side]
            rows, columns = (part * config.factor for part in low_part.shape[-2:])
            top, left = top * config.factor, left * config.factor
            pairs.append((low_part, high_res[..., top : top + rows, left : left + columns]))
        return pairs

    @torch.no_grad()
    def _preview(self, iteration: int) -> None:
        if not self.previews:
            return
        self.network.eval()
        rows = []
        for low_res, high_res in self.previews:
            before = enlarge(low_res[:, :3], self.config.factor)
            after = self._finished(self.network(low_res), low_res)
            cells = (before, after, high_res)
            rows.append([cell.clamp(0, 1).cpu() for cell in cells])
        self.network.train()
        sheet = contact_sheet(rows)
        path = self.config.output / "previews" / f"{iteration:06d}.png"
        for target in (path, self.config.output / "preview.png"):
            write_picture(target, sheet)
        self.report(Saved(iteration=iteration, kind="preview", path=path))


def _psnr_y(output: Tensor, target: Tensor, factor: int) -> float:
    """As the `standard` protocol measures it: 8 bits, luma, `factor` pixels a side left out."""
    rounded = (output * 255).round() / 255
    shave = slice(factor, -factor)
    pair = [luma_bt601(image.cpu())[..., shave, shave] for image in (rounded, target)]
    return float(psnr(*pair, data_range=255.0))


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
            f"--initial {name} is another network, {misfits[0]} does not fit; give the same "
            "--architecture, --width and --blocks"
        )
    network.load_state_dict({**wanted, **fitting})
