"""Train several styles at once on one graphics card: the same photos for all, one step for all.

python recipes/train_together.py starry-night udnie ... --photos FOLDER --held-out FOLDER \
    --output runs/together --seconds 500

A student is a recipe's name, then what is special about it: `starry-night,width=1,blocks=10` begins
with the bundled network made wider and deeper without changing what it paints;
`udnie,architecture=fast,blocks=3` takes the bundled fast network, and learns from the bundled full
one as its teacher too. The objective is the recipe's own.

Against `impasto train style` in turn: the photos' features are computed once for all students, the
loss network runs on one large batch, Muon makes the momenta of all students orthogonal by batched
products, and the whole step is one CUDA graph. Photos are held on the card and cut there. There is
no resuming: with `--seconds` the number of iterations is chosen so that the time is used up.
"""

import argparse
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from together.run import Crops, Run, photos_on
from together.students import Stage, Student, make_student, parse_student, recipe_of
from torch import Tensor

from impasto.data.photos import center_crop, find_photos
from impasto.events import Validated
from impasto.media import read_picture
from impasto.models import save_model
from impasto.networks import LossNetwork, build_style_network, load_loss_network
from impasto.training import StyleTrainingConfig, read_recipe
from impasto.training.loop import learning_rate_at
from impasto.training.style_task import VALIDATION_PX, StyleTask, style_card
from impasto.training.task import full_card
from impasto.training.trainer import common_provenance

REPORT_EVERY = 500
VALIDATION_BATCH = 10
TIMED = 10  # steps of each stage, to learn how long they take


@torch.no_grad()
def validate(student: Student, squares: Tensor) -> Validated:
    """Mean terms over held-out photos at 256 px in float32, as StyleTask.validate measures them."""
    student.network.eval()
    sums: dict[str, dict[str, float]] = {
        "stylised": defaultdict(float),
        "photo": defaultdict(float),
    }
    for images in squares.split(VALIDATION_BATCH):
        share = len(images) / len(squares)
        for kind, output in (("stylised", student.network(images).clamp(0, 1)), ("photo", images)):
            terms = student.criterion.terms(output, images)
            for name in ("content", "style", "tv"):
                sums[kind][name] += share * float(getattr(terms, name))
            sums[kind]["total"] += share * float(student.criterion.total(terms))
    student.network.train()
    return Validated(iteration=0, terms=dict(sums["stylised"]), untouched=dict(sums["photo"]))


@dataclass
class Training:
    """A run from its first crop to the model files."""

    run: Run
    args: argparse.Namespace
    crops: Crops
    loss_network: LossNetwork
    held_out: Tensor | None  # (N, 3, 256, 256)
    begin: float
    drawn: int = 0  # batches of crops

    def whole(self) -> None:
        """All stages in turn; saved now and then, and at the end."""
        args, run = self.args, self.run
        run.optimizer.set(args.learning_rate / 25, 1)
        steps = [run.step_of(stage, self.batches(stage)) for stage in args.stages]
        total = args.iterations if args.seconds is None else self.affordable(steps)
        run.sums.zero_()
        saved = time.perf_counter()
        done = 0
        share = 0.0
        for stage, step in zip(args.stages, steps, strict=True):
            share += stage.share
            for images in self.batches(stage):
                if done >= round(total * share):
                    break
                rate = learning_rate_at(
                    done, iterations=total, peak=args.learning_rate, schedule="one-cycle"
                )
                run.optimizer.set(rate, done + 1)
                step(images)
                done += 1
                if done % REPORT_EVERY == 0:
                    run.report(done, total, REPORT_EVERY)
                if time.perf_counter() - saved > args.save_every:
                    self.save(done, validated=False)
                    saved = time.perf_counter()
        self.save(total, validated=self.held_out is not None)
        print(f"{total} iterations, {self.seconds():.1f} s in all", flush=True)

    def seconds(self) -> float:
        return time.perf_counter() - self.begin

    def batches(self, stage: Stage) -> Iterator[Tensor]:
        """Endless; each stage goes on where the one before it stopped."""
        while True:
            yield self.crops.batch(self.drawn, self.args.batch_size, stage.px, stage.zoom)
            self.drawn += 1

    def affordable(self, steps: Sequence[Callable[[Tensor], None]]) -> int:
        """How many iterations the seconds that are left allow, by a few of each stage."""
        mean = 0.0
        for stage, step in zip(self.args.stages, steps, strict=True):
            self.run.wait()
            begin = time.perf_counter()
            for images in itertools.islice(self.batches(stage), TIMED):
                step(images)
            self.run.wait()
            each = (time.perf_counter() - begin) / TIMED
            print(f"{stage}: {1000 * each:.1f} ms a step", flush=True)
            mean += stage.share * each
        return max(1, int((self.args.seconds - self.seconds()) / mean))

    def save(self, iterations: int, *, validated: bool) -> None:
        """Every student's model file with its card."""
        paths = find_photos(self.args.photos)
        together = [student.name for student in self.run.students]
        for student in self.run.students:
            objective = None
            if validated and self.held_out is not None:
                objective = validate(student, self.held_out)
                text = json.dumps({name: round(x, 4) for name, x in objective.terms.items()})
                print(f"{student.name}: {text}", flush=True)
            config = replace(student.config, iterations=iterations, output=self.args.output)
            provenance = common_provenance(config, self.loss_network, paths)
            provenance |= StyleTask.provenance(config)
            scores = StyleTask.told(objective)
            card = full_card(style_card(config), config, provenance, scores)
            card |= {"name": student.name}
            card["trained"] |= {
                **student.about,
                "border_px": [stage.border for stage in self.args.stages],
                "zoom": [stage.zoom or self.args.zoom for stage in self.args.stages],
                "together": together,
            }
            network = build_style_network(config.network)
            network.load_state_dict(student.network.state_dict())
            path = self.args.output / f"{student.name}.safetensors"
            save_model(path, network, config.network, card)


def parse_stages(text: str) -> list[Stage]:
    """ "0.6:160:0,0.4:256:16:1": share of the iterations, pixels, border, zoom if another."""
    stages = []
    for part in text.split(","):
        share, px, border, *zoom = part.split(":")
        stages.append(Stage(float(share), int(px), int(border), *map(float, zoom)))
    return stages


def parse_arguments() -> argparse.Namespace:
    """From the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("students", nargs="+")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, help="folder of photos to validate on")
    parser.add_argument("--output", type=Path, default=Path("runs/together"))
    parser.add_argument(
        "--stages",
        type=parse_stages,
        default="0.65:160:0,0.35:224:12",
        help="share of the iterations, crops' side in px, border for the loss network in px, zoom",
    )
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--zoom", type=float, default=1.7)
    parser.add_argument("--color-jitter", type=float, default=0.0)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--seconds", type=float, help="instead of --iterations")
    parser.add_argument("--save-every", type=float, default=120.0, help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


def main() -> None:
    """Load everything, then train."""
    args = parse_arguments()
    begin = time.perf_counter()
    device = torch.device(args.device)
    # what it tries out pays within seconds: all crops have one of two sizes
    torch.backends.cudnn.benchmark = True
    args.output.mkdir(parents=True, exist_ok=True)
    first = read_recipe(recipe_of(*parse_student(args.students[0])), StyleTrainingConfig)
    loss_network = load_loss_network(first["loss_network"]).to(device)
    students = [make_student(text, args, loss_network, device) for text in args.students]
    photos = photos_on(device, find_photos(args.photos))
    held_out = None
    if args.held_out is not None:
        squares = [
            center_crop(read_picture(path).pixels, VALIDATION_PX)
            for path in find_photos(args.held_out)
        ]
        held_out = torch.cat(squares).to(device)
    print(f"{len(photos)} photos, {time.perf_counter() - begin:.1f} s", flush=True)
    crops = Crops(photos, args.seed, args.zoom, args.color_jitter)
    Training(Run(students, device), args, crops, loss_network, held_out, begin).whole()


if __name__ == "__main__":
    main()
