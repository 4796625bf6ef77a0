"""Every figure of the kit, by the question it answers.

Each is one function from a study's table to a :class:`~sparsekit.pictures.Picture`, which shows itself in a notebook,
carries its alternative text (``alt``) and one sentence that reads it (``reading``), and saves itself (``save``).
Notebooks, reports and explorers all draw through these.
"""

from sparsekit.correlation_figures import correlation_forest, correlation_map
from sparsekit.pictures import Picture
from sparsekit.prediction_figures import importances, prediction_splits
from sparsekit.pruning_figures import accuracy_by_percentage, safe_percentages
from sparsekit.recovery_figures import recovery_curves, regain_map
from sparsekit.structure_figures import scatter, structure_accuracies
from sparsekit.task_figures import baseline_bars, length_histogram, training_curves

__all__ = [
    "Picture",
    "accuracy_by_percentage",
    "baseline_bars",
    "correlation_forest",
    "correlation_map",
    "importances",
    "length_histogram",
    "prediction_splits",
    "recovery_curves",
    "regain_map",
    "safe_percentages",
    "scatter",
    "structure_accuracies",
    "training_curves",
]
