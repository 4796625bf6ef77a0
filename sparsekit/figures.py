"""Every figure of the kit, by the question it answers.

Each is one function from a study's table to a :class:`~sparsekit.pictures.Picture`, which shows itself in a notebook,
carries its alternative text (``alt``) and one sentence that reads it (``reading``), and saves itself (``save``).
Notebooks, reports and explorers all draw through these.
"""

from sparsekit.area_figures import accuracy_lost, areas_by_protocol
from sparsekit.baseline_figures import baseline_bars, task_baselines
from sparsekit.cause_figures import causes_map, sample_plane
from sparsekit.ceiling_figures import noise_ceilings, trainability_bars
from sparsekit.compression_figures import accuracy_by_compression, accuracy_by_schedule, scores_and_scopes
from sparsekit.control_figures import controlled_forest, learned_forest, mixed_forest
from sparsekit.correlation_figures import correlation_forest, correlation_map
from sparsekit.generalisation_figures import cluster_importances, nested_scores, transfer_map
from sparsekit.graph_pair_figures import gate_row_differences, null_differences
from sparsekit.inference_figures import break_even_line, latency_ratio
from sparsekit.layer_figures import spectral_radii, survival_by_layer
from sparsekit.layout_figures import mask_layouts
from sparsekit.mask_graph_figures import mask_properties, mask_training
from sparsekit.memory_figures import accuracy_by_paths, accuracy_by_seen, accuracy_by_violation
from sparsekit.pictures import Picture
from sparsekit.prediction_figures import importances, prediction_splits
from sparsekit.protocol_figures import recovery_protocols, regain_survival
from sparsekit.pruning_figures import accuracy_by_percentage, safe_percentages, tolerances
from sparsekit.recovery_figures import recovery_curves, regain_map
from sparsekit.sample_figures import class_averages, read_by_rows, sample_strings, task_pictures
from sparsekit.storage_figures import bytes_by_form
from sparsekit.structure_figures import scatter, structure_accuracies
from sparsekit.survival_figures import dead_units, survival_map
from sparsekit.task_figures import length_histogram, training_curves

__all__ = [
    "Picture",
    "accuracy_by_compression",
    "accuracy_by_paths",
    "accuracy_by_percentage",
    "accuracy_by_schedule",
    "accuracy_by_seen",
    "accuracy_by_violation",
    "accuracy_lost",
    "areas_by_protocol",
    "baseline_bars",
    "break_even_line",
    "bytes_by_form",
    "causes_map",
    "class_averages",
    "cluster_importances",
    "controlled_forest",
    "correlation_forest",
    "correlation_map",
    "dead_units",
    "gate_row_differences",
    "importances",
    "latency_ratio",
    "learned_forest",
    "length_histogram",
    "mask_layouts",
    "mask_properties",
    "mask_training",
    "mixed_forest",
    "nested_scores",
    "noise_ceilings",
    "null_differences",
    "prediction_splits",
    "read_by_rows",
    "recovery_curves",
    "recovery_protocols",
    "regain_map",
    "regain_survival",
    "safe_percentages",
    "sample_plane",
    "sample_strings",
    "scatter",
    "scores_and_scopes",
    "spectral_radii",
    "structure_accuracies",
    "survival_by_layer",
    "survival_map",
    "task_baselines",
    "task_pictures",
    "tolerances",
    "trainability_bars",
    "training_curves",
    "transfer_map",
]
