"""One super-resolution or restoration network, tile by tile, arrays in and out (provisional)."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import torch

from impasto.data.degradations import with_holes
from impasto.engines import alpha_network, memory, superres_engine, superres_options, tile_network
from impasto.machine.devices import choose_device
from impasto.models import SuperResModel


def ignore(share: float) -> None: ...


@dataclass(frozen=True, kw_only=True)
class SuperResOptions:
    strength: float = 1.0
    color_match: str = "none"
    precision: str = "auto"
    backend: str = "auto"
    device: Any = None
    tile_px: int | None = None
    on_warning: Any = warnings.warn
    on_progress: Any = ignore
    cancel: Any = None

    def old(self, **changes: Any) -> Any:
        return superres_options.SuperResOptions(
            **{
                "strength": self.strength,
                "color_match": self.color_match,
                "precision": self.precision,
                "tile_px": self.tile_px,
                "on_warning": self.on_warning,
                "on_progress": self.on_progress,
                **changes,
            }
        )

    def color_match_of(self, model: Any) -> str:
        return str(self.old().color_match_of(model))


class TileEngine:
    def __init__(self, model: Any, options: SuperResOptions) -> None:
        if not isinstance(model, SuperResModel):
            from impasto.networks.superres import build_superres_network

            network = build_superres_network(model.config)
            network.load_state_dict({k: torch.from_numpy(v) for k, v in model.tensors.items()})
            model = SuperResModel(
                name=model.name,
                network=network.eval().requires_grad_(False),
                config=model.config,
                card=model.card,
            )
        if options.device is not None:
            model = model.to(choose_device(options.device))
        self.model, self.options = model, options
        self.network = superres_engine.network_for(model, options.old())
        self.factor = model.factor
        self.radius_px, self.multiple = self.network.radius_px, self.network.multiple
        self.tile_px = options.tile_px or tile_network.choose_tile_px(model, self.network.dtype)
        self.backend, self.precision = "eager", str(self.network.dtype)[6:]

    def run(
        self, size_hw: Any, *, see: Any, put: Any, region: Any = None, tile_px: Any = None,
        on_progress: Any = None, network: Any = None,
    ) -> None:  # fmt: skip
        superres_engine.run_network(
            network or self.network,
            size_hw,
            see=lambda box: torch.from_numpy(see(box)),
            put=lambda part, box: put(part.cpu().numpy(), box),
            options=self.options.old(
                tile_px=tile_px or self.tile_px,
                on_progress=on_progress or self.options.on_progress,
            ),
            region=region,
        )

    def alpha(self, *, hard: bool) -> Any:
        plain = superres_engine.network_for(self.model, self.options.old(color_match="none"))
        network = alpha_network.AlphaNetwork(network=plain, hard=hard)
        made = TileEngine(self.model, replace(self.options, color_match="none"))
        run = made.run

        def with_network(*given: Any, **options: Any) -> None:
            run(*given, network=network, **options)

        made.run = with_network  # type: ignore
        return made

    def tile_bytes(self, seen_px: int) -> int:
        return tile_network.tile_bytes(self.model, self.network.dtype, seen_px)


def is_hard(see: Any, size_hw: Any) -> bool:
    return alpha_network.is_hard(lambda a, b: torch.from_numpy(see(a, b)), size_hw)


def with_mask(part: Any, holes: Any) -> Any:
    part, holes = torch.from_numpy(part), torch.from_numpy(holes)
    return torch.cat([with_holes(part, holes), holes], dim=1).numpy()


Model = Any


def total_memory(device: str) -> int | None:
    return memory.total_memory(torch.device(device))


def free_memory(limit: int | None, device: str, share: float) -> int | None:
    return memory.free_memory(limit, torch.device(device), share)
