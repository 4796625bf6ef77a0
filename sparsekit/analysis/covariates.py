"""What the columns of a structure study are to its analysis, as far as they vary: properties, controls, baselines."""

import numpy as np
import pandas as pd

from sparsekit.analysis.intervals import varies
from sparsekit.analysis.structure import learned
from sparsekit.analysis.tables import complete, given_graphs, numbers
from sparsekit.graphs.directed import DIRECTED, MORE
from sparsekit.graphs.properties import PROPERTIES

SIZE = ("nodes", "edges")
WIDTHS = {"source_nodes": "embedding_width", "sink_nodes": "readout_width"}
"""Properties that are a width of the network in the published form, and the measure of that width in any form."""

COMMON = 0.9
"""The share of graphs that must have a property for it to be looked at."""


def graph_properties(structure: pd.DataFrame) -> list[str]:
    """The registered properties, published and further ones, that differ between the table's graphs and are not rare.

    A user's own table may name further ones in its ``attrs``, as "properties". One that more than a tenth of the graphs
    lack would leave these out of whatever looks at all properties at once. Where there is none, as in a study of one
    graph, the published ones: nothing can then be told of any.
    """
    rows = given_graphs(structure)
    known = dict.fromkeys([*PROPERTIES, *MORE, *DIRECTED, *structure.attrs.get("properties", [])])
    there = [name for name in known if name in rows]
    common = [name for name in there if len(complete(rows, [name])) >= COMMON * len(rows)]
    found = [name for name in common if _varies(rows, name)]
    return found or [name for name in PROPERTIES if name in rows]


def published(structure: pd.DataFrame) -> list[str]:
    """The published properties, as far as they are there; of a user's own table those that every graph has.

    All of its properties, where it has none of the published ones.
    """
    there = [name for name in PROPERTIES if name in structure]
    if "properties" not in structure.attrs:
        return there
    whole = [name for name in graph_properties(structure) if structure[name].notna().all()]
    return [name for name in there if name in whole] or whole


def controls(structure: pd.DataFrame) -> tuple[str, ...]:
    """Size and interface widths, as far as they differ between graphs.

    A width that is a graph's property goes by that name; one that repeats another control is left out.

    >>> own = {"nodes": [9, 8], "edges": [20, 20], "source_nodes": [1, 2], "embedding_width": [50, 50]}
    >>> controls(pd.DataFrame(own))
    ('nodes',)
    """
    rows, found = given_graphs(structure), []
    for name in (*SIZE, *WIDTHS):
        width = WIDTHS.get(name)
        if width in rows and not (name in rows and _same(rows, name, width)):
            name = width
        if name in rows and _varies(rows, name) and not any(_same(rows, name, other) for other in found):
            found.append(name)
    return tuple(found)


def prediction_baselines(structure: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """What properties must beat, as `cross_validation.BASELINES`, without what is the same in all graphs."""
    rows, given = given_graphs(structure), controls(structure)
    size, widths = (tuple(c for c in given if (c in SIZE) == kind) for kind in (True, False))
    found = {"mean": ()}
    if "parameters" in rows and _varies(rows, "parameters"):
        found["log_parameters"] = ("parameters",)
    if "density" in rows and _varies(rows, "density"):
        found["density"] = ("density",)
    found |= {name: columns for name, columns in (("widths", widths), ("size", size)) if columns}
    if size and widths:
        found["size_and_widths"] = given
    if rows["generator"].nunique() > 1:
        found["family"] = ("generator",)
    return found


def only_learned(structure: pd.DataFrame, chance: float) -> pd.DataFrame:
    """The table without the accuracy of networks that never left chance: no mean over seeds and no fit counts them."""
    kept = structure.index.isin(learned(structure, chance).index)
    return structure.assign(test_accuracy=structure["test_accuracy"].where(kept))


def _varies(rows: pd.DataFrame, name: str) -> bool:
    values = complete(rows, [name])
    return bool(len(values)) and varies(values).item()


def _same(rows: pd.DataFrame, one: str, other: str) -> bool:
    return np.array_equal(numbers(rows, one), numbers(rows, other), equal_nan=True)
