"""The figures of survival: their words carry the numbers drawn, and bad tables are told so."""

import itertools

import pandas as pd
import pytest

from sparsekit.analysis.tables import TableError
from sparsekit.figures import survival as figures
from sparsekit.networks import build as networks
from sparsekit.pruning import prune as pruning
from sparsekit.pruning import survival
from tests.figures.test_marks import overflow


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


@pytest.fixture(params=[1, 2], ids=["one seed", "two seeds"])
def seeds(request):
    return request.param


def test_survival_map_tells_each_gates_share(seeds):
    table = measured(survival.survivors, seeds)
    picture = figures.survival_map(table)
    assert not overflow(picture)
    cell = table.query("variant == 'gru' and gate == 'z' and matrix == 'hidden-to-hidden' and percent == 90")
    share = 100 * cell["survivors"].sum() / cell["weights"].sum()
    short = f"{share:.0f}" if share >= 10 else f"{share:.2g}"
    told = picture.alt.split("hidden-to-hidden, GRU, update z: ")[1].split(";")[0]
    assert told.endswith(f"90 {short}")
    assert picture.reading.startswith("With 90 % pruned, most beyond the average is left of ")


def test_a_target_shows_its_own_matrices_only():
    picture = figures.survival_map(measured(survival.survivors, target="h2h"), "h2h")
    assert "input-to-hidden" not in picture.alt


def test_survival_by_layer_names_the_extremes(seeds):
    table = measured(survival.survivors, seeds)
    picture = figures.survival_by_layer(table, 90)
    assert not overflow(picture)
    means = table[table["percent"] == 90].groupby(["variant", "layer", "matrix", "gate"])["share"].mean()
    for extreme in (means.min(), means.max()):
        assert f"{100 * extreme:.1f}".rstrip("0").rstrip(".") + " %" in picture.reading


def test_spectral_radii_set_before_beside_after():
    states = [measured(survival.spectral_radius, network=network) for network in ("pruned", "recovered")]
    base = measured(survival.spectral_radius, percentages=[0], network="base", target="both").drop(columns="target")
    picture = figures.spectral_radii(pd.concat([base, *states]), 90)
    assert not overflow(picture)
    radius = base.query("variant == 'gru' and gate == 'n' and layer == 1")["spectral_radius"].mean()
    assert f"layer 2, GRU, new n, before pruning: {radius:.2f}" in picture.alt


def test_dead_units_say_where_the_first_die(seeds):
    picture = figures.dead_units(measured(survival.dead_units, seeds, (20, 99)))
    assert not overflow(picture)
    assert picture.reading == "The first units die in RNN-Tanh at 99 % and GRU at 99 %."
    intact = figures.dead_units(measured(survival.dead_units, seeds, (20,)))
    assert intact.reading == "No unit dies in RNN-Tanh and GRU."


def test_where_all_units_are_dead_nothing_is_drawn():
    table = measured(survival.dead_units, 1, (20, 100))
    picture = figures.dead_units(table)
    assert " 100 100 %" not in picture.alt
    assert picture.reading == "The first units die in RNN-Tanh at 100 % and GRU at 100 %."
    assert "layer 1: 100 100 %" in figures.dead_units(table[table["percent"] == 100]).alt


def test_bad_tables_are_told():
    survivors = measured(survival.survivors, 1)
    with pytest.raises(TableError, match="90"):
        figures.survival_by_layer(survivors, 80)
    with pytest.raises(TableError, match="target of this table"):
        figures.survival_map(survivors, "h2h")
