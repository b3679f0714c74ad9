"""Measuring: named protocols, perceptual distances, results as data and as tables.

Lazy (PEP 562), so that the command line's help reads `configs` without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.evaluation.configs import StyleEvaluation, SuperResEvaluation
    from impasto.evaluation.distances import DISTANCES, PerceptualDistance, load_distance
    from impasto.evaluation.protocols import PROTOCOLS, Protocol, Scores, find_protocol
    from impasto.evaluation.results import Mean, Results, Row, read_results
    from impasto.evaluation.style_evaluation import evaluate_style
    from impasto.evaluation.superres_evaluation import evaluate_superres
    from impasto.evaluation.tables import results_table

__all__ = [
    "DISTANCES",
    "PROTOCOLS",
    "Mean",
    "PerceptualDistance",
    "Protocol",
    "Results",
    "Row",
    "Scores",
    "StyleEvaluation",
    "SuperResEvaluation",
    "evaluate_style",
    "evaluate_superres",
    "find_protocol",
    "load_distance",
    "read_results",
    "results_table",
]

_HOMES = {
    "configs": ("StyleEvaluation", "SuperResEvaluation"),
    "distances": ("DISTANCES", "PerceptualDistance", "load_distance"),
    "protocols": ("PROTOCOLS", "Protocol", "Scores", "find_protocol"),
    "results": ("Mean", "Results", "Row", "read_results"),
    "style_evaluation": ("evaluate_style",),
    "superres_evaluation": ("evaluate_superres",),
    "tables": ("results_table",),
}


def __getattr__(name: str) -> Any:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'impasto.evaluation' has no attribute {name!r}")
    return getattr(import_module(f"impasto.evaluation.{home}"), name)
