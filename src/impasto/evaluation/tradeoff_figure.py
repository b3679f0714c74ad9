"""PSNR against perceptual distance, a panel for each set: what a feature loss gives and takes."""

import math

from PIL import Image

from impasto.evaluation.axes import Mark, draw_scatter
from impasto.evaluation.drawing import PALETTE, Canvas
from impasto.evaluation.results import Results

_PANEL_PX = (430, 380)
_TITLE_PX = 34


def tradeoff_figure(results: Results) -> Image.Image | None:
    """Models as points, better to the right (PSNR) and higher up (the first distance of the
    results). None if there is no distance, or no set with a finite PSNR.
    """
    if not results.measured["distances"]:
        return None
    distance = results.measured["distances"][0]
    colors = {model: PALETTE[number % len(PALETTE)] for number, model in enumerate(results.models)}
    panels: dict[str, list[Mark]] = {}
    for mean in results.means():
        if math.isfinite(mean.psnr) and distance["name"] in mean.distances:
            mark = Mark(
                x=mean.psnr,
                y=mean.distances[distance["name"]],
                label=mean.model,
                color=colors[mean.model],
            )
            panels.setdefault(mean.set, []).append(mark)
    if not panels:
        return None
    canvas = Canvas(_PANEL_PX[0] * len(panels), _TITLE_PX + _PANEL_PX[1])
    protocol = results.measured["protocol"]["name"]
    factor = results.measured["factor"]
    title = f"Distortion and perception, factor {factor}, protocol {protocol}"
    canvas.text((8, 10), title, px=17, max_width=canvas.width - 16)
    for number, (set_name, marks) in enumerate(panels.items()):
        draw_scatter(
            canvas,
            marks,
            left_top=(number * _PANEL_PX[0], _TITLE_PX),
            size=_PANEL_PX,
            title=set_name,
            x_title="PSNR, dB (more is better)",
            y_title=f"{distance['label']} (less is better: higher up)",
        )
    return canvas.finish()
