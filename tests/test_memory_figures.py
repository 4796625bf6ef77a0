"""The figures of survival and memory: their words carry the numbers drawn, and bad tables are told so."""

import itertools

import numpy as np
import pandas as pd
import pytest

from sparsekit.analysis.tables import TableError
from sparsekit.figures import memory as memory_figures
from sparsekit.figures import survival as survival_figures
from sparsekit.networks import build as networks
from sparsekit.pruning import prune as pruning
from sparsekit.pruning import survival
from sparsekit.registry import UnknownName

BASELINES = {"majority": 0.5, "last 4 characters": 0.9}


def measured(measure, seeds=2, percentages=(50, 90), target="both", **columns):
    """A measurement of pruned GRU and RNN-Tanh networks, stacked with what was pruned."""
    tables = []
    for variant, seed, percent in itertools.product(("rnn_tanh", "gru"), range(seeds), percentages):
        network = networks.stacked(variant, 6, 2, 4, seed=seed)
        mask, _ = pruning.prune(network, percent / 100, target)
        mask.apply(network)
        tag = {"variant": variant, "seed": seed, "target": target, "percent": percent} | columns
        tables.append(measure(network).assign(**tag))
    return pd.concat(tables)


def accuracies(seeds=2, **levels):
    """Accuracies that fall by a tenth from level to level of one column, in two networks."""
    ((column, values),) = levels.items()
    rows = [
        {"variant": variant, "seed": seed, "network": network, column: value, "n": 100, "accuracy": accuracy}
        for variant, seed, network in itertools.product(("rnn_tanh", "lstm"), range(seeds), ("base", "retrained"))
        for value, accuracy in zip(values, 0.9 - 0.1 * np.arange(len(values)) + 0.01 * seed, strict=True)
    ]
    return pd.DataFrame(rows).assign(low=lambda t: t["accuracy"] - 0.05, high=lambda t: t["accuracy"] + 0.05)


@pytest.fixture(params=[1, 2], ids=["one seed", "two seeds"])
def seeds(request):
    return request.param


def test_survival_map_tells_each_gates_share(seeds):
    table = measured(survival.survivors, seeds)
    picture = survival_figures.survival_map(table)
    picture.png()
    cell = table.query("variant == 'gru' and gate == 'z' and matrix == 'hidden-to-hidden' and percent == 90")
    share = 100 * cell["survivors"].sum() / cell["weights"].sum()
    told = picture.alt.split("GRU update z, hidden-to-hidden: ")[1].split(";")[0]
    assert f"{share:.1f}".rstrip("0").rstrip(".") + " % at 90 %" in told
    assert picture.reading.startswith("With 90 % pruned, most beyond the average is left of ")


def test_a_target_shows_its_own_matrices_only():
    picture = survival_figures.survival_map(measured(survival.survivors, target="h2h"), "h2h")
    assert "input-to-hidden" not in picture.alt


def test_survival_by_layer_names_the_extremes(seeds):
    table = measured(survival.survivors, seeds)
    picture = survival_figures.survival_by_layer(table, 90)
    picture.png()
    means = table[table["percent"] == 90].groupby(["variant", "layer", "matrix", "gate"])["share"].mean()
    for extreme in (means.min(), means.max()):
        assert f"{100 * extreme:.1f}".rstrip("0").rstrip(".") + " %" in picture.reading


def test_spectral_radii_set_before_beside_after():
    states = [measured(survival.spectral_radius, network=network) for network in ("pruned", "recovered")]
    base = measured(survival.spectral_radius, percentages=[0], network="base", target="both").drop(columns="target")
    picture = survival_figures.spectral_radii(pd.concat([base, *states]), 90)
    picture.png()
    radius = base.query("variant == 'gru' and gate == 'n' and layer == 1")["spectral_radius"].mean()
    assert f"GRU new n, layer 2: {radius:.2f} before pruning" in picture.alt


def test_dead_units_say_where_the_first_die(seeds):
    picture = survival_figures.dead_units(measured(survival.dead_units, seeds, (20, 99)))
    picture.png()
    assert picture.reading == "The first units die in RNN-Tanh at 99 % and GRU at 99 %."
    intact = survival_figures.dead_units(measured(survival.dead_units, seeds, (20,)))
    assert intact.reading == "No unit dies in RNN-Tanh and GRU."


def test_accuracy_by_paths_reads_the_last_network(seeds):
    table = accuracies(seeds, cut=("nothing", "hidden", "carry", "both"))
    table = table[(table["variant"] == "lstm") | table["cut"].isin(["nothing", "hidden"])]
    picture = memory_figures.accuracy_by_paths(table, BASELINES)
    picture.png()
    assert "LSTM, base, carry cut: 70" in picture.alt
    assert "last 4 characters 90 %" in picture.alt
    assert "Of the networks “retrained”, RNN-Tanh reaches 90" in picture.reading
    assert "RNN-Tanh, base, carry cut" not in picture.alt


def test_accuracy_by_seen_says_from_where_on_it_is_close(seeds):
    table = accuracies(seeds, seen=(8, 4, 2, 1)).sort_values("seen")
    table.loc[(table["variant"] == "lstm") & (table["seen"] == 4), "accuracy"] = 0.9
    ends = pd.DataFrame({"seen": [1, 2, 4], "accuracy": [0.5, 0.7, 0.8]})
    picture = memory_figures.accuracy_by_seen(table, ends)
    picture.png()
    assert "networks “base” need so many" in picture.reading
    assert picture.reading.count("RNN-Tanh 8 (all: ") == picture.reading.count("LSTM 4 (all: ") == 1
    assert "80 % with 4" in picture.alt
    memory_figures.accuracy_by_seen(table, ends[:0]).png()


def test_accuracy_by_violation_names_the_worst_place(seeds):
    table = accuracies(seeds, first=(np.nan, 1, 5)).assign(last=lambda t: t["first"] + 3)
    table["group"] = np.where(table["first"].isna(), "valid", "invalid")
    picture = memory_figures.accuracy_by_violation(table, {"majority": 0.5})
    picture.png()
    assert f"(characters 5–8): {30 if seeds == 1 else 29.5} %" in picture.reading
    assert "valid" in picture.alt
    # A place with few strings is drawn, and nothing is read from it.
    few = memory_figures.accuracy_by_violation(table.assign(n=np.where(table["first"] == 5, 9, 100)))
    assert "10 strings or more" in few.reading
    assert "(characters 1–4)" in few.reading
    assert "1 string or more" in memory_figures.accuracy_by_violation(table.assign(n=1)).reading


def test_no_violation_to_place_is_said():
    paths = accuracies(cut=("nothing", "hidden")).assign(group="valid", first=np.nan, last=np.nan, n=100)
    for table, why in ((None, "this task has no grammar"), (paths, "all strings probed are valid")):
        picture = memory_figures.accuracy_by_violation(table)
        picture.png()
        assert why in picture.reading
        assert why in picture.alt


def test_where_all_units_are_dead_nothing_is_drawn():
    table = measured(survival.dead_units, 1, (20, 100))
    picture = survival_figures.dead_units(table)
    assert "at 100 %" not in picture.alt
    assert picture.reading == "The first units die in RNN-Tanh at 100 % and GRU at 100 %."
    assert "100 % at 100 %" in survival_figures.dead_units(table[table["percent"] == 100]).alt


def test_bad_tables_are_told():
    survivors = measured(survival.survivors, 1)
    paths = accuracies(cut=("nothing", "hidden"))
    with pytest.raises(TableError, match="90"):
        survival_figures.survival_by_layer(survivors, 80)
    with pytest.raises(UnknownName, match="target of this table"):
        survival_figures.survival_map(survivors, "h2h")
    with pytest.raises(TableError, match="no rows"):
        memory_figures.accuracy_by_paths(paths[:0], {})
    with pytest.raises(TableError, match="'network'"):
        memory_figures.accuracy_by_paths(paths.drop(columns="network"), {})
    many = pd.concat([paths.assign(network=str(k), seen=1) for k in range(5)])
    with pytest.raises(TableError, match="at most 4"):
        memory_figures.accuracy_by_seen(many, pd.DataFrame())
