"""The bundled super-resolution and restoration models, from their JSON cards. Never imports torch.

A model is two files in the folder `upscalers` beside this one: NAME.safetensors and NAME.json (its
card). Models that enlarge end in their factor: "pixel-x4" is "pixel" for factor 4.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from impasto.errors import ModelError
from impasto.models.cards import advice, card_paths, facts_of, normalise_name, path_of

UPSCALERS_FOLDER = Path(__file__).with_name("upscalers")
TASKS = ("superres", "restore")
# Without a name the first of these that there is for the factor.
DEFAULT_UPSCALERS = ("perceptual", "pixel")
DEFAULT_FACTOR = 4
# For a factor without a model of its own: the factors that make it up, in order.
CHAINS = {8: (4, 2)}

_NOUN, _LIST_COMMAND = "upscaler", "impasto upscalers"


@dataclass(frozen=True, kw_only=True)
class UpscalerEntry:
    """A bundled model as its card describes it; unknown texts are empty.

    `task` is "superres" or "restore"; `factor` is 1 for the latter; `degradation` is what it was
    trained to undo; `bytes` is the size of the model file; `card` is the whole card, with the
    training's provenance.
    """

    name: str
    task: str
    factor: int
    title: str = ""
    degradation: str = ""
    licence: str = ""
    bytes: int
    path: Path
    card: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def family(self) -> str:
        """The name without its factor: "pixel" for "pixel-x4"."""
        return self.name.removesuffix(f"-x{self.factor}")


def list_upscalers(folder: Path | None = None) -> list[UpscalerEntry]:
    """Every model of `folder` (default: the bundled ones) that has a card and a file, by name.

    Raises ModelError, which names the file, if a card is not readable.
    """
    paths = card_paths(UPSCALERS_FOLDER if folder is None else folder)
    return [_read_entry(path) for path in paths]


def find_upscaler(
    name: str, *, factor: int | None = None, folder: Path | None = None
) -> UpscalerEntry:
    """The model called `name`; capitals, spaces and underscores do not matter.

    "pixel" with factor 4 finds "pixel-x4". Raises ModelError for an unknown name, with the nearest
    ones in its message, and for a model that is not there for this factor.
    """
    entries = list_upscalers(folder)
    wanted = normalise_name(name)
    exact = [entry for entry in entries if entry.name == wanted]
    family = exact or [entry for entry in entries if entry.family == wanted]
    fitting = [entry for entry in family if factor in (None, entry.factor)]
    if len(fitting) == 1:
        return fitting[0]
    if not family:
        known = {entry.name: f"{entry.title} {entry.degradation}" for entry in entries}
        hint = advice(wanted, known, noun=_NOUN, list_command=_LIST_COMMAND)
        raise ModelError(f"no {_NOUN} {name!r}; {hint}")
    factors = " and ".join(str(entry.factor) for entry in sorted(family, key=lambda e: e.factor))
    if fitting:
        raise ModelError(
            f"{_NOUN} {name!r} is there for factors {factors}; give the factor too, as in "
            f"{fitting[0].name!r}"
        )
    raise ModelError(
        f"no {_NOUN} {name!r} for factor {factor}, only for {factors}; "
        f"`{_LIST_COMMAND}` lists what there is"
    )


def find_upscalers(
    name: str | None = None, *, factor: int | None = None, folder: Path | None = None
) -> list[UpscalerEntry]:
    """The models that enlarge by `factor` when they are used one after another.

    One model where there is one; else those of the same family for the factors in CHAINS. Without
    a name the first family of DEFAULT_UPSCALERS that can. Without a factor the one in the name, or
    the family's only one, or DEFAULT_FACTOR. Raises ModelError where nothing fits.
    """
    if name is None:
        return _default_upscalers(DEFAULT_FACTOR if factor is None else factor, folder)
    wanted = normalise_name(name)
    family = [entry for entry in list_upscalers(folder) if entry.family == wanted]
    if factor is None and len(family) > 1:
        factor = DEFAULT_FACTOR
    chain = _chain(family, factor)
    return chain or [find_upscaler(name, factor=factor, folder=folder)]


def task_of_factor(factor: int) -> str:
    """ "restore" for factor 1, else "superres"."""
    return TASKS[1] if factor == 1 else TASKS[0]


def upscaler_paths(name_or_path: str | Path | None, factor: int | None) -> list[Path]:
    """The files of what `find_upscalers` finds; of a path, itself, whatever its factor."""
    path = None if name_or_path is None else path_of(name_or_path)
    if path is not None:
        return [path]
    name = None if name_or_path is None else str(name_or_path)
    return [entry.path for entry in find_upscalers(name, factor=factor)]


def _default_upscalers(factor: int, folder: Path | None) -> list[UpscalerEntry]:
    entries = list_upscalers(folder)
    for family in DEFAULT_UPSCALERS:
        chain = _chain([entry for entry in entries if entry.family == family], factor)
        if chain:
            return chain
    raise ModelError(
        f"this installation has no upscaler for factor {factor} that is used without asking "
        f"({' or '.join(DEFAULT_UPSCALERS)}); name one of `{_LIST_COMMAND}`, or give the path of "
        "a .safetensors file that `impasto train superres` wrote"
    )


def _chain(family: list[UpscalerEntry], factor: int | None) -> list[UpscalerEntry]:
    """Models of one family that together enlarge by `factor`; none if there are none."""
    by_factor = {entry.factor: entry for entry in family}
    if factor in by_factor:
        return [by_factor[factor]]
    steps = CHAINS.get(factor or 0, ())
    return [by_factor[step] for step in steps] if steps and set(steps) <= set(by_factor) else []


def _read_entry(path: Path) -> UpscalerEntry:
    facts = facts_of(path, ("title", "degradation", "licence"))
    card = facts["card"]
    factor = _factor_of(facts["name"], card)
    task = str(card.get("task") or task_of_factor(factor))
    return UpscalerEntry(task=task, factor=factor, **facts)


def _factor_of(name: str, card: dict[str, Any]) -> int:
    """From the network's config in the card, else from the name, else 1."""
    network = card.get("network")
    factor = network.get("factor") if isinstance(network, dict) else None
    if isinstance(factor, int) and not isinstance(factor, bool):
        return factor
    ending = re.search(r"-x(\d+)$", name)
    return int(ending[1]) if ending else 1
