"""Costs by hand, by torch's own sparse tensors, and break-evens that are known beforehand."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.analysis.tables import TableError
from sparsekit.networks import build
from sparsekit.pruning import cost, latency, prune
from sparsekit.registry import UnknownName
from sparsekit.variants import VARIANTS


class TestCounted:
    @given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(0, 99))
    def test_csr_takes_the_bytes_of_torchs_own(self, rows, columns, density, seed):
        generator = torch.Generator().manual_seed(seed)
        matrix = (torch.rand(rows, columns, generator=generator) < density).float()
        sizes = cost.storage(rows, columns, int(matrix.sum()))
        assert sizes["csr"] == latency.nbytes(latency.csr(matrix))
        assert sizes["dense"] == matrix.nbytes
        assert sizes["bitmask"] == 4 * int(matrix.sum()) + len(np.packbits(matrix.bool().numpy()))

    @given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([2, 4, 8]))
    def test_a_form_is_smaller_than_dense_exactly_above_its_break_even(self, rows, columns, itemsize):
        entries = 8 * rows * columns  # whole bytes of bits
        where = cost.break_even_sparsity(8 * rows, columns, itemsize)
        for kept in range(0, entries + 1, max(1, entries // 50)):
            sizes = cost.storage(8 * rows, columns, kept, itemsize)
            for form, sparsity in where.items():
                if abs(1 - kept / entries - sparsity) > 1e-9:
                    assert (sizes[form] < sizes["dense"]) == (1 - kept / entries > sparsity)

    def test_a_network_by_hand(self):
        network = build.stacked("gru", 4, 2, 5, vocabulary=10, classes=3)
        table = cost.weights(network)
        assert table["all"].sum() == 10 * 5 + 3 * 4 * (5 + 4 + 4 + 4) + 4 * 12 + 4 * 3 + 3
        assert table.loc["stages.0.weight_ih", "csr"] == 60 * 8 + 13 * 4
        assert cost.multiply_adds(network) == 12 * 17 + 12
        assert cost.multiply_adds(network, steps=7) == 7 * 12 * 17 + 12

    @pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9, 1.0])
    def test_ratios_are_those_of_the_pruned_network(self, sparsity):
        network = build.stacked("lstm", 6, 2, 5)
        size, products = network.size(), cost.multiply_adds(network, 20)
        mask, _ = prune.prune(network, sparsity)
        expected = cost.compression_ratio(network, mask.sparsity), cost.multiply_add_ratio(network, mask.sparsity, 20)
        mask.apply(network)
        assert cost.weights(network)["kept"].sum() == network.size()
        assert cost.compression_ratio(network) == pytest.approx(size / network.size())
        assert cost.multiply_add_ratio(network, steps=20) == pytest.approx(products / cost.multiply_adds(network, 20))
        assert expected == pytest.approx((cost.compression_ratio(network), cost.multiply_add_ratio(network, None, 20)))

    def test_ratios_take_a_column(self):
        network = build.stacked("rnn_tanh", 6, 1, 5)
        column = pd.Series([0, 0.5])
        assert cost.compression_ratio(network, column).tolist() == [1, cost.compression_ratio(network, 0.5)]
        assert cost.multiply_add_ratio(network, column).iloc[1] == cost.multiply_add_ratio(network, 0.5)

    def test_storage_by_sparsity_is_storage(self):
        table = cost.storage_by_sparsity(8, 25).set_index(["sparsity", "form"])["bytes"]
        assert table[0.25].to_dict() == cost.storage(8, 25, 150)


def timings(spread=0.0, fixed=0.3, slope=1.0, repeats=9, sparsities=(0, 0.25, 0.5, 0.75, 1.0)):
    """Sparse takes fixed + slope · density where dense takes 1, each repeat `spread` slower than the one before."""
    rows = [
        {"sparsity": s, "repeat": r, "kernel": kernel, "seconds": seconds}
        for s in sparsities
        for r in range(repeats)
        for kernel, seconds in (("dense", 1.0), ("csr", fixed + slope * (1 - s) + spread * r))
    ]
    return pd.DataFrame(rows).assign(machine="m", variant="gru", task="product", hidden=50, batch=1)


class TestBreakEven:
    @settings(max_examples=20)
    @given(st.floats(0.01, 0.95), st.floats(0.1, 5))
    def test_found_where_the_lines_cross(self, fixed, slope):
        (row,) = cost.break_even(timings(fixed=fixed, slope=slope)).itertuples()
        assert row.sparsity == pytest.approx(max(0, 1 - (1 - fixed) / slope))
        assert row.low == row.high == row.sparsity
        assert row.never == 0

    def test_the_interval_is_over_repeats(self):
        (row,) = cost.break_even(timings(spread=0.05)).itertuples()
        each = np.array([1 - (0.7 - 0.05 * r) for r in range(9)])
        assert row.sparsity == pytest.approx(np.median(each))
        # Ranks 2 and 8 of 9 hold the median with 96.1 % confidence, by the binomial.
        assert (row.low, row.high) == pytest.approx((each[1], each[7]))

    def test_never_is_never_and_not_the_highest_sparsity(self):
        (row,) = cost.break_even(timings(fixed=1.5)).itertuples()
        assert np.isinf([row.sparsity, row.low, row.high]).all()
        assert (row.never, row.highest) == (1, 1.0)

    def test_some_repeats_without_one_leave_the_median_right(self):
        (row,) = cost.break_even(timings(fixed=0.8, spread=0.045)).itertuples()
        assert row.sparsity == pytest.approx(0.98)
        assert np.isinf(row.high)
        assert row.never == pytest.approx(4 / 9)

    def test_faster_everywhere_is_at_the_lowest_tried(self):
        (row,) = cost.break_even(timings(fixed=0.1, slope=0.5, sparsities=(0.5, 0.9))).itertuples()
        assert row.sparsity == row.lowest == 0.5

    def test_faster_between_two_slower_is_not_yet_faster(self):
        table = timings()
        table.loc[(table["kernel"] == "csr") & (table["sparsity"] == 0.75), "seconds"] = 1.3
        (row,) = cost.break_even(table).itertuples()
        assert 0.75 < row.sparsity < 1

    def test_too_few_repeats_have_no_interval(self):
        (row,) = cost.break_even(timings(repeats=3)).itertuples()
        assert np.isnan([row.low, row.high]).all()

    def test_speedups_compare_within_a_repeat(self):
        table = timings(spread=0.1)
        found = cost.speedups(table).set_index(["sparsity", "repeat"])["speedup"]
        assert found[0.5, 3] == pytest.approx(1 / (0.3 + 0.5 + 0.3))

    def test_bad_tables_say_what_they_lack(self):
        with pytest.raises(TableError, match="'seconds'"):
            cost.break_even(timings().drop(columns="seconds"))
        with pytest.raises(TableError, match="no 'dense'"):
            cost.break_even(timings().query("kernel == 'csr'"))
        with pytest.raises(ValueError, match="confidence"):
            cost.break_even(timings(), confidence=95)


@pytest.fixture(scope="module")
def table():
    return latency.measure([6, 10], [0, 0.9, 1], ["csr", "csr_int64", "bsr"], "gru", batch=2, steps=3, repeats=2)


class TestMeasured:
    @pytest.mark.parametrize("kernel", latency.KERNELS)
    @pytest.mark.parametrize("batch", [1, 3])
    @pytest.mark.parametrize("variant", VARIANTS)
    def test_every_kernel_computes_what_torch_computes(self, variant, batch, kernel):
        generator = torch.Generator().manual_seed(0)
        kind = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}.get(variant, torch.nn.RNN)
        options = {"nonlinearity": variant.removeprefix("rnn_")} if variant.startswith("rnn") else {}
        reference = kind(4, 6, **options)
        with torch.no_grad():
            for weight in reference.parameters():
                weight.mul_(torch.rand(weight.shape, generator=generator) < 0.5)
            w_ih, w_hh, *biases = reference.parameters()
            x = torch.randn(5, batch, 4, generator=generator)
            own = latency.sequence(variant, x, *(latency.KERNELS[kernel](w) for w in (w_ih, w_hh)), *biases)
            torch.testing.assert_close(own, reference(x)[0])

    @pytest.mark.parametrize("batch", [1, 3])
    def test_the_dense_ways_and_the_sparse_kernels_compute_the_same(self, batch):
        layer = latency._Layer("gru", 6, batch, 4, seed=0)
        for task, calls, _ in layer.calls(0.5, [*latency.KERNELS, *latency.COMPILED]):
            ways = layer.dense(layer.weights * (layer.order >= 0.5))[task]
            compiled = [calls.pop(name) for name in latency.COMPILED if name in calls]
            for call in [*ways, *calls.values()]:
                torch.testing.assert_close(call(), ways[0]())
            for call in compiled:  # the last state
                torch.testing.assert_close(call(), ways[0]().reshape(4, batch, 6)[-1])

    def test_one_row_for_each_timing(self, table):
        keys = ["task", "hidden", "sparsity", "kernel", "repeat"]
        assert len(table) == len(table.drop_duplicates(keys)) == 2 * 2 * 3 * 4 * 2
        assert (table["seconds"] > 0).all()
        assert set(cost.SETTING) <= set(table)

    def test_bytes_are_those_of_the_weights(self, table):
        dense = table[table["kernel"] == "dense"].groupby(["task", "hidden"])["bytes"].unique()
        assert {key: list(v) for key, v in dense.items()} == {
            ("product", 6): [432], ("product", 10): [1200], ("sequence", 6): [864], ("sequence", 10): [2400]
        }  # fmt: skip
        empty = table[(table["sparsity"] == 1) & (table["task"] == "product") & (table["hidden"] == 6)]
        sizes = empty.groupby("kernel")["bytes"].first()
        assert (sizes["csr"], sizes["csr_int64"]) == (19 * 4, 19 * 8)

    def test_the_seed_alone_says_where_the_zeros_lie(self):
        first, again, other = (
            latency.measure([20], [0.5], steps=2, repeats=1, seed=seed).query("kernel == 'csr'")["bytes"].tolist()
            for seed in (0, 0, 1)
        )
        assert first == again != other

    def test_threads_are_left_as_they_were(self):
        before = torch.get_num_threads()
        torch.set_num_threads(2)
        latency.measure([4], [0.5], ["csr"], steps=2, repeats=1)
        assert torch.get_num_threads() == 2
        torch.set_num_threads(before)

    def test_torch_does_not_warn(self):
        # Torch warns once a process, so only a fresh one can tell.
        code = "from sparsekit.pruning import latency; latency.measure([4], [0.5], ['csr', 'bsr'], steps=2, repeats=1)"
        subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], check=True, timeout=600)

    def test_bad_input_says_what_is_allowed(self):
        with pytest.raises(UnknownName, match=r"unknown kernel 'cse'.*did you mean 'csr'"):
            latency.measure([4], [0.5], ["cse"])
        with pytest.raises(UnknownName, match=r"unknown variant 'lstn'.*did you mean 'lstm'"):
            latency.measure([4], [0.5], variant="lstn")
        with pytest.raises(ValueError, match="sparsity is 90"):
            latency.measure([4], [90])
        with pytest.raises(ValueError, match="repeats: given 0, allowed is at least 1"):
            latency.measure([4], [0.5], repeats=0)
        with pytest.raises(ValueError, match="kernel bsr: given a matrix of 5 × 5, allowed are even sizes"):
            latency.measure([5], [0.5], ["bsr"], "rnn_tanh")
