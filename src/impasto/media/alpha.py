"""Alpha: taken off on the way in."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Pillow's modes that carry alpha, with the mode that has it as a plain last channel.
_PLAIN_ALPHA_MODE = {
    "LA": "LA",
    "La": "LA",  # lower-case a: colours multiplied by alpha; the conversion divides it out again
    "PA": "RGBA",
    "RGBA": "RGBA",
    "RGBa": "RGBA",
}


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """An 8-bit image of any mode -> (its colours without alpha, its alpha as mode "L" or None).

    Transparent palette entries and colour keys (PNG tRNS, GIF) become alpha too. The colours are
    in mode L, RGB, CMYK or LAB; those under full transparency stay as the file has them.
    """
    mode = _PLAIN_ALPHA_MODE.get(image.mode)
    if mode is None and "transparency" in image.info:
        mode = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}.get(image.mode)
    if mode is not None:
        image = image if image.mode == mode else image.convert(mode)
        return image.convert("L" if mode == "LA" else "RGB"), image.getchannel("A")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def divide_by_alpha(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undo premultiplication: (h, w, C + 1) with alpha last; fully transparent pixels stay 0."""
    colors, alpha = samples[..., :-1], samples[..., -1:]
    plain = np.divide(colors, alpha, out=np.zeros_like(colors), where=alpha > 0)
    return np.concatenate([np.minimum(plain, 1), alpha], axis=-1)
