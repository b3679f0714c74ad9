"""A style as the training loop sees it: network, crops, loss, previews, validation."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from impasto.data.photos import (
    PhotoBatch,
    PhotoCrops,
    center_crop,
    photo_batches,
)
from impasto.errors import TrainingError
from impasto.losses import LossWeights, PerceptualLoss, edge_loss, grid_loss, pixel_loss
from impasto.machine.devices import choose_dtype
from impasto.media import contact_sheet, read_picture, resize_long_side, write_picture
from impasto.models import StyleModel, load_style_model, save_model
from impasto.networks import LossNetwork, build_style_network
from impasto.networks.layout import STRIDE
from impasto.networks.padding import reflect_pad
from impasto.training.balance import JUDGE_AT, judge_balance
from impasto.training.config import StyleTrainingConfig
from impasto.training.events import Notice, OnEvent, Saved, Validated
from impasto.training.provenance import VALIDATION_PX, model_card
from impasto.training.schedule import crop_px_at
from impasto.training.split import readable

PREVIEW_LONG_SIDE = 384
PREVIEW_COUNT = 4
MODEL_FILE = "model.safetensors"
# how far photos go on beyond their borders where no edge is to be seen; edges reach less far
EDGE_MARGIN_PX = 32


def style_criterion(
    config: StyleTrainingConfig, loss_network: LossNetwork, device: torch.device
) -> PerceptualLoss:
    """The loss of `config` with the style images' Gram targets in it, on `device`."""
    criterion = PerceptualLoss(
        loss_network,
        content_layers=config.content_layers,
        style_layers=config.style_layers,
        weights=LossWeights(
            content=config.content_weight, style=config.style_weight, tv=config.tv_weight
        ),
        relative=True,
    )
    criterion = criterion.to(device)
    images = [
        resize_long_side(read_picture(path).pixels, config.style_size).to(device)
        for path in config.style
    ]
    criterion.set_style(images, config.style_image_weights or None)
    return criterion.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class StyleTask:
    """A style for the training loop: network, crops, loss, previews, validation."""

    def __init__(
        self,
        config: StyleTrainingConfig,
        criterion: PerceptualLoss,
        paths: Sequence[Path],
        held_out: Sequence[Path],
        device: torch.device,
        report: OnEvent,
    ) -> None:
        self.config = config
        self.criterion = criterion
        self.report = report
        self.device = device
        self.held_out = list(held_out)
        if held_out and not any(True for _ in readable(held_out, 1)):
            raise TrainingError(f"none of the held-out photos can be read: {held_out[0]} …")
        network = _initial_network(config)
        # twice `to`: PyTorch's stubs know no overload with both
        network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network: nn.Module = network
        self.teacher = _teacher(config, device)
        self._done = 0
        self.dtype = choose_dtype(config.precision, device)
        self.crops = PhotoCrops(
            paths,
            self._crop_px_of_sample,
            seed=config.seed,
            zoom=config.zoom,
            color_jitter=config.color_jitter,
        )
        self.previews = self._preview_photos([*self.held_out, *paths])
        self._loss = torch.compile(self._plain_loss) if config.compile else self._plain_loss
        self._judge_sums: list[dict[str, float]] = []
        self._untouched: dict[str, float] | None = None

    def _preview_photos(self, others: Sequence[Path]) -> list[Tensor]:
        """The fixed photos of the preview sheet, reduced: the ones named, else four others."""
        config = self.config
        if not config.preview_every:
            return []
        if config.preview_photos:
            chosen = [read_picture(path).pixels for path in config.preview_photos]
        else:
            chosen = list(readable(others, PREVIEW_COUNT))
        return [resize_long_side(pixels, PREVIEW_LONG_SIDE) for pixels in chosen]

    def _crop_px_of_sample(self, index: int) -> int:
        return crop_px_at(
            index // self.config.batch_size,
            iterations=self.config.iterations,
            crops=self.config.crops,
        )

    def batches(self, start: int) -> Iterator[PhotoBatch]:
        self._done = start
        return photo_batches(
            self.crops,
            batch_size=self.config.batch_size,
            start=start,
            stop=self.config.iterations,
            workers=self.config.workers,
        )

    def loss(self, batch: PhotoBatch) -> tuple[Tensor, dict[str, Tensor]]:
        if self._done < self.config.teacher_only * self.config.iterations:
            return self._teacher_loss(batch.images)
        # entered here, since torch.compile cannot trace a function that changes autocast
        with self._autocast():
            return self._loss(batch.images)

    def _plain_loss(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        output = self.network(images)
        # else the loss network's own borders, of zeros, reward pale ones
        terms = self.criterion.terms(*(self._continued(each) for each in (output, images)))
        named = terms.named()
        total = self.criterion.total(terms)
        if self.config.grid_weight:
            # sides of other sizes end within a period
            whole = [side - side % STRIDE for side in images.shape[-2:]]
            pair = (each[..., : whole[0], : whole[1]] for each in (output, images))
            named["grid"] = grid_loss(*pair, factor=STRIDE)
            total = total + self.config.grid_weight * named["grid"]
        if self.config.edge_weight:
            named["edges"] = edge_loss(output, self._without_edges(images))
            total = total + self.config.edge_weight * named["edges"]
        if self.teacher is not None:
            named["teacher"] = self._distance_to_teacher(output, images)
            total = total + self.config.teacher_weight * named["teacher"]
        return total, named

    def _continued(self, images: Tensor) -> Tensor:
        border = self.config.border_px
        return reflect_pad(images, border, border, border, border) if border else images

    @torch.no_grad()
    def _without_edges(self, images: Tensor) -> Tensor:
        """What the network paints if the photos go on, mirrored, beyond their borders."""
        painted: Tensor = self.network(reflect_pad(images, *(EDGE_MARGIN_PX,) * 4))
        return painted[..., EDGE_MARGIN_PX:-EDGE_MARGIN_PX, EDGE_MARGIN_PX:-EDGE_MARGIN_PX]

    def _teacher_loss(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Nothing but the teacher's picture: a third of the time, for no loss network is run."""
        with self._autocast():
            output = self.network(images)
        distance = self._distance_to_teacher(output, images)
        return self.config.teacher_weight * distance, {"teacher": distance}

    def _distance_to_teacher(self, output: Tensor, images: Tensor) -> Tensor:
        """Mean absolute difference between pixels in [0, 1]."""
        assert self.teacher is not None
        with torch.no_grad(), self._autocast():
            painted = self.teacher(images)
        return pixel_loss(output, painted, kind="absolute")

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def after_step(self, iteration: int, terms: dict[str, float]) -> None:
        config = self.config
        self._done = iteration
        self._judge(iteration, terms)
        last = iteration == config.iterations
        if config.preview_every and (iteration % config.preview_every == 0 or last):
            self._preview(iteration)
        if config.validate_every and self.held_out and iteration % config.validate_every == 0:
            self.validate(iteration, self.held_out[: config.validation_count])

    def finish(self, provenance: dict[str, Any]) -> Path:
        """Validate on every held-out photo and write the model with its card."""
        config = self.config
        objective = self.validate(config.iterations, self.held_out) if self.held_out else None
        card = model_card(config, provenance, objective)
        path = config.output / MODEL_FILE
        save_model(path, self.network, config.network, card)
        self.report(Saved(iteration=config.iterations, kind="model", path=path))
        return path

    @torch.no_grad()
    def validate(self, iteration: int, paths: Sequence[Path]) -> Validated:
        """Mean terms at 256 px over held-out photos, stylised and untouched, in float32."""
        self.network.eval()
        sums: dict[str, list[float]] = {}
        for pixels in readable(paths, len(paths)):
            image = center_crop(pixels, VALIDATION_PX).to(self.device)
            for kind, output in (("stylised", self.network(image).clamp(0, 1)), ("photo", image)):
                terms = self.criterion.terms(output, image)
                for name in ("content", "style", "tv"):
                    sums.setdefault(f"{kind} {name}", []).append(float(getattr(terms, name)))
                total = float(self.criterion.total(terms))
                sums.setdefault(f"{kind} total", []).append(total)
        self.network.train()
        means = {name: sum(values) / len(values) for name, values in sums.items()}
        event = Validated(
            iteration=iteration,
            terms={k.split()[1]: v for k, v in means.items() if k.startswith("stylised")},
            untouched={k.split()[1]: v for k, v in means.items() if k.startswith("photo")},
        )
        self.report(event)
        return event

    @torch.no_grad()
    def _preview(self, iteration: int) -> None:
        if not self.previews:
            return
        self.network.eval()
        painted = [self.network(photo.to(self.device)).clamp(0, 1).cpu() for photo in self.previews]
        self.network.train()
        sheet = contact_sheet([self.previews, painted])
        path = self.config.output / "previews" / f"{iteration:06d}.png"
        for target in (path, self.config.output / "preview.png"):
            write_picture(target, sheet)
        self.report(Saved(iteration=iteration, kind="preview", path=path))

    def _judge(self, iteration: int, terms: dict[str, float]) -> None:
        """Collect the errors over a stretch early in the run, and give advice at its end."""
        first, last = (round(share * self.config.iterations) for share in JUDGE_AT)
        if iteration <= first or iteration > last or self.teacher is not None:
            return
        self._judge_sums.append(terms)
        if iteration == last:
            count = len(self._judge_sums)
            mean = {k: sum(t[k] for t in self._judge_sums) / count for k in terms}
            layers = {k: v for k, v in mean.items() if k.startswith("style ")}
            content = mean["content"] / (sum(self.config.content_layers.values()) or 1.0)
            self.report(Notice(iteration=iteration, message=judge_balance(content, layers)))


def _initial_network(config: StyleTrainingConfig) -> nn.Module:
    if not config.initial:
        return build_style_network(config.network).train()
    model: StyleModel = load_style_model(config.initial, config.initial_quality)
    if model.config != config.network:
        raise TrainingError(
            f"--initial {config.initial} holds {model.config}, but {config.network} is to be "
            "trained; give the same --architecture, --width, --blocks and --norm"
        )
    return model.network.requires_grad_(True).train()


def _teacher(config: StyleTrainingConfig, device: torch.device) -> StyleModel | None:
    if not config.teacher:
        return None
    model = load_style_model(config.teacher).to(device)
    # not `replace`: the network is this model's own
    model.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model
