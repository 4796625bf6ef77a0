"""The figures of survival and memory: their words carry the numbers drawn, and bad tables are told so."""

import itertools

import numpy as np
import pandas as pd
import pytest

from sparsekit.analysis.memory import by_place
from sparsekit.analysis.tables import TableError
from sparsekit.figures import memory as memory_figures

BASELINES = {"majority": 0.5, "last 4 characters": 0.9}


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


def whole_of(table, at_chance=()):
    names = table[["variant", "seed", "network"]].drop_duplicates()
    low = np.where(names["variant"].isin(at_chance), 0.45, 0.8)
    return names.assign(majority=0.5, n=200, accuracy=0.9, low=low, high=0.95)


def told_of(seeds=2, pairs=(90, 40, 12, 3)):
    table = accuracies(seeds, seen=(1, 4, 8, 22)).assign(past="class", longer=lambda t: 1 - t["seen"] / 30)
    return table.assign(n=table["seen"].map(dict(zip((1, 4, 8, 22), pairs, strict=True))))


def test_pairs_told_apart_are_read_where_there_are_enough(seeds):
    table = told_of(seeds)
    picture = memory_figures.told_apart(table, whole_of(table))
    picture.png()
    assert "Of 200 test strings probed, 12 pairs or more have the last 8 characters in common" in picture.reading
    assert f"RNN-Tanh {70.5 if seeds == 2 else 70} %, LSTM" in picture.reading
    assert "chance" not in picture.reading
    assert "RNN-Tanh, strings that are longer: 1 96.7 %" in picture.alt
    assert "last 22 characters" in memory_figures.told_apart(told_of(pairs=(9, 9, 9, 9)), whole_of(table)).reading


def test_networks_at_chance_are_left_out():
    table = told_of()
    reading = memory_figures.told_apart(table, whole_of(table, ["lstm"])).reading
    assert "LSTM 7" not in reading
    assert reading.endswith("seeds at chance are left out (LSTM).")
    nobody = memory_figures.told_apart(table, whole_of(table, ["lstm", "rnn_tanh"])).reading
    assert "nothing can be said; seeds at chance are left out (RNN-Tanh and LSTM)" in nobody


def test_nothing_to_tell_apart_is_said():
    table = told_of()
    assert "Nothing to tell apart" in memory_figures.told_apart(table, whole_of(table), "state").reading
    assert "does not say" in memory_figures.accuracy_by_distance(None).reading


def test_accuracy_by_network_names_the_last(seeds):
    picture = memory_figures.accuracy_by_network(whole_of(told_of(seeds)), BASELINES)
    picture.png()
    assert picture.reading == "Networks “retrained” reach RNN-Tanh 90 % and LSTM 90 %."
    assert "LSTM, base: 90 %" in picture.alt


def test_accuracy_by_distance_reads_the_farthest(seeds):
    table = accuracies(seeds, first=(5, 9, 13)).assign(last=lambda t: t["first"] + 3)
    picture = memory_figures.accuracy_by_distance(table, {"majority": 0.5})
    picture.png()
    value = 70 if seeds == 1 else 70.5
    assert picture.reading == f"Networks “base”, across 13–16 characters: RNN-Tanh {value} % and LSTM {value} %."
    assert "LSTM, retrained: 5–8 9" in picture.alt


def test_accuracy_by_violation_names_the_worst_place(seeds):
    table = accuracies(seeds, first=(np.nan, 1, 5)).assign(last=lambda t: t["first"] + 3)
    table["group"] = np.where(table["first"].isna(), "valid", "invalid")
    picture = memory_figures.accuracy_by_violation(table, {"majority": 0.5})
    picture.png()
    assert f"(characters 5–8): {30 if seeds == 1 else 29.5} %" in picture.reading
    assert "RNN-Tanh, base: valid 90" in picture.alt
    # A place with few strings is drawn, and nothing is read from it.
    few = memory_figures.accuracy_by_violation(table.assign(n=np.where(table["first"] == 5, 9, 100)))
    assert "10 strings or more" in few.reading
    assert "(characters 1–4)" in few.reading
    assert "1 string or more" in memory_figures.accuracy_by_violation(table.assign(n=1)).reading


def test_no_violation_to_place_is_said():
    paths = accuracies(seen=(1, 2)).assign(group="valid", first=np.nan, last=np.nan, n=100)
    for table, why in ((None, "this task has no grammar"), (paths, "all strings probed are valid")):
        picture = memory_figures.accuracy_by_violation(table)
        picture.png()
        assert why in picture.reading
        assert why in picture.alt


def test_bad_tables_are_told():
    told = told_of()
    with pytest.raises(TableError, match="no rows"):
        memory_figures.accuracy_by_network(told[:0], {})
    with pytest.raises(TableError, match="'network'"):
        memory_figures.accuracy_by_network(told.drop(columns="network"), {})
    many = pd.concat([told.assign(network=str(k)) for k in range(5)])
    with pytest.raises(TableError, match="at most 4"):
        memory_figures.told_apart(many, whole_of(many))


def test_places_of_violations_are_named_by_their_characters():
    table = accuracies(2, first=(np.nan, 5, 13)).assign(last=lambda t: t["first"] + 3)
    table["group"] = np.where(table["first"].isna(), "valid", "invalid")
    table["n"] = table["n"].where(table["seed"] == 0, 50)
    places = by_place(table).query("variant == 'lstm' and network == 'base'").set_index("place")
    assert places["characters"].to_dict() == {-1: "valid", 1: "5–8", 3: "13–16"}
    assert places["strings"].tolist() == [75] * 3
    assert places["mean"].tolist() == pytest.approx([0.905, 0.805, 0.705])
