"""Recovery in one condition beside another: pairs of a seed, the figures, tables and sentences made of them."""

import pandas as pd
import pytest

from sparsekit.analysis import recovery as analysis_recovery
from sparsekit.analysis.conditions import ahead, at_the_end
from sparsekit.analysis.tables import TableError
from sparsekit.experiments.parameters import Parameters
from sparsekit.figures import recovery as area_figures
from sparsekit.figures import tables as recovery_tables
from sparsekit.figures.words import percent
from sparsekit.reports import answers
from tests import tables_of_figures as tables
from tests.planted import way, ways

P = Parameters(targets=["both"])


def test_sentences_name_who_is_ahead_and_who_cannot_be_told():
    table = pd.concat(
        [
            ways({"dense": [-0.1, -0.101, -0.099], "rewind": [0.001, -0.001, 0.0]}),
            ways({"dense": [0.05, 0.051, 0.049], "rewind": [0.001, -0.001, 0.0]}, variant="lstm"),
            ways({"dense": [0.05, -0.05, 0.01], "rewind": [0.0, 0.0, 0.0]}, variant="rnn_tanh"),
        ]
    )
    ends = ahead(at_the_end(table), "accuracy", recovery="retrain")
    text = answers.paired(ends, "Against retraining the survivors", P.confidence)
    assert "rewound cannot tell in any variant" in text
    assert "dense ahead in LSTM (+5.0), behind in GRU (−10.0), cannot tell in RNN-Tanh" in text
    assert "Over 3 seeds 2 of 6 intervals leave out zero; by chance alone about 0.3 would." in text


def test_one_seed_is_no_verdict():
    ends = ahead(at_the_end(ways({"dense": [0.1]})), "accuracy", recovery="retrain")
    assert "One seed: how far this varies cannot be told." in answers.paired(ends, "Against them", P.confidence)
    assert "asked" in answers.paired(ends.iloc[:0], "Against them", P.confidence)


def test_a_table_of_medians_says_between_which_steps():
    parts = [way([0.95, 0.95, 0.95], percent=50.0), way([0.5, 0.7, 0.95], percent=80.0), way([0.5] * 3, percent=90.0)]
    shown = recovery_tables.medians(analysis_recovery.steps_to_regain(pd.concat(parts), 0.02))
    assert shown.data.loc["gru", "both"].tolist() == ["at once", "9–99", "beyond"]
    many = pd.concat([way([0.5, 0.95, 0.95] if seed % 2 else [0.5, 0.5, 0.95], seed=seed) for seed in range(8)])
    assert recovery_tables.medians(analysis_recovery.steps_to_regain(many, 0.02)).data.iloc[0, 0] == "0–9 (9 to 99)"


def test_a_table_of_pairs_is_bold_where_zero_lies_outside():
    table = ways({"dense": [-0.1, -0.101, -0.099], "rewind": [0.001, -0.001, 0.0]})
    ends = ahead(at_the_end(table), "accuracy", recovery="retrain")
    shown = recovery_tables.ahead({"at the last step": ends, "on the way": ends}, 0.95)
    assert shown.data["gru"].tolist() == ["0.0 ± 0.2", "−10.0 ± 0.2"] * 2
    assert shown.to_html().count("font-weight: bold") == 1  # one rule, for the two cells that it names
    assert [where[:1] + where[2:] for where in shown.data.index] == [
        (of, name) for of in ("at the last step", "on the way") for name in ("rewind", "dense")
    ]


def test_figures_of_areas_carry_the_numbers():
    table = ways({"dense": [-0.4, -0.4], "rewind": [0.04, 0.04]})
    found = analysis_recovery.area_under_recovery(table)
    picture = area_figures.areas_by_protocol(found, 80)
    for name, label in (("retrain", "surviving weights"), ("rewind", "rewound"), ("dense", "dense")):
        assert f"GRU, {label}: {percent(found.loc[('gru', 'both', 80, name), 'area'])} (" in picture.alt
    assert picture.reading.endswith("GRU rewound.")
    alone = analysis_recovery.area_under_recovery(way([0.5, 0.7, 0.9]))
    assert "surviving weights: 70 %." in area_figures.areas_by_protocol(alone, 80).alt
    lost = area_figures.accuracy_lost(alone)
    assert "GRU, both: 80 25;" in lost.alt
    assert lost.reading.endswith("GRU 25 points (all recurrent weights, 80 %).")
    with pytest.raises(TableError, match="percent of this table 70"):
        area_figures.areas_by_protocol(found, 70)
    with pytest.raises(TableError, match="'recovery' holds"):
        area_figures.accuracy_lost(found)


def test_the_published_grid_is_enough_for_every_figure():
    grid = tables.recovery(("gru", "lstm"), 2, percentages=(50, 90))
    assert "GRU, hidden-to-hidden" in area_figures.accuracy_lost(analysis_recovery.area_under_recovery(grid)).alt
