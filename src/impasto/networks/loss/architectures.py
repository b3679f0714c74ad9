"""One record for each architecture; which one a set of tensors is, and the stages built from it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from impasto.errors import OptionError, WeightsError
from impasto.networks.loss.blocks import Pooling
from impasto.networks.loss.convnets import (
    alexnet_shapes,
    alexnet_stages,
    googlenet_shapes,
    googlenet_stages,
    squeezenet_shapes,
    squeezenet_stages,
)
from impasto.networks.loss.inputs import (
    BVLC_CAFFE_MEAN_BGR,
    TORCHVISION,
    VGG_CAFFE_MEAN_BGR,
    InputFamily,
    family_of,
)
from impasto.networks.loss.network import Shape, Stage
from impasto.networks.loss.vgg import (
    distilled_shapes,
    distilled_stages,
    fold_preprocessing,
    vgg_positions,
    vgg_shapes,
    vgg_stages,
)
from impasto.networks.loss.weight_file import WeightFile


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A loss network known here: all that decides how its weights are checked and built.

    shapes: prefix of each convolution -> shape (O, I, k, k) of its weight, shallow -> deep. stages:
    from named tensors, as deep as they reach. preprocessing: a convolution of its own, and the one
    that it is folded into.
    """

    shapes: Callable[[], dict[str, Shape]]
    stages: Callable[[Mapping[str, Tensor], Pooling], list[Stage]]
    preprocessing: tuple[str, str] | None = None


def _vgg(name: str) -> Architecture:
    return Architecture(
        shapes=partial(vgg_shapes, name),
        stages=lambda tensors, pooling: vgg_stages(name, tensors, pooling=pooling),
    )


ARCHITECTURES = {
    "vgg16": _vgg("vgg16"),
    "vgg19": _vgg("vgg19"),
    "vgg19-normalised": Architecture(
        shapes=lambda: {"preproc": (3, 3, 1, 1), **vgg_shapes("vgg19")},
        stages=lambda tensors, pooling: vgg_stages(
            "vgg19", tensors, mode="reflect", pooling=pooling
        ),
        preprocessing=("preproc", "features.0"),
    ),
    "vgg19-distilled": Architecture(
        shapes=distilled_shapes,
        stages=lambda tensors, pooling: distilled_stages(tensors, pooling=pooling),
        preprocessing=("conv0", "conv11"),
    ),
    "alexnet": Architecture(
        shapes=alexnet_shapes, stages=lambda tensors, _: alexnet_stages(tensors)
    ),
    "squeezenet1_1": Architecture(
        shapes=squeezenet_shapes, stages=lambda tensors, _: squeezenet_stages(tensors)
    ),
    "googlenet": Architecture(
        shapes=googlenet_shapes, stages=lambda tensors, _: googlenet_stages(tensors)
    ),
}


def tensor_shapes(architecture: str) -> dict[str, Shape]:
    """Name -> shape of every weight and bias of the architecture's convolutions."""
    shapes: dict[str, Shape] = {}
    for prefix, shape in ARCHITECTURES[architecture].shapes().items():
        shapes[f"{prefix}.weight"] = shape
        shapes[f"{prefix}.bias"] = shape[:1]
    return shapes


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is built from a weights file: stages, colour to subtract, and the tensors in use."""

    architecture: str
    stages: Sequence[Stage]
    mean: Sequence[float]
    used: Mapping[str, Tensor]


def plan_network(file: WeightFile, *, family: str | None = None, pooling: Pooling = "max") -> Plan:
    """Recognise the architecture by keys and shapes, check it, and lay out the stages.

    Raises WeightsError if the tensors are of no network known here, have a gap, a wrong shape or
    a value that is not finite, or if nothing tells how the input is to be normalised; OptionError
    for average pooling in a network that is no VGG.
    """
    tensors = with_known_keys(file.tensors)
    architecture = recognise(tensors, file)
    if pooling not in ("max", "average"):
        raise OptionError(f"no pooling {pooling!r}; choose from ['max', 'average']")
    if pooling == "average" and not architecture.startswith("vgg"):
        raise OptionError(f"average pooling is for VGG networks only, not for {architecture}")
    used = tensors_in_use(architecture, tensors, file)
    try:
        record = ARCHITECTURES[architecture]
        if record.preprocessing is not None:
            pre, first = record.preprocessing
            weight, mean = fold_preprocessing(
                used[f"{first}.weight"], used[f"{pre}.weight"], used[f"{pre}.bias"]
            )
        else:
            first = next(iter(record.shapes()))
            normalisation = _input_family(architecture, tensors, file, family)
            weight, mean = normalisation.fold(used[f"{first}.weight"]), normalisation.mean
        stages = record.stages({**used, f"{first}.weight": weight}, pooling)
    except KeyError as error:
        raise WeightsError(f"{file.path} is incomplete: {architecture} needs {error}") from error
    return Plan(architecture=architecture, stages=stages, mean=mean, used=used)


def with_known_keys(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the flat keys of the AdaIN and WCT encoders ("0.weight", "2.weight", ...).

    Those files hold the normalised VGG-19: a 1x1 preprocessing convolution, then VGG-19 in order.
    """
    numbers = sorted({int(name.split(".")[0]) for name in tensors if name.split(".")[0].isdigit()})
    first = tensors.get("0.weight")
    if first is None or tuple(first.shape) != (3, 3, 1, 1):
        return dict(tensors)
    places = ["preproc", *(f"features.{index}" for index in vgg_positions("vgg19").values())]
    return {
        f"{place}.{part}": tensors[f"{number}.{part}"]
        for number, place in zip(numbers, places, strict=False)
        for part in ("weight", "bias")
        if f"{number}.{part}" in tensors
    }


def recognise(tensors: Mapping[str, Tensor], file: WeightFile) -> str:
    """The architecture that the keys and shapes belong to; WeightsError if to none known here."""
    if any(name.endswith("running_mean") for name in tensors):
        raise WeightsError(
            f"{file.path} is a network with batch normalisation; wanted is one of "
            f"{list(ARCHITECTURES)}, which have none"
        )
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    first = shapes.get("features.0.weight")
    if shapes.get("conv0.weight") == (3, 3, 1, 1) and "conv11.weight" in shapes:
        return "vgg19-distilled"
    if "conv1/7x7_s2.weight" in shapes:
        return "googlenet"
    if first == (64, 3, 11, 11):
        return "alexnet"
    if first == (64, 3, 3, 3):
        if "preproc.weight" in shapes:
            return "vgg19-normalised"
        if "features.3.squeeze.weight" in shapes:
            return "squeezenet1_1"
        return _which_vgg(shapes, file)
    some = ", ".join(f"{name} {shape}" for name, shape in list(shapes.items())[:3])
    raise WeightsError(
        f"{file.path} is no loss network known here (it has {some}, ...); wanted is one of "
        f"{list(ARCHITECTURES)}, with torchvision's key names where torchvision has the network"
    )


def _which_vgg(shapes: Mapping[str, tuple[int, ...]], file: WeightFile) -> str:
    found = [re.fullmatch(r"features\.(\d+)\.weight", name) for name in shapes]
    present = sorted(int(match[1]) for match in found if match)
    places = {name: list(vgg_positions(name).values()) for name in ("vgg16", "vgg19")}
    fitting = [name for name, indices in places.items() if set(present) <= set(indices)]
    if not fitting:
        raise WeightsError(
            f"{file.path} has convolutions at features {present}; VGG-16 has them at "
            f"{places['vgg16']}, VGG-19 at {places['vgg19']}"
        )
    # Down to relu3_3 both are the same network: let the file's own words decide the name.
    words = " ".join([file.path.stem, *file.metadata.values()]).lower().replace("-", "")
    return next((name for name in fitting if name in words), fitting[0])


def tensors_in_use(
    architecture: str, tensors: Mapping[str, Tensor], file: WeightFile
) -> dict[str, Tensor]:
    """The convolutions from the first one on, as deep as they reach; no classifier.

    Raises WeightsError for a wrong shape, a value that is not finite, or a gap.
    """
    used: dict[str, Tensor] = {}
    missing: str | None = None
    for name, shape in tensor_shapes(architecture).items():
        tensor = tensors.get(name)
        if tensor is None:
            missing = missing or name
            continue
        if missing:
            raise WeightsError(
                f"{file.path} is incomplete: {architecture} needs {missing} before {name}"
            )
        if tuple(tensor.shape) != shape:
            raise WeightsError(
                f"{file.path}: {name} is {tuple(tensor.shape)}, in {architecture} it is {shape}"
            )
        if not bool(tensor.isfinite().all()):
            raise WeightsError(f"{file.path}: {name} holds NaN or infinity; the file is damaged")
        used[name] = tensor
    return used


def _input_family(
    architecture: str, tensors: Mapping[str, Tensor], file: WeightFile, family: str | None
) -> InputFamily:
    mean = VGG_CAFFE_MEAN_BGR if architecture.startswith("vgg") else BVLC_CAFFE_MEAN_BGR
    found = family_of(file.metadata, family, mean)
    if found is None and any(name.startswith("pre_logits.") for name in tensors):
        return TORCHVISION  # timm's conversion of torchvision's VGG renames the classifier so
    if found is None:
        raise WeightsError(
            f"{file.path} does not say how its input is normalised; pass family='torchvision' "
            "(RGB, ImageNet mean and deviation) or family='caffe' (BGR 0..255 minus the mean), or "
            "write it into the safetensors metadata as 'preprocessing'"
        )
    return found
