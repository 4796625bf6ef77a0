import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm

from sparsekit.analysis import intervals
from sparsekit.analysis import structure as ceilings
from sparsekit.analysis.tables import TableError
from tests import planted
from tests.planted import layouts, separate, with_nulls


def networks(accuracies, variant="gru", generator="g"):
    """A table from one list of accuracies per graph."""
    rows = [
        {"variant": variant, "generator": generator, "graph": g, "seed": k, "test_accuracy": a}
        for g, seeds in enumerate(accuracies)
        for k, a in enumerate(seeds)
    ]
    return pd.DataFrame(rows)


# Table 2 of Shrout and Fleiss, Psychological Bulletin 1979.
SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_the_example_of_shrout_and_fleiss():
    # The same judges judge all: their ICC(3,1) and ICC(3,4), with the intervals that R's psych gives.
    row = ceilings.intraclass(networks(SHROUT_FLEISS)).loc["gru"]
    assert (round(row.icc, 2), round(row.ceiling, 2)) == (0.71, 0.91)
    assert (round(row.icc_low, 2), round(row.icc_high, 2)) == (0.34, 0.95)
    assert (round(row.ceiling_low, 2), round(row.ceiling_high, 2)) == (0.68, 0.99)
    assert (row.graphs, row.networks, row.seeds) == (6, 24, 4)
    assert row.within_sd**2 == pytest.approx(1.02, abs=0.005)


def test_what_a_seed_does_to_all_graphs_alike_is_no_noise():
    table = planted.study(40, 3, variants=("gru",))
    shifted = table.assign(test_accuracy=table["test_accuracy"] + 0.1 * table["seed"])
    pd.testing.assert_frame_equal(ceilings.intraclass(table), ceilings.intraclass(shifted))
    lacking = shifted.drop(index=shifted.index[::7])
    pd.testing.assert_frame_equal(ceilings.intraclass(table.loc[lacking.index]), ceilings.intraclass(lacking))


def test_balanced_variances_are_those_of_a_mixed_model():
    table = planted.study(40, 3, variants=("gru",))
    row = ceilings.intraclass(table).loc["gru"]
    seeds = pd.get_dummies(table["seed"]).to_numpy(dtype=float)
    fit = sm.MixedLM(table["test_accuracy"] * 50, seeds, groups=table["graph"]).fit(method="bfgs")
    assert row.between_sd * 50 == pytest.approx(np.sqrt(fit.cov_re.iloc[0, 0]), rel=1e-3)
    assert row.within_sd * 50 == pytest.approx(np.sqrt(fit.scale), rel=1e-3)
    assert row.icc == pytest.approx(row.between_sd**2 / (row.between_sd**2 + row.within_sd**2))
    assert row.ceiling == pytest.approx(row.between_sd**2 / (row.between_sd**2 + row.within_sd**2 / 3))


def test_unequal_seeds_by_hand():
    # Both graphs have seeds 0 and 1, differences 4 and 3: between 2 · 3.5² / 2 (1 d.f.), within (0.5² + 0.5²) / 2
    # (1 d.f.); seed 2, of one graph alone, tells nothing. n0 = 2 · 1 / 2 = 1 graph of a mean of two.
    row = ceilings.intraclass(networks([[0, 2], [4, 5, 6]])).loc["gru"]
    assert row.within_sd == pytest.approx(0.5)
    assert row.between_sd == pytest.approx(np.sqrt((12.25 - 0.25) / 2))
    icc = row.between_sd**2 / (row.between_sd**2 + row.within_sd**2)
    assert row.icc == pytest.approx(icc)
    assert row.seeds == pytest.approx(2.4)
    assert row.ceiling == pytest.approx(2.4 * icc / (1 + 1.4 * icc))


@pytest.mark.parametrize("unequal", [False, True])
def test_intervals_cover(unequal):
    rng, inside, runs = np.random.default_rng(4), 0, 300
    for _ in range(runs):
        seeds = rng.integers(2, 5, 30) if unequal else np.full(30, 3)
        graphs = rng.normal(size=30)
        row = ceilings.intraclass(
            networks([g + rng.normal(size=k) for g, k in zip(graphs, seeds, strict=True)]), confidence=0.9
        ).loc["gru"]
        inside += row.icc_low <= 0.5 <= row.icc_high
    assert abs(inside / runs - 0.9) < 3 * np.sqrt(0.09 / runs) + 0.01 * unequal


def test_nothing_about_a_graph_explains_more_than_the_ceiling():
    rng, explained, ceiling = np.random.default_rng(2), [], []
    for _ in range(100):
        graphs = rng.normal(size=60)  # all that there is to know about them
        seeds = graphs[:, None] + 1.5 * rng.normal(size=(60, 3))
        explained.append(np.corrcoef(graphs, seeds.mean(axis=1))[0, 1] ** 2)
        ceiling.append(ceilings.intraclass(networks(seeds)).ceiling.item())
    assert np.mean(explained) == pytest.approx(np.mean(ceiling), abs=3 * np.std(explained) / 10 + 0.02)
    assert np.mean(explained) == pytest.approx(1 / (1 + 2.25 / 3), abs=0.03)


@pytest.mark.filterwarnings("error")
def test_one_seed_a_graph_tells_nothing():
    one = [[0.5], [0.6], [0.7]]
    for accuracies in (one, [*one, [0.5, 0.6]], [[0.5, 0.6]], [[0.5, 0.5], [0.5, 0.5]], [[np.nan], [np.nan]]):
        row = ceilings.intraclass(networks(accuracies)).loc["gru"]
        assert row.drop(["graphs", "networks", "seeds"]).isna().all()
    assert ceilings.intraclass(networks([[0.5, np.nan], [0.6, 0.7]])).networks.item() == 3


def test_the_same_number_in_two_families_is_two_graphs():
    table = pd.concat([networks([[1, 2], [3, 4]]), networks([[5, 6], [7, 8]], generator="h")])
    assert ceilings.intraclass(table).graphs.item() == 4


def test_trainability_of_one_seed_a_graph_is_wilsons():
    table = networks([[0.5], [0.51], [0.9], [np.nan], [0.53], [0.95], [0.97], [1.0]])
    row = ceilings.trainability(table, 0.5).loc[("gru", "all")]
    assert (row.networks, row.at_chance) == (8, 3)
    assert (row.share, row.low, row.high) == pytest.approx(intervals.wilson(3, 8))
    assert list(ceilings.learned(table, 0.5).test_accuracy) == [0.9, 0.53, 0.95, 0.97, 1.0]
    assert len(ceilings.learned(table, 0.5)) + row.at_chance == len(table)


def test_seeds_that_share_their_fate_count_as_their_graph():
    alike = networks([[0.5] * 3] * 4 + [[0.9] * 3] * 6)
    row = ceilings.trainability(alike, 0.5).loc[("gru", "g")]
    assert (row.share, row.low, row.high) == pytest.approx(intervals.wilson(4, 10))
    none = ceilings.trainability(networks([[0.9] * 3] * 10), 0.5).loc[("gru", "all")]
    assert (none.share, none.low, none.high) == pytest.approx(intervals.wilson(0, 10))
    every = ceilings.trainability(networks([[0.5] * 3] * 10), 0.5).loc[("gru", "all")]
    assert (every.share, every.low, every.high) == pytest.approx(intervals.wilson(10, 10))


def test_intervals_of_trainability_cover_where_seeds_are_alike():
    rng, inside, runs = np.random.default_rng(3), 0, 200
    for _ in range(runs):
        chances = rng.beta(0.6, 1.4, 40)  # 0.3 on average, seeds of a graph alike (ICC 1 / 3)
        stuck = rng.random((40, 4)) < chances[:, None]
        row = ceilings.trainability(networks(np.where(stuck, 0.5, 0.9)), 0.5, confidence=0.9).iloc[0]
        inside += row.low <= 0.3 <= row.high
    assert abs(inside / runs - 0.9) < 3 * np.sqrt(0.09 / runs) + 0.01


def latent(share, graphs, seeds, rng, mean=0.0):
    """Networks of which each learns with the chance that its graph has, latent share given."""
    logits = mean + np.sqrt(np.pi**2 / 3 * share / (1 - share)) * rng.normal(size=graphs)
    return networks(np.where(rng.random((graphs, seeds)) < 1 / (1 + np.exp(-logits[:, None])), 0.9, 0.5))


def test_the_share_of_learning_is_found():
    rng = np.random.default_rng(0)
    for share in (0.1, 0.5, 0.9):
        row = ceilings.trainability_share(latent(share, 1500, 4, rng, mean=1.0), 0.5).loc["gru"]
        assert row.low < share < row.high
        assert row.high - row.low < 0.2
        assert (row.graphs, row.networks) == (1500, 6000)


def test_the_likelihood_of_learning_is_that_of_numerical_integration():
    deviation, mean = np.sqrt(np.pi**2 / 3 * 0.5 / 0.5), 0.7
    u = np.linspace(-40, 40, 200_001)
    density = scipy.stats.norm.pdf(u, 0, deviation)
    learns = 1 / (1 + np.exp(-mean - u))
    for k in range(4):
        exact = np.trapezoid(learns**k * (1 - learns) ** (3 - k) * density, u)
        at = mean + deviation * ceilings.NODES
        ours = np.exp(-k * np.logaddexp(0, -at) - (3 - k) * np.logaddexp(0, at)) @ ceilings.WEIGHTS
        assert ours / np.sqrt(2 * np.pi) == pytest.approx(exact, rel=1e-3)


@pytest.mark.filterwarnings("error")
def test_what_tells_nothing_of_learning_is_nan():
    for accuracies in ([[0.9], [0.5]], [[0.9, 0.9]] * 3, [[0.5, np.nan]] * 3):
        assert ceilings.trainability_share(networks(accuracies), 0.5)[["share", "low", "high"]].isna().all(axis=None)
    alike = ceilings.trainability_share(networks([[0.9] * 4] * 20 + [[0.5] * 4] * 20), 0.5).iloc[0]
    assert alike.low > 0.7
    single = ceilings.trainability_share(networks([[0.9, 0.5, 0.9, 0.5]]), 0.5).iloc[0]
    assert single.low < 0.05
    assert single.high > 0.7


def test_bad_input_is_named():
    table = networks([[0.5, 0.6]])
    with pytest.raises(ValueError, match="chance 50"):
        ceilings.trainability_share(table, 50)
    with pytest.raises(ValueError, match="chance 50"):
        ceilings.trainability(table, 50)
    with pytest.raises(ValueError, match="margin 0"):
        ceilings.learned(table, 0.5, margin=0)
    with pytest.raises(TableError, match=r"unknown column 'accuracy'.*'test_accuracy'"):
        ceilings.intraclass(table, "accuracy")


def test_differences_by_hand():
    table = with_nulls(graphs=2, variants=("gru",))
    table["test_accuracy"] = [0.9, 0.8, 0.7, 0.6, 0.9, 0.5, 0.6, 0.9]  # graph, graph, null, null of either family
    found = ceilings.null_differences(table, chance=0.5).set_index("generator")
    assert found.loc["barabasi_albert", "difference"] == pytest.approx((0.2 + 0.2) / 2)
    # One seed of the second graph never left chance: its pair has no difference, and is counted.
    assert found.loc["erdos_renyi", "difference"] == pytest.approx(0.9 - 0.6)
    assert found[["pairs", "stuck", "stuck_other"]].to_numpy().tolist() == [[2, 0, 0], [2, 1, 0]]
    row = ceilings.mean_differences(found.reset_index()).loc[("gru", "rewired")]
    assert (row["graphs"], row["above"], row["below"], row["pairs"], row["stuck"]) == (2, 2, 0, 4, 1)


def test_the_interval_is_students_over_graphs_and_not_over_networks():
    differences = ceilings.null_differences(with_nulls(seeds=5), 0.5)
    row = ceilings.mean_differences(differences, 0.9).loc[("lstm", "rewired")]
    values = differences.loc[differences["variant"] == "lstm", "difference"]
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected))
    assert row["graphs"] == 12


def test_a_planted_difference_is_found_where_it_is_and_intervals_cover():
    inside = 0
    for seed in range(100):
        means = ceilings.mean_differences(ceilings.null_differences(with_nulls(seed=seed), 0.5), 0.9)
        assert means.loc[("lstm", "rewired"), "low"] > 0
        inside += means.loc[("gru", "rewired"), "low"] <= 0 <= means.loc[("gru", "rewired"), "high"]
    assert abs(inside / 100 - 0.9) < 3 * np.sqrt(0.09 / 100)


def test_intervals_that_leave_out_zero_are_counted_against_what_chance_does():
    many = {"variants": ("a", "b", "c"), "nulls": ("rewired", "random", "shuffled")}
    told, most = [], []
    for seed in range(150):
        differences = ceilings.null_differences(with_nulls(gain=0, seed=seed, **many), 0.5)
        means = ceilings.mean_differences(differences)
        told.append(int(((means["low"] > 0) | (means["high"] < 0)).sum()))
        most.append(ceilings.most_by_chance(differences, flips=199))
    # The null models stand against the same graphs, so that several intervals leave out zero together.
    assert np.mean(np.array(told) > np.array(most)) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)
    assert np.median(most) >= 2
    real = ceilings.null_differences(with_nulls(**many), 0.5)
    assert ceilings.most_by_chance(real) < 9


@pytest.mark.filterwarnings("error")
def test_chance_counts_of_few_graphs():
    assert ceilings.most_by_chance(ceilings.null_differences(with_nulls(graphs=1), 0.5)) == 0
    same = ceilings.null_differences(with_nulls(graphs=2, noise=0, gain=0), 0.5)
    assert ceilings.most_by_chance(same) == 0


def test_bad_tables_of_pairs_are_named():
    with pytest.raises(TableError, match="unknown column 'original'"):
        ceilings.null_differences(with_nulls().drop(columns="original"), 0.5)
    with pytest.raises(ValueError, match="chance 50"):
        ceilings.null_differences(with_nulls(), 50)


def test_mask_rows_are_compared_with_whole_masks():
    differences = ceilings.gate_row_differences(layouts(with_nulls()), 0.5)
    assert set(differences["against"]) == {"blocks"}
    assert ceilings.mean_differences(differences)["mean"]["lstm", "blocks"] == pytest.approx(-0.05, abs=0.01)


def test_where_nothing_was_asked_for_there_is_no_row():
    nothing = ceilings.null_differences(with_nulls(nulls=()), 0.5)
    assert nothing.empty
    assert ceilings.mean_differences(nothing).empty


def test_causes_go_together_as_scipy_says_and_what_is_held_fixed_does_not():
    table = separate()
    both = pd.concat([table, table.assign(variant="lstm", nodes=0)])  # of several variants the first counts
    matrix = ceilings.causes(pd.concat([both, both.assign(null="random", graph="x", nodes=99)]))
    expected = scipy.stats.spearmanr(table["average_clustering"], table["average_shortest_path_length"]).statistic
    assert matrix.loc["average_clustering", "average_shortest_path_length"] == pytest.approx(expected)
    assert matrix.loc[["depth", "recurrent_parameters"]].isna().all(axis=None)


def test_a_graphs_places_are_percentiles_among_the_others():
    others = pd.DataFrame({"nodes": [10, 20, 20, 40], "edges": [1, 2, 3, 4]})
    found = ceilings.places_among(others, {"nodes": 20, "edges": 9, "unknown": 1})
    assert found.index.tolist() == ["nodes", "edges"]
    assert found["above"].tolist() == [0.25, 1]
    for name, row in found.iterrows():
        assert 100 * row["rank"] == scipy.stats.percentileofscore(others[name], row["value"], "mean")
    assert ceilings.places_among(others.head(0), {"nodes": 20}).empty
