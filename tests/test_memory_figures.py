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


def test_accuracy_by_paths_reads_the_last_network(seeds):
    table = accuracies(seeds, cut=("nothing", "hidden", "carry", "both"))
    table = table[(table["variant"] == "lstm") | table["cut"].isin(["nothing", "hidden"])]
    picture = memory_figures.accuracy_by_paths(table, BASELINES)
    picture.png()
    assert "base, LSTM, carry cut: 70" in picture.alt
    assert "dotted, last 4 characters: 90 %" in picture.alt
    assert picture.reading.startswith("Of the networks “retrained”: RNN-Tanh 90")
    assert "base, RNN-Tanh, carry cut" not in picture.alt


def test_accuracy_by_seen_says_from_where_on_it_is_close(seeds):
    table = accuracies(seeds, seen=(8, 4, 2, 1)).sort_values("seen")
    table.loc[(table["variant"] == "lstm") & (table["seen"] == 4), "accuracy"] = 0.9
    ends = pd.DataFrame({"seen": [1, 2, 4], "accuracy": [0.5, 0.7, 0.8]})
    picture = memory_figures.accuracy_by_seen(table, ends)
    picture.png()
    assert "networks “base” need so many" in picture.reading
    assert picture.reading.count("RNN-Tanh 8 (all: ") == picture.reading.count("LSTM 4 (all: ") == 1
    assert "table of the last characters: 1 50 %, 2 70 %, 4 80 %" in picture.alt
    memory_figures.accuracy_by_seen(table, ends[:0]).png()


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
    paths = accuracies(cut=("nothing", "hidden")).assign(group="valid", first=np.nan, last=np.nan, n=100)
    for table, why in ((None, "this task has no grammar"), (paths, "all strings probed are valid")):
        picture = memory_figures.accuracy_by_violation(table)
        picture.png()
        assert why in picture.reading
        assert why in picture.alt


def test_bad_tables_are_told():
    paths = accuracies(cut=("nothing", "hidden"))
    with pytest.raises(TableError, match="no rows"):
        memory_figures.accuracy_by_paths(paths[:0], {})
    with pytest.raises(TableError, match="'network'"):
        memory_figures.accuracy_by_paths(paths.drop(columns="network"), {})
    many = pd.concat([paths.assign(network=str(k), seen=1) for k in range(5)])
    with pytest.raises(TableError, match="at most 4"):
        memory_figures.accuracy_by_seen(many, pd.DataFrame())


def test_places_of_violations_are_named_by_their_characters():
    table = accuracies(2, first=(np.nan, 5, 13)).assign(last=lambda t: t["first"] + 3)
    table["group"] = np.where(table["first"].isna(), "valid", "invalid")
    table["n"] = table["n"].where(table["seed"] == 0, 50)
    places = by_place(table).query("variant == 'lstm' and network == 'base'").set_index("place")
    assert places["characters"].to_dict() == {-1: "valid", 1: "5–8", 3: "13–16"}
    assert places["strings"].tolist() == [75] * 3
    assert places["mean"].tolist() == pytest.approx([0.905, 0.805, 0.705])
