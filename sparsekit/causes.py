"""What goes together in a sample of graphs: causes that rise and fall as one cannot be told apart afterwards."""

import numpy as np
import pandas as pd

from sparsekit.tables import numbers, one_per_graph, require

CAUSES = {
    "nodes": "nodes",
    "edges": "edges",
    "recurrent_parameters": "recurrent parameters",
    "depth": "layers of the network",
    "embedding_width": "embedding width",
    "readout_width": "readout width",
    "average_clustering": "clustering",
    "average_shortest_path_length": "path length",
}
"""Columns of ``studies.structure`` that could each be what accuracy depends on, as people call them."""
FIXED = 0.05
"""A cause whose range is no larger, as a share of its mean, counts as held fixed."""


def causes(structure: pd.DataFrame) -> pd.DataFrame:
    """Spearman's correlation of possible causes over the graphs of a study, one graph a row of the sample.

    Parameters
    ----------
    structure : DataFrame
        One row per network: variant, generator, graph and `CAUSES`. Of several variants the first counts.

    Returns
    -------
    DataFrame
        Index and columns `CAUSES`; nan for one that is held fixed: the same in all graphs, or within `FIXED`.
    """
    require(structure, ["variant", *CAUSES])
    graphs = one_per_graph(structure, structure["variant"].iloc[0])
    values = pd.DataFrame({name: numbers(graphs, name) for name in CAUSES})
    fixed = np.ptp(values, axis=0) <= FIXED * values.mean()
    return values.mask(np.broadcast_to(fixed, values.shape)).corr("spearman")
