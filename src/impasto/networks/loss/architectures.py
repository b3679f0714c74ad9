"""Which network a set of tensors is, and the loss network built from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from impasto.errors import WeightsError
from impasto.networks.loss.blocks import Pooling
from impasto.networks.loss.convnets import alexnet_stages, googlenet_stages, squeezenet_stages
from impasto.networks.loss.inputs import (
    BVLC_CAFFE_MEAN_BGR,
    TORCHVISION,
    VGG_CAFFE_MEAN_BGR,
    InputFamily,
    family_of,
)
from impasto.networks.loss.network import Stage
from impasto.networks.loss.vgg import (
    distilled_stages,
    fold_preprocessing,
    vgg_positions,
    vgg_stages,
)
from impasto.networks.loss.weight_file import WeightFile

# Architectures with their own preprocessing convolution, and the convolution that follows it.
PREPROCESSED = {
    "vgg19-normalised": ("preproc", "features.0"),
    "vgg19-distilled": ("conv0", "conv11"),
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is built from a weights file: stages, input mean, and the tensors that are used."""

    architecture: str
    stages: Sequence[Stage]
    mean: Sequence[float]
    used: Mapping[str, Tensor]


def plan_network(
    file: WeightFile, *, family: str | None = None, pooling: Pooling = "max"
) -> Plan:
    """Recognise the architecture by keys and shapes, check it, and lay out the stages.

    Raises WeightsError if the tensors are of no network known here, have a gap, a wrong shape or
    a value that is not finite, or if nothing tells how the input is to be normalised.
    """
    tensors = with_known_keys(file.tensors)
    architecture = recognise(tensors, file)
    used = _tensors_in_use(architecture, tensors, file)
    if architecture in PREPROCESSED:
        pre, first = PREPROCESSED[architecture]
        ready = dict(used)
        ready[f"{first}.weight"], ready[f"{first}.bias"], mean = fold_preprocessing(
            used[f"{first}.weight"],
            used[f"{first}.bias"],
            used[f"{pre}.weight"],
            used[f"{pre}.bias"],
        )
    else:
        first = "conv1/7x7_s2" if architecture == "googlenet" else "features.0"
        normalisation = _input_family(architecture, tensors, file, family)
        ready = {**used, f"{first}.weight": normalisation.fold(used[f"{first}.weight"])}
        mean = normalisation.mean
    stages = _stages(architecture, ready, pooling, file)
    return Plan(architecture=architecture, stages=stages, mean=mean, used=used)


def with_known_keys(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the flat keys of the AdaIN/WCT encoders ("0.weight", "2.weight", ...).

    Those files hold the normalised VGG-19: a 1x1 preprocessing convolution, then VGG-19 in order.
    """
    numbers = sorted({int(name.split(".")[0]) for name in tensors if name.split(".")[0].isdigit()})
    first = tensors.get("0.weight")
    if not numbers or first is None or tuple(first.shape) != (3, 3, 1, 1):
        return dict(tensors)
    places = ["preproc", *(f"features.{i}" for i in vgg_positions("vgg19").values())]
    renamed = {}
    for number, place in zip(numbers, places, strict=False):
        for part in ("weight", "bias"):
            if f"{number}.{part}" in tensors:
                renamed[f"{place}.{part}"] = tensors[f"{number}.{part}"]
    return renamed


def recognise(tensors: Mapping[str, Tensor], file: WeightFile) -> str:
    """The architecture that the keys and shapes belong to; WeightsError if to none known here."""
    if any(name.endswith("running_mean") for name in tensors):
        raise WeightsError(
            f"{file.path} is a network with batch normalisation; the loss networks are plain VGG, "
            "AlexNet, SqueezeNet 1.1 and GoogLeNet"
        )
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    first = shapes.get("features.0.weight")
    if shapes.get("conv0.weight") == (3, 3, 1, 1) and "conv11.weight" in shapes:
        return "vgg19-distilled"
    if "conv1/7x7_s2.weight" in shapes:
        return "googlenet"
    if first == (64, 3, 3, 3) and "preproc.weight" in shapes:
        return "vgg19-normalised"
    if first == (64, 3, 3, 3) and "features.3.squeeze.weight" in shapes:
        return "squeezenet1_1"
    if first == (64, 3, 11, 11):
        return "alexnet"
    if first == (64, 3, 3, 3):
        return _which_vgg(shapes, file)
    some = ", ".join(f"{name} {shape}" for name, shape in list(shapes.items())[:3])
    raise WeightsError(
        f"{file.path} is no loss network known here (it starts with {some}); wanted are VGG-16, "
        "VGG-19, AlexNet or SqueezeNet 1.1 with torchvision's key names, the normalised or "
        "distilled VGG-19, or BVLC GoogLeNet"
    )


def _which_vgg(shapes: Mapping[str, tuple[int, ...]], file: WeightFile) -> str:
    present = {int(name.split(".")[1]) for name in shapes if name.startswith("features.")}
    fitting = [name for name in ("vgg16", "vgg19") if present <= set(vgg_positions(name).values())]
    if not fitting:
        raise WeightsError(
            f"{file.path} has convolutions at features {sorted(present)}; VGG-16 has them at "
            f"{list(vgg_positions('vgg16').values())}, VGG-19 at "
            f"{list(vgg_positions('vgg19').values())}"
        )
    # Down to relu3_3 both are the same network: let the file's own words decide the name.
    words = (file.path.stem + " " + " ".join(file.metadata.values())).lower().replace("-", "")
    named = [name for name in fitting if name in words]
    return named[0] if named else fitting[0]


def _tensors_in_use(
    architecture: str, tensors: Mapping[str, Tensor], file: WeightFile
) -> dict[str, Tensor]:
    """Only the convolutions, not the classifier; each with a bias and finite values."""
    unused = ("classifier.", "pre_logits.", "head.", "loss")
    used = {name: value for name, value in tensors.items() if not name.startswith(unused)}
    for name, value in used.items():
        partner = name.removesuffix("weight") + "bias"
        if name.endswith(".weight") and (
            value.dim() != 4 or tuple(used[partner].shape if partner in used else ()) != value.shape[:1]
        ):
            raise WeightsError(f"{file.path}: {name} {tuple(value.shape)} has no fitting {partner}")
        if not bool(value.isfinite().all()):
            raise WeightsError(f"{file.path}: {name} of {architecture} holds NaN or infinity")
    return used


def _input_family(
    architecture: str, tensors: Mapping[str, Tensor], file: WeightFile, family: str | None
) -> InputFamily:
    mean = VGG_CAFFE_MEAN_BGR if architecture.startswith("vgg") else BVLC_CAFFE_MEAN_BGR
    found = family_of(file.metadata, family, mean)
    if found is None and any(name.startswith("pre_logits.") for name in tensors):
        return TORCHVISION  # timm's conversion of torchvision's VGG, which renames the classifier
    if found is None:
        raise WeightsError(
            f"{file.path} does not say how its input is normalised; pass family='torchvision' "
            "(RGB, ImageNet mean and deviation) or family='caffe' (BGR 0..255 minus the mean), or "
            "put it into the safetensors metadata as 'preprocessing'"
        )
    return found


def _stages(
    architecture: str, tensors: Mapping[str, Tensor], pooling: Pooling, file: WeightFile
) -> list[Stage]:
    try:
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
    except KeyError as error:
        raise WeightsError(f"{file.path}: {architecture} needs the tensor {error}") from error
