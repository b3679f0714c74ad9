"""An early answer to "is this style weight right?", before hours are spent.

With relative losses the two errors can be read off directly: 0 is a perfect match, 1 is what an
empty picture would score. A good painting sits between: the photo can be read, the style is there.
"""

from collections.abc import Mapping

# When to judge: the share of the run after which the balance no longer moves much, yet early.
JUDGE_AT = (0.1, 0.3)

# Bundled styles that were found good by eye had content errors of 0.50 to 0.99 and style errors of
# 0.05 to 0.1 a layer at that time; a faint one 0.27 a layer (docs/training.md).
CONTENT_DROWNED = 1.05
CONTENT_UNTOUCHED = 0.2
STYLE_WEAK = 0.2


def judge_balance(content: float, style_by_layer: Mapping[str, float]) -> str:
    """Advice in a sentence, from the mean relative content error and the style errors by layer."""
    style = sum(style_by_layer.values()) / max(len(style_by_layer), 1)
    state = f"content error {content:.2f}, style error {style:.2f} a layer"
    if content > CONTENT_DROWNED:
        return f"{state}: the photo is drowning; try half the --style-weight"
    if content < CONTENT_UNTOUCHED:
        return f"{state}: the photo is hardly painted; try twice the --style-weight"
    if style > STYLE_WEAK:
        return f"{state}: the style is still faint; if previews agree, raise the --style-weight"
    return f"{state}: in the range that suits most paintings; the previews decide"
