"""A checkpoint of another project -> a style of ours."""

import hashlib
from pathlib import Path
from typing import Any

from impasto.errors import ModelError, OptionError
from impasto.files.user_files import open_to_read, user_path
from impasto.models.importing.lengstrom import FORMAT as LENGSTROM
from impasto.models.importing.lengstrom import read_lengstrom
from impasto.models.importing.pickled import read_state_dict
from impasto.models.importing.pytorch_examples import FORMAT as PYTORCH_EXAMPLES
from impasto.models.importing.pytorch_examples import convert_pytorch_examples
from impasto.models.importing.tensorflow_checkpoint import checkpoint_path
from impasto.models.model_file import file_format
from impasto.models.style_model import StyleModel

CHECKPOINT_FORMATS = ("auto", PYTORCH_EXAMPLES, LENGSTROM)


def import_checkpoint(
    path: Path | str, *, format: str = "auto", name: str = "", **card: Any
) -> StyleModel:
    """Read a network that pytorch/examples or lengstrom/fast-style-transfer trained.

    format: of CHECKPOINT_FORMATS; "auto" tells by the file. name: of the style, by default the
    file's. card: title, artist, licence and whatever else is known of it. Nothing in the file is
    executed. Raises OptionError for an unknown format, ModelError, which names the file and says
    what to do, for everything that is no such network.
    """
    if format not in CHECKPOINT_FORMATS:
        raise OptionError(
            f"no checkpoint format {format!r}; choose from {', '.join(CHECKPOINT_FORMATS)}"
        )
    path = user_path(path)
    table = None if format == PYTORCH_EXAMPLES else checkpoint_path(path)
    if table is None and not path.is_file():
        wrong = "is no file" if path.exists() else "no such file"
        raise ModelError(f"{path}: {wrong}; give a .pth, .model or .ckpt file, or its folder")
    if file_format(path) is not None:
        raise ModelError(f"{path}: is a model of Impasto's already; use it as it is")
    if table is not None:
        format, read = LENGSTROM, table
        network, config = read_lengstrom(table)
    elif format == LENGSTROM:
        raise ModelError(
            f"{path}: not a TensorFlow checkpoint; give NAME.ckpt, or NAME.index with its data file"
        )
    else:
        format, read = PYTORCH_EXAMPLES, path
        try:
            network, config = convert_pytorch_examples(read_state_dict(path))
        except ModelError as error:
            raise (
                error if str(error).startswith(str(path)) else ModelError(f"{path}: {error}")
            ) from error
    with open_to_read(read) as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    known = {key: value for key, value in card.items() if value}
    about = {"imported": {"format": format, "file": read.name, "sha256": digest}}
    title = name or path.name.split(".")[0] or path.stem
    return StyleModel(
        name=title, network=network, config=config, card={"name": title, **known, **about}
    )
