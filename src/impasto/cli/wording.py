"""What the commands that work on pictures say of their work."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Wording:
    """One verb in three forms; several results go into a folder of the name `done`."""

    verb: str
    doing: str
    done: str

    @property
    def folder(self) -> Path:
        """Where several results go without `-o`."""
        return Path(self.done)


PAINTING = Wording(verb="paint", doing="painting", done="painted")
UPSCALING = Wording(verb="upscale", doing="upscaling", done="upscaled")
RESTORING = Wording(verb="restore", doing="restoring", done="restored")
