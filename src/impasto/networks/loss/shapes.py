"""The tensors of each architecture, shallow -> deep: what a weights file is checked against."""

from impasto.networks.loss.convnets import ALEXNET_CONVOLUTIONS, GOOGLENET_BLOCKS, SQUEEZENET_FIRES
from impasto.networks.loss.vgg import CHANNELS, vgg_positions

Shape = tuple[int, ...]

ARCHITECTURES = (
    "vgg16",
    "vgg19",
    "vgg19-normalised",
    "vgg19-distilled",
    "alexnet",
    "squeezenet1_1",
    "googlenet",
)

DISTILLED_CHANNELS = (16, 32, 64, 128, 128)
ALEXNET_CHANNELS = (64, 192, 384, 256, 256)
ALEXNET_KERNELS = (11, 5, 3, 3, 3)
SQUEEZENET_SQUEEZED = (16, 16, 32, 32, 48, 48, 64, 64)  # a fire expands to four times that, twice
# Per block: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection (Szegedy et al., table 1).
GOOGLENET_CHANNELS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def weight_shapes(architecture: str) -> dict[str, Shape]:
    """Prefix of each convolution -> shape (O, I, k, k) of its weight; KeyError if unknown."""
    builders = {
        "vgg16": lambda: _vgg("vgg16"),
        "vgg19": lambda: _vgg("vgg19"),
        "vgg19-normalised": lambda: {"preproc": (3, 3, 1, 1), **_vgg("vgg19")},
        "vgg19-distilled": _distilled,
        "alexnet": _alexnet,
        "squeezenet1_1": _squeezenet,
        "googlenet": _googlenet,
    }
    return builders[architecture]()


def tensor_shapes(architecture: str) -> dict[str, Shape]:
    """Name -> shape of every weight and bias of the architecture's convolutions."""
    shapes: dict[str, Shape] = {}
    for prefix, shape in weight_shapes(architecture).items():
        shapes[f"{prefix}.weight"] = shape
        shapes[f"{prefix}.bias"] = shape[:1]
    return shapes


def _vgg(architecture: str) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    channels = 3
    for place, index in vgg_positions(architecture).items():
        wide = CHANNELS[int(place[0]) - 1]
        shapes[f"features.{index}"] = (wide, channels, 3, 3)
        channels = wide
    return shapes


def _distilled() -> dict[str, Shape]:
    shapes: dict[str, Shape] = {"conv0": (3, 3, 1, 1)}
    channels = 3
    for place in vgg_positions("vgg19"):
        block = int(place[0]) - 1
        wide = DISTILLED_CHANNELS[block]
        name = "conv" + place.replace("_", "")
        shapes[name] = (wide, channels, 3, 3)
        if place.endswith("_1"):
            shapes[f"{name}_aux"] = (CHANNELS[block], wide, 1, 1)
        channels = wide
        if place == "5_1":
            break
    return shapes


def _alexnet() -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    channels = 3
    layers = zip(ALEXNET_CONVOLUTIONS, ALEXNET_CHANNELS, ALEXNET_KERNELS, strict=True)
    for index, wide, kernel in layers:
        shapes[f"features.{index}"] = (wide, channels, kernel, kernel)
        channels = wide
    return shapes


def _squeezenet() -> dict[str, Shape]:
    shapes: dict[str, Shape] = {"features.0": (64, 3, 3, 3)}
    channels = 64
    for index, narrow in zip(SQUEEZENET_FIRES, SQUEEZENET_SQUEEZED, strict=True):
        shapes[f"features.{index}.squeeze"] = (narrow, channels, 1, 1)
        shapes[f"features.{index}.expand1x1"] = (4 * narrow, narrow, 1, 1)
        shapes[f"features.{index}.expand3x3"] = (4 * narrow, narrow, 3, 3)
        channels = 8 * narrow
    return shapes


def _googlenet() -> dict[str, Shape]:
    shapes: dict[str, Shape] = {
        "conv1/7x7_s2": (64, 3, 7, 7),
        "conv2/3x3_reduce": (64, 64, 1, 1),
        "conv2/3x3": (192, 64, 3, 3),
    }
    channels = 192
    for block in GOOGLENET_BLOCKS:
        one, reduce3, three, reduce5, five, pool = GOOGLENET_CHANNELS[block]
        shapes[f"inception_{block}/1x1"] = (one, channels, 1, 1)
        shapes[f"inception_{block}/3x3_reduce"] = (reduce3, channels, 1, 1)
        shapes[f"inception_{block}/3x3"] = (three, reduce3, 3, 3)
        shapes[f"inception_{block}/5x5_reduce"] = (reduce5, channels, 1, 1)
        shapes[f"inception_{block}/5x5"] = (five, reduce5, 5, 5)
        shapes[f"inception_{block}/pool_proj"] = (pool, channels, 1, 1)
        channels = one + three + five + pool
    return shapes
