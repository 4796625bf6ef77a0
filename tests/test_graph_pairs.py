"""Graphs beside their null models, mask rows beside whole masks, and which causes a sample of graphs holds apart."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.stats

from sparsekit.analysis import structure as graph_pairs
from sparsekit.analysis.structure import CAUSES, causes
from sparsekit.analysis.tables import TableError
from sparsekit.experiments.parameters import Parameters
from sparsekit.figures import structure
from sparsekit.registry import UnknownName
from sparsekit.reports.answers import structured, wrong_entries


def study(graphs=12, seeds=2, gain=0.05, variants=("gru", "lstm"), nulls=("rewired",), noise=0.01, seed=0):
    """Networks of two families; graphs are better than their null models by ``gain`` in the last variant alone."""
    rng, rows = np.random.default_rng(seed), []
    for variant in variants:
        for k in range(graphs):
            level = 0.8 + 0.03 * rng.normal()
            for null in ("none", *nulls):
                for s in range(seeds):
                    accuracy = level - gain * (null != "none") * (variant == variants[-1]) + noise * rng.normal()
                    name = k // 2 if null == "none" else f"{k // 2} {null}"
                    own = {"variant": variant, "generator": ("barabasi_albert", "erdos_renyi")[k % 2], "graph": name}
                    rows.append(own | {"original": k // 2, "seed": s, "null": null, "test_accuracy": accuracy})
    return pd.DataFrame(rows)


def layouts(table):
    """The same, as if null models were graphs with published rows."""
    return table.assign(gate_masks=np.where(table["null"] == "none", "blocks", "rows"), wrong=0.2, lost=0.5)


def test_differences_by_hand():
    table = study(graphs=2, variants=("gru",))
    table["test_accuracy"] = [0.9, 0.8, 0.7, 0.6, 0.9, 0.5, 0.6, 0.9]  # graph, graph, null, null of either family
    found = graph_pairs.null_differences(table, chance=0.5).set_index("generator")
    assert found.loc["barabasi_albert", "difference"] == pytest.approx((0.2 + 0.2) / 2)
    # One seed of the second graph never left chance: its pair has no difference, and is counted.
    assert found.loc["erdos_renyi", "difference"] == pytest.approx(0.9 - 0.6)
    assert found[["pairs", "stuck", "stuck_other"]].to_numpy().tolist() == [[2, 0, 0], [2, 1, 0]]
    row = graph_pairs.mean_differences(found.reset_index()).loc[("gru", "rewired")]
    assert (row["graphs"], row["above"], row["below"], row["pairs"], row["stuck"]) == (2, 2, 0, 4, 1)


def test_the_interval_is_students_over_graphs_and_not_over_networks():
    differences = graph_pairs.null_differences(study(seeds=5), 0.5)
    row = graph_pairs.mean_differences(differences, 0.9).loc[("lstm", "rewired")]
    values = differences.loc[differences["variant"] == "lstm", "difference"]
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected))
    assert row["graphs"] == 12


def test_a_planted_difference_is_found_where_it_is_and_intervals_cover():
    inside = 0
    for seed in range(100):
        means = graph_pairs.mean_differences(graph_pairs.null_differences(study(seed=seed), 0.5), 0.9)
        assert means.loc[("lstm", "rewired"), "low"] > 0
        inside += means.loc[("gru", "rewired"), "low"] <= 0 <= means.loc[("gru", "rewired"), "high"]
    assert abs(inside / 100 - 0.9) < 3 * np.sqrt(0.09 / 100)


def test_mask_rows_are_compared_with_whole_masks():
    differences = graph_pairs.gate_row_differences(layouts(study()), 0.5)
    assert set(differences["against"]) == {"blocks"}
    means = graph_pairs.mean_differences(differences)["mean"]
    assert means["lstm", "blocks"] == pytest.approx(-0.05, abs=0.01)
    picture = structure.gate_row_differences(differences)
    assert f"LSTM {100 * means['lstm', 'blocks']:.1f}".replace("-", "−") in picture.reading
    assert "1 of 2 intervals leaves out zero" in picture.reading


def test_the_figure_carries_means_intervals_and_who_never_learned():
    table = study(nulls=("rewired", "random"))
    table.loc[(table["variant"] == "gru") & (table["null"] == "random"), "test_accuracy"] = 0.5
    picture = structure.null_differences(graph_pairs.null_differences(table, 0.5))
    means = graph_pairs.mean_differences(graph_pairs.null_differences(table, 0.5))
    assert f"LSTM, rewired +{100 * means.loc[('lstm', 'rewired'), 'mean']:.1f} (" in picture.reading
    assert "GRU, random: same density: no pair of which both left chance level; at chance level 0 of 24" in picture.alt
    assert "24 (null)" in picture.alt
    assert "of 3 intervals" in picture.reading
    with pytest.raises(TableError, match="unknown column 'against'"):
        structure.null_differences(table)


def test_where_nothing_was_asked_for_the_figure_says_how_to_ask():
    nothing = graph_pairs.null_differences(study(nulls=()), 0.5)
    assert nothing.empty
    assert graph_pairs.mean_differences(nothing).empty
    assert 'null_models = ["rewired", "random"]' in structure.null_differences(nothing).reading
    none = graph_pairs.gate_row_differences(layouts(study()).iloc[:0], 0.5)
    assert "Nothing to compare" in structure.gate_row_differences(none).reading


def test_single_graphs_and_networks_at_chance_have_no_interval():
    one = study(graphs=1, seeds=1, variants=("gru",))
    assert "(no interval)" in structure.null_differences(graph_pairs.null_differences(one, 0.5)).reading
    stuck = one.assign(test_accuracy=0.5)
    assert "nothing can be compared" in structure.null_differences(graph_pairs.null_differences(stuck, 0.5)).reading


def test_bad_input_is_named():
    with pytest.raises(TableError, match="unknown column 'original'"):
        graph_pairs.null_differences(study().drop(columns="original"), 0.5)
    with pytest.raises(ValueError, match="chance 50"):
        graph_pairs.null_differences(study(), 50)


def test_the_drawing_of_both_layouts_counts_what_the_rows_lose():
    picture = structure.mask_layouts(nx.Graph([(0, 2), (1, 3), (0, 3)]), "gru")
    assert "1 of 9 edges (11.1 %)" in picture.reading
    with pytest.raises(UnknownName, match="rnn_tanh"):
        structure.mask_layouts(nx.path_graph(4), "rnn_tanh")


def sample(count=30, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({name: rng.normal(5, 1, count) for name in CAUSES})
    table["edges"] = 3 * table["nodes"] + 0.01 * rng.normal(size=count)
    table["depth"] = 7.0
    table["recurrent_parameters"] = rng.uniform(980, 1020, count)
    own = {"variant": "gru", "generator": "mixed", "graph": range(count), "null": "none"}
    return table.assign(**own, family=np.where(np.arange(count) % 2, "erdos_renyi", "hierarchical"))


def test_causes_go_together_as_scipy_says_and_what_is_held_fixed_does_not():
    table = sample()
    both = pd.concat([table, table.assign(variant="lstm", nodes=0)])  # of several variants the first counts
    matrix = causes(pd.concat([both, both.assign(null="random", graph="x", nodes=99)]))
    expected = scipy.stats.spearmanr(table["average_clustering"], table["average_shortest_path_length"]).statistic
    assert matrix.loc["average_clustering", "average_shortest_path_length"] == pytest.approx(expected)
    assert matrix.loc[["depth", "recurrent_parameters"]].isna().all(axis=None)
    reading = structure.causes_map(matrix).reading
    assert "Held fixed: recurrent parameters and layers of the network." in reading
    assert "most of all nodes and edges (+1.00)" in reading


def test_the_plane_counts_graphs_by_family_and_not_null_models():
    table = sample(10)
    picture = structure.sample_plane(
        pd.concat([table, table.assign(null="random", graph=[f"{k} r" for k in range(10)])])
    )
    assert picture.reading.startswith("10 graphs of ")
    assert "hierarchical, 5 graphs: clustering" in picture.alt
    with pytest.raises(TableError, match="unknown column 'family'"):
        structure.sample_plane(table.drop(columns="family"))


class TestAnswer:
    def test_says_what_each_comparison_shows(self):
        table = study(seeds=3)
        table.loc[table.index[:2], "test_accuracy"] = 0.5
        said = structured(table, layouts(table), 0.5, Parameters())
        reached, noise, nulls, rows = said.split("\n")
        assert "2 of 36 at chance level" in reached
        assert "GRU 0." in noise
        assert (
            "Beside null models of same degrees (rewired), graphs are, in percentage points, better: LSTM (+" in nulls
        )
        assert "not shown to differ: GRU (" in nulls
        assert "worse: LSTM (−" in rows
        assert "20 % of mask entries are wrong" in rows

    def test_says_plainly_what_was_not_asked_for(self):
        table = study(nulls=(), seeds=1)
        said = structured(table, layouts(table).iloc[:0], 0.5, Parameters())
        assert "`graph_seeds` above 1" in said
        assert 'Not asked: `null_models = ["rewired", "random"]` would.' in said
        assert "They do not apply" in said
        assert wrong_entries(layouts(table).iloc[:0]) in said

    def test_networks_that_never_learned_are_compared_with_nothing(self):
        table = study().assign(test_accuracy=0.5)
        said = structured(table, layouts(table), 0.5, Parameters())
        assert "GRU nothing, 24 of 24 at chance level" in said
        assert "graphs are not to be compared: GRU (in no pair both left chance level)" in said
