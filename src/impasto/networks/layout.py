"""What style networks are made of, as data: which layers, of which sizes. Never imports torch.

`modern` and `imported` build their modules from it, and `impasto.plans` the plans: from a network
that is there, or from a file's tensors alone.
"""

from dataclasses import dataclass, replace

BORDER_PX = 16  # of continuation: no frame is seen in the bundled styles, see docs/inference.md
# the paper's own: five residual blocks eat 4 samples each at a quarter of the resolution, 2 a side
PAPER_BORDER_PX = 40
EXAMPLES_MIN_SIDE = 5  # the smallest that the first border of pytorch-examples accepts
LENGSTROM_STRIDE, LENGSTROM_MIN_SIDE = 4, 8
LENGSTROM_EPS = 1e-3
LENGSTROM_GAIN = 300 / 255  # tanh * 150 + 127.5
STRIDE = 4  # input pixels per sample at the bottleneck, per side
MIN_SIDE = 16  # the smallest map that every reflection pad inside accepts
# tanh saturates: with a little headroom pure black and white are reached by finite activations
OUTPUT_GAIN = 1.1
NORM_EPS = 1e-5


@dataclass(frozen=True, kw_only=True)
class Conv:
    """upsample (nearest, x2) -> reflection pad -> convolution -> instance norm -> ReLU.

    The convolution has a bias only without a norm, which would remove it again. `bare`: it is a
    convolution and nothing else, without bias; its tensor has no part of a layer in its name.
    """

    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int = 1
    upsample: int = 1
    norm: bool = True
    relu: bool = True
    bare: bool = False

    @property
    def pad(self) -> int:
        return self.kernel_size // 2


@dataclass(frozen=True, kw_only=True)
class Block:
    """Two layers of 3 x 3, the second without ReLU, plus what goes in."""

    channels: int

    @property
    def layers(self) -> dict[str, Conv]:
        """By the names that they have in the block."""
        first = Conv(in_channels=self.channels, out_channels=self.channels, kernel_size=3)
        second = Conv(
            in_channels=self.channels, out_channels=self.channels, kernel_size=3, relu=False
        )
        return {"first": first, "second": second}


@dataclass(frozen=True, kw_only=True)
class SameConv:
    """Convolution with TensorFlow's "SAME" border of zeros -> instance norm -> ReLU.

    Sides are multiples of `stride`: then the border of a stride of 2 is a row and a column at the
    end. `transposed`: sides become `stride` times as long.
    """

    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int = 1
    transposed: bool = False
    relu: bool = True

    @property
    def before(self) -> int:
        """Rows and columns of the border in front."""
        return (self.kernel_size - self.stride) // 2

    @property
    def after(self) -> int:
        """Those behind."""
        return self.kernel_size - self.stride - self.before


@dataclass(frozen=True, kw_only=True)
class SameBlock:
    """Two layers of 3 x 3, the second without ReLU, plus what goes in."""

    channels: int

    @property
    def layers(self) -> dict[str, SameConv]:
        """By the names that they have in the block."""
        first = SameConv(in_channels=self.channels, out_channels=self.channels, kernel_size=3)
        return {"first": first, "second": replace(first, relu=False)}


Layout = tuple[Conv | Block, ...]
SameLayout = tuple[SameConv | SameBlock, ...]


def modern_layout(width: float, blocks: int = 5) -> Layout:
    """c9s1-32, d64, d128, R128 x `blocks`, u64, u32, c9s1-3; numbers of filters times `width`."""
    few, some, many = (round(filters * width) for filters in (32, 64, 128))
    return (
        Conv(in_channels=3, out_channels=few, kernel_size=9),
        Conv(in_channels=few, out_channels=some, kernel_size=3, stride=2),
        Conv(in_channels=some, out_channels=many, kernel_size=3, stride=2),
        *(Block(channels=many) for _ in range(blocks)),
        Conv(in_channels=many, out_channels=some, kernel_size=3, upsample=2),
        Conv(in_channels=some, out_channels=few, kernel_size=3, upsample=2),
        Conv(in_channels=few, out_channels=3, kernel_size=9, norm=False, relu=False),
    )


def fast_layout(width: float, blocks: int = 3) -> Layout:
    """c7s2-64, d128, R128 x `blocks`, c1-64, u64, c5s1-12; numbers of filters times `width`.

    Its last layer's outputs are 2 x 2 pixels each, in pixel-shuffle order.
    """
    some, many = (round(filters * width) for filters in (64, 128))
    return (
        Conv(in_channels=3, out_channels=some, kernel_size=7, stride=2),
        Conv(in_channels=some, out_channels=many, kernel_size=3, stride=2),
        *(Block(channels=many) for _ in range(blocks)),
        Conv(in_channels=many, out_channels=some, kernel_size=1, bare=True),
        Conv(in_channels=some, out_channels=some, kernel_size=3, upsample=2),
        Conv(in_channels=some, out_channels=12, kernel_size=5, norm=False, relu=False),
    )


def lengstrom_layout(width: float) -> SameLayout:
    """c9s1-32, d64, d128, R128 x 5, u64, u32, c9s1-3; numbers of filters times `width`."""
    few, some, many = (round(filters * width) for filters in (32, 64, 128))
    return (
        SameConv(in_channels=3, out_channels=few, kernel_size=9),
        SameConv(in_channels=few, out_channels=some, kernel_size=3, stride=2),
        SameConv(in_channels=some, out_channels=many, kernel_size=3, stride=2),
        *(SameBlock(channels=many) for _ in range(5)),
        SameConv(in_channels=many, out_channels=some, kernel_size=3, stride=2, transposed=True),
        SameConv(in_channels=some, out_channels=few, kernel_size=3, stride=2, transposed=True),
        SameConv(in_channels=few, out_channels=3, kernel_size=9, relu=False),
    )


def layout_shapes(layout: Layout) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a network that keeps the layout in `layers`."""
    shapes: dict[str, tuple[int, ...]] = {}
    for index, layer in enumerate(layout):
        if isinstance(layer, Block):
            for name, conv in layer.layers.items():
                shapes |= _shapes(f"layers.{index}.{name}", conv)
        else:
            shapes |= _shapes(f"layers.{index}", layer)
    return shapes


def _shapes(name: str, conv: Conv) -> dict[str, tuple[int, ...]]:
    kernel = (conv.out_channels, conv.in_channels, conv.kernel_size, conv.kernel_size)
    if conv.bare:
        return {f"{name}.weight": kernel}
    rest = ("norm.weight", "norm.bias") if conv.norm else ("conv.bias",)
    each = {f"{name}.{tensor}": (conv.out_channels,) for tensor in rest}
    return {f"{name}.conv.weight": kernel, **each}
