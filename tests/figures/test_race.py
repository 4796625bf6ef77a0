"""Figures of what sparsity buys: their words carry the numbers."""

import pandas as pd

from sparsekit.analysis import inference as analysis
from sparsekit.figures import race


def raced():
    """Two variants, three seeds, two processes: time halves as half of the weights go, and doubles in torch."""
    rows = [
        {"variant": variant, "made": made, "percent": percent, "seed": seed, "accuracy": accuracy + 0.001 * seed}
        | {"engine": engine, "process": process, "bytes": 1000 - 5 * percent, "multiply_adds": 1000 - 10 * percent}
        | {"seconds": (1 - percent / 100) * 1e-4 * factor * (1 + 0.01 * process)}
        for variant in ("gru", "lstm")
        for made, percent, accuracy in (
            ("dense", 0.0, 0.9), ("unstructured", 50.0, 0.89), ("unstructured", 90.0, 0.6), ("small dense", 50.0, 0.7)
        )
        for seed in range(3)
        for engine, factor in (("compiled", 1), ("torch", 3))
        for process in range(2)
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(machine="Some CPU", batch=1, steps=20, chance=0.5)


def test_accuracy_by_time_says_what_each_way_buys():
    points = analysis.race_points(raced())
    picture = race.accuracy_by_time(points, raced())
    assert picture.reading == (
        "One compiled call makes the dense network 3.0 times as fast as in torch; with at most 2 points of accuracy "
        "lost, from there: unstructured, 2.0 times as fast; small dense, from scratch, no network does."
    )
    assert "GRU, unstructured: 0.01 60.1 % (59.9 to 60.3 %), 0.05 89.1 % (88.9 to 89.3 %)" in picture.alt
    assert picture.png()
    page = race.fastest(points).to_html()
    assert "unstructured" in page
    assert ">6.0<" in page  # torch's dense network takes three times as long as the compiled dense one


def test_a_variant_at_chance_has_nothing_to_lose():
    table = raced()
    table.loc[table["variant"] == "gru", "accuracy"] = 0.51
    picture = race.accuracy_by_time(analysis.race_points(table), table)
    assert picture.reading.endswith("no network does. GRU, at chance when dense, left out.")
    assert "in 1 of" not in picture.reading
