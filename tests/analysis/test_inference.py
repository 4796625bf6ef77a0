"""Accuracy against time, and the floors of a layer's time, from planted tables."""

import numpy as np
import pandas as pd
import pytest

from sparsekit.analysis import inference
from sparsekit.analysis.intervals import mean_interval
from sparsekit.analysis.tables import TableError
from tests.figures.test_race import raced


def test_times_are_medians_in_microseconds():
    rows = [("dense", 0.5, 1e-6), ("dense", 0.5, 9e-6), ("dense", 0.5, 2e-6), ("csr", 0.5, 4e-6)]
    found = inference.median_times(pd.DataFrame(rows, columns=["kernel", "sparsity", "seconds"]))
    assert found.loc[0.5].round(9).to_dict() == {"dense": 2.0, "csr": 4.0}


def test_race_points_are_means_over_seeds_and_over_processes():
    found = inference.race_points(raced()).set_index(["variant", "made", "percent", "engine"])
    row = found.loc["gru", "unstructured", 50.0, "compiled"]
    assert (row["mean"], row["low"], row["high"]) == pytest.approx(mean_interval([0.89, 0.891, 0.892]))
    times = ["seconds", "seconds_low", "seconds_high"]  # a process slower as a whole tells networks not apart
    assert row[times].tolist() == pytest.approx([5e-5 * 1.01**0.5] * 3)
    logs = mean_interval(np.log([1e-4, 1.01e-4]))
    assert found.loc["gru", "dense", 0.0, "compiled"][times].tolist() == pytest.approx(np.exp(logs).tolist())
    assert (row["bytes"], row["multiply_adds"]) == (750, 500)
    with pytest.raises(TableError, match="unknown column 'process'"):
        inference.race_points(raced().drop(columns="process"))


def test_the_fastest_within_the_margin():
    points = inference.race_points(raced())
    own = points[points["engine"] == "compiled"]
    found = inference.fastest_kept(own, 0.02)
    assert list(found.index) == [("gru", "unstructured"), ("lstm", "unstructured")]
    assert found["percent"].tolist() == [50, 50]
    assert found["seconds"].tolist() == pytest.approx([2, 2])
    wide = inference.fastest_kept(own, 0.4)
    assert wide.loc["gru", "unstructured"]["percent"] == 90
    assert len(wide) == 4
    assert inference.fastest_kept(own, 0.001).empty


def test_the_floors_build_on_a_layer_without_weights():
    rows = [
        ("sequence", 8, 1, kernel, s, repeat, seconds, size)
        for repeat in range(3)
        for kernel, s, seconds, size in (
            ("compiled", 0.5, 4.0, 60), ("compiled", 1.0, 1.0, 0), ("compiled_dense", 0.5, 5.0, 100),
            ("compiled_dense", 1.0, 5.0, 100), ("dense", 0.5, 9.0, 100),
        )
    ]  # fmt: skip
    columns = ["task", "hidden", "batch", "kernel", "sparsity", "repeat", "seconds", "bytes"]
    found = inference.layer_times(pd.DataFrame(rows, columns=columns)).set_index(["kernel", "sparsity"])["seconds"]
    assert found["floor_adds", 0.5] == pytest.approx(1 + 0.5 * (5 - 1))
    assert found["floor_bytes", 0.5] == pytest.approx(1 + 0.6 * (5 - 1))
    assert found["compiled", 0.5] == pytest.approx(4)
    assert set(found.index.get_level_values("sparsity")) == {0.5}
