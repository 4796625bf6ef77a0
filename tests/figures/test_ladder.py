"""The ladder's figures tell each rung with its interval, p and what is unmatched, and each claim its verdict."""

import pandas as pd
import pytest

from sparsekit.analysis import ladder as analysis
from sparsekit.analysis.tables import TableError
from sparsekit.figures import ladder
from sparsekit.figures.axis import POINTS
from tests import planted

EFFECT = {"as it is": 0.04, "same initial weights": 0.04, "same degrees": 0.02}
CLAIMED = ("as it is", "same initial weights", "same degrees and scales")


def placed(families=("barabasi_albert",), **options):
    own = [planted.ladder(8, seed=k, **options).assign(generator=name) for k, name in enumerate(families)]
    return analysis.places(pd.concat(own))


def test_every_rung_is_told_and_the_reading_goes_from_the_first_to_the_last():
    table = placed(effect=EFFECT)
    picture, rows = ladder.ladder(table), analysis.summary(table).loc["gru", "barabasi_albert"]
    for rung in planted.RUNGS:
        assert f"GRU, Barabási–Albert, {rung}: {POINTS.form(rows['mean'][rung])} (" in picture.alt
    assert "beyond density" in picture.alt
    assert picture.alt.count("8 unmatched") == 1
    told = "Of 1 difference to null models 1 can be told from zero as it is, and none with same degrees and"
    assert picture.reading.startswith(f"{told} scales: GRU, Barabási–Albert ")
    assert f"p = {rows['p'][planted.RUNGS[-1]]:.3f}" in picture.reading
    (scales,) = ladder.scales(table)
    assert scales.data.shape == (4, 6)
    assert "GRU" in scales.to_html()


def test_of_many_families_the_reading_counts():
    names = ("barabasi_albert", "erdos_renyi", "mixed", "hierarchical", "watts_strogatz")
    reading = ladder.ladder(placed(names, effect=EFFECT)).reading
    assert reading.startswith("Of 5 differences to null models 5 can be told from zero as it is, and none with ")
    none = "No advantage over null models can be told from zero, as it is or with same degrees and scales"
    assert ladder.ladder(placed(names, effect=dict.fromkeys(EFFECT, 0))).reading.startswith(none)


def test_claims_are_told_with_their_verdict_and_nothing_asked_for_says_how():
    tables = [
        planted.ladder(12, effect=dict.fromkeys(planted.RUNGS, effect)).assign(generator=name)
        for name, effect in (("balance_helps", 0.05), ("reciprocity_hurts", 0.05), ("modularity_helps", 0.0))
    ]
    table = pd.concat(tables)
    found = analysis.summary(analysis.places(table[table["rung"].isin(["", *CLAIMED])]))
    picture = ladder.claims(found, {"balance_helps": 1, "reciprocity_hurts": -1, "modularity_helps": 1})
    told = "1 of 3 claims is shown at matched size and spectrum, and of 1 the opposite."
    assert picture.reading.startswith(told)
    assert "reciprocity hurts (GRU) +" in picture.reading
    assert ", refuted" in picture.alt
    assert ", not shown" in picture.alt
    assert picture.alt.count("p < 0.001, shown") == 1
    nothing = analysis.places(planted.ladder(2).iloc[:0])
    assert ladder.ladder(nothing).reading.startswith("No ladder was asked for")
    assert ladder.scales(nothing) == []
    assert ladder.claims(analysis.summary(nothing), {}).reading.startswith("No claim was asked for")
    with pytest.raises(TableError, match="unknown column 'ranks'"):
        ladder.ladder(placed().drop(columns="ranks"))
