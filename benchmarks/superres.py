"""Time a megapixel, and PSNR on Set5, of factor-4 networks: ours beside the light classics.

    python benchmarks/superres.py [--threads 2] [--rounds 7] [--px 256] [--data FOLDER]
        [--train-minutes 5 --photos FOLDER] [--output superres.json]

Our modern networks and SRCNN 9-5-5 as bundled (without a bundled model: random weights, which take
as long), the paper's network, and FSRCNN(56, 12, 4) (Dong et al., arXiv 1608.00367) and ESPCN (Shi
et al., arXiv 1609.05158), written below. The last two see luma only; their colours are bicubic, and
that is in their time. No weights of theirs are here: with --train-minutes each is trained that long
on the photos, in this run, so that its PSNR can be told (a long training gives more). Rounds are
interleaved, so that a busy machine slows all alike; medians; float32 unless a row says otherwise.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.data.degradations import find_degradation
from impasto.engines.tile_engine import SuperResOptions, TileEngine
from impasto.engines.tile_runner import Pixels
from impasto.engines.tiles import Box
from impasto.errors import ImpastoError, ModelError, OptionError
from impasto.evaluation.environment import describe_environment
from impasto.evaluation.image_sets import ImageSet, find_image_set
from impasto.evaluation.protocols import find_protocol
from impasto.media import find_images, luma, read_picture
from impasto.models import SuperResModel, load_superres_model
from impasto.networks.bicubic import enlarge
from impasto.networks.superres import SuperResConfig, build_superres_network

FACTOR = 4
BASELINE = "SRCNN 9-5-5"
Enlarge = Callable[[Tensor], Tensor]


class LumaNetwork(nn.Module):
    """A network on luma, (N, 1, h, w) -> (N, 1, 4h, 4w), with bicubic colours around it."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, low_res: Tensor) -> Tensor:
        picture = enlarge(low_res, FACTOR)
        return picture + (self.body(luma(low_res)) - luma(picture))


class FSRCNN(nn.Sequential):
    """Features 5x5, shrink 1x1, mapping 3x3 x4, expand 1x1, transposed 9x9; PReLU between."""

    def __init__(self, features: int = 56, shrunk: int = 12, mappings: int = 4) -> None:
        layers: list[nn.Module] = [nn.Conv2d(1, features, 5, padding=2), nn.PReLU(features)]
        layers += [nn.Conv2d(features, shrunk, 1), nn.PReLU(shrunk)]
        for _ in range(mappings):
            layers += [nn.Conv2d(shrunk, shrunk, 3, padding=1), nn.PReLU(shrunk)]
        layers += [nn.Conv2d(shrunk, features, 1), nn.PReLU(features)]
        layers.append(nn.ConvTranspose2d(features, 1, 9, FACTOR, padding=4, output_padding=3))
        super().__init__(*layers)


class ESPCN(nn.Sequential):
    """5x5 -> 64, 3x3 -> 32, 3x3 -> 16, pixel shuffle; tanh between."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 64, 5, padding=2),
            nn.Tanh(),
            nn.Conv2d(64, 32, 3, padding=1),
            nn.Tanh(),
            nn.Conv2d(32, FACTOR**2, 3, padding=1),
            nn.PixelShuffle(FACTOR),
        )


def train(network: nn.Module, photos: list[Path], minutes: float, px: int = 96) -> int:
    """A plain loop, the same for every peer: L1, Adam, random crops; returns the iterations."""
    chance = random.Random(0)
    pictures = [read_picture(path).pixels for path in photos]
    pictures = [picture for picture in pictures if min(picture.shape[-2:]) >= px]
    if not pictures:
        raise OptionError(f"--photos: no photo of at least {px} px a side")
    degrade = find_degradation("standard")
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    end, iteration = time.monotonic() + 60 * minutes, 0
    while (left := end - time.monotonic()) > 0:
        crops = []
        for picture in chance.choices(pictures, k=16):
            top, left_px = (chance.randint(0, size - px) for size in picture.shape[-2:])
            crop = picture[..., top : top + px, left_px : left_px + px]
            crops.append(crop.flip(-1) if chance.random() < 0.5 else crop)
        high_res = torch.cat(crops)
        loss = F.l1_loss(network(degrade(high_res, FACTOR)), high_res)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.param_groups[0]["lr"] = 1e-3 * max(0.05, left / (60 * minutes))
        optimizer.step()
        iteration += 1
    network.eval()
    return iteration


def bundled(name: str, config: SuperResConfig) -> tuple[SuperResModel, bool]:
    """The bundled model, and whether it was there; else one of random weights."""
    try:
        return load_superres_model(name, factor=FACTOR), True
    except ModelError:
        network = build_superres_network(config).eval().requires_grad_(False)
        return SuperResModel(name=name, network=network, config=config), False


def forward(network: nn.Module) -> Enlarge:
    """The plain forward pass, clamped."""

    def enlarged(low_res: Tensor) -> Tensor:
        with torch.inference_mode():
            return network(low_res).clamp(0, 1)

    return enlarged


def tiled(model: SuperResModel, backend: str) -> Enlarge:
    """Tile by tile in float32, as `impasto upscale` does it; made ready once."""
    engine = TileEngine(model, SuperResOptions(backend=backend, precision="float32"))

    def enlarged(low_res: Tensor) -> Tensor:
        pixels, (height, width) = low_res.numpy(), low_res.shape[-2:]
        output = np.empty((1, 3, FACTOR * height, FACTOR * width), np.float32)

        def put(part: Pixels, place: Box) -> None:
            place.of(output)[:] = part

        engine.run((height, width), see=lambda box: box.of(pixels), put=put)
        return torch.from_numpy(output)

    return enlarged


def mean_psnr(enlarged: Enlarge, image_set: ImageSet) -> float:
    """By the protocol `standard`."""
    protocol = find_protocol("standard")
    scores = []
    for image in image_set.images:
        loaded = image_set.read(image)
        high_res = protocol.cropped(loaded.high_res, FACTOR)
        output = enlarged(protocol.low_res(high_res, FACTOR))
        scores.append(protocol.scores(output, high_res, FACTOR, gray=loaded.gray).psnr)
    return statistics.fmean(scores)


def contenders(options: argparse.Namespace) -> dict[str, tuple[Enlarge, bool, int]]:
    """What to measure: how it enlarges, whether its weights are trained, how many it has."""
    rows: dict[str, tuple[Enlarge, bool, int]] = {}
    plans = {
        BASELINE: ("srcnn", SuperResConfig(architecture="srcnn-9-5-5", factor=FACTOR)),
        "ours, modern, pixel loss": ("pixel", SuperResConfig(factor=FACTOR)),
        "ours, modern, perceptual loss": ("perceptual", SuperResConfig(factor=FACTOR)),
        "paper's network": ("paper-pixel", SuperResConfig(architecture="paper", factor=FACTOR)),
    }
    for title, (name, config) in plans.items():
        model, trained = bundled(name, config)
        rows[title] = forward(model.network), trained, parameters(model.network)
        if name == "perceptual":
            for backend in ("eager", "openvino"):
                row = tiled(model, backend), trained, parameters(model.network)
                rows[f"ours, perceptual, {backend}, in tiles"] = row
    for title, body in (("FSRCNN(56, 12, 4)", FSRCNN()), ("ESPCN", ESPCN())):
        network = LumaNetwork(body)
        if options.train_minutes:
            done = train(network, find_images(options.photos), options.train_minutes)
            print(f"{title}: {done} iterations in {options.train_minutes:g} min")
        rows[title] = forward(network), bool(options.train_minutes), parameters(network)
    return rows


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def find_set5(data: Path | None) -> ImageSet | None:
    """Set5 where it is at hand; nothing is downloaded for a benchmark."""
    try:
        return find_image_set("set5", data=data, download=False)
    except ImpastoError as error:
        print(f"no PSNR: {error}")
        return None


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--px", type=int, default=256, help="side of the low resolution")
    parser.add_argument("--data", type=Path, help="folder with set5 in it")
    parser.add_argument("--train-minutes", type=float, default=0.0, help="for each peer")
    parser.add_argument("--photos", type=Path, help="to train the peers on")
    parser.add_argument("--output", type=Path, default=Path("superres.json"))
    options = parser.parse_args()
    if options.train_minutes and (options.photos is None or not options.photos.is_dir()):
        parser.error("--train-minutes needs --photos FOLDER")
    torch.set_num_threads(options.threads)
    rows = contenders(options)
    set5 = find_set5(options.data)
    low_res = torch.rand(1, 3, options.px, options.px)
    megapixels = (options.px * FACTOR) ** 2 / 1e6
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for turn in range(options.rounds + 1):
        for name, (enlarged, _, _) in rows.items():
            begin = time.perf_counter()
            enlarged(low_res)
            if turn:  # the first is warm-up
                seconds[name].append((time.perf_counter() - begin) / megapixels)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    report = []
    for name, (enlarged, trained, count) in rows.items():
        score = mean_psnr(enlarged, set5) if set5 and trained else None
        faster = medians[BASELINE] / medians[name]
        report.append(
            {
                "what": name,
                "parameters": count,
                "seconds_per_megapixel": medians[name],
                "seconds": seconds[name],
                "times_as_fast_as_baseline": faster,
                "set5_psnr": score,
            }
        )
        told = "       -" if score is None else f"{score:5.2f} dB"
        print(f"{name:48s}{count:>9,}{medians[name]:9.3f} s/MP{faster:7.2f}x  {told}")
    about = {
        "environment": describe_environment(),
        "factor": FACTOR,
        "low_res_px": options.px,
        "baseline": BASELINE,
        "protocol": find_protocol("standard").to_json(FACTOR),
        "peers_trained_minutes": options.train_minutes,
        "rows": report,
    }
    options.output.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
