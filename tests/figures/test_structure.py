"""Graphs beside their null models, mask rows beside whole masks, and which causes a sample of graphs holds apart."""

import networkx as nx
import pandas as pd
import pytest

from sparsekit.analysis import structure as analysis
from sparsekit.analysis.tables import TableError
from sparsekit.figures import structure
from sparsekit.registry import UnknownName
from tests import planted
from tests.planted import layouts, separate, with_nulls


def test_mask_rows_are_compared_with_whole_masks():
    differences = analysis.gate_row_differences(layouts(with_nulls()), 0.5)
    means = analysis.mean_differences(differences)["mean"]
    picture = structure.gate_row_differences(differences)
    assert f"LSTM {100 * means['lstm', 'blocks']:.1f}".replace("-", "−") in picture.reading
    assert "1 of 2 intervals leaves out zero" in picture.reading


def test_the_figure_carries_means_intervals_and_who_never_learned():
    table = with_nulls(nulls=("rewired", "random"))
    table.loc[(table["variant"] == "gru") & (table["null"] == "random"), "test_accuracy"] = 0.5
    picture = structure.null_differences(analysis.null_differences(table, 0.5))
    means = analysis.mean_differences(analysis.null_differences(table, 0.5))
    assert f"LSTM, rewired +{100 * means.loc[('lstm', 'rewired'), 'mean']:.1f} (" in picture.reading
    assert "GRU, random: same density: cannot be told, 0 | 24 of 24" in picture.alt
    assert "of 3 intervals" in picture.reading
    with pytest.raises(TableError, match="unknown column 'against'"):
        structure.null_differences(table)


def test_where_nothing_was_asked_for_the_figure_says_how_to_ask():
    nothing = analysis.null_differences(with_nulls(nulls=()), 0.5)
    assert structure.null_differences(nothing).reading.startswith("No null model was asked for")
    none = analysis.gate_row_differences(layouts(with_nulls()).iloc[:0], 0.5)
    assert "Nothing to compare" in structure.gate_row_differences(none).reading


def test_single_graphs_and_networks_at_chance_have_no_interval():
    one = with_nulls(graphs=1, seeds=1, variants=("gru",))
    assert "(no interval)" in structure.null_differences(analysis.null_differences(one, 0.5)).reading
    stuck = one.assign(test_accuracy=0.5)
    assert "nothing can be compared" in structure.null_differences(analysis.null_differences(stuck, 0.5)).reading


def test_the_drawing_of_both_layouts_counts_what_the_rows_lose():
    picture = structure.mask_layouts(nx.Graph([(0, 2), (1, 3), (0, 3)]), "gru")
    assert "1 of 9 edges (11.1 %)" in picture.reading
    with pytest.raises(UnknownName, match="rnn_tanh"):
        structure.mask_layouts(nx.path_graph(4), "rnn_tanh")


def test_causes_go_together_as_scipy_says_and_what_is_held_fixed_does_not():
    table = separate()
    both = pd.concat([table, table.assign(variant="lstm", nodes=0)])  # of several variants the first counts
    matrix = analysis.causes(pd.concat([both, both.assign(null="random", graph="x", nodes=99)]))
    reading = structure.causes_map(matrix).reading
    assert "Held fixed: recurrent parameters and layers of the network." in reading
    assert "most of all nodes and edges (+1.00)" in reading


def test_the_plane_counts_graphs_by_family_and_not_null_models():
    table = separate(10)
    picture = structure.sample_plane(
        pd.concat([table, table.assign(null="random", graph=[f"{k} r" for k in range(10)])])
    )
    assert picture.reading.startswith("10 graphs of ")
    assert "hierarchical: 5 points, from " in picture.alt
    with pytest.raises(TableError, match="unknown column 'family'"):
        structure.sample_plane(table.drop(columns="family"))


def test_ceilings_carry_the_numbers():
    table = planted.study(20, 3)
    table.loc[table.index[:6], "test_accuracy"] = 0.5
    shares = analysis.trainability(table, 0.5)
    picture = structure.trainability_bars(shares)
    assert "GRU, all families: 10 % (" in picture.alt
    assert picture.reading == "6 of 120 networks never left chance level (GRU 6)."
    assert structure.trainability_bars(analysis.trainability(table, 0.01)).reading == (
        "0 of 120 networks never left chance level."
    )
    noise, learning = analysis.intraclass(table), analysis.trainability_share(table, 0.5)
    picture = structure.noise_ceilings(noise, learning)
    row = noise.loc["lstm"]
    assert f"{row.ceiling:.2f} (LSTM)" in picture.reading
    assert f"{row.ceiling**0.5:.2f} (LSTM)" in picture.reading
    assert f"to a share of: GRU {learning.share['gru']:.2f} (" in picture.reading
    assert "LSTM, whether a network learns" not in picture.reading
    assert "cannot be computed" not in picture.reading
    assert "learns" not in structure.noise_ceilings(noise).reading
    assert f"LSTM, one network (ICC): {noise.icc['lstm']:.2f} (" in picture.alt
    assert "cannot be told apart" in structure.noise_ceilings(analysis.intraclass(planted.study(9, 1))).reading
    for draw in (structure.trainability_bars, structure.noise_ceilings):
        with pytest.raises(TableError, match="unknown column"):
            draw(table)
