"""Reading loss-network weights from a file, safely: safetensors, or .pth with weights_only."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from impasto.errors import WeightsError
from impasto.files.pickled import PickledFileError, read_pickled_tensors
from impasto.files.user_files import open_to_read

MAX_PICKLED_BYTES = 2 * 2**30  # VGG-19 with its classifier has 0.6 GB


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """Named float32 tensors with the metadata of the file they came from."""

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)


def read_weight_file(path: Path) -> WeightFile:
    """Read a .safetensors or .pth/.pt file; floating-point tensors become float32 on the CPU.

    The kind is told by the content, not by the name. Pickled code is never run. Raises
    WeightsError for a file that is missing, empty, damaged or of another kind.
    """
    path = Path(path)
    try:
        with open_to_read(path) as stream:
            start = stream.read(9)
    except OSError as error:
        raise WeightsError(f"cannot read the loss-network file {path}: {error.strerror}") from error
    if len(start) < 9:
        raise WeightsError(f"{path} is no weights file: it holds {len(start)} bytes")
    tensors, metadata = _read_safetensors(path) if start[8:] == b"{" else (_read_pth(path), {})
    floating = {
        name: tensor.detach().float()
        for name, tensor in tensors.items()
        if tensor.is_floating_point()
    }
    if not floating:
        raise WeightsError(f"{path} holds no floating-point tensors, so no loss network")
    return WeightFile(path=path, tensors=floating, metadata=metadata)


def hash_tensors(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over name, shape and float32 values of the tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().float().contiguous()
        digest.update(f"{name}:{tuple(tensor.shape)}:".encode())
        digest.update(tensor.numpy().astype("<f4", copy=False).tobytes())
    return digest.hexdigest()


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as stream:
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
            return tensors, dict(stream.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"{path} is a damaged safetensors file ({error}); download it again"
        ) from error


def _read_pth(path: Path) -> dict[str, Tensor]:
    try:
        return read_pickled_tensors(path, max_bytes=MAX_PICKLED_BYTES, noun="loss network")
    except (PickledFileError, OSError) as error:
        raise WeightsError(
            f"{path} is neither a safetensors file nor a .pth file: {error}"
        ) from error
