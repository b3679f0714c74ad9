"""What tells one file, or one network, from another: for work that is gone on with."""

import hashlib
from pathlib import Path

import torch
from torch import nn


def file_hash(path: Path) -> str:
    """sha256 of its bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def network_hash(network: nn.Module) -> str:
    """sha256 over names and values of its weights, in hexadecimal."""
    digest = hashlib.sha256()
    for name, values in network.state_dict().items():
        digest.update(name.encode())
        digest.update(values.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
