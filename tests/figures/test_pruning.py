"""Figures of scores, scopes, schedules and recovery protocols, drawn from tables as the studies make them."""

import numpy as np
import pandas as pd
import pytest

from sparsekit.analysis import recovery as analysis_recovery
from sparsekit.analysis import verdicts
from sparsekit.analysis.conditions import chosen
from sparsekit.analysis.tables import TableError
from sparsekit.figures import pruning as figures
from sparsekit.figures import recovery as figures_recovery
from tests import tables_of_figures as tables
from tests.tables_of_conditions import BY_SCORE, accuracies, conditions, pruning, recovery, scheduled

BASELINES = tables.baselines()


def test_compression_is_told_beside_random_controls():
    table = pruning(variants=("gru",), seeds=2, percentages=(50, 80), scopes=("global", "layer"))
    high = (table["score"] == "magnitude") & ((table["percent"] == 50) | (table["scope"] == "layer"))
    picture = figures.accuracy_by_compression(table.assign(accuracy=np.where(high, 0.99, 0.6)), BASELINES)
    assert "GRU, magnitude (global): 2× 99 % (99 to 99 %), 5× 60 %" in picture.alt
    assert picture.reading.endswith("magnitude (global) 2×, random (global) 1× and random (per layer) 1×.")
    # A single weight left: a point at 26,250× would be all that is seen.
    one_left = table.assign(weights=np.where(table["percent"] == 80, 2, table["weights"]))
    assert "5× 60 %" not in figures.accuracy_by_compression(one_left, BASELINES).alt
    with pytest.raises(TableError, match="more than one weight in 1,000 left"):
        figures.accuracy_by_compression(table.assign(weights=1), BASELINES)


def test_the_best_score_and_scope_are_read_from_the_data():
    table = pruning(variants=("lstm",), seeds=2, percentages=(50,))
    best = (table["score"] == "activity") & (table["scope"] == "gate")
    picture = figures.scores_and_scopes(table.assign(accuracy=np.where(best, 0.9, 0.7)))
    rules = len(table[["score", "scope"]].drop_duplicates())
    of = f"the best of {rules} rules partly by luck"
    assert picture.reading == f"Highest mean accuracy at 50 %, {of}: LSTM activity (per gate), 90 %."
    assert "LSTM, 50 %, per gate, activity: 90 %" in picture.alt
    assert "LSTM, 50 %, per gate, magnitude: 70 %" in picture.alt


def test_where_no_network_is_above_chance_none_can_drop():
    none = verdicts.half_dropped(pruning(variants=("lstm",), seeds=2, percentages=(50,)).iloc[:0], 0.02)
    assert "none can drop" in figures.half_dropped(none).reading


def test_schedules_are_compared_at_the_end():
    table = scheduled(variants=("gru",), seeds=2, percentages=(50, 90))
    held = (table["schedule"] == "iterative") | (table["percent"] == 50)
    picture = figures.accuracy_by_schedule(table.assign(accuracy=np.where(held, 0.99, 0.8)), BASELINES)
    assert picture.reading.endswith("one-shot 50 %, iterative 90 % and gradual 50 %.")
    assert "GRU, one-shot: 50 99 % (99 to 99 %), 90 80 %" in picture.alt
    at_90 = table.assign(accuracy=np.where(held, 0.99, 0.8)).query("percent == 90")
    told = "At 90 % mean accuracy after retraining is within 2 points of the base: "
    reading = figures.accuracy_by_schedule(at_90, BASELINES).reading
    assert reading == f"{told}one-shot in 0, iterative in 1 and gradual in 0 of 1 variant."


def test_verdicts_stand_beside_their_changes():
    table = accuracies(conditions(variants=("gru",), percentages=(10, 20, 30, 40)), 0)
    change = table["percent"].map({10: 0.0, 20: -0.001, 30: -0.02, 40: -0.4}) + 0.003 * (table["seed"] - 1)
    kept = verdicts.tolerance(table.assign(accuracy=table["base_accuracy"] + change), 0.02)
    picture = figures.tolerances(kept)
    for told in ("20 %: −0.1, 3 of 3 seeds within", "30 %: −2, 2 of 3 seeds within", "40 %: −40, 0 of 3 seeds within"):
        assert f"GRU, {told}" in picture.alt
    seen = "In 2 of 4 conditions all seeds were within 2 points of their base; shown are 0 kept and 0 dropped"
    assert picture.reading == f"{seen}, as kept takes 10 seeds or more."
    many = pd.concat(
        [table.assign(accuracy=table["base_accuracy"] + change, seed=table["seed"] + 3 * k) for k in range(4)]
    )
    picture = figures.tolerances(verdicts.tolerance(many, 0.02))
    assert "GRU, 20 %: −0.1 (−0.3 to +0.1), kept: 12 of 12 seeds within" in picture.alt
    assert picture.reading.endswith("shown are 2 kept and 1 dropped.")


SCORED, RECOVERED = pruning(seeds=1, percentages=(50,)), recovery(seeds=1)
RECOVERED_BY_SCORE = pd.concat([RECOVERED.assign(score=score) for score in BY_SCORE])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: figures.accuracy_by_compression(SCORED, BASELINES, "h2h"), "target of this table 'h2h'"),
        (lambda: figures.accuracy_by_compression(SCORED, BASELINES, score="magntude"), "'magnitude'"),
        (lambda: figures.scores_and_scopes(SCORED.drop(columns="scope")), "column 'scope'"),
        (lambda: figures.accuracy_by_schedule(SCORED, BASELINES), "column 'schedule'"),
        (lambda: figures_recovery.recovery_protocols(RECOVERED, BASELINES, 80), "percent of this table 80"),
        (lambda: figures_recovery.recovery_curves(RECOVERED, BASELINES, "h2h"), "target of this table 'h2h'"),
        (lambda: figures_recovery.regain_survival(RECOVERED_BY_SCORE, 90), "'score' holds magnitude, sensitivity"),
        (lambda: figures.tolerances(verdicts.tolerance(SCORED, 0.02)), "'score' holds"),
        (lambda: figures.accuracy_by_percentage(SCORED, BASELINES), "'score' holds"),
        (lambda: figures.half_dropped(verdicts.half_dropped(SCORED, 0.02)), "'score' holds"),
        (lambda: figures_recovery.recovery_curves(RECOVERED, BASELINES), "'recovery' holds"),
        (lambda: figures_recovery.regain_map(analysis_recovery.regain(RECOVERED, 0.02)), "'recovery' holds"),
    ],
)
def test_tables_that_would_mix_conditions_are_refused(call, words):
    with pytest.raises(TableError, match=words):
        call()


def test_networks_that_diverged_are_left_out_and_counted():
    table = chosen(pruning(variants=("gru",), seeds=2, percentages=(50, 80)), score="magnitude", scope="global")
    lost = table.assign(accuracy=table["accuracy"].where(table.index != table.index[0]))
    told = [figures.accuracy_by_percentage(one, BASELINES).reading for one in (table, lost)]
    assert "left out" not in told[0]
    assert told[1].endswith(f"1 of {len(table)} is left out, for its training diverged.")
