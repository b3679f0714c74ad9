"""Networks that pytorch/examples' fast_neural_style trained -> styles of ours.

Biases before an instance norm are left out, since it takes them out again.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from impasto.errors import ModelError
from impasto.files.pickled import PickledFileError, read_pickled_tensors
from impasto.files.user_files import open_to_read, user_path
from impasto.models.model_file import file_format
from impasto.models.style_model import StyleModel
from impasto.networks import StyleNetworkConfig, build_style_network

MAX_BYTES = 256 * 2**20
TENSORFLOW_REMEDY = (
    "a TensorFlow checkpoint; lengstrom/fast-style-transfer's become styles by "
    "`python recipes/import_lengstrom.py CHECKPOINT -o STYLE.safetensors`, a script in Impasto's "
    "sources"
)
_FORMAT: Final = "pytorch-examples"
_FILTERS = 32  # of the first layer, at width 1
# Their names, in the order of our layers; a residual block has two of each.
_ENDS = (("conv1", "in1"), ("conv2", "in2"), ("conv3", "in3"))
_UPS = (("deconv1", "in4"), ("deconv2", "in5"))
_LAST = "deconv3"
# Kept by InstanceNorm2d before PyTorch 0.4, and never used.
_STATISTICS = re.compile(r"(^|\.)in\d+\.(running_mean|running_var|num_batches_tracked)$")
# The last bytes of the tables that TensorFlow keeps its checkpoints in.
_TENSORFLOW_MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")


def import_checkpoint(path: Path | str, *, name: str = "", **card: Any) -> StyleModel:
    """Read a network that pytorch/examples trained: a .pth, .pt or .model file.

    name: of the style, by default the file's. card: title, artist, licence and whatever else is
    known of it. Nothing in the file is executed. Raises ModelError, which names the file and says
    what to do, for everything that is no such network.
    """
    path = user_path(path)
    if _is_tensorflow(path):
        raise ModelError(f"{path}: {TENSORFLOW_REMEDY}")
    if not path.is_file():
        wrong = "is no file" if path.exists() else "no such file"
        raise ModelError(f"{path}: {wrong}; give a .pth or .model file")
    if file_format(path) is not None:
        raise ModelError(f"{path}: is a model of Impasto's already; use it as it is")
    try:
        tensors = read_pickled_tensors(path, max_bytes=MAX_BYTES, noun="style network")
        state, config = _converted(tensors)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except (PickledFileError, ModelError) as error:
        raise ModelError(f"{path}: {error}") from error
    return imported_style(path, state, config, name=name, **card)


def imported_style(
    path: Path, state: Mapping[str, Tensor], config: StyleNetworkConfig, *, name: str, **card: Any
) -> StyleModel:
    """A style with the tensors `state` that came out of the file `path`, which its card names."""
    network = build_style_network(config)
    network.load_state_dict(state)
    with open_to_read(path) as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    known = {key: value for key, value in card.items() if value}
    about = {"imported": {"format": config.architecture, "file": path.name, "sha256": digest}}
    title = name or path.name.split(".")[0] or path.stem
    return StyleModel(
        name=title,
        network=network.eval().requires_grad_(False),
        config=config,
        card={"name": title, **known, **about},
    )


def _is_tensorflow(path: Path) -> bool:
    """Whether it is a file of a TensorFlow checkpoint, the name of one, or their folder."""
    if path.is_dir():
        return any(each.suffix in (".index", ".ckpt") for each in path.iterdir())
    if path.with_name(path.name + ".index").is_file():
        return True
    if path.suffix in (".index", ".meta") or re.search(r"\.data-\d+-of-\d+$", path.name):
        return path.is_file()
    try:
        with open_to_read(path) as stream:
            stream.seek(-len(_TENSORFLOW_MAGIC), 2)
            return stream.read() == _TENSORFLOW_MAGIC
    except OSError:
        return False


def _converted(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], StyleNetworkConfig]:
    """A state_dict of theirs -> ours, and the config of the network.

    Raises ModelError for other names and shapes, and for values that are not finite.
    """
    given = {name: value for name, value in tensors.items() if not _STATISTICS.search(name)}
    blocks = len({name.split(".")[0] for name in given if re.match(r"res\d+\.", name)})
    first = given.get("conv1.conv2d.weight")
    if first is None or f"{_LAST}.conv2d.weight" not in given or not 1 <= blocks <= 16:
        raise ModelError(
            "not a network of pytorch/examples' fast_neural_style: it has no "
            f"conv1.conv2d.weight, {_LAST}.conv2d.weight and res1 to res5; give the .pth or .model "
            "file that its training saved"
        )
    width = first.shape[0] / _FILTERS if first.ndim else 0.0
    if not 1 / 16 <= width <= 4:
        raise ModelError(f"a first layer of {first.shape[:1]} filters; wanted {_FILTERS}")
    config = StyleNetworkConfig(architecture=_FORMAT, width=width, blocks=blocks)
    with torch.device("meta"):
        expected = build_style_network(config).state_dict()
    names = tensor_names(blocks)
    biases = {source.removesuffix("weight") + "bias" for source in names.values()}
    surplus = given.keys() - set(names.values()) - biases
    if surplus:
        raise ModelError(f"{min(surplus)} is not one of the tensors of pytorch/examples' network")
    state = {name: _checked(given, names[name], expected[name].shape) for name in names}
    return state, config


def tensor_names(blocks: int) -> dict[str, str]:
    """Our name of each tensor -> theirs."""
    layers = [(f"layers.{index}", *pair) for index, pair in enumerate(_ENDS)]
    for block in range(blocks):
        for part, number in (("first", 1), ("second", 2)):
            conv, norm = (f"res{block + 1}.{kind}{number}" for kind in ("conv", "in"))
            layers.append((f"layers.{len(_ENDS) + block}.{part}", conv, norm))
    start = len(_ENDS) + blocks
    layers += [(f"layers.{start + index}", *pair) for index, pair in enumerate(_UPS)]
    names = {}
    for ours, conv, norm in layers:
        names[f"{ours}.conv.weight"] = f"{conv}.conv2d.weight"
        names[f"{ours}.norm.weight"] = f"{norm}.weight"
        names[f"{ours}.norm.bias"] = f"{norm}.bias"
    last = f"layers.{start + len(_UPS)}.conv"
    return names | {f"{last}.{part}": f"{_LAST}.conv2d.{part}" for part in ("weight", "bias")}


def _checked(tensors: Mapping[str, Tensor], name: str, shape: torch.Size) -> Tensor:
    tensor = tensors.get(name)
    if tensor is None:
        raise ModelError(f"{name} is missing")
    if tensor.shape != shape or not tensor.is_floating_point() or tensor.layout != torch.strided:
        raise ModelError(
            f"{name} is {tuple(tensor.shape)} {tensor.dtype}, wanted {tuple(shape)} floats"
        )
    if not torch.isfinite(tensor.float()).all():
        raise ModelError(f"{name} holds NaN or infinity")
    return tensor.float()
