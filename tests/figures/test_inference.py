"""Figures of what sparsity buys: their words carry the numbers, and bad tables are told."""

import pandas as pd
import pytest

from sparsekit.analysis import inference as analysis
from sparsekit.analysis.tables import TableError
from sparsekit.figures import inference as inference_figures
from sparsekit.pruning import cost as costs


def timings(hidden=(50, 256), batch=(1,), kernels=("csr",)):
    """With 50 units sparse is never faster; with 256 it is from 75 % sparsity on, and takes a quarter at 100 %."""
    rows = [
        {"task": task, "hidden": h, "batch": b, "sparsity": s, "repeat": r, "kernel": kernel, "seconds": seconds}
        for task in ("product", "sequence")
        for h in hidden
        for b in batch
        for s in (0, 0.5, 0.75, 0.9, 1)
        for r in range(9)
        for kernel, seconds in [("dense", 1.0), *((k, (1.5 if h == 50 else 0.25) + 3 * (1 - s)) for k in kernels)]
    ]
    return pd.DataFrame(rows).assign(machine="Some CPU", variant="lstm")


def test_break_even_line_says_where_and_where_never():
    picture = inference_figures.break_even_line(costs.break_even(timings()))
    assert "hidden-to-hidden product, 256 units, CSR: 75 % (75 to 75 %);" in picture.alt
    assert "hidden-to-hidden product, 50 units, CSR: never;" in picture.alt
    assert "pay earliest for 256 units (hidden-to-hidden product, CSR): from about 75 % (75 to 75 %)" in picture.reading
    assert "never does" not in picture.reading
    both = pd.concat([timings((256,)), timings((50,), kernels=("mine",)).query("kernel == 'mine'").assign(hidden=256)])
    picture = inference_figures.break_even_line(costs.break_even(both))
    assert "; mine never does, up to 100 %." in picture.reading
    assert picture.png()


def test_break_even_line_where_nothing_pays():
    picture = inference_figures.break_even_line(costs.break_even(timings(hidden=(50,))))
    assert picture.reading == "No sparse kernel was faster here than the dense one, at any sparsity up to 100 %."


def test_break_even_line_reads_the_own_size_first():
    def reading(hidden, own_size):
        return inference_figures.break_even_line(costs.break_even(timings(hidden)), own_size).reading

    assert reading((50, 256), 50).startswith(
        "At 50 hidden units, the size of this study, CSR weights were never faster here than dense ones, "
        "up to 100 % sparsity. "
        "Sparse weights pay earliest for"
    )
    assert reading((50, 256), 256).startswith(
        "At 256 hidden units, the size of this study, sparse weights are faster than dense ones: "
        "hidden-to-hidden product: CSR from about 75 % (75 to 75 %) and whole layer"
    )
    assert reading((50,), 7).startswith("At 7 hidden units, the size of this study, nothing was timed")


def test_what_lies_between_two_sparsities_is_read_to_five_points():
    row = pd.Series({"sparsity": 0.726, "low": 0.725, "high": 0.749, "lowest": 0, "highest": 1})
    assert inference_figures._where(row) == "from about 75 % (70 to 75 %)"


def test_several_kernels_and_one_registered_later():
    table = costs.break_even(timings(kernels=("csr", "bsr", "mine")))
    assert "product, 256 units, mine: 75 %" in inference_figures.break_even_line(table).alt


def test_bytes_by_form_says_the_break_evens():
    picture = inference_figures.bytes_by_form(costs.storage_by_sparsity(200, 50))
    assert picture.reading == "A sparse form takes fewer bytes: bitmask from 3.1 % sparsity and CSR from 51 % sparsity."
    assert "CSR: 0 % 202 %, 20 % 162 %, 40 % 122 %, 60 % 82 %, 80 % 42 %, 100 % 2 %" in picture.alt
    assert picture.png()


def test_the_callers_tables_stay_as_they_were():
    table = timings(kernels=("compiled", "compiled_dense")).assign(bytes=100)
    before = table.copy()
    inference_figures.layer_time(analysis.layer_times(table), table)
    pd.testing.assert_frame_equal(table, before)


def test_bad_tables():
    both = pd.concat([timings(), timings().assign(machine="Another CPU")])
    with pytest.raises(TableError, match="column 'machine' holds Some CPU, Another CPU: a figure shows one"):
        inference_figures.layer_time(pd.DataFrame(), both)
    with pytest.raises(TableError, match="column 'variant' holds nothing"):
        inference_figures.layer_time(pd.DataFrame(), timings().query("sparsity > 1"))
    with pytest.raises(TableError, match="unknown column 'low'"):
        inference_figures.break_even_line(costs.break_even(timings()).drop(columns="low"))
    with pytest.raises(TableError, match="unknown column 'dense'"):
        inference_figures.bytes_by_form(costs.storage_by_sparsity(8, 8).query("form != 'dense'"))


def test_layer_time_says_how_much_faster():
    table = timings(batch=(1, 32), kernels=("compiled", "compiled_dense"))
    table.loc[table["kernel"] == "compiled_dense", "seconds"] = 0.8
    table["bytes"] = 100
    picture = inference_figures.layer_time(analysis.layer_times(table), table)
    assert picture.reading == (
        "At 90 % sparsity a compiled sparse layer is 0.56 times (50 units, batch 1) to 1.82 times (256 units, batch "
        "32) as fast as torch's fastest dense way and 0.44 times (50 units, batch 1) to 1.45 times (256 units, batch "
        "32) as fast as the same call with dense weights."
    )
    assert "256 units, batch 1, floor by multiply-adds" in picture.alt
    assert picture.png()
