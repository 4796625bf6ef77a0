"""Which properties tell the same: variance inflation and clusters."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import scipy.cluster.hierarchy
import scipy.stats
from scipy.spatial.distance import squareform

from sparsekit.analysis.correlation import DETERMINED, known_properties, variants_of
from sparsekit.analysis.intervals import varies
from sparsekit.analysis.tables import complete, fraction, given_graphs


def collinearity(table: pd.DataFrame, properties: Iterable[str] | None = None, threshold: float = 0.3) -> pd.DataFrame:
    """Which properties tell the same: variance inflation, and clusters named by one of their members.

    Clusters are joined by average linkage as long as 1 - |Spearman's correlation| is at most ``threshold`` on average;
    0.3 is |r| = 0.7, the usual limit (Dormann et al., *Collinearity*, Ecography 2013). A cluster bears the name of the
    member that correlates most with the others. Each graph of a variant counts once.

    Index ``property``; vif (inf where the others determine it, nan where it is constant), cluster (name; its own where
    it is constant).
    """
    fraction("threshold", threshold)
    variants_of(table)
    names = known_properties(table, properties)
    values = complete(given_graphs(table).drop_duplicates(["variant", "generator", "graph"]), names)
    found = pd.DataFrame({"vif": np.nan, "cluster": names}, index=pd.Index(names, name="property"))
    if len(values) < 3:
        return found
    kept = varies(values)
    names, values = found.index[kept], values[:, kept]
    found.loc[names, "vif"] = _inflation(values)
    if len(names) > 1:
        alike = np.abs(np.corrcoef(scipy.stats.rankdata(values, axis=0), rowvar=False))
        distances = squareform((1 - alike).clip(0) * (1 - np.eye(len(names))), checks=False)
        tree = scipy.cluster.hierarchy.linkage(distances, "average")
        labels = scipy.cluster.hierarchy.fcluster(tree, threshold, "distance")
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            middle = members[alike[np.ix_(members, members)].sum(axis=0).round(9).argmax()]
            found.loc[names[members], "cluster"] = names[middle]
    return found


def _inflation(values: np.ndarray) -> np.ndarray:
    """1 / (1 - R²) of each column from all others; statsmodels's warns where they determine it, as often they do."""
    scaled, left = (values - values.mean(axis=0)) / values.std(axis=0), np.empty(values.shape[1])
    for i, column in enumerate(scaled.T):
        others = np.delete(scaled, i, axis=1)
        left[i] = np.mean((column - others @ np.linalg.lstsq(others, column)[0]) ** 2)
    return np.where(left > DETERMINED, 1 / left.clip(DETERMINED), np.inf)
