"""A style in training: network, crops, loss, previews, scores, and early advice on its weight."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from impasto.data.photos import PhotoBatch, PhotoCrops, center_crop, photo_batches
from impasto.errors import TrainingError
from impasto.events import Notice
from impasto.losses import LossWeights, PerceptualLoss, edge_loss, grid_loss, pixel_loss
from impasto.media import read_picture, resize_long_side
from impasto.models import StyleModel, load_style_model
from impasto.networks import LossNetwork, build_style_network
from impasto.networks.layout import STRIDE
from impasto.networks.loss.weight_file import hash_tensors
from impasto.networks.padding import reflect_pad
from impasto.training.style_config import StyleTrainingConfig
from impasto.training.task import Scores, Setup, Task, channels_last

VALIDATION_PX = 256  # side of the held-out photos' crops, the size that the paper trains at
PREVIEW_LONG_SIDE = 384
# how far photos go on beyond their borders where no edge is to be seen; edges reach less far
EDGE_MARGIN_PX = 32

# With relative losses both errors can be read off directly: 0 is a perfect match, 1 is what an
# empty picture would score. A good painting sits between: the photo can be read, the style is
# there.
# When to judge: the share of the run after which the balance no longer moves much, yet early.
JUDGE_AT = (0.1, 0.3)

# Bundled styles that were found good by eye had content errors of 0.50 to 0.99 and style errors of
# 0.05 to 0.1 a layer at that time; a faint one 0.27 a layer (docs/training.md).
CONTENT_DROWNED = 1.05
CONTENT_UNTOUCHED = 0.2
STYLE_WEAK = 0.2


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
    placed: PerceptualLoss = channels_last(criterion)
    return placed


class StyleTask(Task[StyleTrainingConfig, PhotoBatch]):
    """A style for the training loop; scores are terms at 256 px."""

    output_name, untouched_name = "stylised", "untouched_photo"

    def __init__(self, setup: Setup[StyleTrainingConfig]) -> None:
        super().__init__(setup)
        config = setup.config
        self.network_config = config.network
        assert setup.loss_network is not None
        self.criterion = style_criterion(config, setup.loss_network, setup.device)
        self.network: nn.Module = channels_last(_initial_network(config).to(setup.device))
        self.teacher = _teacher(config, setup.device)
        self._done = 0
        crops = PhotoCrops(
            setup.paths,
            self._crop_px_of_sample,
            seed=config.seed,
            zoom=config.zoom,
            color_jitter=config.color_jitter,
        )
        self.sampled = partial(photo_batches, crops)
        photos = self.preview_photos([*setup.held_out, *setup.paths])
        self._previews = [resize_long_side(pixels, PREVIEW_LONG_SIDE) for pixels in photos]
        self._judge_sums: list[Scores] = []

    @classmethod
    def provenance(cls, config: StyleTrainingConfig) -> dict[str, Any]:
        paintings = [hashlib.sha256(path.read_bytes()).hexdigest() for path in config.style]
        about: dict[str, Any] = {"style_sha256": paintings}
        return {**about, "teacher": _of_model(config.teacher)} if config.teacher else about

    def _crop_px_of_sample(self, index: int) -> int:
        return crop_px_at(
            index // self.config.batch_size,
            iterations=self.config.iterations,
            crops=self.config.crops,
        )

    def batches(self, start: int) -> Iterator[PhotoBatch]:
        self._done = start
        return super().batches(start)

    def loss(self, batch: PhotoBatch) -> tuple[Tensor, dict[str, Tensor]]:
        if self._done < self.config.teacher_only * self.config.iterations:
            return self._teacher_loss(batch.images)
        return super().loss(batch)

    def terms_of(self, *tensors: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        (images,) = tensors
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
        with self.autocast():
            output = self.network(images)
        distance = self._distance_to_teacher(output, images)
        return self.config.teacher_weight * distance, {"teacher": distance}

    def _distance_to_teacher(self, output: Tensor, images: Tensor) -> Tensor:
        """Mean absolute difference between pixels in [0, 1]."""
        assert self.teacher is not None
        with torch.no_grad(), self.autocast():
            painted = self.teacher(images)
        return pixel_loss(output, painted, kind="absolute")

    def after_step(self, iteration: int, terms: Scores) -> None:
        self._done = iteration
        self._judge(iteration, terms)
        super().after_step(iteration, terms)

    def scores(self, pixels: Tensor, number: int) -> tuple[Scores, Scores]:
        del number
        image = center_crop(pixels, VALIDATION_PX).to(self.device)
        return self._score(self.network(image).clamp(0, 1), image), self._score(image, image)

    def _score(self, output: Tensor, image: Tensor) -> Scores:
        terms = self.criterion.terms(output, image)
        scores = {name: float(getattr(terms, name)) for name in ("content", "style", "tv")}
        return {**scores, "total": float(self.criterion.total(terms))}

    def preview_rows(self) -> list[list[Tensor]]:
        if not self._previews:
            return []
        painted = [
            self.network(photo.to(self.device)).clamp(0, 1).cpu() for photo in self._previews
        ]
        return [self._previews, painted]

    def card(self) -> dict[str, Any]:
        return style_card(self.config)

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


def style_card(config: StyleTrainingConfig) -> dict[str, Any]:
    """What a style's model file says of itself."""
    trained: dict[str, Any] = {"initial": _of_model(config.initial, config.initial_quality)}
    if config.teacher:
        trained |= {"teacher_weight": config.teacher_weight, "teacher_only": config.teacher_only}
    return {
        "name": config.name or config.style[0].stem.lower().replace("_", "-"),
        "title": config.title,
        "artist": config.artist,
        "year": config.year,
        "licence": config.licence,
        "painting_source": config.painting_source,
        "trained": trained,
        "objective": {"size_px": VALIDATION_PX},
    }


def _of_model(name_or_path: str, quality: str = "full") -> dict[str, str] | None:
    """Which style model it is; None if none was named."""
    if not name_or_path:
        return None
    model = load_style_model(name_or_path, quality)
    return {"name": model.name, "weights_sha256": hash_tensors(model.network.state_dict())}


def _initial_network(config: StyleTrainingConfig) -> nn.Module:
    if not config.initial:
        return build_style_network(config.network).train()
    model: StyleModel = load_style_model(config.initial, config.initial_quality)
    if model.config != config.network:
        raise TrainingError(
            f"`initial` {config.initial} holds {model.config}, but {config.network} is to be "
            "trained; give the same `architecture`, `width`, `blocks` and `norm`"
        )
    return model.network.requires_grad_(True).train()


def _teacher(config: StyleTrainingConfig, device: torch.device) -> StyleModel | None:
    if not config.teacher:
        return None
    model = load_style_model(config.teacher).to(device)
    channels_last(model.network)  # in place: the network is this model's own
    return model


def crop_px_at(iteration: int, *, iterations: int, crops: Sequence[tuple[float, int]]) -> int:
    """Side of the crops in pixels: `crops` holds (share of the iterations, px), in their order.

    Small crops first teach the strokes at a fraction of the cost, large ones finish.
    """
    done = 0.0
    for share, px in crops:
        done += share
        if iteration < done * iterations - 1e-9:
            return px
    return crops[-1][1]


def judge_balance(content: float, style_by_layer: Mapping[str, float]) -> str:
    """Advice in a sentence, from the mean relative content error and the style errors by layer."""
    style = sum(style_by_layer.values()) / max(len(style_by_layer), 1)
    state = f"content error {content:.2f}, style error {style:.2f} a layer"
    if content > CONTENT_DROWNED:
        return f"{state}: the photo is drowning; try half `style_weight`"
    if content < CONTENT_UNTOUCHED:
        return f"{state}: the photo is hardly painted; try twice `style_weight`"
    if style > STYLE_WEAK:
        return f"{state}: the style is still faint; if previews agree, raise `style_weight`"
    return f"{state}: in the range that suits most paintings; the previews decide"
