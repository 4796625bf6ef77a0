"""Tables as they are read: what each cell holds, and what is bold."""

import itertools

import numpy as np
import pandas as pd

from sparsekit.analysis import control, cross_validation
from sparsekit.analysis import recovery as analysis_recovery
from sparsekit.analysis.conditions import ahead, at_the_end
from sparsekit.figures import tables as tables
from tests import planted
from tests.planted import way, ways

OWN, CONTROLS = ("magnitude", "global"), (("random", "global"), ("random", "layer"))


def scored(levels, seeds=3, percentages=(50, 80), noise=0.0):
    """Accuracy of each score and scope, the same at every percentage."""
    rng = np.random.default_rng(0)
    rows = [
        {"variant": "lstm", "seed": seed, "target": "both", "percent": float(amount), "score": pair[0]}
        | {"scope": pair[1], "base_accuracy": 1.0, "accuracy": level + 0.01 * seed + noise * rng.normal()}
        for pair, level in levels.items()
        for seed, amount in itertools.product(range(seeds), percentages)
    ]
    sizes = {"weights": 500, "weights_dense": 1000, "multiply_adds": 100, "multiply_adds_dense": 400}
    return pd.DataFrame(rows).assign(**sizes)


def test_operating_points_show_ratios_and_deviations():
    table = scored({OWN: 0.7} | dict.fromkeys(CONTROLS, 0.5))
    html = tables.operating(table, OWN[0], 0.95).to_html()
    assert all(told in html for told in ("2×", "4×", "71.0 ± 1.0", "100.0 ± 0.0"))
    alone = tables.operating(table[table["seed"] == 0], OWN[0], 0.95).to_html()
    assert "±" not in alone.replace("mean ± deviation", "")


def test_accuracy_by_length_is_in_order_of_length():
    rows = [("gru", "base", 0, first, first + 3, accuracy) for first, accuracy in ((13, 0.9), (9, 0.8), (101, 0.7))]
    table = pd.DataFrame(rows, columns=["variant", "network", "seed", "first", "last", "accuracy"])
    shown = tables.by_length(table)
    assert list(shown.columns) == ["9–12", "13–16", "101–104"]
    assert shown.data.iloc[0].tolist() == [0.8, 0.9, 0.7]
    assert all(told in shown.to_html() for told in ("80 %", "90 %", "70 %"))


def test_pasts_say_how_many_strings():
    row = {"variant": "gru", "network": "base", "seed": 0, "past": "same", "group": "all", "accuracy": 0.5}
    table = pd.DataFrame([row | {"seen": 2, "n": 9}, row | {"seen": 10, "n": 3, "past": "class"}])
    shown = tables.by_past(table, "base").data
    assert list(shown.columns) == [2, 10]
    assert shown.to_numpy().tolist() == [["50 % (9)", "–"], ["–", "50 % (3)"]]
    assert "the same class" in tables.by_past(table, "base").to_html()
    assert "the same state" in tables.by_past(table.assign(group="valid"), "base").to_html()


def test_a_table_of_medians_says_between_which_steps():
    parts = [way([0.95, 0.95, 0.95], percent=50.0), way([0.5, 0.7, 0.95], percent=80.0), way([0.5] * 3, percent=90.0)]
    shown = tables.medians(analysis_recovery.steps_to_regain(pd.concat(parts), 0.02))
    assert shown.data.loc["gru", "both"].tolist() == ["at once", "9–99", "beyond"]
    many = pd.concat([way([0.5, 0.95, 0.95] if seed % 2 else [0.5, 0.5, 0.95], seed=seed) for seed in range(8)])
    assert tables.medians(analysis_recovery.steps_to_regain(many, 0.02)).data.iloc[0, 0] == "0–9 (9 to 99)"


def test_a_table_of_pairs_is_bold_where_zero_lies_outside():
    table = ways({"dense": [-0.1, -0.101, -0.099], "rewind": [0.001, -0.001, 0.0]})
    ends = ahead(at_the_end(table), "accuracy", recovery="retrain")
    shown = tables.ahead({"at the last step": ends, "on the way": ends}, 0.95)
    assert shown.data["gru"].tolist() == ["0.0 ± 0.2", "−10.0 ± 0.2"] * 2
    assert shown.to_html().count("font-weight: bold") == 1  # one rule, for the two cells that it names
    assert [where[:1] + where[2:] for where in shown.data.index] == [
        (of, name) for of in ("at the last step", "on the way") for name in ("rewind", "dense")
    ]


def test_tables_say_what_is_known():
    table = planted.study(16, 2)
    shown = tables.clusters(*[control.collinearity(table)] * 2).to_html()
    assert "closeness, mean" in shown
    assert "nan" not in shown
    scores = cross_validation.nested_prediction(
        table, baselines={"mean": (), "widths": ("source_nodes",)}, folds=3, repeats=2, permutations=19
    )
    gain = f"{scores.gain['gru', 'widths']:+.2f}".replace("-", "−")
    assert gain in tables.gains(scores).to_html()
    assert "all" not in tables.gains(scores).data.index
    assert f"{scores.p_value['lstm', 'all']:.3f}" in tables.permuted(scores).to_html()
    few = cross_validation.nested_prediction(planted.study(5))
    assert "nan" not in tables.permuted(few).to_html()


def test_agreement_of_halves_has_a_star_where_it_is_low():
    rows = [("gru", 0, "activity", 256, 1000, 0.99), ("gru", 0, "sensitivity", 1000, 1000, 0.8)]
    rows += [("gru", 1, "activity", 256, 1000, 0.98), ("gru", 1, "sensitivity", 1000, 1000, np.nan)]
    table = pd.DataFrame(rows, columns=["variant", "seed", "score", "strings", "of", "agreement"])
    html = tables.agreement(table).to_html()
    assert all(told in html for told in ("0.99, 0.98", "0.80*, ", "256 to 1,000 of 1,000", "below 0.95"))
    assert "No score that looks at data" in tables.agreement(table.iloc[:0]).to_html()


def test_deviations_are_told_source_by_source():
    rows = [
        ("gru", source, seed, percent, 0.9 + size * (seed - 1))
        for source, size in (("weights", 0.01), ("all", 0.1))
        for seed in range(3)
        for percent in (0.0, 90.0)
    ]
    table = pd.DataFrame(rows, columns=["variant", "source", "seed", "percent", "accuracy"])
    html = tables.deviations(table, 0.95).to_html()
    assert all(told in html for told in ("1.0 (0.5 to 6.3)", "10.0 (5.2 to 62.8)", "over 3 networks", "90 %"))
    assert "was not asked for" in tables.deviations(table.iloc[:0], 0.95).to_html()
