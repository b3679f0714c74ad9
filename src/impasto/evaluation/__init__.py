"""Measuring: named protocols, perceptual distances, results as data, figures from results."""

from impasto.evaluation.distances import DISTANCES, PerceptualDistance, load_distance
from impasto.evaluation.protocols import PROTOCOLS, Protocol, Scores, find_protocol
from impasto.evaluation.results import Mean, Results, Row, read_results
from impasto.evaluation.superres import evaluate_superres
from impasto.evaluation.superres_config import SuperResEvaluation
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
    "SuperResEvaluation",
    "evaluate_superres",
    "find_protocol",
    "load_distance",
    "read_results",
    "results_table",
]
