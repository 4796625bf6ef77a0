"""Figures of recovery: who came back, when, and the area below."""

import numpy as np
import pytest

from sparsekit.analysis import recovery as analysis_recovery
from sparsekit.analysis.tables import TableError
from sparsekit.figures import recovery as figures
from sparsekit.figures.words import percent
from tests import tables_of_figures as tables
from tests.planted import way, ways
from tests.tables_of_conditions import STEPS, recovery

BASELINES = tables.baselines()


def test_figures_of_areas_carry_the_numbers():
    table = ways({"dense": [-0.4, -0.4], "rewind": [0.04, 0.04]})
    found = analysis_recovery.area_under_recovery(table)
    picture = figures.areas_by_protocol(found, 80)
    for name, label in (("retrain", "surviving weights"), ("rewind", "rewound"), ("dense", "dense")):
        assert f"GRU, {label}: {percent(found.loc[('gru', 'both', 80, name), 'area'])} (" in picture.alt
    assert picture.reading.endswith("GRU rewound.")
    alone = analysis_recovery.area_under_recovery(way([0.5, 0.7, 0.9]))
    assert "surviving weights: 70 %." in figures.areas_by_protocol(alone, 80).alt
    lost = figures.accuracy_lost(alone)
    assert "GRU, both: 80 25;" in lost.alt
    assert lost.reading.endswith("GRU 25 points (all recurrent weights, 80 %).")
    with pytest.raises(TableError, match="percent of this table 70"):
        figures.areas_by_protocol(found, 70)
    with pytest.raises(TableError, match="'recovery' holds"):
        figures.accuracy_lost(found)


def test_the_published_grid_is_enough_for_every_figure():
    grid = tables.recovery(("gru", "lstm"), 2, percentages=(50, 90))
    assert "GRU, hidden-to-hidden" in figures.accuracy_lost(analysis_recovery.area_under_recovery(grid)).alt


def test_protocols_are_counted_where_they_end_and_come_back():
    table = recovery(variants=("gru", "lstm"), noise=0)
    never = table["recovery"] == "random_mask"
    table = table.assign(accuracy=table["accuracy"].where(~never, 0.5))
    picture = figures.recovery_protocols(table, BASELINES, 90)
    assert "surviving weights 2 of 2" in picture.reading
    assert "random mask 0 of 2" in picture.reading
    told = ", ".join(f"{step} 50 % (50 to 50 %)" for step in ("0", "200", "2,930"))
    assert f"GRU, random mask: {told}" in picture.alt
    picture = figures.regain_survival(table, 90)
    assert "GRU, random mask: 0 100 %, 2,930 100 %" in picture.alt
    assert "surviving weights 6 of 6, " in picture.reading
    assert "random mask 0 of 6, " in picture.reading


def test_shares_not_yet_back_fall_to_half_at_the_median():
    table = recovery(variants=("gru", "lstm"), seeds=4)
    medians = analysis_recovery.steps_to_regain(table, 0.02)["median"]
    shares = analysis_recovery.not_yet_back(table, "recovery", 0.02)
    for (variant, name), own in shares.groupby(["variant", "recovery"]):
        assert own["step"].iloc[[0, -1]].tolist() == [0, STEPS[-1]]
        assert min(own.loc[own["mean"] <= 0.5, "step"], default=np.inf) == medians[variant, "both", 90, name]
        assert own["mean"].iloc[-1] == pytest.approx(1 - own["back"].iloc[0] / 4)


def test_survival_falls_where_networks_come_back():
    table = recovery(("retrain",), variants=("gru",), seeds=4)
    table["accuracy"] = np.where(table["step"] >= 5 * (1 + 15 * (table["seed"] > 1)), 1.0, 0.5)
    axes = figures.regain_survival(table, 90).figure.axes[0]
    curve = max(axes.lines, key=lambda line: len(line.get_xdata()))
    assert dict(zip(curve.get_xdata(), curve.get_ydata(), strict=True)) == {0: 1, 5: 0.5, 80: 0, STEPS[-1]: 0}
