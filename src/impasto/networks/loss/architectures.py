"""Which network a set of tensors is, what it expects of its pixels, and the stages built from it.

Pixels: the torchvision family and the Caffe family. Both are a per-channel mean to subtract and a
scale, on RGB in [0, 1]; Caffe networks see the channels in BGR order. Scale and order are folded
into the first convolution (exact); the mean is subtracted explicitly, because zero padding would
make folding it wrong at the border.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.errors import OptionError, WeightsError
from impasto.networks.loss.blocks import Pooling
from impasto.networks.loss.convnets import alexnet_stages, googlenet_stages, squeezenet_stages
from impasto.networks.loss.network import Stage
from impasto.networks.loss.shapes import ARCHITECTURES, tensor_shapes, weight_shapes
from impasto.networks.loss.vgg import (
    distilled_stages,
    fold_preprocessing,
    vgg_positions,
    vgg_stages,
)
from impasto.networks.loss.weight_file import WeightFile

FAMILIES = ("torchvision", "caffe")
VGG_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)  # 0..255, the VGG authors' means
BVLC_CAFFE_MEAN_BGR = (104.0, 117.0, 123.0)  # 0..255, the BVLC models' and SqueezeNet's


@dataclass(frozen=True, kw_only=True)
class InputFamily:
    """(pixel - mean) * scale per RGB channel of [0, 1], then BGR order if `bgr`."""

    name: str
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    bgr: bool

    def fold(self, weight: Tensor) -> Tensor:
        """First convolution's weight (O, 3, k, k), rewritten for mean-centred RGB in [0, 1]."""
        weight = weight.double()
        if self.bgr:
            weight = weight.flip(1)
        scale = torch.tensor(self.scale, dtype=torch.float64).reshape(1, 3, 1, 1)
        return (weight * scale).float()


TORCHVISION = InputFamily(
    name="torchvision",
    mean=(0.485, 0.456, 0.406),
    scale=(1 / 0.229, 1 / 0.224, 1 / 0.225),
    bgr=False,
)


def caffe(mean_bgr: tuple[float, float, float]) -> InputFamily:
    """BGR, 0..255, minus `mean_bgr` (in 0..255)."""
    blue, green, red = mean_bgr
    return InputFamily(
        name="caffe", mean=(red / 255, green / 255, blue / 255), scale=(255, 255, 255), bgr=True
    )


def family_of(
    metadata: Mapping[str, str], family: str | None, default_caffe_mean: tuple[float, float, float]
) -> InputFamily | None:
    """The input family by option or by the file's "preprocessing" metadata; None if neither tells.

    The option wins over the metadata. A Caffe mean written as "B=104 G=117 R=123" in the metadata
    is used, else `default_caffe_mean`. Raises OptionError for an unknown `family`.
    """
    if family is not None and family not in FAMILIES:
        raise OptionError(f"no weight family {family!r}; choose from {list(FAMILIES)}")
    text = metadata.get("preprocessing", "")
    if family is None:
        start = text.strip().lower()
        family = next((known for known in FAMILIES if start.startswith(known)), None)
    if family == "torchvision":
        return TORCHVISION
    if family == "caffe":
        return caffe(_mean_in(text) or default_caffe_mean)
    return None


def _mean_in(text: str) -> tuple[float, float, float] | None:
    found = [re.search(rf"\b{channel}\s*=\s*(\d+(?:\.\d+)?)", text) for channel in "BGR"]
    if any(match is None for match in found):
        return None
    blue, green, red = (float(match.group(1)) for match in found if match)
    return blue, green, red


# Architectures with a preprocessing convolution of their own, and the one it is folded into.
PREPROCESSED = {
    "vgg19-normalised": ("preproc", "features.0"),
    "vgg19-distilled": ("conv0", "conv11"),
}


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
        if architecture in PREPROCESSED:
            ready, mean = _with_preprocessing_folded(architecture, used)
        else:
            first = next(iter(weight_shapes(architecture)))
            normalisation = _input_family(architecture, tensors, file, family)
            ready = {**used, f"{first}.weight": normalisation.fold(used[f"{first}.weight"])}
            mean = normalisation.mean
        stages = _stages(architecture, ready, pooling)
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


def _with_preprocessing_folded(
    architecture: str, used: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], Sequence[float]]:
    pre, first = PREPROCESSED[architecture]
    weight, mean = fold_preprocessing(
        used[f"{first}.weight"], used[f"{pre}.weight"], used[f"{pre}.bias"]
    )
    return {**used, f"{first}.weight": weight}, mean


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


def _stages(architecture: str, tensors: Mapping[str, Tensor], pooling: Pooling) -> list[Stage]:
    if architecture == "vgg19-distilled":
        return distilled_stages(tensors, pooling=pooling)
    if architecture == "vgg19-normalised":
        return vgg_stages("vgg19", tensors, mode="reflect", pooling=pooling)
    if architecture == "alexnet":
        return alexnet_stages(tensors)
    if architecture == "squeezenet1_1":
        return squeezenet_stages(tensors)
    if architecture == "googlenet":
        return googlenet_stages(tensors)
    return vgg_stages(architecture, tensors, pooling=pooling)
