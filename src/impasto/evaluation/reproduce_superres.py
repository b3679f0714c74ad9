"""`impasto reproduce superres`: every number of the paper's table, measured by us."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from impasto.errors import OptionError
from impasto.evaluation.events import Notice, OnEvent, ignore
from impasto.evaluation.figures import draw_figures
from impasto.evaluation.methods import find_methods
from impasto.evaluation.paper_table import (
    CONTENDERS,
    PAPER,
    PROTOCOLS,
    SETS,
    contenders,
    paper_table,
)
from impasto.evaluation.results import Results
from impasto.evaluation.superres import evaluate_superres
from impasto.evaluation.superres_config import SuperResEvaluation
from impasto.files.atomic import write_text

TABLE_FILE = "superres.json"
_QUICK_SETS = ("set5",)


@dataclass(frozen=True, kw_only=True)
class SuperResReproduction:
    """Where the table goes, and what of it; `quick`: on Set5 only.

    `models` takes another model, by name or file, for a role of CONTENDERS: as
    {"pixel-x4": "runs/a/model.safetensors"}, the factor behind the role. Raises OptionError for a
    role that the table does not have.
    """

    output: Path
    quick: bool = False
    data: Path | None = None
    distances: tuple[str, ...] = ("auto",)
    device: str = "auto"
    models: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        roles = [f"{c.role}-x{factor}" for c in CONTENDERS for factor in c.factors]
        unknown = [role for role in self.models if role not in roles]
        if unknown:
            raise OptionError(f"no roles {unknown} in the paper's table; choose from {roles}")
        if self.output.is_file():
            raise OptionError(f"--output {self.output}: is a file; wanted a folder")

    def specs(self, factor: int) -> tuple[str, ...]:
        """The models of the table at this factor, as ROLE=MODEL."""
        return tuple(
            f"{c.role}={self.models.get(f'{c.role}-x{factor}', c.model)}"
            for c in contenders(factor)
        )


def reproduce_superres(config: SuperResReproduction, on_event: OnEvent = ignore) -> list[Path]:
    """Measure both factors by both protocols, then write table and figures; returns the files.

    First one results file for each factor and protocol, then `superres.json`, then Markdown and
    figures from these alone. What is measured already is kept. Raises ModelError if a model of the
    table is missing, before anything is measured, and what `evaluate_superres` raises.
    """
    for factor in PAPER:
        find_methods(config.specs(factor), factor=factor)
    results: dict[tuple[int, str], Results] = {}
    for factor in PAPER:
        for protocol in PROTOCOLS:
            on_event(Notice(message=f"factor {factor}, protocol {protocol}"))
            evaluation = SuperResEvaluation(
                models=config.specs(factor),
                sets=_QUICK_SETS if config.quick else SETS,
                factor=factor,
                protocol=protocol,
                output=config.output / _results_file(factor, protocol),
                data=config.data,
                distances=config.distances,
                device=config.device,
            )
            results[factor, protocol] = evaluate_superres(evaluation, on_event)
    table = {
        **paper_table(results),
        "results": [_results_file(factor, protocol) for factor, protocol in results],
    }
    path = config.output / TABLE_FILE
    write_text(path, json.dumps(table, indent=1, allow_nan=False) + "\n")
    return [path, *draw_figures(path, config.output)]


def _results_file(factor: int, protocol: str) -> str:
    return f"x{factor}-{protocol}.json"
