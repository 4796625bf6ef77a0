import numpy as np
import pandas as pd
import pytest

from sparsekit.analysis import control, correlation, cross_validation
from sparsekit.analysis import covariates as structure_columns
from sparsekit.analysis import structure as ceilings
from sparsekit.analysis.tables import given_graphs, one_per_graph
from tests import planted


def with_nulls(table):
    """The table beside null models of its graphs, whose accuracies are something else altogether."""
    own = {"null": "rewired", "graph": [f"{g} rewired" for g in table["graph"]], "test_accuracy": 0.1}
    return pd.concat([table.assign(null="none"), table.assign(**own, density=-7.0)], ignore_index=True)


def test_null_models_are_no_graphs_of_the_study():
    table = planted.study(30, 2, effect=1, variants=("gru",))
    both = with_nulls(table)
    assert len(given_graphs(both)) == len(given_graphs(table)) == len(table)
    pd.testing.assert_frame_equal(one_per_graph(both, "gru"), one_per_graph(table, "gru"))
    names = ["density", "closeness_mean"]
    for of in (
        lambda t: correlation.correlations(t, ("nodes",), properties=names, permutations=99),
        lambda t: control.collinearity(t, names),
        lambda t: cross_validation.nested_prediction(t, properties=names, repeats=2, permutations=19),
    ):
        pd.testing.assert_frame_equal(of(both), of(table))


def graph_table(**columns):
    own = {"variant": "gru", "generator": ["g", "g", "h"], "graph": [0, 1, 0], "nodes": [9, 8, 7]}
    own |= {"edges": [20, 18, 17], "source_nodes": [1, 2, 3], "sink_nodes": [3, 1, 1], "parameters": [90, 80, 70]}
    own |= {"embedding_width": [1, 2, 3], "readout_width": [3, 1, 1], "test_accuracy": [0.5, 0.9, 0.8]}
    return pd.DataFrame(own | columns)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, ("nodes", "edges", "source_nodes", "sink_nodes")),
        # A fixed interface: source and sink nodes are properties like any other.
        ({"embedding_width": 16, "readout_width": 16}, ("nodes", "edges")),
        # One recurrent layer is as wide as the graph has nodes.
        ({"embedding_width": 50, "readout_width": [9, 8, 7]}, ("nodes", "edges")),
        ({"nodes": 9, "edges": 20}, ("source_nodes", "sink_nodes")),
        ({"readout_width": [4, 5, 6]}, ("nodes", "edges", "source_nodes", "readout_width")),
        ({"nodes": 9, "edges": 20, "embedding_width": 16, "readout_width": 16}, ()),
    ],
)
def test_controls_are_the_sizes_and_widths_that_vary(columns, expected):
    assert structure_columns.controls(graph_table(**columns)) == expected


def test_baselines_are_made_of_what_varies():
    found = structure_columns.prediction_baselines(graph_table())
    assert found == cross_validation.BASELINES
    # What density alone tells, as far as it varies.
    found = structure_columns.prediction_baselines(graph_table(density=[0.3, 0.2, 0.4]))
    assert found == cross_validation.BASELINES | {"density": ("density",)}
    assert list(found).index("density") < list(found).index("widths")
    assert "density" not in structure_columns.prediction_baselines(graph_table(density=0.3))
    assert list(structure_columns.prediction_baselines(graph_table(nodes=9, edges=20))) == [
        "mean",
        "log_parameters",
        "widths",
        "family",
    ]
    fixed = {"embedding_width": 16, "readout_width": 16, "parameters": 80, "generator": "g", "graph": range(3)}
    assert structure_columns.prediction_baselines(graph_table(**fixed)) == {"mean": (), "size": ("nodes", "edges")}


def test_properties_are_those_registered_that_vary():
    own = {"average_clustering": [0.1, 0.2, 0.4], "reciprocity": 1.0, "modularity": np.nan, "cells": [1, 2, 3]}
    own["small_worldness"] = [1.1, 1.4, np.nan]
    found = structure_columns.graph_properties(graph_table(**own))
    assert found == ["nodes", "edges", "source_nodes", "sink_nodes", "average_clustering"]
    many = pd.concat([graph_table(**own).assign(graph=[10 * k, 10 * k + 1, 10 * k]) for k in range(4)])
    many["small_worldness"] = [np.nan, *range(11)]  # few enough to go without
    assert "small_worldness" in structure_columns.graph_properties(many)


def test_networks_at_chance_lose_their_accuracy_and_nothing_else():
    table = planted.study(20, 2, variants=("gru",))
    table.loc[[0, 20, 1], "test_accuracy"] = [0.5, 0.5, 0.51]  # both seeds of graph 0, one of graph 1
    found = structure_columns.only_learned(table, 0.5)
    assert found["test_accuracy"].isna().sum() == len(table) - len(ceilings.learned(table, 0.5)) == 3
    pd.testing.assert_frame_equal(found.drop(columns="test_accuracy"), table.drop(columns="test_accuracy"))
    means = one_per_graph(found, "gru").set_index("graph")["test_accuracy"]
    assert np.isnan(means[0])
    assert means[1] == table["test_accuracy"][21]
    assert (correlation.correlations(found, permutations=99).n == 19).all()
